"""The books of turns that do not end as they should: broken off, parked, taken over, abandoned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agents.demo_policies import RULES
from agents.models import Session, Turn
from agents.remembering import remember_session
from agents.sessions import take_over
from agents.tasks import run_turn, sweep_turns
from observability.access import Role
from observability.models import Charge, Span, Trace, UnitPrice
from observability.prices import unit_price_list
from observability.rolling import roll_up
from tests.factories import make_user
from tests.flows.conftest import Desk
from tests.flows.planned import PlannedModel, planned_model
from tests.flows.remembered import FEW, converse
from tests.messages_api import text, tool_use
from tests.observability.money.books import check_books, check_trace
from tests.tools.policies_cases import publish_changed
from tools import approvals, ledger
from tools.models import ToolCall

REFUND = tool_use("process_refund", {"order_id": "1042", "reason": "broken"})
ASK = "Please refund order 1042"
Kind = UnitPrice.Kind


@pytest.fixture
def model(desk: Desk, settings: Any) -> Iterator[PlannedModel]:
    """Refunds above 10.00 want a reviewer."""
    publish_changed(small_refunds=RULES["small-refunds"].replace("100.00", "10.00"))
    unit_price_list.forget()
    with planned_model(settings) as model:
        model.answers = [REFUND, text("Your refund is on its way.")]
        yield model
    unit_price_list.forget()


@pytest.fixture
def person(desk: Desk) -> User:
    return make_user(Role.REVIEWER)


def price(kind: Kind, usd: str, **fields: Any) -> UnitPrice:
    found = UnitPrice.objects.create(kind=kind, usd=Decimal(usd), valid_from=timezone.now().date(), **fields)
    unit_price_list.forget()
    return found


# -- model calls that were broken off


def test_an_answer_that_was_cut_is_charged_by_estimate(desk: Desk, model: PlannedModel) -> None:
    model.answers = [text("Good morning, and welc", cut=True), text("Hello.")]
    turn = desk.ask("hello")
    cut, whole = Charge.objects.filter(trace_id=turn.pk, kind=Charge.Kind.MODEL).order_by("at")
    assert (cut.basis, whole.basis) == (Charge.Basis.ESTIMATED, Charge.Basis.EXACT)
    # 500 tokens were given, as the message's beginning says, and 22 characters came, of which 4 are a token.
    assert cut.usd == Decimal("0.00106")
    span = Span.objects.get(pk=cut.span_id)
    assert (span.status, span.input_tokens, span.output_tokens) == (Span.Status.ERROR, 500, 6)
    assert span.attributes["tokensEstimated"] is True
    assert check_books() == Decimal("0.00256")


def test_no_answer_is_not_charged(desk: Desk, model: PlannedModel) -> None:
    model.answers = [text("x", status=500), text("Hello.")]
    turn = desk.ask("hello")
    assert Charge.objects.filter(trace_id=turn.pk, kind=Charge.Kind.MODEL).count() == 1
    check_books()


# -- turns that end without their worker


def test_taken_over_while_it_waits_for_a_person(desk: Desk, model: PlannedModel, person: User) -> None:
    turn = desk.ask(ASK)
    assert turn.status == Turn.Status.WAITING
    take_over(turn.session, user=person)
    trace = Trace.objects.get(pk=turn.pk)
    assert (trace.outcome, trace.model_calls) == ("silenced", 1)
    assert trace.ended_at is not None
    assert check_trace(trace) > 0
    check_books()


def test_taken_over_in_the_moment_before_it_waits(
    desk: Desk, model: PlannedModel, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was recorded since the last write is written with the turn's end."""
    request = approvals.request

    def taken_over_first(*args: Any, **kwargs: Any) -> Any:
        take_over(Session.objects.get(), user=person)
        return request(*args, **kwargs)

    monkeypatch.setattr(approvals, "request", taken_over_first)
    turn = desk.ask(ASK)
    assert turn.status == Turn.Status.SILENCED
    assert check_trace(Trace.objects.get(pk=turn.pk)) > 0
    check_books()


class WorkerDied(BaseException):
    """Stands for the end of a process."""


def test_abandoned_by_its_worker_and_taken_over(
    desk: Desk, model: PlannedModel, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.answers = [tool_use("get_order", {"order_id": "1042"}), text("It was delivered.")]
    received = desk.send("Where is my order?")

    def dies(*args: Any, **kwargs: Any) -> Any:
        raise WorkerDied

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "settle", dies)
        with pytest.raises(WorkerDied):
            run_turn(str(received.turn_id))
    Turn.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    take_over(Session.objects.get(), user=person)
    sweep_turns()
    trace = Trace.objects.get(pk=received.turn_id)
    assert (trace.outcome, trace.error, trace.model_calls) == ("silenced", "abandoned by its worker", 1)
    assert check_trace(trace) > 0
    roll_up(timezone.now() + timedelta(hours=3))
    check_books()


# -- steps that are paid by the unit


def test_a_call_that_was_not_sent_costs_nothing(desk: Desk, model: PlannedModel) -> None:
    price(Kind.TOOL_CALL, "0.1")
    model.answers = [tool_use("no_such_tool", {}), text("I cannot do that.")]
    turn = desk.ask("Where is my order?")
    assert ToolCall.objects.get(turn_id=turn.pk).state == ToolCall.State.REFUSED
    assert not Charge.objects.filter(kind=Charge.Kind.TOOL).exists()
    check_books()


@pytest.mark.parametrize(("characters", "units"), [(999, 1), (1000, 1), (1001, 2), (2500, 3)])
def test_guardrail_text_units_are_begun_ones(desk: Desk, model: PlannedModel, characters: int, units: int) -> None:
    found = price(Kind.GUARDRAIL_UNIT, "0.25", per=1000)
    model.answers = [text("It was delivered.")]
    turn = desk.ask(("Where is my order? " * 200)[: characters - 1] + "?")
    spans = {span.name: span for span in Span.objects.filter(trace_id=turn.pk, kind=Span.Kind.GUARDRAIL)}
    charge = Charge.objects.get(pk=spans["input"].pk)
    assert charge.kind == Charge.Kind.GUARDRAIL
    assert (charge.quantity, charge.unit_price_id) == (Decimal(units), found.pk)
    assert charge.usd == units * Decimal("0.00025") == spans["input"].cost_usd
    assert Charge.objects.get(pk=spans["output"].pk).quantity == 1
    check_books()


def test_memories_that_are_written(desk: Desk, model: PlannedModel, settings: Any) -> None:
    settings.EMBEDDINGS = "lexical"
    found = price(Kind.MEMORY_WRITE, "0.00002")
    session = converse(FEW)
    written = remember_session(session.pk)
    assert written > 0
    charge = Charge.objects.get(kind=Charge.Kind.MEMORY)
    assert (charge.quantity, charge.unit_price_id, charge.usd) == (
        Decimal(written),
        found.pk,
        written * Decimal("0.00002"),
    )
    assert Span.objects.get(pk=charge.span_id).attributes == {"memories": written}
    check_trace(Trace.objects.get(pk=charge.trace_id))
    remember_session(session.pk)
    assert Charge.objects.filter(kind=Charge.Kind.MEMORY).count() == 1


def test_memories_that_are_written_without_a_price_cost_nothing(desk: Desk, model: PlannedModel, settings: Any) -> None:
    settings.EMBEDDINGS = "lexical"
    written = remember_session(converse(FEW).pk)
    assert written > 0
    assert not Charge.objects.exists()
    span = Span.objects.get()
    assert (span.kind, span.name) == ("memory", "write")
    assert span.cost_usd == 0
    assert span.attributes == {"memories": written}
