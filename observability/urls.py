"""The pages of what happened."""

from __future__ import annotations

from django.urls import include, path

from observability.alert_urls import alert_urls
from observability.anomaly_urls import anomaly_urls
from observability.audit_urls import audit_urls
from observability.cost_urls import cost_urls
from observability.insight_urls import insight_urls
from observability.metric_urls import metric_urls
from observability.notice_urls import notice_urls
from observability.notification_urls import notification_urls
from observability.price_urls import price_urls
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
    path("insights/", include(insight_urls)),
    path("alerts/", include(alert_urls)),
    path("cost/", include(cost_urls)),
    path("prices/", include(price_urls)),
    path("anomalies/", include(anomaly_urls)),
    path("notices/", include(notice_urls)),
    path("notifications/", include(notification_urls)),
    path("audit/", include(audit_urls)),
    path("", include(metric_urls)),
]
