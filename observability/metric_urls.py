"""What a monitoring system asks for."""

from __future__ import annotations

from django.urls import URLPattern, path

from observability.views import metrics

metric_urls: list[URLPattern] = [path("metrics", metrics.metrics, name="metrics")]
