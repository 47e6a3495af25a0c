"""Hours out of the way."""

from __future__ import annotations

from django.urls import URLPattern, path

from observability.views import anomalies

anomaly_urls: list[URLPattern] = [
    path("", anomalies.anomalies, name="anomalies"),
    path("<uuid:anomaly_id>/", anomalies.anomaly, name="anomaly"),
    path("<uuid:anomaly_id>/judge/", anomalies.anomaly_judge, name="anomaly_judge"),
]
