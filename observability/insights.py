"""A query asked by a person: one at a time, with its cells as they may read them, links, and a chart of the answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from observability.access import has_role
from observability.insight_range import LONGEST_TEXT, Asked
from observability.masking import mask_value
from observability.query import Answer, Column, QueryError, as_text, run_query

SECONDS = 10.0
# On the page; a file has them all.
MOST_SHOWN = 1_000
# A cell shows so much of a text; the whole of it is in the file and in the trace.
CELL_LENGTH = 400
NUMBERS = (int, float, Decimal)
TAKE = "SELECT pg_try_advisory_xact_lock(%s, %s)"
LOCK = 0x1A51


class Busy(Exception):
    """Another query of this person still runs."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """`value` as it is, masked for who reads it; `text` as it is shown, `is_cut` where that is only its beginning."""

    value: Any
    text: str
    url: str = ""
    is_number: bool = False
    is_cut: bool = False


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a person sees of an answer. `shown` are the first rows, `count` is how many there are."""

    columns: list[Column]
    shown: list[list[Cell]]
    count: int
    ms: float
    is_cut: bool
    answer: Answer
    sees_all: bool


def ask(asked: Asked, user: User, *, seconds: float = SECONDS) -> Result:
    """Raises `QueryError`, and `Busy` while another query of this person runs."""
    if not asked.text.strip():
        raise QueryError("Write a query, or take one of those on the right.", 0, 0)
    if len(asked.text) > LONGEST_TEXT:
        raise QueryError(f"A query has at most {LONGEST_TEXT:,} characters.", LONGEST_TEXT, len(asked.text))
    now = timezone.now()
    start, end = asked.span(now)
    with one_at_a_time(user):
        answer = run_query(asked.text, start=start, end=end, now=now, seconds=seconds)
    sees_all = has_role(user)
    links = [link_of(column) for column in answer.columns]
    shown = [
        [cell_of(value, link, sees_all=sees_all) for value, link in zip(row, links, strict=True)]
        for row in answer.rows[:MOST_SHOWN]
    ]
    return Result(
        columns=answer.columns,
        shown=shown,
        count=len(answer.rows),
        ms=answer.ms,
        is_cut=answer.is_cut,
        answer=answer,
        sees_all=sees_all,
    )


@contextmanager
def one_at_a_time(user: User) -> Iterator[None]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(TAKE, [LOCK, user.pk % 2**31])
            if not cursor.fetchone()[0]:
                raise Busy("A query of yours still runs. Wait for it, or look at a shorter time.")
        yield


# -- cells

# Which columns lead somewhere, by the name of the field.
TRACES = frozenset({"invocationId", "@logStream"})
PAGES = {**dict.fromkeys(TRACES, "observability:trace"), "sessionId": "agents:conversation"}


def link_of(column: Column) -> str:
    """The name of the route that a column's ids lead to; "" for none."""
    return PAGES.get(column.name, "")


def cell_of(value: Any, route: str, *, sees_all: bool) -> Cell:
    value = readable(value, sees_all=sees_all)
    text = as_text(value)
    is_cut = len(text) > CELL_LENGTH
    return Cell(
        value=value,
        text=text[:CELL_LENGTH],
        url=reverse(route, args=[value]) if route and isinstance(value, str) and is_id(value) else "",
        is_number=isinstance(value, NUMBERS) and not isinstance(value, bool),
        is_cut=is_cut,
    )


def readable(value: Any, *, sees_all: bool) -> Any:
    """Texts are masked for everybody but admins: any of them may hold what a customer wrote."""
    return value if sees_all or not isinstance(value, str) or is_id(value) else mask_value(value)


def is_id(text: str) -> bool:
    if len(text) != 36:
        return False
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


# -- a chart

MOST_SERIES, MOST_POINTS, NAME_LENGTH = 5, 400, 60
# Of these a bucket without events has none; of anything else it has no value, which is a gap.
COUNTED = re.compile(r"count|sum", re.IGNORECASE)


