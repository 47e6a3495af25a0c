"""Sums by the hour, made of charges, turns and steps, and by the day, made of those: what the pages of months read.

An hour is summed an hour after its end, when the last of its rows has long been written, each in a transaction of its
own. `RolledUp.until` is the mark up to which that was done, and readers add the rows from there on themselves
(`figure_sources.py`), so no figure waits for this. The last three hours are compared with their rows once more at each
run, for what came late all the same.

A day is summed with its last hour, and once more with each of its hours that changes: it is the sum of them always.

Sums outlive their rows: retention deletes traces, and an erasure those of a customer. So an hour of which rows are gone
is never made anew. That is seen by its counts, which went down, and by charges, which stay for ever, without a trace.
What was charged late in such an hour is added to it: as all charges are still there, spending stays exact to the last
digit.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from celery import shared_task
from django.db import connection, transaction
from django.utils import timezone

from observability.figure_buckets import PACK
from observability.figure_sources import DAY, HOUR, SPENDING, STEPS, TURNS, Source, day_of, hour_of
from observability.models import RolledUp

logger = logging.getLogger(__name__)
CLOSED_FOR = timedelta(hours=1)
HOURS_ANEW = 3
# A run over months of rows stops after this, and the next one goes on.
RUN_SECONDS = 45.0
SOURCES = (SPENDING, TURNS, STEPS)


class RowsAreGone(Exception):
    """An hour cannot be made anew: some of what it was made of is deleted."""


@shared_task(name="observability.tasks.roll_up")
def roll_up_task() -> None:
    roll_up()


def roll_up(now: datetime | None = None, *, seconds: float = RUN_SECONDS) -> datetime:
    """Sum the hours that have ended an hour before `now` or earlier; returns up to where all is summed.

    May run twice at once, and be killed at any moment. After `seconds` it stops before the next hour.
    """
    stops_at = time.monotonic() + seconds
    target = hour_of((now or timezone.now()) - CLOSED_FOR)
    mark = begin(target)
    for back in range(HOURS_ANEW, 0, -1):
        look_again(mark - back * HOUR)
    while mark < target and time.monotonic() < stops_at:
        mark = roll_next(target)
    return mark


def start_over(since: datetime) -> None:
    """Sum all hours from that one on anew, at the next run: for rows that were brought in with a time long past.

    Sums of which the rows are deleted by now would be lost.
    """
    hour = hour_of(since)
    with transaction.atomic():
        mark = RolledUp.objects.select_for_update().first()
        if mark is None or mark.until <= hour:
            return
        for source in SOURCES:
            clear(source, hour, mark.until)
            clear_days(source, day_of(hour))
        RolledUp.objects.update(until=hour, at=timezone.now())


# -- the mark


def begin(target: datetime) -> datetime:
    """Where the sums go on; at the first run, the hour of the oldest row."""
    mark = RolledUp.objects.first()
    if mark is None:
        oldest = oldest_row()
        until = min(hour_of(oldest), target) if oldest else target
        RolledUp.objects.bulk_create([RolledUp(until=until, at=timezone.now())], ignore_conflicts=True)
        mark = RolledUp.objects.get()
    return mark.until


def oldest_row() -> datetime | None:
    """No turn ends and no step begins before its trace does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT least((SELECT min(at) FROM observability_charge), "
            "(SELECT min(started_at) FROM observability_trace))"
        )
        oldest: datetime | None = cursor.fetchone()[0]
    return oldest


def roll_next(target: datetime) -> datetime:
    """Sum the hour at the mark, and move the mark behind it; returns the mark. Another run may have been quicker."""
    with transaction.atomic():
        mark = RolledUp.objects.select_for_update().get()
        if mark.until >= target:
            return mark.until
        for source in SOURCES:
            clear(source, mark.until, mark.until + HOUR)
            fill(source, mark.until)
            sum_day(source, mark.until, until=mark.until + HOUR)
        mark.until, mark.at = mark.until + HOUR, timezone.now()
        mark.save(update_fields=["until", "at"])
    return mark.until


# -- an hour once more


def look_again(hour: datetime) -> None:
    with transaction.atomic():
        mark = RolledUp.objects.select_for_update().get()
        if hour >= mark.until:
            return
        for source in SOURCES:
            if differs(source, hour):
                make_anew(source, hour)
                sum_day(source, hour, until=mark.until)


def make_anew(source: Source, hour: datetime) -> None:
    try:
        with transaction.atomic():
            before = count(source, hour)
            clear(source, hour, hour + HOUR)
            fill(source, hour)
            check_rows_are_there(source, hour, before)
    except RowsAreGone:
        if source is SPENDING:
            add_late_charges(hour)


def check_rows_are_there(source: Source, hour: datetime, before: int) -> None:
    """Asked after the hour was summed: a deletion that the sums have seen is seen here too. Raises `RowsAreGone`."""
    # A turn or a step may end in the hour after the one in which it was charged.
    since = hour if source is SPENDING else hour - HOUR
    if count(source, hour) < before or has_lost_traces(since, hour + HOUR):
        raise RowsAreGone


