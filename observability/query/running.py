"""A query to its rows, in a transaction that can write nothing and ends in time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from observability.query.arguments import error_at
from observability.query.compiling import Column, Compiled, compile_query
from observability.query.errors import QueryError

# Of all the texts of an answer: a page of them is worth nobody's while, and would fill the process's memory.
MOST_CHARACTERS = 20_000_000
# SQLSTATEs, and beginnings of some (PostgreSQL's manual, appendix A).
CANCELLED = "57014"
BAD_PATTERN = "2201B"
OUT_OF_RANGE = "22"
TOO_COMPLEX = ("54", "53200", "53400")
GUARD = "SELECT set_config('transaction_read_only', 'on', true), set_config('statement_timeout', %s, true)"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an event is to be seen: its trace, and the span unless it is the turn as a whole."""

    trace_id: UUID
    span_id: UUID | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`rows` are tuples of Python values in the order of `columns`; `places` is as long, and empty after `stats`.

    `is_cut` says that there were more rows than a limit of ours let through.
    """

    columns: list[Column]
    rows: list[tuple[Any, ...]]
    places: list[Place]
    ms: float
    is_cut: bool


def run_query(
    text: str,
    *,
    start: datetime,
    end: datetime,
    now: datetime | None = None,
    limit: int | None = None,
    seconds: float = 10.0,
) -> Answer:
    """Raises `QueryError` for whatever the text is to blame for, also that it took longer than `seconds`."""
    compiled = compile_query(text, start=start, end=end, now=now or timezone.now(), limit=limit)
    began = time.monotonic()
    try:
        with guarded(seconds):
            check_patterns(compiled)
            rows, is_cut = read_rows(compiled)
    except DatabaseError as error:
        raise explain(text, error, seconds) from error
    places = []
    if compiled.has_places:
        places = [Place(trace_id=row[-3], span_id=row[-2], at=row[-1]) for row in rows]
        rows = [row[:-3] for row in rows]
    ms = (time.monotonic() - began) * 1000
    return Answer(columns=compiled.columns, rows=rows, places=places, ms=ms, is_cut=is_cut)


@contextmanager
def guarded(seconds: float) -> Iterator[None]:
    """Read only, and for so long. Rolled back: that takes the settings back, also within a caller's transaction."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(GUARD, [str(max(1, round(seconds * 1000)))])
        yield
        transaction.set_rollback(True)


def check_patterns(compiled: Compiled) -> None:
    """Whether the database can read them, of which it tells nothing while there is no event to look at."""
    with connection.cursor() as cursor:
        for pattern, token in compiled.patterns:
            try:
                cursor.execute("SELECT '' ~ %s::text", [pattern])
            except DatabaseError as error:
                if state_of(error) != BAD_PATTERN:
                    raise
                raise error_at(token, f"This pattern cannot be read: {first_line(error)}.") from error


def read_rows(compiled: Compiled) -> tuple[list[tuple[Any, ...]], bool]:
    """One after another, so that they are left where they are once there is enough of them."""
    rows: list[tuple[Any, ...]] = []
    characters = 0
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        closing(cursor.cursor.stream(compiled.sql, compiled.params)) as stream,
    ):
        for row in stream:
            if len(rows) == compiled.limit or characters > MOST_CHARACTERS:
                return rows, True
            rows.append(row)
            characters += sum(len(value) for value in row if isinstance(value, str))
    return rows, False


def explain(text: str, error: DatabaseError, seconds: float) -> Exception:
    """A `QueryError`, or the error itself where the query is not to blame."""
    state = state_of(error)
    if state == CANCELLED:
        message = f"The query took longer than {seconds:g} s. A shorter span of time or a narrower filter helps."
    elif state.startswith(OUT_OF_RANGE):
        message = f"A value cannot be calculated with: {first_line(error)}."
    elif state.startswith(TOO_COMPLEX):
        message = f"The query asks for too much: {first_line(error)}."
    else:
        return error
    return QueryError(message, 0, len(text))


def state_of(error: DatabaseError) -> str:
    cause = error.__cause__
    return cause.sqlstate or "" if isinstance(cause, psycopg.Error) else ""


def first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].removeprefix("invalid regular expression: ")


def as_text(value: Any) -> str:
    """As CloudWatch shows it: times in UTC to the millisecond, truth as 1 and 0; numbers to 8 places, as costs are."""
    match value:
        case None:
            return ""
        case bool():
            return "1" if value else "0"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}"
        case Decimal():
            return f"{value:.8f}".rstrip("0").rstrip(".")
    return str(value)
