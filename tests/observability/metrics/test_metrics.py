"""/metrics, read with Prometheus' own parser: the figures are those of the rows, and counters never fall."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from agents.models import Turn
from observability import metrics
from observability.metric_workers import note_worker
from observability.models import (
    Alert,
    Charge,
    Delivery,
    Event,
    ExportMark,
    NotificationChannel,
    Span,
    Subscription,
    Trace,
)
from observability.notices import tell
from observability.rolling import roll_up
from tests.agents.approval_cases import make_approval
from tests.factories import make_agent, make_escalation, make_session, make_trace, make_turn

pytestmark = pytest.mark.django_db
TOKEN = "a-token-of-this-test"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(autouse=True)
def _fresh(settings: Any) -> Iterator[None]:
    settings.METRICS_TOKEN = TOKEN
    metrics.rolled.forget()
    cache.clear()
    yield
    metrics.rolled.forget()
    cache.clear()


def read() -> Samples:
    answer = Client().get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(answer.content.decode()))
    names = [family.name for family in families]
    assert len(names) == len(set(names)), "a family stands twice"
    assert all(family.documentation for family in families)
    samples = [sample for family in families for sample in family.samples]
    found = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(found) == len(samples), "a series stands twice"
    return found


def one(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def all_of(found: Samples, name: str) -> list[float]:
    return [value for (sample, _), value in found.items() if sample == name]


def make_turn_of(agent: Any, *, hours_ago: float = 0.5, **fields: Any) -> Trace:
    ended_at = timezone.now() - timedelta(hours=hours_ago)
    trace = make_trace(
        agent_id=agent.pk,
        agent_slug=agent.slug,
        started_at=ended_at - timedelta(milliseconds=1200),
        ended_at=ended_at,
        spans=0,
        **fields,
    )
    for kind, name, more in (
        (Span.Kind.MODEL, "claude-sonnet-5-5", {"input_tokens": 10, "output_tokens": 5, "cache_read_tokens": 100}),
        (Span.Kind.TOOL, "get_order", {"error": "no such order", "status": Span.Status.ERROR}),
        (Span.Kind.GUARDRAIL, "input", {"action": "BLOCKED"}),
    ):
        given = {"started_at": trace.started_at, "duration_ms": 400, "agent": agent.slug, **more}
        span = Span.objects.create(trace=trace, kind=kind, name=name, **given)
        if kind == Span.Kind.MODEL:
            Charge.objects.create(
                span_id=span.pk,
                trace_id=trace.pk,
                agent_id=agent.pk,
                kind=Charge.Kind.MODEL,
                subject=name,
                basis=Charge.Basis.EXACT,
                usd=Decimal("0.0021"),
                at=ended_at,
            )
    return trace


# -- access
@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer ünïcode"])
def test_without_the_token_it_is_not_shown(given: str) -> None:
    answer = Client().get("/metrics", headers={"Authorization": given} if given else {})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert b"tandem_" not in answer.content


def test_without_the_setting_there_is_no_such_page(settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {TOKEN}"}):
        assert Client().get("/metrics", headers=headers).status_code == 404


def test_it_is_read_and_nothing_else() -> None:
    assert Client().post("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 405


# -- figures
def test_nothing_has_happened_yet() -> None:
    found = read()
    assert all_of(found, "tandem_turns_total") == []
    assert one(found, "tandem_turns_open", status="queued") == 0


def test_the_counters_are_those_of_the_rows() -> None:
    agent = make_agent('odd"slug\\')
    for _ in range(3):
        make_turn_of(agent)
    make_turn_of(agent, status=Trace.Status.ERROR, error="away", outcome="failed")
    found = read()
    slug = agent.slug
    assert one(found, "tandem_turns_total", agent=slug, channel="chat", outcome="replied") == 3
    assert one(found, "tandem_turns_total", agent=slug, channel="chat", outcome="failed") == 1
    assert one(found, "tandem_turn_errors_total", agent=slug, channel="chat") == 1
    assert one(found, "tandem_tokens_total", agent=slug, step="model", type="cache_read") == 400
    assert one(found, "tandem_tokens_total", agent=slug, step="model", type="input") == 40
    assert one(found, "tandem_model_calls_total", agent=slug, model="claude-sonnet-5-5") == 4
    assert one(found, "tandem_tool_calls_total", agent=slug, tool="get_order") == 4
    assert one(found, "tandem_tool_call_errors_total", agent=slug, tool="get_order") == 4
    assert one(found, "tandem_guardrail_checks_total", agent=slug, check="input", action="BLOCKED") == 4
    assert one(found, "tandem_cost_usd_total", agent=slug, kind="model", basis="exact") == pytest.approx(0.0084)


def test_a_histogram_has_whole_buckets() -> None:
    agent = make_agent()
    for _ in range(4):
        make_turn_of(agent)
    found = read()
    buckets = sorted(
        (float(dict(labels)["le"]), value)
        for (name, labels), value in found.items()
        if name == "tandem_model_call_duration_seconds_bucket"
    )
    assert [value for _, value in buckets] == sorted(value for _, value in buckets)
    # 400 ms each: none in a bucket that ends before, all in one that ends later.
    assert {value for bound, value in buckets if bound < 0.4} == {0}
    assert {value for bound, value in buckets if bound >= 0.4} == {4}
    assert buckets[-1][0] == float("inf")
    assert one(found, "tandem_model_call_duration_seconds_count", model="claude-sonnet-5-5") == 4
    assert one(found, "tandem_model_call_duration_seconds_sum", model="claude-sonnet-5-5") == pytest.approx(1.6)


def test_what_is_rolled_up_and_what_is_not_are_one_sum() -> None:
    agent = make_agent()
    for hours in (30, 5, 4, 0.5):
        make_turn_of(agent, hours_ago=hours)
    before = read()
    roll_up()
    metrics.rolled.forget()
    cache.clear()
    after = read()
    counters = {key: value for key, value in before.items() if key[0].startswith(("tandem_turns_total", "tandem_tok"))}
    assert counters
    assert {key: after[key] for key in counters} == counters
    make_turn_of(agent, hours_ago=0.2)
    labels = {"agent": agent.slug, "channel": "chat", "outcome": "replied"}
    assert one(read(), "tandem_turns_total", **labels) == 5


def test_counters_stay_when_retention_deletes_the_rows() -> None:
    agent = make_agent()
    for hours in (50, 40, 0.5):
        make_turn_of(agent, hours_ago=hours)
    roll_up()
    before = read()
    Span.objects.all().delete()
    Trace.objects.all().delete()
    roll_up()
    metrics.rolled.forget()
    after = read()
    counted = {key: value for key, value in before.items() if key[0].endswith(("_total", "_bucket", "_count", "_sum"))}
    assert counted
    assert {key: value for key, value in counted.items() if after[key] < value} == {}
    assert one(after, "tandem_turns_total", agent=agent.slug, channel="chat", outcome="replied") == 3


def test_a_month_of_hours_is_added_up_once(django_assert_max_num_queries: Any) -> None:
    agent = make_agent()
    for hours in (50, 40, 0.5):
        make_turn_of(agent, hours_ago=hours)
    roll_up()
    read()
    with django_assert_max_num_queries(24):
        read()


# -- gauges
def test_what_is_now() -> None:
    session = make_session()
    turn = make_turn(session, status=Turn.Status.QUEUED)
    Turn.objects.filter(pk=turn.pk).update(queued_at=timezone.now() - timedelta(seconds=90))
    make_escalation(opened_at=timezone.now() - timedelta(minutes=10))
    make_approval()
    Alert.objects.create(name="Slow", text="stats count(*)", warn=1, state=Alert.State.WARN)
    channel = NotificationChannel.objects.create(kind="email", name="Desk", failing_since=timezone.now())
    Subscription.objects.create(event=Event.STOP, channel=channel)
    for key in "ab":
        tell(Event.STOP, key=key, title="Stopped")
    Delivery.objects.filter(notice__key="a").update(error="It answered 500.")
    ExportMark.objects.create(
        name="otlp.traces.finished", at=timezone.now() - timedelta(minutes=5), failing_since=timezone.now()
    )
    found = read()
    assert one(found, "tandem_turns_open", status="queued") == 1
    assert one(found, "tandem_turns_open", status="waiting") == 1
    assert one(found, "tandem_queue_oldest_seconds") == pytest.approx(90, abs=30)
    assert one(found, "tandem_escalations_open") == 1
    assert one(found, "tandem_escalation_oldest_seconds") == pytest.approx(600, abs=60)
    assert one(found, "tandem_approvals_pending") == 1
    assert one(found, "tandem_alerts", state="warn") == 1
    assert one(found, "tandem_deliveries_waiting") == 2
    assert one(found, "tandem_deliveries_failing") == 1
    assert one(found, "tandem_notification_channels_failing") == 1
    assert one(found, "tandem_export_failing", export="otlp.traces.finished") == 1
    assert one(found, "tandem_export_lag_seconds", export="otlp.traces.finished") == pytest.approx(300, abs=60)
    assert all_of(found, "tandem_worker_seen_seconds") == []
    note_worker()
    assert one(read(), "tandem_worker_seen_seconds") < 60
