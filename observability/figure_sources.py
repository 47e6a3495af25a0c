"""Where figures come from: sums of days and hours that are rolled up, and the rows themselves for the rest, as one
table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from observability.figure_buckets import PACK, bucket_sql
from observability.models import RolledUp

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TIMES = ("hour", "day")
Range = tuple[datetime, datetime]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A table of sums by the hour, one of their sums by the day, and the SQL of the rows that they are made of, whose
    columns are the same.

    `dimensions` is by name the type of each column that rows are told apart by; `sums` are those that are added up.
    `live` selects from `%(since)s` up to `%(until)s`.
    """

    table: str
    days: str
    live: str
    dimensions: Mapping[str, str]
    sums: tuple[str, ...]
    has_durations: bool = True

    @property
    def columns(self) -> str:
        return f"hour, {self.values}"

    @property
    def values(self) -> str:
        """All columns but the time."""
        durations = ("durations",) if self.has_durations else ()
        return ", ".join((*self.dimensions, *self.sums, *durations))


def one_duration(column: str) -> str:
    """A duration as a column of sums would hold it: packed, alone in its array; an empty one of null."""
    packed = f"{bucket_sql(column)}::bigint * {PACK} + 1"
    return f"CASE WHEN {column} IS NULL THEN ARRAY[]::bigint[] ELSE ARRAY[{packed}] END"


SPENDING = Source(
    table="observability_spendinghour",
    days="observability_spendingday",
    live="""
SELECT date_trunc('hour', c.at, 'UTC') AS hour, c.agent_id, coalesce(t.agent_version, 0) AS agent_version,
  coalesce(t.channel, '') AS channel, c.kind, c.subject, c.basis, 1::bigint AS charges, c.usd
FROM observability_charge AS c LEFT JOIN observability_trace AS t ON t.id = c.trace_id
WHERE c.at >= %(since)s AND c.at < %(until)s""",
    dimensions={
        "agent_id": "uuid",
        "agent_version": "int",
        "channel": "text",
        "kind": "text",
        "subject": "text",
        "basis": "text",
    },
    sums=("charges", "usd"),
    has_durations=False,
)
TURNS = Source(
    table="observability_turnhour",
    days="observability_turnday",
    live=f"""
SELECT date_trunc('hour', t.ended_at, 'UTC') AS hour, t.agent_id, t.agent_version, t.model, t.channel, t.outcome,
  1::bigint AS turns, (t.status = 'error')::int::bigint AS errors, t.model_calls, t.tool_calls, t.input_tokens,
  t.output_tokens, t.cache_read_tokens, t.cache_write_tokens, t.cost_usd, coalesce(t.duration_ms, 0) AS duration_ms,
  {one_duration("t.duration_ms")} AS durations
FROM observability_trace AS t WHERE t.ended_at >= %(since)s AND t.ended_at < %(until)s""",  # noqa: S608
    dimensions={"agent_id": "uuid", "agent_version": "int", "model": "text", "channel": "text", "outcome": "text"},
    sums=(
        "turns",
        "errors",
        "model_calls",
        "tool_calls",
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "cost_usd",
        "duration_ms",
    ),
)
STEPS = Source(
    table="observability_stephour",
    days="observability_stepday",
    live=f"""
SELECT date_trunc('hour', s.started_at, 'UTC') AS hour, s.agent, s.kind, s.name, s.action, 1::bigint AS calls,
  (s.status = 'error')::int::bigint AS errors, s.input_tokens, s.output_tokens, s.cache_read_tokens,
  s.cache_write_tokens, s.duration_ms, {one_duration("s.duration_ms")} AS durations
FROM observability_span AS s WHERE s.started_at >= %(since)s AND s.started_at < %(until)s""",  # noqa: S608
    dimensions={"agent": "text", "kind": "text", "name": "text", "action": "text"},
    sums=(
        "calls",
        "errors",
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "duration_ms",
    ),
)


# -- which part of a time is read from where


