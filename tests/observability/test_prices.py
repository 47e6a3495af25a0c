from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from observability.models import Charge, Price
from observability.prices import (
    PriceStands,
    Tokens,
    add_price,
    cost_of_tokens,
    price_list,
    prices_in_force,
    withdraw_price,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("within_a_day")]
HAIKU = "claude-haiku-5-5"


@pytest.fixture(autouse=True)
def _fresh() -> Any:
    price_list.forget()
    yield
    price_list.forget()


def today(days: int = 0) -> date:
    return timezone.now().date() + timedelta(days=days)


def price(model: str, usd: str, *, valid_from: date | None = None, above: int = 0) -> Price:
    amount = Decimal(usd)
    return Price(
        model=model,
        valid_from=valid_from or today(),
        above_input_tokens=above,
        input_usd=amount,
        output_usd=amount,
        cache_read_usd=amount,
        cache_write_usd=amount,
    )


class TestTiers:
    @pytest.mark.parametrize(
        ("tokens", "usd"),
        [
            (Tokens(input=100_000), "0.01"),
            (Tokens(input=100_001), "0.0500005"),
            (Tokens(input=100_000, output=1_000_000), "0.51"),
            (Tokens(input=100_001, output=1_000_000), "2.5500005"),
            # The prompt is all that was given, whether it was cached or not.
            (Tokens(input=1, cache_read=50_000, cache_write=49_999), "0.00674998"),
            (Tokens(input=1, cache_read=50_000, cache_write=50_000), "0.0337505"),
            (Tokens(cache_read=100_001), "0.00500005"),
        ],
    )
    def test_the_size_of_the_prompt_prices_the_whole_call(self, tokens: Tokens, usd: str) -> None:
        cost = cost_of_tokens(HAIKU, tokens)
        assert cost.usd == Decimal(usd)
        assert cost.basis == Charge.Basis.EXACT
        assert Price.objects.get(pk=cost.price_id).above_input_tokens == (100_000 if tokens.prompt > 100_000 else 0)

    def test_an_answer_is_no_part_of_the_prompt(self) -> None:
        assert cost_of_tokens(HAIKU, Tokens(input=10, output=200_000)).usd == Decimal("0.100001")

    def test_the_highest_tier_below_the_prompt_counts(self) -> None:
        for above, usd in ((0, "1"), (100, "2"), (1000, "3")):
            add_price(price("tiered", usd, above=above))
        found = [price_list.get("tiered", size) for size in (0, 100, 101, 1000, 1001)]
        assert [int(row.input_usd) for row in found if row] == [1, 1, 2, 2, 3]

    def test_a_tier_alone_prices_no_short_prompt(self) -> None:
        add_price(price("long-only", "1", above=1000))
        assert cost_of_tokens("long-only", Tokens(input=1000)).basis == Charge.Basis.UNKNOWN
        assert cost_of_tokens("long-only", Tokens(input=1001)).basis == Charge.Basis.EXACT

    def test_each_tier_has_a_history_of_its_own(self) -> None:
        add_price(price(HAIKU, "7"))
        short, long = prices_in_force()[HAIKU]
        assert (short.input_usd, long.input_usd) == (Decimal(7), Decimal("0.5"))


class TestFirstPrices:
    def test_bedrock_costs_what_the_api_costs(self) -> None:
        tokens = Tokens(input=120_000, output=500, cache_read=10, cache_write=20)
        for model in ("claude-haiku-5-5", "claude-sonnet-5-5"):
            assert cost_of_tokens(f"bedrock/{model}", tokens).usd == cost_of_tokens(model, tokens).usd

    def test_converse_models(self) -> None:
        million = Tokens(input=1_000_000, output=1_000_000)
        assert cost_of_tokens("bedrock/llama-3-3-70b", million).usd == Decimal("1.44")
        assert cost_of_tokens("bedrock/llama-4-maverick", million).usd == Decimal("1.21")
        assert cost_of_tokens("bedrock/mistral-large-3", million).usd == Decimal(2)

    def test_what_has_no_price_is_unknown(self) -> None:
        cost = cost_of_tokens("claude-fable-5-2", Tokens(input=10))
        assert (cost.usd, cost.basis, cost.price_id) == (Decimal(0), Charge.Basis.UNKNOWN, None)


class TestDates:
    def test_a_coming_price_waits_for_its_day(self) -> None:
        add_price(price("claude-sonnet-5-5", "9", valid_from=today(1)))
        assert cost_of_tokens("claude-sonnet-5-5", Tokens(input=1_000_000)).usd == Decimal(2)

    def test_a_price_of_today_counts_at_once(self) -> None:
        cost_of_tokens("claude-sonnet-5-5", Tokens(input=1))
        add_price(price("claude-sonnet-5-5", "9"))
        assert cost_of_tokens("claude-sonnet-5-5", Tokens(input=1_000_000)).usd == Decimal(9)

    def test_the_past_stays_as_it_was(self) -> None:
        with pytest.raises(PriceStands, match="today at the earliest"):
            add_price(price("claude-sonnet-5-5", "9", valid_from=today(-1)))

    def test_one_price_a_day_and_tier(self) -> None:
        add_price(price("claude-sonnet-5-5", "9"))
        with pytest.raises(PriceStands, match="from that day on already"):
            add_price(price("claude-sonnet-5-5", "8"))
        add_price(price("claude-sonnet-5-5", "8", above=10))

    def test_an_amount_that_the_column_cannot_hold_is_refused(self) -> None:
        with pytest.raises(ValidationError):
            add_price(price("claude-sonnet-5-5", "123456789012345"))

    def test_only_what_is_not_in_force_is_withdrawn(self) -> None:
        standing, coming = add_price(price("x", "1")), add_price(price("x", "2", valid_from=today(3)))
        assert not withdraw_price("x", standing.pk)
        assert not withdraw_price("y", coming.pk)
        assert withdraw_price("x", coming.pk)
        assert [row.pk for row in Price.objects.filter(model="x")] == [standing.pk]
