"""Deleting: rows named once, to be counted and deleted alike; and the traces that have had their time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from observability.models import Trace

# A trace has about eight spans, which go with it: no batch holds its rows for long.
BATCH = 500


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of one table. `where` is SQL with named parameters; nothing of it comes from outside."""

    table: str
    where: str

    def delete(self, given: Mapping[str, Any]) -> int:
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {self.table} WHERE {self.where}", given)  # noqa: S608
            return int(cursor.rowcount)

    def count(self, given: Mapping[str, Any]) -> int:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {self.table} WHERE {self.where}", given)  # noqa: S608
            return int(cursor.fetchone()[0])


def delete_all(rows: Iterable[Rows], given: Mapping[str, Any]) -> Counter[str]:
    """In the order given, which has to be that of foreign keys; how many of each table."""
    counts: Counter[str] = Counter()
    for some in rows:
        counts[some.table] += some.delete(given)
    return counts


def count_all(rows: Iterable[Rows], given: Mapping[str, Any]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for some in rows:
        counts[some.table] += some.count(given)
    return counts


# -- traces

OLDEST = """
SELECT t.id FROM observability_trace AS t WHERE t.started_at <= %(before)s AND t.id <> ALL(%(open)s::uuid[])
ORDER BY t.started_at, t.id LIMIT %(most)s FOR UPDATE SKIP LOCKED
"""
DOOMED = (
    Rows(table="observability_span", where="trace_id = ANY(%(traces)s::uuid[])"),
    Rows(table="observability_trace", where="id = ANY(%(traces)s::uuid[])"),
)


def delete_traces(*, before: datetime, still_open: Collection[UUID], most: int = BATCH) -> Counter[str]:
    """The oldest of those that began at `before` or earlier, with their spans; nothing where there are none.

    Within a transaction. `still_open` are turns that are not ended: their traces are still written to. Charges stay:
    they are the books, and hold ids only.
    """
    with connection.cursor() as cursor:
        cursor.execute(OLDEST, {"before": before, "open": list(still_open), "most": most})
        traces = [row[0] for row in cursor.fetchall()]
    return delete_all(DOOMED, {"traces": traces})


def old_traces(*, before: datetime, still_open: Collection[UUID], most: int) -> list[Trace]:
    """The oldest of those that `delete_traces` would delete."""
    old = Trace.objects.filter(started_at__lte=before).exclude(pk__in=list(still_open))
    return list(old.only("id", "customer", "input_text", "started_at").order_by("started_at", "id")[:most])


def count_old_traces(*, before: datetime, still_open: Collection[UUID], most: int) -> int:
    """How many of them there are, counted up to `most`."""
    return Trace.objects.filter(started_at__lte=before).exclude(pk__in=list(still_open))[:most].count()
