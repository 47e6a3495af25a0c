"""The pages of the guardrails: editor, violations, workbench; a route bears the name of its view and template."""

from __future__ import annotations

from django.urls import include, path

from guardrails import editor_urls, violation_urls, workbench_urls

app_name = "guardrails"

urlpatterns = [
    path("guardrails/", include(editor_urls.urlpatterns)),
    path("violations/", include(violation_urls.urlpatterns)),
    path("workbench/", include(workbench_urls.urlpatterns)),
]
