"""Many prices at once, all or none: those that change nothing are left out, so that the same again adds nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils import timezone

from observability.models import Price, UnitPrice
from observability.prices import BEGINS_TODAY, STANDS, PriceStands, price_list, unit_price_list

Row = Price | UnitPrice
# What a row prices, and what it says of that.
KEYS: dict[type[Model], tuple[str, ...]] = {Price: ("model", "above_input_tokens"), UnitPrice: ("kind", "subject")}
AMOUNTS: dict[type[Model], tuple[str, ...]] = {
    Price: ("input_usd", "output_usd", "cache_read_usd", "cache_write_usd", "cache_write_1h_usd"),
    UnitPrice: ("usd", "per"),
}


@dataclass(frozen=True, kw_only=True)
class Added:
    """What was stored, and how many rows changed nothing."""

    rows: list[Row]
    known: int

    @property
    def added(self) -> int:
        return len(self.rows)


class RowsRefused(Exception):
    """Nothing was stored. `errors` are by the place of the row."""

    def __init__(self, errors: dict[int, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


def add_all(rows: Sequence[Row]) -> Added:
    """Store them in one transaction. Raises `RowsRefused`, and `PriceStands` where somebody else adds one meanwhile."""
    added: list[Row] = []
    errors: dict[int, str] = {}
    try:
        with transaction.atomic():
            # The earlier ones first: a later one may say the same as the one before it.
            for place in sorted(range(len(rows)), key=lambda each: rows[each].valid_from):
                row = rows[place]
                problem = problem_of(row)
                if problem:
                    errors[place] = problem
                elif not errors and not is_known(row):
                    row.save(force_insert=True)
                    added.append(row)
            refuse(errors)
    except IntegrityError as error:
        raise PriceStands(STANDS) from error
    price_list.forget()
    unit_price_list.forget()
    return Added(rows=added, known=len(rows) - len(added))


def refuse(errors: dict[int, str]) -> None:
    if errors:
        raise RowsRefused(dict(sorted(errors.items())))


def problem_of(row: Row) -> str:
    """Why it cannot be stored; "" where it can, or says nothing new."""
    try:
        row.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        return " ".join(f"{name}: {' '.join(messages)}" for name, messages in error.message_dict.items())
    if is_known(row):
        return ""
    if row.valid_from < timezone.now().date():
        return BEGINS_TODAY
    same_day = type(row)._default_manager.filter(**values_of(row, KEYS), valid_from=row.valid_from)  # noqa: SLF001
    return STANDS if same_day.exists() else ""


def is_known(row: Row) -> bool:
    """Whether on its day the same is in force already."""
    before = type(row)._default_manager.filter(**values_of(row, KEYS), valid_from__lte=row.valid_from)  # noqa: SLF001
    newest = before.order_by("-valid_from").first()
    return newest is not None and values_of(newest, AMOUNTS) == values_of(row, AMOUNTS)


def values_of(row: Model, names: dict[type[Model], tuple[str, ...]]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names[type(row)]}
