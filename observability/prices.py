"""What a step costs, from dated prices.

Source of the four counters: Anthropic's Messages API reports `input_tokens` without what was read from or written to
the prompt cache, so each of the four is priced once, by its own price.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

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


@dataclass(frozen=True, kw_only=True)
class Cost:
    """US dollars to 8 places, and the price that gave them; `unknown` where there is no price."""

    usd: Decimal
    basis: Charge.Basis
    price_id: int | None


class PriceList:
    """The prices in force, read again once a minute: prices change by the day, calls come by the second."""

    def __init__(self) -> None:
        self._prices: dict[str, Price] = {}
        self._read_at = float("-inf")
        self._day: date | None = None

    def get(self, model: str) -> Price | None:
        today = timezone.now().date()
        if time.monotonic() - self._read_at > CACHE_SECONDS or self._day != today:
            newest_last = Price.objects.filter(valid_from__lte=today).order_by("valid_from")
            self._prices = {price.model: price for price in newest_last}
            self._read_at, self._day = time.monotonic(), today
        return self._prices.get(model)

    def forget(self) -> None:
        self._read_at = float("-inf")


price_list = PriceList()


def cost_of_tokens(model: str, tokens: Tokens) -> Cost:
    price = price_list.get(model)
    if price is None:
        return Cost(usd=Decimal(0), basis=Charge.Basis.UNKNOWN, price_id=None)
    usd = (
        tokens.input * price.input_usd
        + tokens.output * price.output_usd
        + tokens.cache_read * price.cache_read_usd
        + tokens.cache_write * price.cache_write_usd
    ) / MILLION
    return Cost(usd=usd.quantize(SMALLEST, ROUND_HALF_UP), basis=Charge.Basis.EXACT, price_id=price.pk)
