"""Measurements as jobs: asked for on a page, run by a worker in batches, their progress in their row.

A worker holds one by its lease and renews that with the progress. One that dies leaves it to the next, which begins
anew: figures are of one run, and a run takes seconds to minutes. They are run one after the other: workers are there to
answer customers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from guardrails import backtest
from guardrails.backtest import MOST_TEXTS, BackTest, Said
from guardrails.compiled import Guard, guard_for
from guardrails.config import ConfigRefused
from guardrails.labelled import case_of
from guardrails.measuring import Filter
from guardrails.models import Guardrail, GuardrailVersion, LabelledCase, LabelledSet, Measurement
from guardrails.reading import read_config
from guardrails.set_runs import SetRun

logger = logging.getLogger(__name__)
Status = Measurement.Status
BATCH = 100
LEASE = timedelta(seconds=60)
# What has begun so long ago and is not done has taken more than one worker with it.
GIVEN_UP_AFTER = timedelta(hours=1)
MOST_DAYS = 90
MOST_OPEN = 20
ERROR_LENGTH = 300

CLAIM = """
UPDATE guardrails_measurement SET status = 'running', claimed_until = %(until)s, done = 0
WHERE id = (
  SELECT id FROM guardrails_measurement
  WHERE (status = 'queued' OR (status = 'running' AND claimed_until < %(now)s))
    AND NOT EXISTS (SELECT FROM guardrails_measurement WHERE status = 'running' AND claimed_until >= %(now)s)
  ORDER BY requested_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id
"""

# Each tells a worker that there is something to run; the sweeper finds it anyway.
nudges: list[Callable[[], None]] = []


class TooMany(Exception):
    """So much waits to be measured that nothing more is taken; the message says so."""


class LeaseLost(Exception):
    """Another worker has it, or it was deleted: this one stops and writes nothing."""


# -- asking for one


def request_measurement(
    *, user: User | None, version: GuardrailVersion, labelled_set: LabelledSet | None = None, days: int | None = None
) -> Measurement:
    """Of a version on a set, or of a draft over what was said in the last `days`. The same one that is still to be run
    is given again. Raises `TooMany`."""
    kind = Measurement.Kind.SET if labelled_set else Measurement.Kind.BACKTEST
    wanted = {
        "kind": kind,
        "labelled_set": labelled_set,
        "days": days,
        "guardrail_id": version.guardrail_id,
        "number": version.number,
        "config": version.config,
    }
    with transaction.atomic():
        # Two clicks on one button wait for each other.
        Guardrail.objects.select_for_update(no_key=True).get(pk=version.guardrail_id)
        open_ones = Measurement.objects.filter(status__in=[Status.QUEUED, Status.RUNNING])
        same = open_ones.filter(**wanted).first()
        if same is not None:
            return same
        if open_ones.count() >= MOST_OPEN:
            raise TooMany(f"{MOST_OPEN} measurements are still to be run. Ask again when some are done.")
        made = Measurement.objects.create(requested_by=user, **wanted)
        transaction.on_commit(nudge)
    return made


def nudge() -> None:
    for tell in nudges:
        tell()


# -- running them


def run_claimed() -> Measurement | None:
    """The one that has waited longest, run to its end; None where there is none."""
    give_up_old()
    job = claim()
    if job is None:
        return None
    try:
        finish(job, Status.DONE, result=measure(job))
    except LeaseLost as lost:
        logger.warning("%s", lost)
    except ConfigRefused as refused:
        finish(job, Status.FAILED, error=f"The version cannot be read: {refused}")
    except Exception as error:
        # The job's boundary: whatever a detector did, the row says that it failed, and the next job is run.
        logger.exception("measurement %s failed", job.pk)
        finish(job, Status.FAILED, error=f"{type(error).__name__}: {error}")
    return job


def run_all(most: int = MOST_OPEN) -> int:
    """How many were run: for the worker's task."""
    return sum(1 for _ in iter_until_none(run_claimed, most))


def iter_until_none(run: Callable[[], Measurement | None], most: int) -> Iterator[Measurement]:
    for _ in range(most):
        job = run()
        if job is None:
            return
        yield job


def claim() -> Measurement | None:
    """The one that has waited longest, if none is run just now. Two workers at the same instant take two, never one."""
    now = timezone.now()
    until = now + LEASE
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"now": now, "until": until})
        row = cursor.fetchone()
    if row is None:
        return None
    return Measurement.objects.select_related("labelled_set", "guardrail").get(pk=row[0])


