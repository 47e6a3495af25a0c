"""A kill switch takes effect before the next step, whatever it is, and the customer gets a person."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from agents.intake import Received
from agents.models import Agent, Escalation, Message, Session, Stop, Turn, TurnEvent
from agents.runtime.speech import Speech
from agents.runtime.stream import RELEASE_SECONDS, Releaser
from agents.sessions import take_over
from agents.turns import claim_turn
from guardrails.compiled import guard_of
from guardrails.evidence import Evidence
from observability.access import Role
from observability.models import Charge
from tests.factories import make_user
from tests.flows.conftest import Desk
from tests.flows.planned import PlannedModel, first, planned_model
from tests.messages_api import Answer, text, tool_use
from tools.models import ToolCall

LOOK_UP = tool_use("get_order", {"order_id": "1042"})
REFUND = tool_use("process_refund", {"order_id": "1042", "reason": "broken"}, use_id="toolu_2")
HANDED_OVER = "I have passed this to a colleague, who will answer you here."


@pytest.fixture
def model(desk: Desk, settings: Any) -> Iterator[PlannedModel]:
    with planned_model(settings) as model:
        yield model


def subject_of(scope: str) -> str:
    """Of the one turn that there is."""
    turn = Turn.objects.select_related("session").get()
    subjects = {
        "all": "",
        "agent": turn.session.agent_id,
        "session": turn.session_id,
        "turn": turn.pk,
        "tool": "process_refund",
    }
    return str(subjects[scope])


def stopping(scope: str) -> Callable[[], Stop]:
    return lambda: Stop.objects.create(scope=scope, subject=subject_of(scope), reason="Prices are wrong")


@pytest.mark.parametrize("scope", ["all", "agent", "session", "turn"])
def test_no_tool_is_called_after_it(desk: Desk, model: PlannedModel, scope: str) -> None:
    model.answers = [LOOK_UP, first(stopping(scope), REFUND), text("Your money is on its way.")]

    turn = desk.ask("Refund my order 1042")

    assert desk.refunds("1042") == []
    assert turn.status == Turn.Status.ESCALATED
    assert desk.reply(turn) == HANDED_OVER
    assert desk.calls(turn) == [("get_order", "confirmed"), ("process_refund", "refused")]
    assert len(model.asked) == 2
    escalation = Escalation.objects.get()
    assert (escalation.reason, escalation.summary) == ("stopped", "Stopped by staff: Prices are wrong")


@pytest.mark.parametrize("scope", ["all", "agent", "session", "turn"])
def test_a_reply_that_is_written_is_not_published(desk: Desk, model: PlannedModel, scope: str) -> None:
    model.answers = [first(stopping(scope), text("It costs 1 euro."))]

    turn = desk.ask("What does it cost?")

    assert desk.reply(turn) == HANDED_OVER
    assert not Message.objects.filter(text__contains="1 euro").exists()
    assert Charge.objects.filter(trace_id=turn.pk).count() == 1, "the call was made, so it is paid"


def test_a_turn_that_begins_under_it_goes_to_a_person_unasked(desk: Desk, model: PlannedModel) -> None:
    model.answers = [text("never")]
    received = desk.send("hello")
    Stop.objects.create(scope="agent", subject=str(Agent.objects.get(slug="support").pk), reason="Wrong texts")
    turn = desk.work(received)
    assert (turn.status, desk.reply(turn), model.asked) == (Turn.Status.ESCALATED, HANDED_OVER, [])


def test_one_that_was_lifted_stops_nothing(desk: Desk, model: PlannedModel) -> None:
    model.answers = [text("Hello.")]
    Stop.objects.create(scope="all", reason="Drill", lifted_at=timezone.now())
    assert desk.reply(desk.ask("hello")) == "Hello."


def test_another_agents_or_sessions_stop_stops_nothing_here(desk: Desk, model: PlannedModel) -> None:
    model.answers = [text("Hello.")]
    other = desk.ask("hello", customer="ben@example.com")
    Stop.objects.create(scope="session", subject=str(other.session_id), reason="Abuse")
    Stop.objects.create(scope="turn", subject=str(other.pk), reason="Abuse")
    assert desk.reply(desk.ask("hello")) == "Hello."


def test_a_stopped_tool_is_refused_and_the_agent_goes_on(desk: Desk, model: PlannedModel) -> None:
    model.answers = [first(stopping("tool"), REFUND), text("I could not do that.")]

    turn = desk.ask("Refund my order 1042")

    assert desk.refunds("1042") == []
    assert desk.calls(turn) == [("process_refund", "refused")]
    assert ToolCall.objects.get().result["error"]["code"] == "tool_disabled"
    assert desk.reply(turn) == "I could not do that."
    assert "process_refund" not in [tool["name"] for tool in model.asked[1]["tools"]]


def test_nothing_is_published_after_a_take_over(desk: Desk, model: PlannedModel) -> None:
    person = make_user(Role.SUPPORT)
    model.answers = [
        first(lambda: take_over(Session.objects.get(), user=person), REFUND),
        text("Your money is on its way."),
    ]

    turn = desk.ask("Refund my order 1042")

    assert turn.status == Turn.Status.SILENCED
    assert desk.refunds("1042") == []
    assert not Message.objects.filter(turn=turn, author="agent", visibility="public").exists()


# A sentence is let out once enough stands behind it for nothing in it to be half of something.
LONGER = "This takes a little while, since the shop keeps its orders in a place of its own, far from here."


def test_not_a_sentence_of_a_reply_under_way_is_shown_after_a_take_over(desk: Desk) -> None:
    """The write that would show it is the first that could know of the take-over."""
    person = make_user(Role.SUPPORT)
    claim = claim_turn(desk.send("hello").turn_id)
    assert claim is not None
    speech = Speech(guard_of(), Evidence)
    releaser = Releaser(claim.lease, speech, call=1, attempt=1)
    wait_for_release()
    releaser.take(f"Let me see. {LONGER} ")
    take_over(Session.objects.get(), user=person)
    wait_for_release()
    releaser.take(f"One moment. {LONGER} ")

    assert shown_text() == ["Let me see. "]
    numbers = TurnEvent.objects.order_by("seq").values_list("seq", flat=True)
    assert list(numbers) == list(range(1, len(numbers) + 1)), "a reader waits for each number"
    assert Session.objects.get().event_seq == len(numbers)


def test_what_the_model_said_before_a_tool_is_not_shown_after_a_take_over(desk: Desk, model: PlannedModel) -> None:
    person = make_user(Role.SUPPORT)
    said = {"type": "text", "text": "I send the money back now."}
    model.answers = [
        first(
            lambda: take_over(Session.objects.get(), user=person),
            Answer(blocks=[said, *REFUND.blocks], stop_reason="tool_use"),
        )
    ]

    turn = desk.ask("Refund my order 1042")

    assert (turn.status, shown_text()) == (Turn.Status.SILENCED, [])
    numbers = TurnEvent.objects.order_by("seq").values_list("seq", flat=True)
    assert list(numbers) == list(range(1, len(numbers) + 1))


def wait_for_release() -> None:
    time.sleep(RELEASE_SECONDS * 1.1)


def shown_text() -> list[str]:
    events = TurnEvent.objects.filter(kind=TurnEvent.Kind.TEXT).order_by("seq")
    return [event.data["text"] for event in events]


def test_of_many_races_with_a_take_over_none_speaks_after_it(desk: Desk, model: PlannedModel) -> None:
    """The reply is published before the take-over or not at all, however close the two come."""
    person = make_user(Role.SUPPORT)
    model.answers = [text("I am looking into it.")]
    for number in range(30):
        received = desk.send("hello", customer=f"racer{number}@example.com")
        session = Session.objects.get(pk=received.session_id)
        ready = threading.Barrier(2)

        def takes_over(
            session: Session = session, ready: threading.Barrier = ready, late: float = number / 1000
        ) -> None:
            ready.wait()
            time.sleep(late)
            take_over(session, user=person)
            connection.close()

        thread = threading.Thread(target=takes_over)
        thread.start()
        ready.wait()
        desk.work(received)
        thread.join()

        taken = TurnEvent.objects.filter(session=session, kind="controller").order_by("seq").first()
        assert taken is not None
        spoken = Message.objects.filter(session=session, author="agent", visibility="public")
        assert not spoken.filter(seq__gt=taken.seq).exists()


def test_of_many_races_with_a_stop_none_speaks_after_it(desk: Desk, model: PlannedModel) -> None:
    """What is said after the stop has committed is the hand-over's sentence."""
    model.answers = [text("I am looking into it.")]
    for number in range(30):
        received = desk.send("hello", customer=f"racer{number}@example.com")
        stopped_at: list[datetime] = []

        def stops(
            received: Received = received, stopped_at: list[datetime] = stopped_at, late: float = number / 1000
        ) -> None:
            time.sleep(late)
            Stop.objects.create(scope="session", subject=str(received.session_id), reason="Race")
            stopped_at.append(timezone.now())
            connection.close()

        thread = threading.Thread(target=stops)
        thread.start()
        desk.work(received)
        thread.join()

        reply = Message.objects.get(session_id=received.session_id, author="agent", visibility="public")
        assert reply.text == HANDED_OVER or reply.created_at <= stopped_at[0]
