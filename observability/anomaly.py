"""Hours that are out of the way: what an hour took, against the same hour and weekday of the eight weeks before.

The middle is the median, the spread the median absolute deviation, and an hour is told of where its modified z-score
passes 3.5, as B. Iglewicz and D. Hoaglin recommend ("How to Detect and Handle Outliers", ASQC, 1993, chapter 3); where
more than half of the hours are alike, so that the deviation is zero, they take the mean absolute deviation. Both stay
as they are when one of eight weeks was odd itself. Only more than usual is told of, and only where it is also more by
an amount and a share that somebody would act on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean, median
from uuid import UUID

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from observability.anomaly_drivers import drivers_of
from observability.anomaly_hours import HourFigures, first_hour, read_hour
from observability.anomaly_words import amount, headline, name_of_agent
from observability.figure_sources import hour_of
from observability.models import Anomaly, Event, Notice
from observability.notices import tell

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
WEEKS = 8
FEWEST = 3
# Where there are too few weeks, the same hour of so many days counts too.
DAYS = 27
THRESHOLD = 3.5
# Makes the deviations of normally distributed values comparable to their standard deviation (1993, as above).
MEDIAN_SCALE, MEAN_SCALE = 1.4826, 1.253314
# Of a value that never varied, any other would be infinitely far away.
FARTHEST = 99.0
Metric = Anomaly.Metric


@dataclass(frozen=True, kw_only=True)
class Floor:
    """What must be reached besides the score: more by `more` and by `share`, and made of at least `fewest` turns or
    calls."""

    more: float
    share: float = 0.5
    fewest: int = 0


FLOORS = {
    Metric.SPEND: Floor(more=1.0),
    Metric.TOKENS: Floor(more=500.0, fewest=5),
    Metric.TOOL_ERRORS: Floor(more=10.0, fewest=10),
    Metric.LATENCY: Floor(more=1_000.0, fewest=10),
}


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What is usual: the middle, one scaled deviation, and of how many hours; `is_weekly` where all are of that
    weekday."""

    middle: float
    deviation: float
    hours: int
    is_weekly: bool = True

    @classmethod
    def of(cls, values: Sequence[float], *, is_weekly: bool = True) -> Baseline:
        middle = median(values)
        apart = [abs(value - middle) for value in values]
        deviation = MEDIAN_SCALE * median(apart) or MEAN_SCALE * fmean(apart)
        return cls(middle=middle, deviation=deviation, hours=len(values), is_weekly=is_weekly)

    def score(self, value: float) -> float:
        away = value - self.middle
        if not away:
            return 0.0
        return min(FARTHEST, away / self.deviation) if self.deviation else FARTHEST

    @property
    def high(self) -> float:
        return self.middle + THRESHOLD * self.deviation

    @property
    def low(self) -> float:
        return max(0.0, self.middle - THRESHOLD * self.deviation)


def is_out_of_the_way(metric: Metric, value: float, weight: int, usual: Baseline) -> bool:
    floor = FLOORS[metric]
    more = value - usual.middle
    reaches = weight >= floor.fewest and more >= floor.more and more >= floor.share * usual.middle
    return reaches and usual.score(value) > THRESHOLD


class History:
    """Figures by hour, each hour read once; none from before the first."""

    def __init__(self, first: datetime | None) -> None:
        self.first = first
        self.read: dict[datetime, HourFigures] = {}

    def at(self, hour: datetime) -> HourFigures:
        if hour not in self.read:
            self.read[hour] = read_hour(hour)
        return self.read[hour]

    def hours_like(self, hour: datetime, *, since: datetime | None, weekly: bool) -> list[datetime]:
        steps = [week * WEEK for week in range(1, WEEKS + 1)] if weekly else [day * DAY for day in range(1, DAYS + 1)]
        return [hour - step for step in steps if since is not None and hour - step >= since]


def usual_for(
    history: History, metric: Metric, agent_id: UUID | None, hour: datetime
) -> tuple[Baseline, list[datetime]] | None:
    """What is usual for that hour, and the hours that it is made of; None where there are too few."""
    since = history.first if agent_id is None else first_hour(agent_id)
    for weekly in (True, False):
        known: list[tuple[datetime, float]] = []
        for each in history.hours_like(hour, since=since, weekly=weekly):
            value = history.at(each).value(metric, agent_id)
            if value is not None:
                known.append((each, value))
        if len(known) >= FEWEST:
            return Baseline.of([value for _, value in known], is_weekly=weekly), [each for each, _ in known]
    return None


def look_for(hour: datetime | None = None) -> list[Anomaly]:
    """The anomalies of one hour, by default the last whole one; those found before are not found again."""
    hour = hour_of(hour or timezone.now() - HOUR)
    history = History(first_hour())
    if history.first is None:
        return []
    now = history.at(hour)
    found: list[Anomaly] = []
    for metric in Metric:
        of_metric = [each for agent in (None, *now.agents()) if (each := look_at(history, metric, agent, hour))]
        found += of_metric
        # What all agents together tell, each need not tell again.
        tell_of(of_metric[:1] if of_metric and of_metric[0].agent_id is None else of_metric)
    return found


def look_at(history: History, metric: Metric, agent_id: UUID | None, hour: datetime) -> Anomaly | None:
    """The anomaly, where it is one and new."""
    now = history.at(hour)
    value, weight = now.value(metric, agent_id), now.weight(metric, agent_id)
    if value is None or weight < FLOORS[metric].fewest or value < FLOORS[metric].more:
        return None
    known = usual_for(history, metric, agent_id, hour)
    if known is None or not is_out_of_the_way(metric, value, weight, known[0]):
        return None
    usual, hours = known
    anomaly, is_new = Anomaly.objects.get_or_create(
        metric=metric,
        agent_id=agent_id,
        hour=hour,
        defaults={
            "value": value,
            "expected": usual.middle,
            "score": usual.score(value),
            "drivers": [
                {"by": "baseline", "hours": usual.hours, "weekly": usual.is_weekly, "deviation": usual.deviation},
                *drivers_of(metric, agent_id, now=now, before=[history.at(each) for each in hours]),
            ],
        },
    )
    return anomaly if is_new else None


def tell_of(anomalies: Sequence[Anomaly]) -> None:
    """One that goes on from the hour before was told of then."""
    for anomaly in anomalies:
        before = Anomaly.objects.filter(
            metric=anomaly.metric, agent_id=anomaly.agent_id, hour=anomaly.hour - HOUR, state=Anomaly.State.OPEN
        )
        if before.exists():
            continue
        with transaction.atomic():
            usual = amount(Metric(anomaly.metric), anomaly.expected)
            tell(
                Event.ANOMALY,
                key=f"anomaly:{anomaly.metric}:{anomaly.agent_id}:{anomaly.hour.isoformat()}",
                title=f"{headline(anomaly)}, {name_of_agent(anomaly.agent_id)}",
                text=f"Usual at this hour: {usual}." + driver_sentence(anomaly),
                path=f"/anomalies/{anomaly.pk}/",
                tone=Notice.Tone.WARN,
            )


def driver_sentence(anomaly: Anomaly) -> str:
    strongest = next((each for each in anomaly.drivers if each["by"] != "baseline"), None)
    if strongest is None:
        return ""
    return f" Most of it: {strongest['by']} {strongest['name']}, {100 * strongest['share']:.0f}%."


@shared_task(name="observability.tasks.find_anomalies")
def find_anomalies() -> None:
    """Hourly, after the hour is rolled up."""
    look_for()
