"""What Prometheus reads at /metrics: counters from the sums by the hour and the rows since, gauges of what is now.

A counter of this installation goes on where it was, whichever process is asked and whatever was deleted: hours that are
summed outlive their rows, and of those that are not summed yet the highest value that was ever shown is kept. The sums
are added up once an hour and kept, so what is asked of the database is the last hours' rows, by their indexes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db import connection
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from observability.figures import (
    BUCKETS_MS,
    Spent,
    StepFigures,
    TurnFigures,
    rolled_until,
    spending,
    step_figures,
    turn_figures,
)

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
HIGHEST = "tandem.metrics.highest"
# Where the buckets of durations end, in milliseconds: the nearest ends of the finer ones that rows are counted in.
WANTED_MS = (50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000)
ENDS = tuple(
    min(range(2, len(BUCKETS_MS)), key=lambda place: abs(BUCKETS_MS[place] - 1 - wanted)) for wanted in WANTED_MS
)


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """A number of what is now, with the values of its labels."""

    name: str
    help: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)


# Filled from above: figures of what the ground floor does not know, and the slugs of agents.
gauges: list[Callable[[], Iterable[Gauge]]] = []
agent_slugs: list[Callable[[], dict[UUID, str]]] = []


def exposition() -> bytes:
    """All of it in Prometheus' text format 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Everything())
    return generate_latest(registry)


class Everything(Collector):
    def collect(self) -> Iterator[Metric]:
        yield from never_falling(counters())
        yield from as_families([*own_gauges(), *(one for each in gauges for one in each())])


# -- counters
@dataclass(frozen=True, kw_only=True)
class Sums:
    turns: list[TurnFigures]
    durations: list[TurnFigures]
    steps: list[StepFigures]
    spent: list[Spent]


def sums(since: datetime, until: datetime) -> Sums:
    return Sums(
        turns=turn_figures(since=since, until=until, by=["agent_id", "channel", "outcome"]),
        durations=turn_figures(since=since, until=until, by=["agent_id"]),
        steps=step_figures(since=since, until=until, by=["agent", "kind", "name", "action"]),
        spent=spending(since=since, until=until, by=["agent_id", "kind", "basis"]),
    )


class Rolled:
    """The sums of all hours up to a mark; kept until the mark moves."""

    def __init__(self) -> None:
        self._known: tuple[datetime, Sums] | None = None

    def up_to(self, mark: datetime) -> Sums:
        if self._known is None or self._known[0] != mark:
            self._known = (mark, sums(BEGINNING, mark))
        return self._known[1]

    def forget(self) -> None:
        self._known = None


rolled = Rolled()


def counters() -> list[Metric]:
    mark = rolled_until()
    live = sums(mark or BEGINNING, timezone.now())
    parts = [rolled.up_to(mark), live] if mark else [live]
    slugs = {pk: slug for each in agent_slugs for pk, slug in each().items()}

    def agent(pk: UUID | None) -> str:
        return slugs.get(pk, str(pk)) if pk else ""

    return [*turn_counters(parts, agent), *step_counters(parts), *cost_counters(parts, agent)]


def turn_counters(parts: list[Sums], agent: Callable[[UUID | None], str]) -> Iterator[Metric]:
    turns = Counter("tandem_turns", "Turns that have ended.", ["agent", "channel", "outcome"])
    errors = Counter("tandem_turn_errors", "Turns that ended in an error.", ["agent", "channel"])
    duration = Histogram("tandem_turn_duration_seconds", "From the beginning of a turn to its end.", ["agent"])
    for part in parts:
        for one in part.turns:
            turns.add([agent(one.agent_id), one.channel, one.outcome or "none"], one.turns)
            errors.add([agent(one.agent_id), one.channel], one.errors)
        for one in part.durations:
            duration.add([agent(one.agent_id)], one.durations, one.duration_ms)
    yield from (turns.family(), errors.family(), duration.family())


def step_counters(parts: list[Sums]) -> Iterator[Metric]:
    calls = Counter("tandem_model_calls", "Calls of language models.", ["agent", "model"])
    failed = Counter("tandem_model_call_errors", "Calls of language models that failed.", ["agent", "model"])
    took = Histogram("tandem_model_call_duration_seconds", "How long a call of a model took.", ["model"])
    tokens = Counter("tandem_tokens", "Tokens; input is what was neither read from the cache nor written to it.",
                     ["agent", "step", "type"])  # fmt: skip
    tools = Counter("tandem_tool_calls", "Calls of tools.", ["agent", "tool"])
    broken = Counter("tandem_tool_call_errors", "Calls of tools that failed or were refused.", ["agent", "tool"])
    checks = Counter("tandem_guardrail_checks", "Checks of guardrails, by what they did.", ["agent", "check", "action"])
    for one in (one for part in parts for one in part.steps):
        for kind in ("input", "output", "cache_read", "cache_write"):
            tokens.add([one.agent, one.kind, kind], getattr(one, f"{kind}_tokens"))
        if one.kind == "model":
            calls.add([one.agent, one.name], one.calls)
            failed.add([one.agent, one.name], one.errors)
            took.add([one.name], one.durations, one.duration_ms)
        elif one.kind == "tool":
            tools.add([one.agent, one.name], one.calls)
            broken.add([one.agent, one.name], one.errors)
        elif one.kind == "guardrail":
            checks.add([one.agent, one.name, one.action or "none"], one.calls)
    yield from (each.family() for each in (calls, failed, took, tokens, tools, broken, checks))


