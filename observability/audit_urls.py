"""Who did what."""

from __future__ import annotations

from django.urls import path

from observability.views import audit

# /audit/
audit_urls = [
    path("", audit.audit, name="audit"),
    path("export/", audit.audit_export, name="audit_export"),
]
