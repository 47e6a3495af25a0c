from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from observability.models import AuditEntry, Charge, Price, UnitPrice
from observability.price_adding import RowsRefused
from observability.price_lists import LISTS, adopt
from observability.prices import (
    PriceStands,
    Tokens,
    cost_of_tokens,
    cost_of_units,
    price_list,
    unit_price_list,
    unit_prices_in_force,
)
from observability.unit_prices import add_unit_price, unit_prices_to_come, withdraw_unit_price

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("within_a_day")]
Kind = UnitPrice.Kind


@pytest.fixture(autouse=True)
def _fresh() -> Any:
    price_list.forget()
    unit_price_list.forget()
    yield
    price_list.forget()
    unit_price_list.forget()


def today(days: int = 0) -> date:
    return timezone.now().date() + timedelta(days=days)


def unit(usd: str, *, kind: Kind = Kind.TOOL_CALL, **fields: Any) -> UnitPrice:
    return UnitPrice(kind=kind, usd=Decimal(usd), **{"valid_from": today(), **fields})


class TestUnits:
    def test_none_is_in_force_at_first(self) -> None:
        assert unit_prices_in_force() == {}
        cost = cost_of_units(Kind.TOOL_CALL, "get_order", 3)
        assert (cost.usd, cost.unit_price_id, cost.quantity) == (Decimal(0), None, None)

    def test_a_named_one_goes_before_that_of_all(self) -> None:
        every = add_unit_price(unit("0.01"))
        named = add_unit_price(unit("0", subject="get_order"))
        assert cost_of_units(Kind.TOOL_CALL, "get_order", 1).unit_price_id == named.pk
        other = cost_of_units(Kind.TOOL_CALL, "process_refund", 3)
        assert (other.unit_price_id, other.usd, other.quantity) == (every.pk, Decimal("0.03"), Decimal(3))
        assert other.basis == Charge.Basis.EXACT

    @pytest.mark.parametrize(
        ("usd", "per", "quantity", "cost"),
        [
            ("0.25", 1000, 3, "0.00075"),
            ("0.1084", 3600, 1, "0.00003011"),
            ("0.1084", 3600, 90, "0.00271"),
            ("0.00000001", 2, 1, "0.00000001"),
            ("0.00000001", 3, 1, "0"),
        ],
    )
    def test_what_a_number_of_them_comes_to(self, usd: str, per: int, quantity: int, cost: str) -> None:
        add_unit_price(unit(usd, per=per))
        assert cost_of_units(Kind.TOOL_CALL, "", quantity).usd == Decimal(cost)

    def test_a_later_price_waits_for_its_day_and_may_be_taken_back(self) -> None:
        now = add_unit_price(unit("1"))
        later = add_unit_price(unit("2", valid_from=today(1)))
        assert cost_of_units(Kind.TOOL_CALL, "", 1).usd == 1
        assert unit_prices_to_come() == [later]
        assert withdraw_unit_price(now.pk) is None
        assert withdraw_unit_price(later.pk) == later
        assert withdraw_unit_price(later.pk) is None
        assert UnitPrice.objects.get() == now

    @pytest.mark.parametrize(("days", "message"), [(-1, "begins today at the"), (0, "from that day on already")])
    def test_what_was_charged_by_stays(self, days: int, message: str) -> None:
        add_unit_price(unit("1"))
        with pytest.raises(PriceStands, match=message):
            add_unit_price(unit("2", valid_from=today(days)))
        assert cost_of_units(Kind.TOOL_CALL, "", 1).usd == 1


class TestHourPrices:
    """Migration 0010, on the prices that are shipped."""

    @pytest.mark.parametrize(
        ("model", "usd"),
        [
            ("claude-sonnet-5-5", "4"),
            ("claude-opus-5", "10"),
            ("bedrock/claude-haiku-5-5", "0.2"),
            ("scripted-1", "4"),
            ("bedrock/llama-3-3-70b", "0.72"),
            ("cohere/command-r-plus", "2.5"),
        ],
    )
    def test_every_model_has_one(self, model: str, usd: str) -> None:
        assert Price.objects.filter(model=model).earliest("above_input_tokens").cache_write_1h_usd == Decimal(usd)

    def test_long_prompts_too(self) -> None:
        assert Price.objects.get(model="claude-haiku-5-5", above_input_tokens=100_000).cache_write_1h_usd == 1
        assert not Price.objects.filter(cache_write_1h_usd=0).exists()

    def test_without_one_that_of_five_minutes_serves(self) -> None:
        Price.objects.filter(model="claude-sonnet-5-5").update(cache_write_1h_usd=0)
        price_list.forget()
        tokens = Tokens(cache_write=1_000_000, cache_write_1h=400_000)
        assert cost_of_tokens("claude-sonnet-5-5", tokens).usd == Decimal("2.5")


class TestLists:
    def test_the_source_documents_interaction_comes_to_what_it_should_have_said(self, admin: User) -> None:
        """500 tokens in and 200 out, three tool calls, a memory written and one searched."""
        adopt("seed", today(), admin)
        model = cost_of_tokens("claude-3-5-sonnet", Tokens(input=500, output=200)).usd
        units = [(Kind.TOOL_CALL, 3), (Kind.MEMORY_WRITE, 1), (Kind.MEMORY_SEARCH, 1)]
        assert model == Decimal("0.0045")
        assert model + sum(cost_of_units(kind, "", number).usd for kind, number in units) == Decimal("0.00483")

    def test_published_prices(self, admin: User) -> None:
        adopt("agentcore-2026-09", today(), admin)
        counts = {Kind.TOOL_CALL: 3, Kind.POLICY_DECISION: 3, Kind.MEMORY_WRITE: 2, Kind.MEMORY_SEARCH: 1}
        counts[Kind.GUARDRAIL_UNIT] = 3
        # Of a day of 10,000 conversations; design/reference/agentcore.md, section 1, has these sums.
        day = {kind: 10_000 * cost_of_units(kind, "", number).usd for kind, number in counts.items()}
        assert day == {
            Kind.TOOL_CALL: Decimal("0.15"),
            Kind.POLICY_DECISION: Decimal("0.75"),
            Kind.MEMORY_WRITE: 5,
            Kind.MEMORY_SEARCH: 5,
            Kind.GUARDRAIL_UNIT: Decimal("7.5"),
        }

    @pytest.mark.parametrize("key", LISTS)
    def test_adopted_again_it_changes_nothing(self, admin: User, key: str) -> None:
        shipped = LISTS[key]
        size = len(shipped.models) + len(shipped.units)
        assert adopt(key, today(), admin).added == size
        for days in (0, 3):
            again = adopt(key, today(days), admin)
            assert (again.added, again.known) == (0, size)
        entry = AuditEntry.objects.get(action="price.adopt")
        assert (entry.actor_id, entry.subject_id) == (admin.pk, key)

    def test_from_a_day_to_come(self, admin: User) -> None:
        adopt("seed", today(2), admin)
        assert unit_prices_in_force() == {}
        assert len(unit_prices_to_come()) == 3

    def test_all_or_nothing(self, admin: User) -> None:
        add_unit_price(unit("9", kind=Kind.MEMORY_SEARCH))
        for days in (0, -1):
            with pytest.raises(RowsRefused):
                adopt("seed", today(days), admin)
        assert UnitPrice.objects.count() == 1
        assert not Price.objects.filter(model="claude-3-5-sonnet").exists()
        # One list after the other, from the next day on.
        assert adopt("seed", today(1), admin).added == 4
