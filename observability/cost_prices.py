"""Prices as a page lists them: what is in force, what is to come, and what was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar

from django.utils import timezone

from observability.models import Price, UnitPrice
from observability.prices import prices_in_force, unit_prices_in_force

AnyPrice = TypeVar("AnyPrice", Price, UnitPrice)


@dataclass(frozen=True, kw_only=True)
class History(Generic[AnyPrice]):
    """The dated prices of one thing; `live` has a row for each size of prompt that is priced by itself."""

    name: str
    live: list[AnyPrice]
    coming: list[AnyPrice]
    past: list[AnyPrice]


@dataclass(frozen=True, kw_only=True)
class UnitHistory:
    """The prices of one kind of unit: that of every one of it, and those of named ones."""

    kind: str
    label: str
    prices: list[History[UnitPrice]]


def model_histories() -> list[History[Price]]:
    """By the model's name."""
    in_force = {price.pk for tiers in prices_in_force().values() for price in tiers}
    by_model: dict[str, list[Price]] = {}
    for price in Price.objects.order_by("model", "-valid_from", "above_input_tokens"):
        by_model.setdefault(price.model, []).append(price)
    return [history_of(model, prices, in_force) for model, prices in by_model.items()]


def unit_histories() -> list[UnitHistory]:
    """Every kind, also those without a price."""
    in_force = {price.pk for price in unit_prices_in_force().values()}
    found: dict[str, dict[str, list[UnitPrice]]] = {kind: {} for kind in UnitPrice.Kind.values}
    for price in UnitPrice.objects.order_by("kind", "subject", "-valid_from"):
        found.setdefault(price.kind, {}).setdefault(price.subject, []).append(price)
    labels = dict(UnitPrice.Kind.choices)
    return [
        UnitHistory(
            kind=kind,
            label=str(labels.get(kind, kind)),
            prices=[history_of(subject, prices, in_force) for subject, prices in by_subject.items()],
        )
        for kind, by_subject in found.items()
    ]


def history_of(name: str, prices: Iterable[AnyPrice], in_force: set[int]) -> History[AnyPrice]:
    """`prices` come with the newest first; those to come are shown with the next first."""
    found, today = list(prices), timezone.now().date()
    coming = [price for price in found if price.valid_from > today]
    return History(
        name=name,
        live=[price for price in found if price.pk in in_force],
        coming=sorted(coming, key=lambda price: price.valid_from),
        past=[price for price in found if price.valid_from <= today and price.pk not in in_force],
    )


def values_of(price: Price | UnitPrice) -> dict[str, Any]:
    """What a price says, for the record of who changed it."""
    values: dict[str, Any] = {"valid_from": price.valid_from}
    if isinstance(price, UnitPrice):
        return values | {"kind": price.kind, "subject": price.subject, "usd": price.usd, "per": price.per}
    named = ("input_usd", "output_usd", "cache_read_usd", "cache_write_usd", "cache_write_1h_usd")
    return (
        values
        | {"model": price.model, "above_input_tokens": price.above_input_tokens}
        | {name: getattr(price, name) for name in named}
    )


def long_date(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
