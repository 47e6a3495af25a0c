"""How an anomaly is said."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from observability.anomaly_hours import HOUR, Metric
from observability.models import Anomaly, Trace

# As the tag `time_chart` names units.
UNITS = {Metric.SPEND: "usd", Metric.TOKENS: "tokens", Metric.TOOL_ERRORS: "percent", Metric.LATENCY: "ms"}


def amount(metric: Metric, value: float | None) -> str:
    """ "$9.60", "4,100 tokens a turn", "31% failed", "4.2 s"."""
    if value is None:
        return "nothing"
    match metric:
        case Metric.SPEND:
            return f"${value:,.2f}"
        case Metric.TOKENS:
            return f"{value:,.0f} tokens a turn"
        case Metric.TOOL_ERRORS:
            return f"{value:.0f}% failed"
        case Metric.LATENCY:
            return f"{value / 1000:.1f} s"


def headline(anomaly: Anomaly) -> str:
    metric = Metric(anomaly.metric)
    return f"{metric.label} at {anomaly.hour:%H:%M} UTC: {amount(metric, anomaly.value)}"


def name_of_agent(agent_id: UUID | None) -> str:
    return names_of({agent_id}).get(agent_id, "an agent") if agent_id else "all agents"


def names_of(agents: set[UUID | None]) -> dict[UUID | None, str]:
    """As the newest trace of each names it."""
    names: dict[UUID | None, str] = {None: "All agents"}
    for agent_id in filter(None, agents):
        newest = Trace.objects.filter(agent_id=agent_id).order_by("-started_at", "-id")
        names[agent_id] = newest.values_list("agent_name", flat=True).first() or "An agent that is gone"
    return names


def turns_url(anomaly: Anomaly, by: str = "", name: str = "") -> str:
    """The list of the turns of that hour, or of those that bear a driver."""
    values = {
        "since": anomaly.hour.isoformat(),
        "until": (anomaly.hour + HOUR).isoformat(),
        "agent": str(anomaly.agent_id or ""),
        "sort": "cost" if anomaly.metric == Metric.SPEND else "",
        by: name,
    }
    return (
        f"{reverse('observability:traces')}?{urlencode({key: value for key, value in values.items() if key and value})}"
    )
