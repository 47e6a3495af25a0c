"""A call of a function, as the function sees it: what it is given, and what is wrong with that."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lark import Token, Tree

from observability.query.errors import QueryError
from observability.query.values import Value

Node = Tree[Token]

MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
UNITS = {"msec": "ms", "sec": "s", "min": "m", "hr": "h", "mon": "mo", "qtr": "q", "yr": "y"}
CALENDAR = {"mo": "month", "q": "quarter", "y": "year"}
# The most that a period may be: ten years.
LONGEST_MS = 10 * 366 * MILLISECONDS["d"]


class Query(Protocol):
    """What a function may ask of the query that it stands in."""

    def bound(self, value: object) -> str: ...

    def field(self, name: str, node: Node) -> Value: ...

    @property
    def now(self) -> Value: ...


@dataclass(frozen=True, kw_only=True)
class Call:
    name: str
    node: Node
    #: The arguments, compiled, and as they were written.
    values: Sequence[Value]
    nodes: Sequence[Node]
    query: Query

    def fail(self, message: str, at: Node | None = None) -> QueryError:
        return error_at(at or self.node, message)

    @property
    def numbers(self) -> list[str]:
        return [value.number for value in self.values]

    @property
    def numerics(self) -> list[str]:
        return [value.numeric for value in self.values]

    @property
    def texts(self) -> list[str]:
        return [value.text for value in self.values]

    def period(self, index: int) -> tuple[int, str]:
        """How many and of what. Raises `QueryError` where it is none."""
        token = token_of(self.nodes[index], "DURATION")
        if token is None:
            raise self.fail("A period such as 5m or 1h is expected here.", self.nodes[index])
        amount, unit = period_of(token)
        if amount == 0:
            raise self.fail("A period is longer than zero.", self.nodes[index])
        return amount, unit

    def literal_number(self, index: int) -> float:
        token = token_of(self.nodes[index], "NUMBER")
        if token is None:
            raise self.fail("A number is expected here.", self.nodes[index])
        return float(token)


def token_of(node: Node, type_: str) -> Token | None:
    """The node's token, where it is a literal of this type."""
    first = node.children[0] if node.data == "literal" else None
    return first if isinstance(first, Token) and first.type == type_ else None


def period_of(token: Token) -> tuple[int, str]:
    """Of 5m, (5, "m"). Raises `QueryError` for one of more than ten years."""
    found = re.fullmatch(r"(\d+)([a-z]+)", token)
    if found is None:
        raise error_at(token, "A period such as 5m or 1h is expected here.")
    unit = UNITS.get(found[2], found[2])
    amount = int(found[1]) if len(found[1]) < 16 else LONGEST_MS
    if amount * MILLISECONDS.get(unit, 1) >= LONGEST_MS:
        raise error_at(token, "A period is ten years at most.")
    return amount, unit


def milliseconds_of(token: Token) -> int:
    """Of a duration in arithmetic, where months and longer ones have no length."""
    amount, unit = period_of(token)
    if unit in CALENDAR:
        raise error_at(token, f"A {CALENDAR[unit]} has no fixed length; write it in days.")
    return amount * MILLISECONDS[unit]


def error_at(place: Node | Token, message: str) -> QueryError:
    if isinstance(place, Token):
        return QueryError(message, place.start_pos or 0, place.end_pos or 0)
    return QueryError(message, place.meta.start_pos, place.meta.end_pos)
