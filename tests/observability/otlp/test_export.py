"""Spans and metrics reach a collector: those of a real turn, in order, once, whatever it answers."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.core.cache import cache
from django.utils import timezone

from observability.ids import uuid7
from observability.models import ExportMark, Span, Trace
from observability.otlp import LOCK, export_spans, lag
from tests.factories import make_trace
from tests.flows.conftest import Desk
from tests.observability.otlp.conftest import Collector, export_all, set_up, settle_for, start_at
from tests.observability.otlp.conventions import METRICS, attributes_of, problems_of

pytestmark = pytest.mark.django_db


def ended(number: int = 0, *, minutes_ago: float = 10, **fields: object) -> Trace:
    at = timezone.now() - timedelta(minutes=minutes_ago) + timedelta(seconds=number)
    started_at = at - timedelta(seconds=2)
    return make_trace(started_at=started_at, ended_at=at, **{"agent_slug": "support", **fields})


def hex_of(given: str) -> str:
    return base64.b64decode(given).hex()


# -- a real turn
@pytest.mark.django_db(transaction=True)
def test_the_spans_of_a_real_turn_validate(
    desk: Desk, collector: Collector, monkeypatch: pytest.MonkeyPatch, an_hour_ago: datetime
) -> None:
    turn = desk.ask("Where is my order 1042?")
    start_at(an_hour_ago)
    export_all(monkeypatch)
    spans = collector.spans()
    assert {span["name"]: problems_of(span) for span in spans} == {span["name"]: [] for span in spans}
    rows = list(Span.objects.filter(trace_id=turn.pk))
    assert len(spans) == len(rows) + 1
    operations = [attributes_of(span).get("gen_ai.operation.name") for span in spans]
    assert operations.count("chat") == 2
    assert operations.count("execute_tool") == 1
    root = spans[operations.index("invoke_agent")]
    assert "parentSpanId" not in root
    assert {span["parentSpanId"] for span in spans if span is not root} == {root["spanId"]}
    assert {hex_of(span["traceId"]) for span in spans} == {turn.pk.hex}
    assert len({span["spanId"] for span in spans}) == len(spans)
    for span in spans:
        assert int(root["startTimeUnixNano"]) <= int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])


@pytest.mark.django_db(transaction=True)
def test_what_a_real_turn_says(
    desk: Desk, collector: Collector, monkeypatch: pytest.MonkeyPatch, an_hour_ago: datetime
) -> None:
    turn = desk.ask("Where is my order 1042?")
    start_at(an_hour_ago)
    export_all(monkeypatch)
    trace = Trace.objects.get(pk=turn.pk)
    found = {attributes_of(span).get("gen_ai.operation.name"): attributes_of(span) for span in collector.spans()}
    root = found["invoke_agent"]
    assert root["gen_ai.agent.id"] == root["app.agent.slug"] == "support"
    assert root["gen_ai.conversation.id"] == root["session.id"] == str(turn.session_id)
    assert Decimal(str(root["app.cost.usd"])) == trace.cost_usd
    assert root["app.outcome"] == "replied"
    assert found["execute_tool"]["gen_ai.tool.name"] == "get_order"
    assert found["execute_tool"]["app.tool.state"] == "confirmed"
    whole = json.dumps(collector.requests())
    assert "ada@example.com" not in whole
    # No word of what was said; the digits alone may well stand in a time or an id.
    assert not any(words in whole for words in ("order 1042", '"1042"', "Where is my", trace.output_text[:20]))
    row = Span.objects.filter(trace=trace, kind=Span.Kind.MODEL).order_by("-started_at").first()
    chat = found["chat"]
    cached = row.cache_read_tokens + row.cache_write_tokens
    assert chat["gen_ai.usage.input_tokens"] == row.input_tokens + cached
    assert chat["gen_ai.usage.cache_read.input_tokens"] == row.cache_read_tokens
    assert chat["gen_ai.usage.cache_creation.input_tokens"] == row.cache_write_tokens
    assert chat["gen_ai.usage.output_tokens"] == row.output_tokens
    assert chat["gen_ai.response.finish_reasons"] == {"values": [{"stringValue": "end_turn"}]}


@pytest.mark.django_db(transaction=True)
def test_content_only_when_it_is_asked_for_and_masked(
    desk: Desk, collector: Collector, monkeypatch: pytest.MonkeyPatch, an_hour_ago: datetime, settings
) -> None:
    settings.OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT = True
    desk.ask("Where is my order 1042? Write to ada.private@example.com")
    start_at(an_hour_ago)
    export_all(monkeypatch)
    spans = collector.spans()
    assert [problem for span in spans for problem in problems_of(span, with_content=True)] == []
    found = {attributes_of(span).get("gen_ai.operation.name"): attributes_of(span) for span in spans}
    asked = json.loads(found["invoke_agent"]["gen_ai.input.messages"])
    assert asked[0]["role"] == "user"
    assert asked[0]["parts"][0]["content"].startswith("Where is my order 1042? Write to {EMAIL")
    assert json.loads(found["execute_tool"]["gen_ai.tool.call.arguments"]) == {"order_id": "1042"}
    [said] = json.loads(found["chat"]["gen_ai.output.messages"])
    assert (said["role"], said["finish_reason"]) == ("assistant", "stop")
    assert {part["type"] for part in said["parts"]} == {"text"}
    assert "ada.private@example.com" not in json.dumps(spans)


@pytest.mark.django_db(transaction=True)
def test_metrics_of_a_real_turn(
    desk: Desk, collector: Collector, monkeypatch: pytest.MonkeyPatch, an_hour_ago: datetime
) -> None:
    turn = desk.ask("Where is my order 1042?")
    start_at(an_hour_ago)
    export_all(monkeypatch)
    found = {metric["name"]: metric for metric in collector.metrics()}
    assert set(found) == set(METRICS)
    for name, (unit, bounds, required) in METRICS.items():
        metric = found[name]
        assert metric["unit"] == unit
        assert metric["histogram"]["aggregationTemporality"] == "AGGREGATION_TEMPORALITY_DELTA"
        for point in metric["histogram"]["dataPoints"]:
            assert point["explicitBounds"] == pytest.approx(bounds)
            assert len(point["bucketCounts"]) == len(bounds) + 1
            assert sum(map(int, point["bucketCounts"])) == int(point["count"])
            values = attributes_of(point)
            assert {"gen_ai.operation.name", "gen_ai.provider.name", *required} <= set(values)
            assert (
                problems_of({**point, "name": "chat " + values["gen_ai.request.model"], "kind": "SPAN_KIND_CLIENT"})
                == []
            )
    rows = Span.objects.filter(trace_id=turn.pk, kind=Span.Kind.MODEL)
    points = found["gen_ai.client.token.usage"]["histogram"]["dataPoints"]
    sums = {attributes_of(point)["gen_ai.token.type"]: point["sum"] for point in points}
    assert sums["output"] == sum(row.output_tokens for row in rows)
    assert sums["input"] == sum(row.input_tokens + row.cache_read_tokens + row.cache_write_tokens for row in rows)


# -- in order, once
def test_off_without_an_endpoint(collector: Collector, settings) -> None:
    set_up(settings)
    ended()
    export_spans()
    assert not ExportMark.objects.exists()
    assert collector.requests() == []


def test_what_is_past_when_it_is_switched_on_stays_here(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    ended()
    export_all(monkeypatch)
    export_all(monkeypatch)
    assert collector.requests() == []
    assert ExportMark.objects.count() == 4


def test_every_turn_once_in_the_order_of_their_ends(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, an_hour_ago: datetime
) -> None:
    settle_for(timedelta(minutes=10), monkeypatch)
    traces = [ended(number, minutes_ago=20) for number in range(120)]
    same = ended(0, minutes_ago=15)
    twin = make_trace(started_at=same.started_at, ended_at=same.ended_at)
    running = make_trace(started_at=same.started_at, status=Trace.Status.RUNNING)
    fresh = ended(0, minutes_ago=0)
    start_at(an_hour_ago)
    for _ in range(3):
        cache.clear()
        export_spans()
    roots = [UUID(hex_of(span["traceId"])) for span in collector.spans() if "parentSpanId" not in span]
    pair = sorted([same.pk, twin.pk])
    assert roots == [*(trace.pk for trace in traces), *pair]
    assert not {running.pk, fresh.pk} & {*roots}
    assert len(collector.spans()) == 3 * 122
    assert len(collector.requests()) == 3
    mark = ExportMark.objects.get(name="otlp.traces.finished")
    assert mark.exported == 122


def test_a_turn_waits_until_it_has_settled(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, an_hour_ago: datetime
) -> None:
    settle_for(timedelta(minutes=10), monkeypatch)
    ended(0, minutes_ago=0)
    start_at(an_hour_ago)
    export_spans()
    assert collector.spans() == []
    export_all(monkeypatch)
    assert len(collector.spans()) == 3


def test_steps_that_come_late(collector: Collector, monkeypatch: pytest.MonkeyPatch, an_hour_ago: datetime) -> None:
    trace = ended(minutes_ago=30)
    start_at(an_hour_ago)
    export_all(monkeypatch)
    assert len(collector.spans()) == 3
    late = Span.objects.create(
        id=uuid7(),
        trace=trace,
        kind=Span.Kind.MEMORY,
        name="preferences",
        started_at=timezone.now() - timedelta(seconds=5),
        duration_ms=900,
        input_tokens=100,
        output_tokens=20,
        attributes={"model": "claude-haiku-4-5"},
    )
    ExportMark.objects.filter(name__endswith="late").update(at=an_hour_ago, last_id=None)
    export_all(monkeypatch)
    export_all(monkeypatch)
    assert len(collector.spans()) == 4
    span = collector.spans()[-1]
    assert span["name"] == "chat claude-haiku-4-5"
    assert hex_of(span["spanId"]) == late.pk.bytes[8:].hex()
    assert hex_of(span["parentSpanId"]) == trace.pk.bytes[8:].hex()
    assert problems_of(span) == []


def test_after_a_long_silence_it_goes_on(collector: Collector) -> None:
    old = ended(minutes_ago=60 * 24 * 40)
    recent = ended(minutes_ago=5)
    start_at(timezone.now() - timedelta(days=60))
    export_spans()
    roots = [UUID(hex_of(span["traceId"])) for span in collector.spans() if "parentSpanId" not in span]
    assert roots == [old.pk, recent.pk]


def test_of_two_exporters_one_exports(collector: Collector, an_hour_ago: datetime) -> None:
    ended()
    start_at(an_hour_ago)
    assert cache.add(LOCK, 1, 60)
    export_spans()
    assert collector.spans() == []
    cache.delete(LOCK)
    export_spans()
    assert len(collector.spans()) == 3


# -- what a collector answers
@pytest.mark.parametrize("answer", ["503", "429", "401", "404", "302"])
def test_what_it_does_not_take_is_kept_and_sent_later(collector: Collector, an_hour_ago: datetime, answer: str) -> None:
    ended()
    start_at(an_hour_ago)
    collector.will_answer(f'{answer} {{"always": true}}')
    export_spans()
    mark = ExportMark.objects.get(name="otlp.traces.finished")
    assert mark.failing_since is not None
    assert answer in mark.error
    assert mark.at == an_hour_ago
    collector.will_answer()
    export_spans()
    assert collector.spans() == []  # it is left alone for a while
    cache.clear()
    export_spans()
    assert len(collector.spans()) == 3
    mended = ExportMark.objects.get(name="otlp.traces.finished")
    assert (mended.failing_since, mended.error) == (None, "")


def test_nobody_listens(collector: Collector, an_hour_ago: datetime, settings) -> None:
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:9"
    ended()
    start_at(an_hour_ago)
    export_spans()
    assert "did not answer" in ExportMark.objects.get(name="otlp.traces.finished").error
    behind = lag(timezone.now())
    assert behind is not None
    assert behind > timedelta(minutes=59)


def test_a_batch_that_is_too_large_is_halved(collector: Collector, an_hour_ago: datetime) -> None:
    traces = [ended(number) for number in range(5)]
    start_at(an_hour_ago)
    collector.will_answer('413 {"if_over": 1, "always": true}')
    export_spans()
    roots = [UUID(hex_of(span["traceId"])) for span in collector.spans() if "parentSpanId" not in span]
    assert roots == [trace.pk for trace in traces]


def test_the_one_that_it_refuses_is_left_out_and_named(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, an_hour_ago: datetime
) -> None:
    bad, *others = [ended(number) for number in range(4)]
    start_at(an_hour_ago)
    collector.will_answer("400", "400", "400")  # of all four, of the first two, of the first
    for _ in range(2):
        export_spans()
    roots = [UUID(hex_of(span["traceId"])) for span in collector.spans() if "parentSpanId" not in span]
    assert roots == [trace.pk for trace in others]
    mark = ExportMark.objects.get(name="otlp.traces.finished")
    assert mark.error == f"The traces of turn {bad.pk} were refused: It answered 400 at /v1/traces."
    assert mark.failing_since is None
    ended(minutes_ago=0)
    export_all(monkeypatch)
    mark.refresh_from_db()
    assert mark.error == ""


def test_what_was_taken_in_part_is_not_sent_again(collector: Collector, an_hour_ago: datetime) -> None:
    ended()
    start_at(an_hour_ago)
    collector.will_answer('200 {"rejected": 2}')
    export_spans()
    export_spans()
    assert len(collector.requests()) == 1
    assert ExportMark.objects.get(name="otlp.traces.finished").error == "2 were not taken: too old"


# -- settings
def test_headers_and_names(collector: Collector, an_hour_ago: datetime, settings) -> None:
    settings.OTEL_EXPORTER_OTLP_HEADERS = "Authorization=Basic%20cGs6c2s=,X-Project = desk"
    settings.OTEL_RESOURCE_ATTRIBUTES = "deployment.environment.name=test,service.name=other"
    settings.OTEL_SERVICE_NAME = "desk"
    ended()
    start_at(an_hour_ago)
    export_spans()
    [request] = collector.requests()
    assert request["headers"]["Authorization"] == "Basic cGs6c2s="
    assert request["headers"]["X-Project"] == "desk"
    resource = attributes_of(request["body"]["resourceSpans"][0]["resource"])
    assert resource["service.name"] == "desk"
    assert resource["deployment.environment.name"] == "test"


def test_a_signal_can_be_left_out(collector: Collector, an_hour_ago: datetime, settings) -> None:
    settings.OTEL_METRICS_EXPORTER = "none"
    ended()
    start_at(an_hour_ago)
    export_spans()
    assert len(collector.requests()) == 1
    assert collector.requests("/v1/metrics") == []
