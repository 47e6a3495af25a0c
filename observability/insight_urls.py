"""Insights: queries over the traces."""

from __future__ import annotations

from django.urls import path

from observability.views import insights

insight_urls = [
    path("", insights.insights, name="insights"),
    path("export/", insights.insights_export, name="insights_export"),
    path("save/", insights.insight_save, name="insight_save"),
    path("<uuid:query_id>/", insights.insight, name="insight"),
    path("<uuid:query_id>/delete/", insights.insight_delete, name="insight_delete"),
]
