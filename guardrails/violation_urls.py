"""The pages under `/violations/`; `guardrails/urls.py` includes them."""

from __future__ import annotations

from django.urls import path

from guardrails.views import violation_acts, violations

urlpatterns = [
    path("", violations.violations, name="violations"),
    path("export/", violations.violations_export, name="violations_export"),
    path("<uuid:violation_id>/", violations.violation, name="violation"),
    path("<uuid:violation_id>/triage/", violation_acts.violation_triage, name="violation_triage"),
    path("<uuid:violation_id>/reveal/", violation_acts.violation_reveal, name="violation_reveal"),
    path("<uuid:violation_id>/case/", violation_acts.violation_case, name="violation_case"),
]
