"""A compiled part of an expression: SQL and what it gives, and the ways from one type to another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Type(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    TIME = "time"
    #: `now()`: a time that counts in seconds where a number is wanted, as CloudWatch's does.
    CLOCK = "clock"
    TRUTH = "boolean"
    #: An attribute: text that may be a number.
    ANY = "any"


TIMES = frozenset({Type.TIME, Type.CLOCK})
WORDS = frozenset({Type.TEXT, Type.ANY})


@dataclass(frozen=True, kw_only=True)
class Value:
    """SQL that bears no text of the query. Numbers are `numeric`, or an integer type where `is_integer`."""

    sql: str
    type: Type
    is_integer: bool = False
    #: A number of milliseconds that was written as 5m or 1h.
    is_duration: bool = False
    #: The same as a uuid, which an index may know.
    uuid: str = ""
    #: The column itself, where "" in it means that there is nothing: what the database knows of its values.
    column: str = ""
    #: What stood in the query, of a literal.
    literal: str | None = None

    @property
    def number(self) -> str:
        """Milliseconds of a time; seconds of `now()`."""
        match self.type:
            case Type.NUMBER:
                return self.sql
            case Type.TIME:
                return f"floor(extract(epoch from {self.sql}) * 1000)"
            case Type.CLOCK:
                return f"floor(extract(epoch from {self.sql}))"
            case Type.TRUTH:
                return f"({self.sql})::int"
        return f"observability_number({self.sql})"

    @property
    def numeric(self) -> str:
        """For arithmetic: integers would divide without a remainder and overflow early."""
        return f"({self.number})::numeric"

    @property
    def text(self) -> str:
        match self.type:
            case Type.TIME | Type.CLOCK:
                return f"to_char({self.sql} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS')"
            case Type.TRUTH:
                return f"({self.sql})::int::text"
            case Type.NUMBER:
                return f"({self.sql})::text" if self.is_integer else f"trim_scale({self.sql})::text"
        return self.sql

    def sought(self, other: Value) -> str:
        """For comparing with a text that has characters."""
        return self.column if self.column and other.literal else self.text

    @property
    def truth(self) -> str:
        match self.type:
            case Type.TRUTH:
                return self.sql
            case Type.NUMBER:
                return f"({self.sql} <> 0)"
        return f"observability_truth({self.sql})"

    @property
    def time(self) -> str:
        """Of a number, milliseconds since 1970."""
        match self.type:
            case Type.TIME | Type.CLOCK:
                return self.sql
            case Type.NUMBER:
                return f"to_timestamp(({self.sql} / 1000.0)::float8)"
        return f"observability_instant({self.text})"


def number(sql: str, *, is_integer: bool = False, is_duration: bool = False) -> Value:
    return Value(sql=sql, type=Type.NUMBER, is_integer=is_integer, is_duration=is_duration)


def text(sql: str) -> Value:
    return Value(sql=sql, type=Type.TEXT)


def truth(sql: str) -> Value:
    return Value(sql=sql, type=Type.TRUTH)


def time(sql: str) -> Value:
    return Value(sql=sql, type=Type.TIME)


def compared(left: Value, operator: str, right: Value) -> str:
    """One of = != < <= > >=. A missing value differs from every other, and is neither more nor less."""
    sign = "IS DISTINCT FROM" if operator == "!=" else operator
    types = {left.type, right.type}
    if types & TIMES:
        return f"({as_time(left, right)} {sign} {as_time(right, left)})"
    if Type.NUMBER in types or (types == {Type.ANY} and operator not in {"=", "!="}):
        return f"({left.number} {sign} {right.number})"
    if Type.TRUTH in types:
        return f"({left.truth} {sign} {right.truth})"
    if operator == "=" and left.literal != "" and right.literal != "":
        return f"({left.sought(right)} = {right.sought(left)})"
    if operator in {"=", "!="}:
        return f"({left.text} {sign} {right.text})"
    return f'({left.text} COLLATE "C" {sign} {right.text} COLLATE "C")'


def as_time(value: Value, other: Value) -> str:
    """Beside `now()` a number counts seconds."""
    if value.type is Type.NUMBER and other.type is Type.CLOCK and not value.is_duration:
        return f"to_timestamp(({value.sql})::float8)"
    return value.time