def chart_of(result: Result, text: str) -> dict[str, Any] | None:
    """What the tag `time_chart` takes, where the answer is numbers by time; else None.

    A second key makes a series of each of its values: the five largest; the others are counted as left out.
    """
    columns = result.answer.columns
    times = [place for place, column in enumerate(columns) if column.type == "time"]
    numbers = [place for place, column in enumerate(columns) if column.type == "number"]
    others = [place for place in range(len(columns)) if place not in times and place not in numbers]
    if len(times) != 1 or not numbers or len(others) > 1 or result.answer.places:
        return None
    rows = result.answer.rows
    instants = every_step(sorted({row[times[0]] for row in rows if isinstance(row[times[0]], datetime)}), text)
    if len(instants) < 2:
        return None
    found = by_series(rows, times[0], numbers, others, columns)
    missing = 0.0 if all(COUNTED.match(columns[place].name) for place in numbers) else None
    names = sorted(found, key=lambda name: -sum(abs(value) for value in found[name].values()))[:MOST_SERIES]
    return {
        "kind": "lines",
        "points": [{"label": f"{instant:%d %b %H:%M}", "at": instant} for instant in instants],
        "series": [
            {
                "name": as_text(readable(name, sees_all=result.sees_all))[:NAME_LENGTH] or "(none)",
                "colour": f"series-{place + 1}",
                "values": [found[name].get(instant, missing) for instant in instants],
            }
            for place, name in enumerate(names)
        ],
        "left_out": len(found) - len(names),
    }


# The buckets' length, as the text says it; years and months have none.
BIN = re.compile(r"\b(?:bin|datefloor|dateceil)\s*\([^()]*?(\d+)\s*(s|m|h|d|w)\b[^()]*\)", re.IGNORECASE)
LENGTHS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def every_step(instants: list[datetime], text: str) -> list[datetime]:
    """With the buckets in which nothing happened, so that a gap is seen as one."""
    if len(instants) < 2:
        return instants
    step = min(later - earlier for earlier, later in pairwise(instants))
    if found := BIN.search(text):
        step = timedelta(**{LENGTHS[found[2].lower()]: int(found[1])}) or step
    count = (instants[-1] - instants[0]) // step + 1
    if count > MOST_POINTS:
        return instants[-MOST_POINTS:]
    return [instants[0] + step * place for place in range(count)]


def by_series(
    rows: Sequence[tuple[Any, ...]], time: int, numbers: Sequence[int], others: Sequence[int], columns: list[Column]
) -> dict[str, dict[datetime, float]]:
    """By the whole name of the series, unmasked, and the instant: two that look alike stay two. With a key of its own
    only the first number is drawn: one unit."""
    found: dict[str, dict[datetime, float]] = {}
    drawn = numbers[:1] if others else numbers
    for row in rows:
        for place in drawn:
            name = as_text(row[others[0]]) if others else columns[place].name
            if row[place] is not None and isinstance(row[time], datetime):
                found.setdefault(name, {})[row[time]] = float(row[place])
    return found


@dataclass(frozen=True, kw_only=True)
class Bar:
    label: str
    text: str
    percent: float


MOST_BARS = 20


def bars_of(result: Result) -> list[Bar]:
    """Where the answer is one number by a text; empty where it is not."""
    if result.answer.places or not len(result.columns) >= 2 or not result.shown:
        return []
    numbers = [place for place, column in enumerate(result.columns) if column.type == "number"]
    if not numbers or any(column.type == "time" for column in result.columns):
        return []
    keys = [place for place in range(len(result.columns)) if place not in numbers]
    if len(keys) != 1:
        return []
    known = [row for row in result.shown if row[numbers[0]].value is not None]
    top = max((abs(float(row[numbers[0]].value)) for row in known), default=0.0)
    return [
        Bar(
            label=row[keys[0]].text or "(none)",
            text=row[numbers[0]].text,
            percent=100 * abs(float(row[numbers[0]].value)) / top if top else 0.0,
        )
        for row in known[:MOST_BARS]
    ]
