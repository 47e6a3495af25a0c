"""A shop that fails again and again: the customer is told so, a person goes on, and what left is still found out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.models import Escalation, Session, Turn
from agents.tasks import run_turn
from observability.models import Span
from tests.flows.conftest import Desk
from tests.flows.test_left_open import die_after_sending, refund_call
from tools import ledger
from tools.catalog import catalog
from tools.models import Target, TargetHealth, ToolCall


def leave_alone() -> None:
    """The shop failed in other turns; it is well by now, and nobody knows it yet."""
    now = timezone.now()
    TargetHealth.objects.create(
        target=Target.objects.get(name="shop"),
        state="open",
        failures=5,
        opened_at=now,
        retry_at=now + timedelta(minutes=1),
        last_error="timeout after 10.0 s",
    )
    catalog.forget()


def keep_open() -> None:
    """Its pause is of ten seconds: the next turn is to fall into it on a busy machine, too."""
    TargetHealth.objects.update(retry_at=timezone.now() + timedelta(hours=1))
    catalog.forget()


def test_an_outage_goes_to_a_person_and_later_calls_do_not_wait_for_it(desk: Desk) -> None:
    desk.fault(fail_next=100)
    for customer in ("ada@example.com", "ben@example.com"):
        turn = desk.ask("Where is my order?", customer=customer)
        assert turn.status == Turn.Status.ESCALATED
    assert TargetHealth.objects.get().state == "open"
    keep_open()
    asked_before = TargetHealth.objects.get().failures
    turn = desk.ask("I want to return order 1044, please refund it", customer="chloe@example.com")
    assert desk.calls(turn) == [("get_order", "failed"), ("escalate_to_human", "confirmed")]
    assert "order system" in desk.reply(turn)
    assert "went through" not in desk.reply(turn)
    assert Escalation.objects.get(session=turn.session).reason == "tool_failure"
    assert Session.objects.get(pk=turn.session_id).controller == Session.Controller.HUMAN
    assert TargetHealth.objects.get().failures == asked_before
    span = Span.objects.get(trace_id=turn.pk, name="get_order")
    assert span.error.startswith("target_unavailable: The backend cannot be reached at present")
    assert span.attributes["attempts"] == 0


def test_a_refund_that_never_left_is_called_undone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    reserve = ledger.reserve

    def left_alone_meanwhile(calls: list[ToolCall], *, fence: str) -> Any:
        if calls[0].tool_name == "process_refund":
            leave_alone()
        return reserve(calls, fence=fence)

    monkeypatch.setattr(ledger, "reserve", left_alone_meanwhile)
    turn = desk.ask("I want to return order 1042, please refund it")
    assert ("process_refund", "failed") in desk.calls(turn)
    assert "did not go through" in desk.reply(turn)
    assert Escalation.objects.get(session=turn.session).reason == "tool_failure"
    assert desk.refunds("1042") == []


def test_a_refund_that_left_before_is_found_though_the_shop_is_left_alone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = die_after_sending(desk, monkeypatch)
    leave_alone()
    run_turn(str(turn.pk))
    assert refund_call(turn).state == ToolCall.State.CONFIRMED
    assert len(desk.refunds("1042")) == 1
    assert "42.00" in desk.reply(Turn.objects.get(pk=turn.pk))
    assert TargetHealth.objects.get().state == "closed"
