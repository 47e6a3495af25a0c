"""Whether a worker works: a task of the schedule notes that it has run."""

from __future__ import annotations

from datetime import datetime, timedelta

from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

SEEN = "tandem.worker.seen"
KEPT_SECONDS = 24 * 3600
# The schedule tells a worker every 15 seconds; one that is busy is late.
SEEN_LATELY = timedelta(seconds=60)


@shared_task(name="observability.tasks.note_worker")
def note_worker() -> None:
    cache.set(SEEN, timezone.now(), KEPT_SECONDS)


def last_seen() -> datetime | None:
    seen = cache.get(SEEN)
    return seen if isinstance(seen, datetime) else None


def is_seen(now: datetime) -> bool:
    seen = last_seen()
    return seen is not None and now - seen < SEEN_LATELY
