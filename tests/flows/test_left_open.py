"""What an earlier attempt left open is settled: looked up, refused or unknown, and never forgotten."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from agents.models import Agent, Escalation, Message, Session, Turn
from agents.runtime import endings, loop
from agents.sessions import hand_back, take_over
from agents.tasks import run_turn, sweep_turns
from observability.access import Role
from tests.factories import make_user
from tests.flows.conftest import Desk, forget_caches
from tests.flows.planned import planned_model
from tests.messages_api import text, tool_use
from tools import ledger
from tools.catalog import Catalog, catalog
from tools.models import ToolCall

REFUND = "I want to return order 1042, please refund it"


class WorkerDied(BaseException):
    """Stands for the end of a process: nothing of ours may catch it."""


def die_after_sending(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Turn:
    """A turn whose worker died when the shop had made the refund and the answer was not recorded."""
    received = desk.send(REFUND)
    settle = ledger.settle

    def dies(call: ToolCall, outcome: Any, *, fence: str) -> Any:
        if call.tool_name == "process_refund":
            raise WorkerDied
        return settle(call, outcome, fence=fence)

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "settle", dies)
        with pytest.raises(WorkerDied):
            run_turn(str(received.turn_id))
    turn = Turn.objects.get(pk=received.turn_id)
    assert turn.status == Turn.Status.RUNNING
    Turn.objects.filter(pk=turn.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    return turn


def refund_call(turn: Turn) -> ToolCall:
    return ToolCall.objects.get(turn_id=turn.pk, tool_name="process_refund")


def test_a_refund_made_before_the_agent_was_paused_is_found(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = die_after_sending(desk, monkeypatch)
    Agent.objects.update(status=Agent.Status.PAUSED)
    run_turn(str(turn.pk))
    assert Turn.objects.get(pk=turn.pk).status == Turn.Status.ESCALATED
    assert refund_call(turn).state == ToolCall.State.CONFIRMED
    assert len(desk.refunds("1042")) == 1


def test_a_turn_given_up_leaves_what_was_sent_unknown(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    turn = die_after_sending(desk, monkeypatch)
    settings.TURN_MAX_ATTEMPTS = 1
    run_turn(str(turn.pk))
    assert Turn.objects.get(pk=turn.pk).status == Turn.Status.FAILED
    assert refund_call(turn).state == ToolCall.State.UNKNOWN
    assert Session.objects.get().controller == Session.Controller.HUMAN


def lose_every_answer(desk: Desk) -> None:
    """The shop does what it is asked, and neither its answer nor what is looked up then comes back."""
    desk.fault(paths="POST /refunds, /refunds/by-key/*", lose_answer_next=50)


def test_an_unknown_write_goes_to_a_person_though_the_model_does_not_see_to_it(desk: Desk, settings: Any) -> None:
    with planned_model(settings) as model:
        model.answers = [
            tool_use("process_refund", {"order_id": "1042", "reason": "broken"}),
            tool_use("escalate_to_human", {"why": "garbage"}, use_id="toolu_2"),
            text("I cannot tell whether it was done."),
        ]
        lose_every_answer(desk)
        turn = desk.ask(REFUND)

    assert desk.calls(turn) == [("process_refund", "unknown"), ("escalate_to_human", "refused")]
    assert "Do not repeat it" in refund_call(turn).result["error"]["message"], "the guardrail keeps its hands off"
    escalation = Escalation.objects.get()
    assert escalation.reason == Escalation.Reason.TOOL_FAILURE
    assert 'process_refund {"order_id":"1042","reason":"broken"}' in escalation.summary
    assert (turn.status, Session.objects.get().controller) == (Turn.Status.ESCALATED, Session.Controller.HUMAN)
    words, told = desk.reply(turn).split("\n\n")
    assert words == "I cannot tell whether it was done."
    assert told == turn.agent_version.handoff_text


def test_one_left_by_a_dead_worker_goes_to_a_person_as_well(
    desk: Desk, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies with the outcome known to be unknown; all that is left to the next one are the last words."""
    with planned_model(settings) as model:
        model.answers = [
            tool_use("process_refund", {"order_id": "1042", "reason": "broken"}),
            text("I cannot tell whether it was done."),
        ]
        lose_every_answer(desk)
        received = desk.send(REFUND)
        with monkeypatch.context() as patched:
            patched.setattr(endings, "end_turn", die)
            with pytest.raises(WorkerDied):
                run_turn(str(received.turn_id))
        Turn.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        run_turn(str(received.turn_id))

    assert refund_call(Turn.objects.get()).state == ToolCall.State.UNKNOWN
    assert Escalation.objects.get().reason == Escalation.Reason.TOOL_FAILURE
    assert Session.objects.get().controller == Session.Controller.HUMAN


def die(*_: object, **__: object) -> None:
    raise WorkerDied


def test_a_dead_workers_turn_is_ended_when_a_person_has_taken_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = die_after_sending(desk, monkeypatch)
    take_over(turn.session, user=make_user(Role.SUPPORT))
    sweep_turns()
    assert Turn.objects.get(pk=turn.pk).status == Turn.Status.SILENCED
    assert refund_call(turn).state == ToolCall.State.UNKNOWN


def test_handing_back_before_the_sweep_makes_one_reply(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = die_after_sending(desk, monkeypatch)
    person = make_user(Role.SUPPORT)
    take_over(turn.session, user=person)
    session = Session.objects.get(pk=turn.session_id)
    assert hand_back(session, user=person) is None
    run_turn(str(turn.pk))
    assert Turn.objects.filter(session=session).count() == 1
    assert Message.objects.filter(session=session, author="agent", visibility="public").count() == 1
    assert refund_call(turn).state == ToolCall.State.CONFIRMED


def test_a_take_over_before_a_write_leaves_keeps_it_from_leaving(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    received = desk.send(REFUND)
    person = make_user(Role.SUPPORT)
    mark_sent = ledger.mark_sent

    def taken_over_first(call: ToolCall, *, fence: str) -> Any:
        take_over(Session.objects.get(), user=person)
        return mark_sent(call, fence=fence)

    monkeypatch.setattr(ledger, "mark_sent", taken_over_first)
    turn = desk.work(received)
    assert turn.status == Turn.Status.SILENCED
    assert refund_call(turn).state == ToolCall.State.REFUSED
    assert desk.refunds("1042") == []


def test_a_turn_that_cannot_be_read_is_given_up(desk: Desk, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.TURN_MAX_ATTEMPTS = 2
    received = desk.send("hello")

    def fails(*_: Any, **__: Any) -> None:
        raise ValueError("this conversation cannot be read")

    monkeypatch.setattr(loop, "load_history", fails)
    for _ in range(3):
        turn = desk.work(received)
    assert turn.status == Turn.Status.FAILED
    assert "2 times" in turn.failure
    assert Session.objects.get().controller == Session.Controller.HUMAN


def test_reading_the_tools_again_holds_nobody_up(desk: Desk) -> None:
    """Who waits for the reader may hold the connection that the reader needs: so nobody waits."""
    stale = Catalog()
    assert "get_order" in stale.tools()
    stale.forget()
    answers: list[bool] = []
    with stale._reading:
        reader = threading.Thread(target=lambda: answers.append("get_order" in stale.tools()))
        reader.start()
        reader.join(60)
    assert answers == [True]
    assert catalog.tools()
    forget_caches()
    connection.close()
