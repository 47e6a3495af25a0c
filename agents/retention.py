"""The nightly deletion of what has had its time, in small transactions; and what it would delete tonight.

One condition for each kind serves the deletion, the figures and the list. Every batch commits: a run that is killed
has deleted what it has deleted, and the next one goes on. Rows that somebody holds locked are left for the next night.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery import shared_task
from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from agents.deletion import delete_conversations, ids
from agents.models import Session
from memory.models import Retention, RetentionRun
from memory.retention import delete_memories, kept, moment
from observability.database import give_back_connection
from observability.retention import delete_traces
from tools.models import MoneyLimit

LOCK = "tandem retention"
# A batch ends with the conversation that brings it to so many events, and with so many conversations.
BATCH_EVENTS = 5000
BATCH_SESSIONS = 200
BATCH_ROWS = 1000
# Rather than wait for somebody's lock longer than this a batch fails, and with it this night's run.
LOCK_SECONDS = 5

# Closed long enough ago, and nobody has anything to do in it.
ENDED = """s.closed_at <= %(before)s
  AND NOT EXISTS (SELECT FROM agents_turn AS t
    WHERE t.session_id = s.id AND t.status IN ('queued', 'running', 'waiting'))
  AND NOT EXISTS (SELECT FROM agents_escalation AS e WHERE e.session_id = s.id AND e.status IN ('open', 'claimed'))
  AND NOT EXISTS (SELECT FROM tools_approval AS a WHERE a.session_id = s.id AND a.status IN ('pending', 'approved'))"""
NEXT = f"""
WITH ended AS MATERIALIZED (
  SELECT s.id, s.event_seq, s.closed_at FROM agents_session AS s WHERE {ENDED}
  ORDER BY s.closed_at, s.id LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
SELECT counted.id FROM (
  SELECT ended.id, sum(ended.event_seq) OVER (ORDER BY ended.closed_at, ended.id) - ended.event_seq AS before FROM ended
) AS counted WHERE counted.before < %(events)s
"""  # noqa: S608  made of constants
SOME = f"SELECT s.id FROM agents_session AS s WHERE {ENDED} ORDER BY s.closed_at, s.id LIMIT %(most)s"  # noqa: S608
OPEN_TURNS = """
SELECT t.id FROM agents_turn AS t WHERE t.status IN ('queued', 'running', 'waiting') AND t.queued_at <= %s
"""
# What a money limit counted of conversations that are gone, once no limit reaches back so far.
OLD_MONEY = """
WITH doomed AS MATERIALIZED (
  SELECT m.call_id FROM tools_moneyuse AS m JOIN tools_toolcall AS c ON c.id = m.call_id
  WHERE m.at <= %s AND c.turn_id IS NOT NULL AND NOT EXISTS (SELECT FROM agents_turn AS t WHERE t.id = c.turn_id)
  ORDER BY m.at LIMIT %s FOR UPDATE OF m SKIP LOCKED
), used AS (
  DELETE FROM tools_moneyuse AS m USING doomed WHERE m.call_id = doomed.call_id
)
DELETE FROM tools_toolcall AS c USING doomed WHERE c.id = doomed.call_id
"""
# Usage that a worker entered for a customer or a conversation while they were deleted.
STRAY_USAGE = """
DELETE FROM agents_usage AS u USING agents_limit AS l
WHERE l.id = u.limit_id AND u.reserved = 0 AND CASE l.scope
  WHEN 'customer' THEN NOT EXISTS (SELECT FROM agents_customer AS c WHERE c.id = u.subject::uuid)
  WHEN 'session' THEN NOT EXISTS (SELECT FROM agents_session AS s WHERE s.id = u.subject::uuid)
  ELSE FALSE END
"""


@dataclass(frozen=True, kw_only=True)
class Times:
    """Until when what is of that moment or earlier goes; None where it is kept for ever."""

    now: datetime
    conversations: datetime | None
    memories: int | None
    traces: datetime | None

    @classmethod
    def of(cls, setting: Retention, now: datetime) -> Times:
        return cls(
            now=now,
            conversations=moment(setting.conversations, now),
            memories=setting.memories,
            traces=moment(setting.traces, now),
        )


# -- the run


@shared_task(name="agents.retention.keep_to_retention")
def keep_to_retention() -> None:
    try:
        run()
    finally:
        give_back_connection()


def run(now: datetime | None = None) -> RetentionRun | None:
    """Delete what has had its time; None, with nothing deleted, where another run is at it."""
    times = Times.of(kept(), now or timezone.now())
    with alone() as is_mine:
        if not is_mine:
            return None
        made = RetentionRun.objects.create(counts={})
        counts: Counter[str] = Counter()
        for deleted in batches(times):
            counts += deleted
            made.counts = dict(counts)
            made.save(update_fields=["counts"])
        made.finished_at = timezone.now()
        made.save(update_fields=["finished_at"])
    return made


@contextmanager
def alone() -> Iterator[bool]:
    """Whether no other run goes on; the lock is the connection's, so it ends with the process however that ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [LOCK])
        is_mine = bool(cursor.fetchone()[0])
    try:
        yield is_mine
    finally:
        if is_mine and connection.connection is not None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [LOCK])


