"""What a step costs, from dated prices.

Source of the four counters: Anthropic's Messages API reports `input_tokens` without what was read from or written to
the prompt cache, so each of the four is priced once, by its own price.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from django.db import IntegrityError, transaction
from django.utils import timezone

from observability.models import Charge, Price

MILLION = Decimal(1_000_000)
SMALLEST = Decimal("0.00000001")
CACHE_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Tokens of one model call, as the API counts them."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    @property
    def prompt(self) -> int:
        """The size of the prompt, by which some models are priced."""
        return self.input + self.cache_read + self.cache_write

    @property
    def total(self) -> int:
        return self.prompt + self.output


@dataclass(frozen=True, kw_only=True)
class Cost:
    """US dollars to 8 places, and the price that gave them; `unknown` where there is no price."""

    usd: Decimal
    basis: Charge.Basis
    price_id: int | None


class PriceList:
    """The prices in force, read again once a minute: prices change by the day, calls come by the second."""

    def __init__(self) -> None:
        self._prices: dict[str, list[Price]] = {}
        self._read_at = float("-inf")
        self._day: date | None = None

    def get(self, model: str, prompt_tokens: int = 0) -> Price | None:
        """The price of a call with a prompt of that size: the row of the highest tier that the prompt is above."""
        today = timezone.now().date()
        if time.monotonic() - self._read_at > CACHE_SECONDS or self._day != today:
            self._prices = prices_in_force()
            self._read_at, self._day = time.monotonic(), today
        tiers = self._prices.get(model, [])
        fitting = [price for price in tiers if not price.above_input_tokens or prompt_tokens > price.above_input_tokens]
        return fitting[-1] if fitting else None

    def forget(self) -> None:
        self._read_at = float("-inf")


price_list = PriceList()


def cost_of_tokens(model: str, tokens: Tokens) -> Cost:
    price = price_list.get(model, tokens.prompt)
    if price is None:
        return Cost(usd=Decimal(0), basis=Charge.Basis.UNKNOWN, price_id=None)
    usd = (
        tokens.input * price.input_usd
        + tokens.output * price.output_usd
        + tokens.cache_read * price.cache_read_usd
        + tokens.cache_write * price.cache_write_usd
    ) / MILLION
    return Cost(usd=usd.quantize(SMALLEST, ROUND_HALF_UP), basis=Charge.Basis.EXACT, price_id=price.pk)


def prices_in_force() -> dict[str, list[Price]]:
    """By model the newest row of each of its tiers whose day has come, the lowest tier first.

    Each tier has a history of its own: a new price for short prompts leaves that for long ones as it is.
    """
    newest = (
        Price.objects.filter(valid_from__lte=timezone.now().date())
        .order_by("model", "above_input_tokens", "-valid_from")
        .distinct("model", "above_input_tokens")
    )
    by_model: dict[str, list[Price]] = {}
    for price in newest:
        by_model.setdefault(price.model, []).append(price)
    return by_model


class PriceStands(Exception):
    """A price that calls may have been charged by stays as it is; the message says what can be done."""


def add_price(price: Price) -> Price:
    """Store a dated price, which follows those before it. Raises `PriceStands`, and `ValidationError`."""
    if price.valid_from < timezone.now().date():
        raise PriceStands("A price begins today at the earliest: what was charged before stays as it was.")
    price.full_clean(validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            price.save(force_insert=True)
    except IntegrityError as error:
        raise PriceStands(
            "There is a price from that day on already. Withdraw it if it is not in force yet, or take a later day."
        ) from error
    price_list.forget()
    return price


def withdraw_price(model: str, price_id: int) -> bool:
    """Take back a price whose day has not come; False where it is in force or gone."""
    coming = Price.objects.filter(pk=price_id, model=model, valid_from__gt=timezone.now().date())
    return bool(coming.delete()[0])
