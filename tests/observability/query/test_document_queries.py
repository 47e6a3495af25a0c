"""The three queries of the document that the desk is built after, character for character, with right answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from observability.models import Span, Trace
from observability.query import Answer, run_query
from tests.factories import make_trace

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TOOL_CALLS = """fields @timestamp, agentId, toolName, toolInputs, toolOutput
| filter agentId = "my-support-agent"
| filter @timestamp > now() - 1h
| stats count() by toolName"""
SLOW = """fields @timestamp, agentId, invocationId, duration
| filter agentId = "my-support-agent"
| filter duration > 5000
| sort duration desc"""
BLOCKS = """fields @timestamp, agentId, guardrailAction, violationCategory
| filter agentId = "my-support-agent"
| filter guardrailAction = "blocked"
| stats count() by violationCategory"""


@pytest.fixture
def trace() -> Trace:
    """A turn of the agent, of 5,600 ms, half an hour ago; its spans are those of the test."""
    fields = {"agent_slug": "my-support-agent", "duration_ms": 5600}
    return make_trace(spans=0, started_at=NOW - timedelta(minutes=30), **fields)


def add(trace: Trace, *, minutes: float = 20, agent: str = "my-support-agent", **fields: Any) -> Span:
    defaults = {"kind": "tool", "name": "get_order", "duration_ms": 100}
    started_at = NOW - timedelta(minutes=minutes)
    return Span.objects.create(trace=trace, agent=agent, started_at=started_at, **{**defaults, **fields})


def asked(text: str) -> Answer:
    return run_query(text, start=NOW - timedelta(days=1), end=NOW, now=NOW)


def test_tool_calls_of_the_last_hour(trace: Trace) -> None:
    for name, count in (("get_order", 3), ("process_refund", 2), ("escalate_to_human", 1)):
        for _ in range(count):
            add(trace, name=name, attributes={"toolInputs": {"order_id": "1042"}, "toolOutput": {"status": "sent"}})
    add(trace, name="get_order", minutes=60)  # an hour ago to the second: not more than now() - 1h
    add(trace, name="get_order", minutes=60.1)
    add(trace, name="get_order", agent="billing")
    add(trace, kind="model", name="claude-sonnet-5-5")

    answer = asked(TOOL_CALLS)

    assert [column.name for column in answer.columns] == ["toolName", "count()"]
    # What is no tool call, the turn itself and a model call here, has no toolName and is a group as well.
    assert answer.rows == [("escalate_to_human", 1), ("get_order", 3), ("process_refund", 2), (None, 2)]


def test_slow_invocations(trace: Trace) -> None:
    slowest = add(trace, kind="model", name="claude-sonnet-5-5", duration_ms=9000, minutes=29)
    add(trace, duration_ms=5000)
    middle = add(trace, duration_ms=5001, minutes=25)
    add(trace, duration_ms=7000, agent="billing")
    add(trace, duration_ms=8000, minutes=60 * 24 + 1)

    answer = asked(SLOW)

    assert [column.name for column in answer.columns] == ["@timestamp", "agentId", "invocationId", "duration"]
    agent, turn = "my-support-agent", str(trace.pk)
    assert answer.rows == [
        (slowest.started_at, agent, turn, 9000),
        (trace.started_at, agent, turn, 5600),
        (middle.started_at, agent, turn, 5001),
    ]
    assert [place.span_id for place in answer.places] == [slowest.pk, None, middle.pk]
    assert {place.trace_id for place in answer.places} == {trace.pk}


def test_guardrail_blocks(trace: Trace) -> None:
    check = {"kind": "guardrail", "name": "output"}
    for category, count in (("EMAIL", 2), ("HATE", 1), ("", 1)):
        for _ in range(count):
            add(trace, action="blocked", category=category, **check)
    add(trace, action="masked", category="EMAIL", **check)
    add(trace, action="none", **check)
    add(trace, action="blocked", category="EMAIL", agent="billing", **check)

    assert asked(BLOCKS).rows == [("EMAIL", 2), ("HATE", 1), (None, 1)]
