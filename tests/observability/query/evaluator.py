"""The language's expressions a second time, in plain Python over dictionaries, as docs/insights.md describes them.

Nothing is shared with the product: a query is a tree of these classes, which can say what its text is and what it
gives. Types are static there and here, since what a comparison means depends on them: N a number, T a text, L a loose
text (an attribute, which may be a number), B a truth, D an instant.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import stdev
from typing import Any

Row = dict[str, Any]
NUMBER = re.compile(r"\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,2})?\s*")
TYPES = {
    "@timestamp": "D", "agentId": "T", "kind": "T", "name": "T", "toolName": "T", "duration": "N", "cost": "N",
    "inputTokens": "N", "guardrailAction": "T", "violationCategory": "T", "customer": "T",
}  # fmt: skip


def to_number(type_: str, value: Any) -> Decimal | None:
    if value is None:
        return None
    if type_ == "B":
        return Decimal(int(value))
    if type_ == "D":
        return Decimal(math.floor(value.timestamp() * 1000))
    if type_ in "TL":
        return Decimal(value.strip()) if len(value) < 40 and NUMBER.fullmatch(value) else None
    return Decimal(value)


def to_text(type_: str, value: Any) -> str | None:
    if value is None:
        return None
    match type_:
        case "B":
            return str(int(value))
        case "D":
            return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}"
        case "N":
            text = format(Decimal(value), "f")
            return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)


# -- expressions


class Expression(ABC):
    type: str
    text: str

    @abstractmethod
    def of(self, row: Row) -> Any: ...


@dataclass
class Name(Expression):
    name: str
    type: str = ""

    def __post_init__(self) -> None:
        self.text = self.name
        self.type = self.type or TYPES.get(self.name, "L")

    def of(self, row: Row) -> Any:
        return row.get(self.name)


@dataclass
class Literal(Expression):
    value: Any

    def __post_init__(self) -> None:
        self.type = "T" if isinstance(self.value, str) else "N"
        self.text = quoted(self.value) if isinstance(self.value, str) else str(self.value)

    def of(self, row: Row) -> Any:
        return self.value


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass
class Sum(Expression):
    left: Expression
    sign: str
    right: Expression
    type: str = "N"

    def __post_init__(self) -> None:
        self.text = f"({self.left.text} {self.sign} {self.right.text})"

    def of(self, row: Row) -> Any:
        left, right = (to_number(side.type, side.of(row)) for side in (self.left, self.right))
        if left is None or right is None:
            return None
        match self.sign:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
        if right == 0:
            return None
        return left / right if self.sign == "/" else left % right


@dataclass
class Comparison(Expression):
    left: Expression
    sign: str
    right: Expression
    type: str = "B"

    def __post_init__(self) -> None:
        self.text = f"{self.left.text} {self.sign} {self.right.text}"

    def of(self, row: Row) -> Any:
        types = self.left.type + self.right.type
        is_number = "N" in types or (types == "LL" and self.sign not in {"=", "!="})
        convert: Callable[[str, Any], Any] = to_number if is_number else to_text
        left, right = (convert(side.type, side.of(row)) for side in (self.left, self.right))
        if self.sign == "!=":
            return left != right
        if left is None or right is None:
            return None
        return {
            "=": left == right,
            "<": left < right,
            "<=": left <= right,
            ">": left > right,
            ">=": left >= right,
        }[self.sign]


@dataclass
class Since(Expression):
    """Of the last so many seconds."""

    seconds: int
    now: datetime
    type: str = "B"

    def __post_init__(self) -> None:
        self.text = f"@timestamp >= now() - {self.seconds}s"

    def of(self, row: Row) -> Any:
        return row["@timestamp"] >= self.now - timedelta(seconds=self.seconds)


@dataclass
class Like(Expression):
    given: Expression
    pattern: str
    is_regex: bool
    is_not: bool
    type: str = "B"

    def __post_init__(self) -> None:
        pattern = f"/{self.pattern}/" if self.is_regex else quoted(self.pattern)
        self.text = f"{self.given.text} {'not ' if self.is_not else ''}like {pattern}"

    def of(self, row: Row) -> Any:
        text = to_text(self.given.type, self.given.of(row))
        if text is None:
            return self.is_not
        found = bool(re.search(self.pattern, text, re.DOTALL)) if self.is_regex else self.pattern in text
        return found != self.is_not


@dataclass
class Among(Expression):
    given: Expression
    members: list[Any]
    is_not: bool
    type: str = "B"

    def __post_init__(self) -> None:
        members = ", ".join(Literal(member).text for member in self.members)
        self.text = f"{self.given.text} {'not ' if self.is_not else ''}in [{members}]"

    def of(self, row: Row) -> Any:
        found = any(Comparison(self.given, "=", Literal(member)).of(row) for member in self.members)
        return found != self.is_not


@dataclass
class Logic(Expression):
    """Of `and` and `or`: what is missing is neither, and decides nothing that the other side decides."""

    word: str
    parts: list[Expression]
    type: str = "B"

    def __post_init__(self) -> None:
        self.text = "(" + f" {self.word} ".join(part.text for part in self.parts) + ")"

    def of(self, row: Row) -> Any:
        values = [part.of(row) for part in self.parts]
        decisive = self.word == "or"
        if decisive in values:
            return decisive
        return None if None in values else not decisive


@dataclass
class Not(Expression):
    part: Expression
    type: str = "B"

    def __post_init__(self) -> None:
        self.text = f"not ({self.part.text})"

    def of(self, row: Row) -> Any:
        return not self.part.of(row)


@dataclass
class Call(Expression):
    name: str
    parts: list[Expression]

    def __post_init__(self) -> None:
        self.text = f"{self.name}({', '.join(part.text for part in self.parts)})"
        types = {part.type for part in self.parts}
        given = types.pop() if len(types) == 1 else "L"
        numbers = dict.fromkeys(("strlen", "abs", "ceil", "floor", "greatest", "least"), "N")
        texts = dict.fromkeys(("tolower", "toupper", "concat", "trim", "substr", "replace"), "T")
        truths = dict.fromkeys(("ispresent", "isempty", "isblank", "strcontains"), "B")
        self.type = {**numbers, **texts, **truths}.get(self.name, given)

    def of(self, row: Row) -> Any:
        values = [part.of(row) for part in self.parts]
        if self.name == "ispresent":
            return values[0] is not None
        if self.name == "coalesce":
            found = [(part.type, value) for part, value in zip(self.parts, values, strict=True) if value is not None]
            return None if not found else to_text(*found[0]) if self.type in "TL" else found[0][1]
        texts = [to_text(part.type, value) for part, value in zip(self.parts, values, strict=True)]
        if self.name in {"concat", "isempty", "isblank"}:
            whole = "".join(text or "" for text in texts)
            return {"concat": whole, "isempty": not whole, "isblank": not whole.strip()}[self.name]
        numbers = [to_number(part.type, value) for part, value in zip(self.parts, values, strict=True)]
        if self.name in {"greatest", "least"}:
            there = [number for number in numbers if number is not None]
            return (max if self.name == "greatest" else min)(there) if there else None
        if self.name in {"abs", "ceil", "floor"}:
            count: dict[str, Any] = {"abs": abs, "ceil": math.ceil, "floor": math.floor}
            return None if numbers[0] is None else Decimal(count[self.name](numbers[0]))
        return self.of_texts(texts, numbers)

    def of_texts(self, texts: list[str | None], numbers: list[Decimal | None]) -> Any:
        if None in texts:
            return None
        first, *others = [str(text) for text in texts]
        match self.name:
            case "substr":
                start, length = (int(number or 0) for number in numbers[1:])
                return first[start : start + length]
            case "replace":
                return first.replace(*others) if others[0] else first
            case "strcontains":
                return others[0] in first
        changed: dict[str, Callable[[str], Any]] = {
            "strlen": len,
            "tolower": str.lower,
            "toupper": str.upper,
            "trim": lambda text: text.strip(" "),
        }
        return changed[self.name](first)


@dataclass
class Bin(Expression):
    seconds: int
    type: str = "D"

    def __post_init__(self) -> None:
        self.text = f"bin({self.seconds}s)"

    def of(self, row: Row) -> Any:
        return floor_to(row["@timestamp"], self.seconds)


def floor_to(at: datetime, seconds: int) -> datetime:
    return at - (at - datetime(1970, 1, 1, tzinfo=UTC)) % timedelta(seconds=seconds)


# -- functions of stats


@dataclass
class Aggregate:
    name: str
    part: Expression | None
    percent: float = 0

    @property
    def text(self) -> str:
        if self.name == "pct":
            return f"pct({self.part.text if self.part else ''}, {self.percent})"
        return f"{self.name}({self.part.text if self.part else ''})"

    @property
    def type(self) -> str:
        if self.part is None or self.name in {"count", "count_distinct"}:
            return "N"
        if self.name in {"latest", "earliest"}:
            return self.part.type
        if self.name in {"sortsFirst", "sortsLast"}:
            return "T"
        return self.part.type if self.name in {"min", "max"} and self.part.type in "TD" else "N"

    def of(self, rows: list[Row]) -> Any:
        if self.part is None:
            return len(rows)
        type_ = self.part.type
        pairs = [(row.get("@timestamp"), self.part.of(row)) for row in rows]
        there = [(at, value) for at, value in pairs if value is not None]
        values = [value for _, value in there]
        if self.name in {"count", "count_distinct"}:
            return len(values if self.name == "count" else set(values))
        if self.name in {"earliest", "latest"}:
            return (min if self.name == "earliest" else max)(there, default=(None, None))[1]
        if self.name in {"sortsFirst", "sortsLast"}:
            words = [str(to_text(type_, value)) for value in values]
            return (min if self.name == "sortsFirst" else max)(words, default=None)
        if self.name in {"min", "max"} and type_ in "TD":
            return (min if self.name == "min" else max)(values, default=None)
        found = [number for value in values if (number := to_number(type_, value)) is not None]
        return self.of_numbers(sorted(found))

    def of_numbers(self, found: list[Decimal]) -> Any:
        if not found:
            return None
        simple: dict[str, Callable[[], Any]] = {
            "sum": lambda: sum(found),
            "avg": lambda: sum(found) / len(found),
            "min": lambda: found[0],
            "max": lambda: found[-1],
            "stddev": lambda: stdev(found) if len(found) > 1 else None,
        }
        if self.name in simple:
            return simple[self.name]()
        share = (0.5 if self.name == "median" else self.percent / 100) * (len(found) - 1)
        low = math.floor(share)
        high = min(low + 1, len(found) - 1)
        return float(found[low]) + (float(found[high]) - float(found[low])) * (share - low)