def hour_of(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def day_of(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def rolled_until() -> datetime | None:
    return RolledUp.objects.values_list("until", flat=True).first()


def ranges(since: datetime, until: datetime, mark: datetime | None) -> tuple[Range | None, list[Range]]:
    """The whole hours that are rolled up, and what is left of the time before and after them, to be read from rows.

    The mark only moves on, and rows stay where they are summed: which way it moves meanwhile, nothing counts twice.
    """
    first, last = hour_of(since + HOUR - timedelta.resolution), hour_of(min(until, mark)) if mark else since
    if first >= last:
        return None, [(since, until)]
    return (first, last), not_empty((since, first), (last, until))


def days_in(hours: Range) -> tuple[list[Range], list[Range]]:
    """The whole days of some hours, and the hours before and after them."""
    first, last = day_of(hours[0] + DAY - HOUR), day_of(hours[1])
    return ([(first, last)], not_empty((hours[0], first), (last, hours[1]))) if first < last else ([], [hours])


def not_empty(*parts: Range) -> list[Range]:
    return [part for part in parts if part[0] < part[1]]


# -- reading


def read_sums(
    source: Source,
    *,
    since: datetime,
    until: datetime,
    by: Sequence[str],
    where: Mapping[str, Any],
    timed: bool = True,
) -> list[dict[str, Any]]:
    """The sums from `since` up to `until`, a row for each group; where it is `timed`, `durations` by bucket as well.

    Raises `ValueError` where `by` or `where` names what the source is not told apart by.
    """
    check_names(source, by, where)
    if since >= until:
        return []
    parts: list[str] = []
    params: dict[str, Any] = {}
    for sql, part in sources_between(source, since, until, has_hours="hour" in by):
        number = len(parts)
        parts.append(sql.replace("%(since)s", f"%(since{number})s").replace("%(until)s", f"%(until{number})s"))
        params |= {f"since{number}": part[0], f"until{number}": part[1]}
    conditions = conditions_of(source, where, params)
    table = f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS r WHERE {conditions}"  # noqa: S608
    groups = [f"{time_sql(name)} AS {name}" if name in TIMES else name for name in by]
    sums = Question(
        sql=grouped(groups, [f"sum({name}) AS {name}" for name in source.sums]), columns=[*by, *source.sums]
    )
    if not (source.has_durations and timed):
        (rows,) = fetch(table, [sums], params)
        return rows
    rows, counts = fetch(table, [sums, durations_question(groups, by)], params)
    return with_durations(rows, counts, by)


def sources_between(source: Source, since: datetime, until: datetime, *, has_hours: bool) -> list[tuple[str, Range]]:
    """The SQL of each part of that time; its days are read from their own sums, where no hours are asked for."""
    rolled, live = ranges(since, until, rolled_until())
    days, hours = days_in(rolled) if rolled and not has_hours else ([], [rolled] if rolled else [])
    of_days = f"SELECT day AS hour, {source.values} FROM {source.days} WHERE day >= %(since)s AND day < %(until)s"  # noqa: S608
    of_hours = f"SELECT {source.columns} FROM {source.table} WHERE hour >= %(since)s AND hour < %(until)s"  # noqa: S608
    return [
        *((of_days, part) for part in days),
        *((of_hours, part) for part in hours),
        *((source.live, part) for part in live),
    ]


def check_names(source: Source, by: Collection[str], where: Collection[str]) -> None:
    unknown = ({*by} - {*TIMES, *source.dimensions}) | ({*where} - {*source.dimensions})
    if unknown or {*TIMES} <= {*by}:
        raise ValueError(f"{source.table} is not told apart by {sorted(unknown) or [*TIMES]!r}")


def conditions_of(source: Source, where: Mapping[str, Any], params: dict[str, Any]) -> str:
    """Each dimension is one of the values given; a single value stands for itself."""
    conditions = []
    for name, wanted in where.items():
        is_many = isinstance(wanted, Collection) and not isinstance(wanted, str)
        params[f"w_{name}"] = list(wanted) if is_many else [wanted]
        conditions.append(f"r.{name} = ANY(%(w_{name})s::{source.dimensions[name]}[])")
    return " AND ".join(conditions) or "TRUE"


def time_sql(name: str) -> str:
    return "hour" if name == "hour" else "date_trunc('day', hour, 'UTC')"


@dataclass(frozen=True, kw_only=True)
class Question:
    """A SELECT from `parts`, and the names of its columns."""

    sql: str
    columns: Sequence[str]


def grouped(groups: Sequence[str], sums: Sequence[str], more: str = "") -> str:
    """Without groups there is one row, also of nothing: that one is left out."""
    order = f"GROUP BY {', '.join(str(place + 1) for place in range(len(groups)))}" if groups else "HAVING count(*) > 0"
    return f"SELECT {', '.join([*groups, *sums])} FROM parts AS r{more} {order}"  # noqa: S608


def durations_question(groups: Sequence[str], by: Sequence[str]) -> Question:
    spread = grouped(
        [*groups, f"d / {PACK} AS bucket"],
        [f"sum(d %% {PACK})::bigint AS times"],
        more=", unnest(r.durations) AS d",
    )
    return Question(sql=spread, columns=[*by, "bucket", "times"])


def with_durations(
    rows: list[dict[str, Any]], counted: list[dict[str, Any]], by: Sequence[str]
) -> list[dict[str, Any]]:
    counts: dict[tuple[Any, ...], dict[int, int]] = {}
    for row in counted:
        counts.setdefault(tuple(row[name] for name in by), {})[row["bucket"]] = row["times"]
    return [{**row, "durations": counts.get(tuple(row[name] for name in by), {})} for row in rows]


# How a value travels in JSON, where it is not a text or a whole number, and how it is read.
WRITTEN = {name: f"extract(epoch FROM {name})::bigint" for name in TIMES} | {
    name: f"{name}::text" for name in ("usd", "cost_usd")
}


def fetch(table: str, questions: Sequence[Question], params: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """The rows of each question, in one statement that reads the table once.

    They come as one value: read cell by cell, thousands of them would take longer than their sums.
    """
    selects = []
    for question in questions:
        cells = ", ".join(WRITTEN.get(name, name) for name in question.columns)
        selects.append(f"(SELECT coalesce(json_agg(json_build_array({cells})), '[]')::text FROM ({question.sql}) AS r)")  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(f"WITH parts AS ({table}) SELECT {', '.join(selects)}", params)
        found = cursor.fetchone()
    return [rows_in(text, question.columns) for text, question in zip(found, questions, strict=True)]


def rows_in(text: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    rows = orjson.loads(text)
    reads = [(place, READ[name]) for place, name in enumerate(columns) if name in READ]
    for row in rows:
        for place, read in reads:
            row[place] = read(row[place])
    return [dict(zip(columns, row, strict=True)) for row in rows]


@lru_cache(maxsize=10_000)
def instant_of(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@lru_cache(maxsize=10_000)
def uuid_of(text: str | None) -> UUID | None:
    return UUID(text) if text else None


READ: dict[str, Callable[[Any], Any]] = {
    "hour": instant_of,
    "day": instant_of,
    "agent_id": uuid_of,
    "usd": Decimal,
    "cost_usd": Decimal,
}
