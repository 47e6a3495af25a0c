"""What a file or a list of prices would change, told before anything is stored; and all prices as such a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import timezone

from observability.models import Price, UnitPrice
from observability.price_adding import AMOUNTS, KEYS, Row, values_of
from observability.price_import import MODEL_COLUMNS, UNIT_COLUMNS
from observability.prices import BEGINS_TODAY, STANDS

COLUMNS = tuple(dict.fromkeys(("kind", "subject", *MODEL_COLUMNS, *UNIT_COLUMNS)))
LABELS = {
    "input_usd": "Input",
    "output_usd": "Output",
    "cache_read_usd": "Cache read",
    "cache_write_usd": "Cache write",
    "cache_write_1h_usd": "Cache write for an hour",
    "usd": "Price",
    "per": "for so many",
}
Key = tuple[Any, ...]


def amount_words(value: Decimal | int) -> str:
    """US dollars with all their digits and at least two; a number of units as it is."""
    if isinstance(value, int):
        return f"{value:,}"
    whole, _, places = f"{value:,f}".partition(".")
    return f"${whole}.{places.rstrip('0').ljust(2, '0')}"


@dataclass(frozen=True, kw_only=True)
class Amount:
    """`was` is None where there was no price."""

    name: str
    value: Any
    was: Any

    @property
    def label(self) -> str:
        return LABELS[self.name]

    @property
    def words(self) -> str:
        return amount_words(self.value)

    @property
    def was_words(self) -> str:
        return amount_words(self.was)

    @property
    def is_changed(self) -> bool:
        return bool(self.was is not None and self.was != self.value)


@dataclass(frozen=True, kw_only=True)
class Change:
    """A row beside the price that holds on its day until then. `problem` says why it cannot be stored."""

    line: int
    row: Row
    was: Row | None
    problem: str

    @property
    def is_same(self) -> bool:
        """It says nothing new, and is left out."""
        return self.was is not None and values_of(self.was, AMOUNTS) == values_of(self.row, AMOUNTS)

    @property
    def is_new(self) -> bool:
        return self.was is None and not self.problem

    @property
    def name(self) -> str:
        if isinstance(self.row, Price):
            above = self.row.above_input_tokens
            return f"{self.row.model}, prompts above {above:,} tokens" if above else self.row.model
        label = str(UnitPrice.Kind(self.row.kind).label)
        return f"{label}: {self.row.subject}" if self.row.subject else label

    @property
    def amounts(self) -> list[Amount]:
        was = values_of(self.was, AMOUNTS) if self.was else {}
        return [
            Amount(name=name, value=value, was=was.get(name)) for name, value in values_of(self.row, AMOUNTS).items()
        ]


def changes_of(rows: Sequence[Row], lines: Sequence[int] = ()) -> list[Change]:
    """In the order of the rows; a later day is compared to the earlier ones of the same file, too."""
    there = prices_there()
    found: dict[int, Change] = {}
    for place in sorted(range(len(rows)), key=lambda each: rows[each].valid_from):
        row = rows[place]
        before = there.setdefault(key_of(row), [])
        held = [price for price in before if price.valid_from <= row.valid_from]
        was = max(held, key=lambda price: price.valid_from, default=None)
        line = lines[place] if place < len(lines) else 0
        change = Change(line=line, row=row, was=was, problem="")
        if not change.is_same:
            problem = problem_of(row, was)
            change = Change(line=line, row=row, was=was, problem=problem)
            before.append(row)
        found[place] = change
    return [found[place] for place in range(len(rows))]


def problem_of(row: Row, was: Row | None) -> str:
    if row.valid_from < timezone.now().date():
        return BEGINS_TODAY
    return STANDS if was is not None and was.valid_from == row.valid_from else ""


def prices_there() -> dict[Key, list[Row]]:
    there: dict[Key, list[Row]] = {}
    rows: list[Row] = [*Price.objects.all(), *UnitPrice.objects.all()]
    for row in rows:
        there.setdefault(key_of(row), []).append(row)
    return there


def key_of(row: Row) -> Key:
    return (type(row).__name__, *values_of(row, KEYS).values())


# -- the other way


def price_lines() -> Iterator[str]:
    """Every price as CSV, in the form that is imported; nothing of it changes when it is imported again."""
    yield csv_line(COLUMNS)
    for price in Price.objects.order_by("model", "above_input_tokens", "valid_from"):
        yield csv_line([cell(price, name) if name in MODEL_COLUMNS else "" for name in COLUMNS])
    for unit in UnitPrice.objects.order_by("kind", "subject", "valid_from"):
        yield csv_line([cell(unit, name) if name in UNIT_COLUMNS else "" for name in COLUMNS])


def cell(row: Row, name: str) -> str:
    value = getattr(row, name)
    return f"{value:f}" if name.endswith("usd") else str(value)


def csv_line(values: Sequence[Any]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(values)
    return written.getvalue()