def give_up_old() -> None:
    now = timezone.now()
    Measurement.objects.filter(
        status=Status.RUNNING, claimed_until__lt=now, requested_at__lt=now - GIVEN_UP_AFTER
    ).update(
        status=Status.FAILED, error="It did not come to an end within an hour.", claimed_until=None, finished_at=now
    )


def measure(job: Measurement) -> dict[str, Any]:
    """Raises ConfigRefused and `LeaseLost`, and whatever a detector raises."""
    guard = guard_for(read_config(job.config), guardrail=job.guardrail, number=job.number)
    if job.labelled_set is not None:
        return measure_set(job, job.labelled_set, guard)
    return measure_days(job, guard)


def measure_set(job: Measurement, labelled_set: LabelledSet, guard: Guard) -> dict[str, Any]:
    run = SetRun(kind=Filter(labelled_set.measures), guard=guard)
    set_total(job, labelled_set.cases.count())
    for batch in case_batches(labelled_set):
        with sharing():
            for row in batch:
                run.take(case_of(row))
        renew(job, len(batch))
    return run.result()


@contextmanager
def sharing() -> Iterator[None]:
    """Rests as long as it took: other threads of this worker answer customers meanwhile, and one of them computing
    makes all others wait."""
    began = time.perf_counter()
    yield
    time.sleep(time.perf_counter() - began)


def case_batches(labelled_set: LabelledSet) -> Iterator[list[LabelledCase]]:
    """By key, so that no cursor stays open while texts are looked at."""
    after = None
    while True:
        rows = labelled_set.cases.order_by("pk")
        batch = list((rows.filter(pk__gt=after) if after else rows)[:BATCH])
        if not batch:
            return
        after = batch[-1].pk
        yield batch


def measure_days(job: Measurement, guard: Guard) -> dict[str, Any]:
    run = BackTest(draft=guard, published=in_force(job.guardrail))
    since = timezone.now() - timedelta(days=job.days or 1)
    texts: list[Said] = []
    is_cut = False
    for said in said_since(since):
        if len(texts) == MOST_TEXTS:
            is_cut = True
            break
        texts.append(said)
    set_total(job, len(texts))
    for begin in range(0, len(texts), BATCH):
        batch = texts[begin : begin + BATCH]
        with sharing():
            for said in batch:
                run.take(said)
        renew(job, len(batch))
    return run.result(is_cut=is_cut)


def said_since(since: datetime) -> Iterable[Said]:
    for tell in backtest.sources:
        yield from tell(since)


def in_force(guardrail: Guardrail) -> Guard | None:
    """Its newest published version. Raises ConfigRefused."""
    newest = guardrail.versions.filter(number__isnull=False).order_by("-number").first()
    return guard_for(read_config(newest.config), guardrail=guardrail, number=newest.number) if newest else None


# -- what the row says


def set_total(job: Measurement, total: int) -> None:
    job.total = total
    write(job, total=total)


def renew(job: Measurement, done: int) -> None:
    job.done += done
    until = timezone.now() + LEASE
    write(job, done=job.done, claimed_until=until)
    job.claimed_until = until


def finish(job: Measurement, status: Status, *, result: dict[str, Any] | None = None, error: str = "") -> None:
    """Nothing where another worker has it by now."""
    values = {"status": status, "error": error[:ERROR_LENGTH], "finished_at": timezone.now(), "claimed_until": None}
    try:
        write(job, **values, **({"result": result} if result is not None else {}))
    except LeaseLost as lost:
        logger.warning("%s", lost)
        return
    for name, value in values.items():
        setattr(job, name, value)


def write(job: Measurement, **values: Any) -> None:
    """Raises `LeaseLost`: the lease's instant is what tells one claim from another."""
    held = Q(pk=job.pk, status=Status.RUNNING, claimed_until=job.claimed_until)
    if not Measurement.objects.filter(held).update(**values):
        raise LeaseLost(f"Measurement {job.pk} is another worker's by now, or gone.")
