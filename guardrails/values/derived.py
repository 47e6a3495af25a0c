"""Amounts that nobody has said and that follow: sums of a list's prices, differences, quantities times prices, shares.

Few combinations are tried, for each one more makes a wrong digit likelier to be somebody's sum: prices of one list or
one order, an order's price against another price of the same product, totals of orders, and what the reply itself
says just before. A difference counts only in a sentence that speaks of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import cached_property
from itertools import combinations

from guardrails.values.index import Index, Priced

_MOST_SUMMED = 8  # prices of one list: 255 sums
_MOST_PAIRS = 400
_MOST_DIFFERENCES = 40
_CENT = Decimal("0.01")

_DIFFERENCE = re.compile(
    r"differ|\bless\b|\bmore\b|extra|addition|remain|\bleft\b|balance|\bsav|\bowe|refund|charg|minus|\u2212|cheap|expens|\bdue\b|"
    r"\brest\b|\bpay|\bpaid|discount|reduc|deduct|credit|\bback\b|afford|cover",
    re.IGNORECASE,
)


class Derived:
    """The sums of one turn's evidence, made when the first amount is not found."""

    def __init__(self, index: Index) -> None:
        self._priced = list(dict.fromkeys(index.priced))

    def explain(self, amount: Decimal, sentence: str, said: Sequence[Decimal], shares: Iterable[Decimal]) -> str:
        """How the amount comes about, "" where it does not. `said` are amounts of the reply that are borne out."""
        if found := self._sums.get(amount):
            return found
        if found := _of_said(amount, said):
            return found
        if found := self._share(amount, shares, said):
            return found
        return self._difference(amount) if _DIFFERENCE.search(sentence) else ""

    # -- sums

    @cached_property
    def _sums(self) -> dict[Decimal, str]:
        sums: dict[Decimal, str] = {}
        for prices in self._lists():
            for count in range(2, len(prices) + 1):
                for chosen in combinations(prices, count):
                    sums.setdefault(sum(chosen, Decimal(0)), f"the sum of {_listed(chosen)}")
        for one in self._priced:
            if one.quantity > 1:
                sums.setdefault(one.amount * one.quantity, f"{one.quantity} times {one.amount:.2f}")
        return sums

    def _lists(self) -> list[list[Decimal]]:
        """The prices of each list, with their quantities; the totals of the orders."""
        groups: dict[tuple[int, str], list[Decimal]] = {}
        for one in self._priced:
            if one.group and "price" in one.key:
                groups.setdefault((one.group, one.key), []).append(one.amount * one.quantity)
        totals: dict[str, dict[frozenset[str], Decimal]] = {}
        for one in self._priced:
            if one.owners and re.search(r"total|amount|refund", one.key) and one.amount:
                totals.setdefault(one.key, {})[one.owners] = one.amount
        lists = [*groups.values(), *(list(by_order.values()) for by_order in totals.values())]
        return [prices for prices in lists if 1 < len(prices) <= _MOST_SUMMED]

    # -- differences

    def _difference(self, amount: Decimal) -> str:
        if found := self._differences.get(amount):
            return found
        if len(self._differences) <= _MOST_DIFFERENCES:
            for one, other in combinations(self._differences, 2):
                if amount in {one + other, abs(one - other)}:
                    return f"{self._differences[one]}, and {self._differences[other]}"
        return ""

    @cached_property
    def _differences(self) -> dict[Decimal, str]:
        found: dict[Decimal, str] = {}
        pairs = ((one, other) for one, other in combinations(self._priced, 2) if _belong_together(one, other))
        for _, (one, other) in zip(range(_MOST_PAIRS), pairs, strict=False):
            high, low = max(one.amount, other.amount), min(one.amount, other.amount)
            if high != low:
                found.setdefault(high - low, f"the difference of {high:.2f} and {low:.2f}")
        return found

    def _share(self, amount: Decimal, shares: Iterable[Decimal], said: Sequence[Decimal]) -> str:
        for share in shares:
            for base in {*said, *(one.amount for one in self._priced)}:
                part = (base * share / 100).quantize(_CENT)
                if amount in {part, base - part}:
                    return f"{share} % of {base:.2f}"
        return ""


def _belong_together(one: Priced, other: Priced) -> bool:
    """Amounts of one order, or an order's price and another price of the same product."""
    if one.owners and one.owners == other.owners:
        return one.group != other.group or one.key != other.key
    return bool(one.names & other.names) and bool(one.owners) != bool(other.owners)


def _of_said(amount: Decimal, said: Sequence[Decimal]) -> str:
    """A sum or a difference of what this reply says itself."""
    terms = list(dict.fromkeys(said))[-_MOST_SUMMED:]
    for one, other in combinations(terms, 2):
        if amount in {one + other, abs(one - other)}:
            return f"{one:.2f} and {other:.2f}"
    return f"the sum of {_listed(terms)}" if len(terms) > 2 and sum(terms, Decimal(0)) == amount else ""


def _listed(amounts: Iterable[Decimal]) -> str:
    return " + ".join(f"{amount:.2f}" for amount in amounts)
