"""Amounts of money: exact `Decimal` in Python, whole cents in the database, two-decimal strings on the wire."""

from __future__ import annotations

import re
from decimal import Decimal

# Plain ASCII digits only: `Decimal` itself would also take "NaN", "1e5", " 1 " and Arabic-Indic digits.
AMOUNT_PATTERN = r"^[0-9]{1,7}(\.[0-9]{1,2})?$"
_AMOUNT = re.compile(AMOUNT_PATTERN.strip("^$"))
_CENT = Decimal("0.01")


def parse_amount(text: str) -> Decimal:
    """'12', '12.3' or '12.34' as a Decimal above zero; anything else is a `ValueError`."""
    if not _AMOUNT.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not an amount")
    amount = Decimal(text)
    if amount <= 0:
        raise ValueError(f"{text[:40]!r} is not above zero")
    return amount.quantize(_CENT)


def to_cents(amount: Decimal) -> int:
    cents = amount * 100
    if cents != cents.to_integral_value():
        raise ValueError(f"{amount!r} has fractions of a cent")
    return int(cents)


def from_cents(cents: int) -> Decimal:
    return (Decimal(cents) / 100).quantize(_CENT)


def format_amount(amount: Decimal) -> str:
    return f"{amount:.2f}"