def cost_counters(parts: list[Sums], agent: Callable[[UUID | None], str]) -> Iterator[Metric]:
    usd = Counter("tandem_cost_usd", "What was charged, in US dollars.", ["agent", "kind", "basis"])
    for one in (one for part in parts for one in part.spent):
        usd.add([agent(one.agent_id), one.kind, one.basis], float(one.usd))
    yield usd.family()


Labels = tuple[str, ...]


class Counter:
    """Adds up what comes under the same labels. Nothing is a series only from when it is something."""

    def __init__(self, name: str, help_: str, labels: list[str]) -> None:
        self._family = CounterMetricFamily(name, help_, labels=labels)
        self._sums: dict[Labels, float] = {}

    def add(self, labels: Iterable[str | None], value: float) -> None:
        key = tuple(label or "" for label in labels)
        if value:
            self._sums[key] = self._sums.get(key, 0) + value

    def family(self) -> Metric:
        for labels in sorted(self._sums):
            self._family.add_metric(labels, self._sums[labels])
        return self._family


class Histogram:
    """Durations that come counted by the fine buckets of `figure_buckets`, in those of `ENDS`."""

    def __init__(self, name: str, help_: str, labels: list[str]) -> None:
        self._family = HistogramMetricFamily(name, help_, labels=labels)
        self._counts: dict[Labels, dict[int, int]] = {}
        self._sums: dict[Labels, float] = {}

    def add(self, labels: Iterable[str | None], counts: Any, duration_ms: int) -> None:
        key = tuple(label or "" for label in labels)
        own = self._counts.setdefault(key, {})
        for bucket, count in counts.items():
            own[bucket] = own.get(bucket, 0) + count
        self._sums[key] = self._sums.get(key, 0) + duration_ms / 1000

    def family(self) -> Metric:
        for labels in sorted(self._counts):
            counts = self._counts[labels]
            buckets = [
                (str((BUCKETS_MS[end] - 1) / 1000), sum(n for bucket, n in counts.items() if bucket < end))
                for end in ENDS
            ]
            buckets.append(("+Inf", sum(counts.values())))
            self._family.add_metric(labels, buckets=buckets, sum_value=self._sums[labels])
        return self._family


def never_falling(families: list[Metric]) -> list[Metric]:
    """Rows of hours that are not summed yet may be deleted (a customer is forgotten). Prometheus would take a counter
    that falls for a new one, and count all of it again."""
    highest: dict[tuple[str, Labels], float] = cache.get(HIGHEST) or {}
    for family in families:
        for place, sample in enumerate(family.samples):
            key = (sample.name, tuple(sorted(f"{name}={value}" for name, value in sample.labels.items())))
            highest[key] = max(sample.value, highest.get(key, 0.0))
            family.samples[place] = sample._replace(value=highest[key])
    cache.set(HIGHEST, highest, None)
    return families


# -- gauges
OWN = """
SELECT
  (SELECT coalesce(jsonb_object_agg(state, count), '{}') FROM
    (SELECT state, count(*) FROM observability_alert GROUP BY state) AS alert),
  (SELECT count(*) FROM observability_delivery WHERE state = 'queued'),
  (SELECT count(*) FROM observability_delivery WHERE state = 'queued' AND error <> ''),
  (SELECT count(*) FROM observability_notificationchannel WHERE failing_since IS NOT NULL AND enabled),
  (SELECT coalesce(jsonb_object_agg(name, jsonb_build_object(
      'lag', extract(epoch FROM now() - at), 'failing', (failing_since IS NOT NULL)::int)), '{}')
    FROM observability_exportmark)
"""


def own_gauges() -> Iterator[Gauge]:
    with connection.cursor() as cursor:
        cursor.execute(OWN)
        alerts, waiting, failing, channels, marks = cursor.fetchone()
    for state, count in sorted(loaded(alerts).items()):
        yield Gauge(name="tandem_alerts", help="Alerts by state.", value=count, labels={"state": state})
    yield Gauge(name="tandem_deliveries_waiting", help="Notices that are to be sent.", value=waiting)
    yield Gauge(name="tandem_deliveries_failing", help="Those of them that have failed so far.", value=failing)
    yield Gauge(name="tandem_notification_channels_failing", help="Channels whose last try failed.", value=channels)
    for name, mark in sorted(loaded(marks).items()):
        labels = {"export": name}
        lag, is_failing = mark["lag"], mark["failing"]
        yield Gauge(name="tandem_export_lag_seconds", help="How far an export is behind.", value=lag, labels=labels)
        yield Gauge(name="tandem_export_failing", help="1 while it fails.", value=is_failing, labels=labels)


def loaded(value: Any) -> dict[str, Any]:
    """A column of JSON, which comes as text without Django's own field."""
    return dict(json.loads(value) if isinstance(value, str) else value)


def as_families(found: Iterable[Gauge]) -> Iterator[Metric]:
    families: dict[str, GaugeMetricFamily] = {}
    for one in found:
        family = families.setdefault(one.name, GaugeMetricFamily(one.name, one.help, labels=sorted(one.labels)))
        family.add_metric([one.labels[name] for name in sorted(one.labels)], one.value)
    yield from families.values()
