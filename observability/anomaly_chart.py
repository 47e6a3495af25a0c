"""The metric of an anomaly over two days, with the band of what is usual at each hour."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from observability.anomaly import DAY, DAYS, FEWEST, HOUR, WEEK, WEEKS, Baseline
from observability.anomaly_hours import Metric, first_hour, history_of
from observability.figure_sources import hour_of
from observability.models import Anomaly

BEFORE, AFTER = 41, 6


def chart_of(anomaly: Anomaly) -> dict[str, Any]:
    """As the tag `time_chart` takes it."""
    metric = Metric(anomaly.metric)
    last = min(anomaly.hour + AFTER * HOUR, hour_of(timezone.now()))
    hours = [anomaly.hour - BEFORE * HOUR + HOUR * place for place in range(BEFORE + AFTER + 1)]
    hours = [hour for hour in hours if hour <= last]
    known = history_of(metric, anomaly.agent_id, since=hours[0] - WEEKS * WEEK, until=last + HOUR)
    first = first_hour(anomaly.agent_id)
    bands = [usual_at(hour, known, metric=metric, first=first) for hour in hours]
    return {
        "kind": "lines",
        "points": [
            {
                "at": hour,
                "label": f"{hour:%a %H:%M} UTC",
                "unfinished": hour == hour_of(timezone.now()),
                "marked": hour == anomaly.hour,
            }
            for hour in hours
        ],
        "series": [
            {
                "name": metric.label,
                "colour": "series-1",
                "values": [value_at(hour, known, metric=metric, first=first) for hour in hours],
            }
        ],
        "band": {
            "name": "Usual at this hour",
            "low": [band.low if band else None for band in bands],
            "high": [band.high if band else None for band in bands],
        },
    }


def value_at(hour: datetime, known: dict[datetime, float], *, metric: Metric, first: datetime | None) -> float | None:
    """Nothing spent is a zero, once anything was measured; of an average it is a gap."""
    is_zero = metric == Metric.SPEND and first is not None and hour >= first
    return known.get(hour, 0.0 if is_zero else None)


def usual_at(
    hour: datetime, known: dict[datetime, float], *, metric: Metric, first: datetime | None
) -> Baseline | None:
    for count, step in ((WEEKS, WEEK), (DAYS, DAY)):
        values = [
            value
            for place in range(1, count + 1)
            if (value := value_at(hour - place * step, known, metric=metric, first=first)) is not None
        ]
        if len(values) >= FEWEST:
            return Baseline.of(values, is_weekly=step == WEEK)
    return None
