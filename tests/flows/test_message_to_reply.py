"""One message followed from the door to the reply, with a ceiling on what it costs the database."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Escalation, Message, Session, Turn, TurnEvent
from agents.runtime import stream
from observability.models import Charge, Span
from tests.flows.conftest import Desk
from tests.kept_caches import read_once

# Two model calls and one read: session (known), message with turn; claim, history, then one write a step. The prices,
# the tools and whether there are documents are kept by a process, and one of them may be read in between.
MOST_QUERIES = 12


def test_an_order_is_looked_up_and_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "RELEASE_SECONDS", 3600.0)  # on a busy machine each release would be a write more
    desk.work(desk.send("hello"))  # a process that has run before
    session = Session.objects.get()
    with read_once():
        for _ in range(2):  # the second finds what the first has read
            with CaptureQueriesContext(connection) as queries:
                received = desk.send("Where is my order 1042?", session_id=session.pk)
                turn = desk.work(received)
            assert turn.status == Turn.Status.REPLIED, turn.failure
            assert desk.calls(turn) == [("get_order", "confirmed")]
            assert "1042" in desk.reply(turn)
    assert len(queries) <= MOST_QUERIES, [query["sql"][:90] for query in queries]


def test_every_step_is_in_the_trace_and_its_cost_adds_up(desk: Desk) -> None:
    turn = desk.ask("Where is my order 1042?")
    trace = desk.trace(turn)
    spans = list(Span.objects.filter(trace=trace).order_by("started_at"))
    assert [span.kind for span in spans] == ["guardrail", "memory", "model", "tool", "model", "guardrail"]
    assert spans[3].attributes["toolInputs"] == {"order_id": "1042"}
    assert spans[3].attributes["toolOutput"]["order_id"] == "1042"
    assert trace.cost_usd == sum(span.cost_usd for span in spans) > 0
    assert trace.cost_usd == sum(charge.usd for charge in Charge.objects.filter(trace_id=trace.pk))
    assert (trace.model_calls, trace.tool_calls, trace.status) == (2, 1, "ok")


def test_an_order_inside_the_window_is_refunded_once(desk: Desk) -> None:
    turn = desk.ask("I want to return my order from last week")
    assert ("process_refund", "confirmed") in desk.calls(turn)
    assert [refund["amount"] for refund in desk.refunds("1042")] == ["42.00"]
    assert "42.00" in desk.reply(turn)


def test_an_order_outside_the_window_goes_to_a_person(desk: Desk) -> None:
    turn = desk.ask("I want to return order 1043", customer="ben@example.com")
    assert turn.status == Turn.Status.ESCALATED
    assert desk.refunds("1043") == []
    escalation = Escalation.objects.get(session=turn.session)
    assert (escalation.reason, escalation.status) == ("policy_restriction", "open")
    assert Session.objects.get(pk=turn.session_id).controller == Session.Controller.HUMAN


def test_after_an_escalation_messages_wait_for_the_person(desk: Desk) -> None:
    turn = desk.ask("I want to speak to a person")
    received = desk.send("Are you there?", session_id=turn.session_id)
    assert received.turn_id is None
    assert Session.objects.get(pk=turn.session_id).waiting_since is not None


def test_events_of_a_conversation_have_no_gap_and_no_double(desk: Desk) -> None:
    turn = desk.ask("I want to return my order from last week")
    session = Session.objects.get(pk=turn.session_id)
    events = TurnEvent.objects.filter(session=session).order_by("seq")
    assert [event.seq for event in events] == list(range(1, session.event_seq + 1))
    messages = Message.objects.filter(session=session).order_by("seq")
    assert [message.author for message in messages if message.visibility == "public"] == ["customer", "agent"]


def test_a_conversation_is_remembered(desk: Desk) -> None:
    first = desk.ask("I want to return something", customer="chloe@example.com")
    assert first.status == Turn.Status.REPLIED
    assert "70.90" in desk.reply(first)
    second = desk.ask("yes please", customer="chloe@example.com", session_id=first.session_id)
    assert ("process_refund", "confirmed") in desk.calls(second), desk.reply(second)
    assert len(desk.refunds("1044")) == 1


@pytest.mark.parametrize("text", ["Where is my order 1042?", "Refund order 1042"])
def test_an_unverified_customer_is_told_nothing(desk: Desk, text: str) -> None:
    turn = desk.work(desk.send(text, verified=False))
    assert {state for _, state in desk.calls(turn) if _ != "escalate_to_human"} <= {"refused"}
    assert "42.00" not in desk.reply(turn)
    assert desk.refunds("1042") == []
