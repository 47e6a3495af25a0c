"""What a step costs, from dated prices: by the token for models, by the unit for everything else.

Source of the four counters: Anthropic's Messages API reports `input_tokens` without what was read from or written to
the prompt cache, so each of the four is priced once, by its own price. Of what was written to be kept for an hour it
says how much of the whole that is (`usage.cache_creation`), so that part alone has another price.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Generic, TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone

from observability.models import Charge, Price, UnitPrice

MILLION = Decimal(1_000_000)
SMALLEST = Decimal("0.00000001")
CACHE_SECONDS = 60.0
BEGINS_TODAY = "A price begins today at the earliest: what was charged before stays as it was."
STANDS = "There is a price from that day on already. Withdraw it if it is not in force yet, or take a later day."


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Tokens of one model call, as the API counts them.

    `cache_write_1h` is the part of `cache_write` that is kept for an hour. `is_estimated` where nobody counted them.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    is_estimated: bool = field(default=False, compare=False)

    @property
    def prompt(self) -> int:
        """The size of the prompt, by which some models are priced."""
        return self.input + self.cache_read + self.cache_write

    @property
    def total(self) -> int:
        return self.prompt + self.output


@dataclass(frozen=True, kw_only=True)
class Cost:
    """US dollars to 8 places, and the price that gave them; `unknown` where there is no price.

    Of a step that is paid by the unit: how many, and the unit's price. Where that has none, it costs nothing and nobody
    charges it.
    """

    usd: Decimal
    basis: Charge.Basis
    price_id: int | None = None
    unit_price_id: int | None = None
    quantity: Decimal | None = None


Rows = TypeVar("Rows")


class InForce(ABC, Generic[Rows]):
    """The rows in force, read again once a minute: prices change by the day, calls come by the second."""

    def __init__(self) -> None:
        self._rows: Rows | None = None
        self._read_at = float("-inf")
        self._day: date | None = None

    @abstractmethod
    def read(self) -> Rows: ...

    def rows(self) -> Rows:
        today, rows = timezone.now().date(), self._rows
        if rows is None or time.monotonic() - self._read_at > CACHE_SECONDS or self._day != today:
            self._rows = rows = self.read()
            self._read_at, self._day = time.monotonic(), today
        return rows

    def forget(self) -> None:
        self._read_at = float("-inf")


# -- by the token


class PriceList(InForce[dict[str, list[Price]]]):
    def read(self) -> dict[str, list[Price]]:
        return prices_in_force()

    def get(self, model: str, prompt_tokens: int = 0) -> Price | None:
        """The price of a call with a prompt of that size: the row of the highest tier that the prompt is above."""
        tiers = self.rows().get(model, [])
        fitting = [price for price in tiers if not price.above_input_tokens or prompt_tokens > price.above_input_tokens]
        return fitting[-1] if fitting else None


price_list = PriceList()


def cost_of_tokens(model: str, tokens: Tokens) -> Cost:
    price = price_list.get(model, tokens.prompt)
    if price is None:
        return Cost(usd=Decimal(0), basis=Charge.Basis.UNKNOWN)
    usd = (
        tokens.input * price.input_usd
        + tokens.output * price.output_usd
        + tokens.cache_read * price.cache_read_usd
        + (tokens.cache_write - tokens.cache_write_1h) * price.cache_write_usd
        + tokens.cache_write_1h * (price.cache_write_1h_usd or price.cache_write_usd)
    ) / MILLION
    basis = Charge.Basis.ESTIMATED if tokens.is_estimated else Charge.Basis.EXACT
    return Cost(usd=rounded(usd), basis=basis, price_id=price.pk)


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


def rounded(usd: Decimal) -> Decimal:
    return usd.quantize(SMALLEST, ROUND_HALF_UP)


# -- by the unit


class UnitPriceList(InForce[dict[tuple[str, str], UnitPrice]]):
    def read(self) -> dict[tuple[str, str], UnitPrice]:
        return unit_prices_in_force()

    def get(self, kind: UnitPrice.Kind, subject: str = "") -> UnitPrice | None:
        """The subject's own price, else that of every one of its kind."""
        prices = self.rows()
        return prices.get((kind, subject)) or prices.get((kind, ""))


unit_price_list = UnitPriceList()


def cost_of_units(kind: UnitPrice.Kind, subject: str, quantity: Decimal | int) -> Cost:
    """`subject` is a tool's name, or what else is told apart within the kind; no price in force: nothing, uncharged."""
    price = unit_price_list.get(kind, subject)
    if price is None:
        return Cost(usd=Decimal(0), basis=Charge.Basis.EXACT)
    usd = rounded(quantity * price.usd / price.per)
    return Cost(usd=usd, basis=Charge.Basis.EXACT, unit_price_id=price.pk, quantity=Decimal(quantity))


def unit_prices_in_force() -> dict[tuple[str, str], UnitPrice]:
    """By kind and subject the newest row whose day has come."""
    newest = (
        UnitPrice.objects.filter(valid_from__lte=timezone.now().date())
        .order_by("kind", "subject", "-valid_from")
        .distinct("kind", "subject")
    )
    return {(price.kind, price.subject): price for price in newest}


# -- changing them


class PriceStands(Exception):
    """A price that calls may have been charged by stays as it is; the message says what can be done."""


def add_price(price: Price) -> Price:
    """Store a dated price, which follows those before it. Raises `PriceStands`, and `ValidationError`."""
    if price.valid_from < timezone.now().date():
        raise PriceStands(BEGINS_TODAY)
    price.full_clean(validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            price.save(force_insert=True)
    except IntegrityError as error:
        raise PriceStands(STANDS) from error
    price_list.forget()
    return price


def withdraw_price(model: str, price_id: int) -> bool:
    """Take back a price whose day has not come; False where it is in force or gone."""
    coming = Price.objects.filter(pk=price_id, model=model, valid_from__gt=timezone.now().date())
    return bool(coming.delete()[0])
