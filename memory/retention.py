"""For how long what is kept, and the deletion of memories that nobody has said again."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q

from memory.models import Memory, Retention
from memory.reach import everyone

BATCH = 1000
# Each has an index that gives its rows in this order.
PASSES = ("expires_at", "updated_at")

# Another memory may name one that goes as what took its place: it stays, and names nobody.
DELETE_MEMORIES = """
WITH doomed AS MATERIALIZED (
  SELECT m.id FROM memory_memory AS m WHERE NOT m.is_pinned AND m.{column} <= %s
  ORDER BY m.{column} LIMIT %s FOR UPDATE SKIP LOCKED
), freed AS (
  UPDATE memory_memory AS m SET superseded_by_id = NULL FROM doomed
  WHERE m.superseded_by_id = doomed.id AND m.id NOT IN (SELECT doomed.id FROM doomed)
)
DELETE FROM memory_memory AS m USING doomed WHERE m.id = doomed.id
"""


def kept() -> Retention:
    """The one row."""
    return Retention.objects.get_or_create(pk=1)[0]


def lifetime() -> timedelta | None:
    """For how long a memory that is written now holds, if it is not said again; None for ever."""
    days = kept().memories
    return None if days is None else timedelta(days=days)


def moment(days: int | None, now: datetime) -> datetime | None:
    """What is of then or earlier has had its time; None where it is kept for ever."""
    return None if days is None else now - timedelta(days=days)


def old_memories(days: int, now: datetime) -> Q:
    """Not pinned, and last said so many days ago, or at the end of its own time; those at the very moment too."""
    return Q(is_pinned=False) & (Q(updated_at__lte=now - timedelta(days=days)) | Q(expires_at__lte=now))


def delete_memories(days: int, now: datetime, *, most: int = BATCH) -> Counter[str]:
    """A batch of those; nothing where there are none. One transaction."""
    with everyone(), connection.cursor() as cursor:
        for column in PASSES:
            before = now if column == "expires_at" else now - timedelta(days=days)
            cursor.execute(DELETE_MEMORIES.format(column=column), [before, most])
            if cursor.rowcount:
                return Counter({"memory_memory": cursor.rowcount})
    return Counter()


def some_old_memories(days: int, now: datetime, *, most: int) -> list[Memory]:
    """The longest unsaid of those that `delete_memories` would delete."""
    with everyone():
        old = Memory.objects.filter(old_memories(days, now)).defer("embedding", "words", "metadata")
        return list(old.order_by("updated_at")[:most])


def count_old_memories(days: int, now: datetime, *, most: int) -> int:
    """How many of them there are, counted up to `most`."""
    with everyone():
        return Memory.objects.filter(old_memories(days, now))[:most].count()