def has_lost_traces(since: datetime, until: datetime) -> bool:
    """Whether a charge has no trace any more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM observability_charge AS c WHERE c.at >= %s AND c.at < %s "
            "AND NOT EXISTS (SELECT FROM observability_trace AS t WHERE t.id = c.trace_id))",
            [since, until],
        )
        return bool(cursor.fetchone()[0])


# Whose version and channel are not known any more, or cannot be told from those that are not.
ADD_LATE = f"""
INSERT INTO observability_spendinghour AS s
  (hour, agent_id, agent_version, channel, kind, subject, basis, charges, usd)
SELECT %(since)s, agent_id, 0, '', kind, subject, basis, sum(charges), sum(usd) FROM (
  SELECT agent_id, kind, subject, basis, charges, usd FROM ({SPENDING.live}) AS live
  UNION ALL
  SELECT agent_id, kind, subject, basis, -charges, -usd FROM observability_spendinghour WHERE hour = %(since)s
) AS r GROUP BY agent_id, kind, subject, basis HAVING sum(charges) > 0
ON CONFLICT (hour, agent_id, agent_version, channel, kind, subject, basis)
DO UPDATE SET charges = s.charges + EXCLUDED.charges, usd = s.usd + EXCLUDED.usd
"""  # noqa: S608


def add_late_charges(hour: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(ADD_LATE, between(hour))


# -- SQL of one hour


def clear(source: Source, since: datetime, until: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {source.table} WHERE hour >= %s AND hour < %s", [since, until])  # noqa: S608


def fill(source: Source, hour: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {source.table} ({source.columns}) {sums_sql(source)}", between(hour))


def count(source: Source, hour: datetime) -> int:
    """How many rows the hour was made of."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(sum({source.sums[0]}), 0) FROM {source.table} WHERE hour = %s", [hour])  # noqa: S608
        return int(cursor.fetchone()[0])


def differs(source: Source, hour: datetime) -> bool:
    stored = f"SELECT {source.columns} FROM {source.table} WHERE hour = %(since)s"  # noqa: S608
    sums = sums_sql(source)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT EXISTS (({sums}) EXCEPT ALL ({stored})) OR EXISTS (({stored}) EXCEPT ALL ({sums}))",
            between(hour),
        )
        return bool(cursor.fetchone()[0])


def between(hour: datetime) -> dict[str, datetime]:
    return {"since": hour, "until": hour + HOUR}


def sums_sql(source: Source) -> str:
    """The rows of one hour, as its table holds them."""
    groups = ", ".join(("hour", *source.dimensions))
    sums = ", ".join(f"sum({name}) AS {name}" for name in source.sums)
    if not source.has_durations:
        return f"SELECT {groups}, {sums} FROM ({source.live}) AS live GROUP BY {groups}"  # noqa: S608
    # By bucket first: a live row's array holds its own bucket, counted once.
    by_bucket = (
        f"SELECT {groups}, durations[1] / {PACK} AS bucket, count(*) AS times, {sums} "  # noqa: S608
        f"FROM ({source.live}) AS live GROUP BY {groups}, bucket"
    )
    packed = f"array_agg(bucket * {PACK} + times ORDER BY bucket) FILTER (WHERE bucket IS NOT NULL)"
    return f"SELECT {groups}, {sums}, coalesce({packed}, ARRAY[]::bigint[]) FROM ({by_bucket}) AS b GROUP BY {groups}"  # noqa: S608


# -- SQL of one day


def sum_day(source: Source, hour: datetime, *, until: datetime) -> None:
    """Sum the day of that hour, if all its hours are summed up to `until`."""
    day = day_of(hour)
    if day + DAY > until:
        return
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {source.days} WHERE day = %s", [day])  # noqa: S608
        cursor.execute(f"INSERT INTO {source.days} (day, {source.values}) {day_sql(source)}", between_days(day))


def clear_days(source: Source, since: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {source.days} WHERE day >= %s", [since])  # noqa: S608


def between_days(day: datetime) -> dict[str, datetime]:
    return {"since": day, "until": day + DAY}


def day_sql(source: Source) -> str:
    """The rows of one day, as its table holds them; of a bucket the counts of its hours are added."""
    groups = ", ".join(source.dimensions)
    sums = ", ".join(f"sum({name}) AS {name}" for name in source.sums)
    hours = f"SELECT * FROM {source.table} WHERE hour >= %(since)s AND hour < %(until)s"  # noqa: S608
    if not source.has_durations:
        return f"SELECT %(since)s, {groups}, {sums} FROM ({hours}) AS h GROUP BY {groups}"  # noqa: S608
    by_bucket = (
        f"SELECT {groups}, d / {PACK} AS bucket, sum(d %% {PACK})::bigint AS times "  # noqa: S608
        f"FROM ({hours}) AS h, unnest(h.durations) AS d GROUP BY {groups}, bucket"
    )
    packed = f"SELECT {groups}, array_agg(bucket * {PACK} + times ORDER BY bucket) AS durations"
    return (
        f"SELECT %(since)s, {groups}, {', '.join(source.sums)}, coalesce(durations, ARRAY[]::bigint[]) "  # noqa: S608
        f"FROM (SELECT {groups}, {sums} FROM ({hours}) AS h GROUP BY {groups}) AS s "
        f"LEFT JOIN ({packed} FROM ({by_bucket}) AS b GROUP BY {groups}) AS p USING ({groups})"
    )
