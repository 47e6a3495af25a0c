"""The ledger is the sum: of spans, of traces, of conversations and of the whole."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.intake import Received
from agents.models import Turn
from observability.models import Charge, Span, Trace, UnitPrice
from observability.price_lists import adopt
from observability.prices import unit_price_list
from tests.flows.conftest import Desk, forget_caches
from tests.flows.planned import PlannedModel, planned_model
from tests.messages_api import Answer, text, tool_use
from tests.observability.money.books import check_books, check_trace
from tools.models import Tool

MOST_ATTEMPTS = 6
numbers = itertools.count()


@pytest.fixture
def model(desk: Desk, settings: Any) -> Iterator[PlannedModel]:
    unit_price_list.forget()
    with planned_model(settings) as model:
        yield model
    unit_price_list.forget()


def order() -> Answer:
    return tool_use("get_order", {"order_id": "1042"}, use_id=f"toolu_{next(numbers)}")


# What a model does in one call, and how likely a turn gets over it.
STEPS: dict[str, Callable[[], Answer]] = {
    "a tool": order,
    "another tool": lambda: tool_use("no_such_tool", {}, use_id=f"toolu_{next(numbers)}"),
    "cut": lambda: text("It was deliv", cut=True),
    "overloaded in the stream": lambda: text("It was", error="overloaded_error"),
    "500": lambda: Answer(status=500),
    "a fault of ours": lambda: Answer(raw="data: {}\n\n"),
}
UNCHARGED = {"500", "a fault of ours"}


def until_it_ends(desk: Desk, received: Received) -> Turn:
    """As the sweeper hands a turn that was given up to the next worker."""
    for _ in range(MOST_ATTEMPTS):
        turn = desk.work(received)
        if turn.status not in Turn.OPEN:
            return turn
    raise AssertionError("the turn never ends")


class TestTurns:
    @settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        steps=st.lists(st.sampled_from(sorted(STEPS)), max_size=4),
        has_unit_prices=st.booleans(),
        tool_usd=st.sampled_from(["0", "0.00000001", "0.25"]),
    )
    def test_whatever_becomes_of_a_turn_its_books_balance(
        self, desk: Desk, model: PlannedModel, steps: list[str], *, has_unit_prices: bool, tool_usd: str
    ) -> None:
        UnitPrice.objects.all().delete()
        unit_price_list.forget()
        if has_unit_prices:
            adopt("seed", timezone.now().date(), None)
        Tool.objects.filter(name="get_order").update(cost_usd=Decimal(tool_usd))
        forget_caches()
        model.asked.clear()
        model.answers = [*(STEPS[step]() for step in steps), text("It was delivered.")]
        turn = until_it_ends(desk, desk.send("Where is my order 1042?"))
        trace = Trace.objects.get(pk=turn.pk)
        assert trace.ended_at is not None
        check_trace(trace)
        # A turn whose every call was answered 500 is given up before the model has said anything.
        given = [*steps, "an answer"][: len(model.asked)]
        charges = Charge.objects.filter(trace_id=turn.pk, kind=Charge.Kind.MODEL, usd__gt=0)
        assert charges.exists() is not UNCHARGED.issuperset(given)
        check_books()

    def test_a_turn_that_goes_on_charges_each_step_once(self, desk: Desk, model: PlannedModel) -> None:
        Tool.objects.filter(name="get_order").update(cost_usd=Decimal("0.25"))
        forget_caches()
        model.answers = [order(), STEPS["a fault of ours"](), order(), text("It was delivered.")]
        turn = until_it_ends(desk, desk.send("Where is my order 1042?"))
        assert Charge.objects.filter(trace_id=turn.pk, kind=Charge.Kind.TOOL).count() == 2
        assert Charge.objects.filter(trace_id=turn.pk, kind=Charge.Kind.MODEL).count() == 3
        # 500 tokens in and 50 out at 2 and 10 a million, thrice, and two calls.
        assert check_books() == 3 * Decimal("0.0015") + 2 * Decimal("0.25")


class TestUnits:
    def test_without_unit_prices_there_is_no_row_more(self, desk: Desk, model: PlannedModel) -> None:
        model.answers = [order(), text("It was delivered.")]
        turn = desk.ask("Where is my order 1042?")
        assert Span.objects.filter(trace_id=turn.pk).exclude(kind=Span.Kind.MODEL).count() >= 2
        assert set(Charge.objects.filter(trace_id=turn.pk).values_list("kind", flat=True)) == {Charge.Kind.MODEL}

    def test_each_step_is_charged_by_its_own_price(self, desk: Desk, model: PlannedModel) -> None:
        today = timezone.now().date()
        for kind, usd in ((UnitPrice.Kind.TOOL_CALL, "0.0001"), (UnitPrice.Kind.MEMORY_SEARCH, "0.00001")):
            UnitPrice.objects.create(kind=kind, valid_from=today, usd=Decimal(usd))
        unit_price_list.forget()
        Tool.objects.filter(name="get_order").update(cost_usd=Decimal("0.02"))
        forget_caches()
        model.answers = [order(), text("It was delivered.")]
        turn = desk.ask("Where is my order 1042?")
        charge = Charge.objects.get(trace_id=turn.pk, kind=Charge.Kind.TOOL)
        assert (charge.usd, charge.quantity, charge.price_id) == (Decimal("0.0201"), Decimal(1), None)
        assert UnitPrice.objects.get(pk=charge.unit_price_id).kind == UnitPrice.Kind.TOOL_CALL
        check_books()
