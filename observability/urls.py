"""The pages of what happened."""

from __future__ import annotations

from django.urls import include, path

from observability.views import traces

app_name = "observability"

# /traces/
trace_urls = [
    path("", traces.traces, name="traces"),
    path("new/", traces.traces_new, name="traces_new"),
    path("<uuid:trace_id>/", traces.trace, name="trace"),
    path("<uuid:trace_id>/spans/<uuid:span_id>/", traces.trace_span, name="trace_span"),
]

urlpatterns = [
    path("traces/", include(trace_urls)),
]