def batches(times: Times) -> Iterator[Counter[str]]:
    """Each a transaction that is over when its counts are given; empty ones are left out."""
    for step in steps(times):
        while deleted := one_batch(step):
            yield deleted


def steps(times: Times) -> Iterator[Callable[[], Counter[str]]]:
    """Each deletes a batch of its kind, and says of nothing that there is no more."""
    before, days, traces = times.conversations, times.memories, times.traces
    if before is not None:
        yield lambda: delete_ended(before, times.now)
    yield lambda: delete_old_money(times.now)
    if days is not None:
        yield lambda: delete_memories(days, times.now, most=BATCH_ROWS)
    if traces is not None:
        yield lambda: delete_traces(before=traces, still_open=open_turns(traces))
    yield delete_stray_usage


def one_batch(step: Callable[[], Counter[str]]) -> Counter[str]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        return +step()


def delete_ended(before: datetime, now: datetime) -> Counter[str]:
    """Conversations closed at `before` or earlier in which nothing is left to do, oldest first."""
    sessions = ids(NEXT, before=before, most=BATCH_SESSIONS, events=BATCH_EVENTS)
    return delete_conversations(sessions, money_since=money_since(now)) if sessions else Counter()


def delete_old_money(now: datetime) -> Counter[str]:
    with connection.cursor() as cursor:
        cursor.execute(OLD_MONEY, [money_since(now), BATCH_ROWS])
        return Counter({"tools_toolcall": cursor.rowcount, "tools_moneyuse": cursor.rowcount})


def delete_stray_usage() -> Counter[str]:
    with connection.cursor() as cursor:
        cursor.execute(STRAY_USAGE)
        return Counter({"agents_usage": cursor.rowcount})


def money_since(now: datetime) -> datetime:
    """How far back the longest limit on money counts; now where there is none."""
    hours: int | None = MoneyLimit.objects.filter(enabled=True).aggregate(hours=Max("hours"))["hours"]
    return now - timedelta(hours=hours or 0)


def open_turns(before: datetime) -> list[Any]:
    return ids(OPEN_TURNS, before)


# -- what it would delete


def ended_sessions(before: datetime, *, most: int) -> list[Session]:
    """The longest closed of those that go."""
    found = ids(SOME, before=before, most=most)
    return list(Session.objects.select_related("customer").filter(pk__in=found).order_by("closed_at", "pk"))


def count_ended(before: datetime, *, most: int) -> int:
    """How many of them there are, counted up to `most`."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({SOME}) AS few", {"before": before, "most": most})  # noqa: S608
        return int(cursor.fetchone()[0])
