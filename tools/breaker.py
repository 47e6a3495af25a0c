"""The circuit breaker of a target: after failures in a row nothing is sent for a while, then one request tries.

All processes share the row of `TargetHealth`. What a process knows of it comes with the catalog's reading of the tools,
so a target that is well costs no query; the row is written when a request fails and when the target answers again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from django.db import Error
from django.utils import timezone

from observability.database import give_back_connection
from tools.catalog import catalog
from tools.errors import OutcomeUnclear, TargetUnavailable, TargetUnreachable, ToolFailed, Unreadable
from tools.models import TargetHealth

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")
# A read makes three requests unless its tool says otherwise: one unlucky call does not open it, two in a row do.
FAILURES_TO_OPEN = 5
FIRST_PAUSE_SECONDS = 10
LONGEST_PAUSE_SECONDS = 300
# A request that was given less time says nothing about the target when it fails.
FAIR_SECONDS = 0.25
ERROR_LENGTH = 300

# The clock of the database is everybody's, and `clock_timestamp` goes on within a transaction. While open, only trials
# count: the pause doubles with each that fails, whatever else was under way.
OPENS = f"(h.state = 'open' OR h.failures + 1 >= {FAILURES_TO_OPEN})"
NEXT_RETRY = (
    "clock_timestamp() + make_interval(secs => least("
    f"{FIRST_PAUSE_SECONDS} * power(2, least(h.failures + 1 - {FAILURES_TO_OPEN}, 16)), {LONGEST_PAUSE_SECONDS}))"
)
COUNT_FAILURE = f"""
INSERT INTO tools_targethealth AS h (target_id, state, failures, last_error, changed_at)
VALUES (%(target)s, 'closed', 1, %(error)s, clock_timestamp())
ON CONFLICT (target_id) DO UPDATE SET
  failures = h.failures + 1,
  state = CASE WHEN {OPENS} THEN 'open' ELSE 'closed' END,
  opened_at = CASE WHEN {OPENS} THEN coalesce(h.opened_at, clock_timestamp()) END,
  retry_at = CASE WHEN {OPENS} THEN {NEXT_RETRY} END,
  last_error = excluded.last_error,
  changed_at = excluded.changed_at
WHERE h.state = 'closed' OR %(is_trial)s
RETURNING h.*
"""  # noqa: S608  made of constants
# The pause is the one that follows if the trial fails, or if nothing is ever heard of it.
CLAIM_TRIAL = f"""
UPDATE tools_targethealth AS h SET retry_at = {NEXT_RETRY}
WHERE target_id = %(target)s AND state = 'open' AND retry_at <= clock_timestamp()
RETURNING h.*
"""  # noqa: S608  made of constants


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Leave to send one request to a target."""

    target_id: UUID
    is_trial: bool = False

    def watch(self, send: Callable[[], Answer], *, deadline: float) -> Answer:
        """What `send` gives or raises. Whether the target answered is recorded; a refusal is an answer as well."""
        is_fair = deadline - time.monotonic() >= FAIR_SECONDS
        try:
            answer = send()
        except ToolFailed:
            note_answer(self.target_id)
            raise
        except Unreadable:
            # One answer that is of no use is no reason to keep all other calls from the target.
            raise
        except (TargetUnreachable, OutcomeUnclear) as error:
            if is_fair:
                note_failure(self.target_id, str(error), is_trial=self.is_trial)
            raise
        note_answer(self.target_id)
        return answer


# -- before a request


def admit(target_id: UUID) -> Passage:
    """Leave to send a request. Where a trial is due, one caller of all processes gets it; the others, and everybody
    before that, get `TargetUnavailable`."""
    health = catalog.health_of(target_id)
    if health is not None and is_due(health):
        if claim_trial(target_id):
            return Passage(target_id=target_id, is_trial=True)
        health = catalog.health_of(target_id)
    if health is None or health.retry_at is None:
        return Passage(target_id=target_id)
    raise TargetUnavailable(
        f"The backend cannot be reached at present: {health.failures} requests in a row failed, and nothing is sent to "
        f"it until {health.retry_at:%H:%M:%S} UTC. Nothing was done. Do not try again now; tell the customer, or hand "
        "over to a person."
    )


def admit_look_up(target_id: UUID) -> Passage:
    """Leave to find out what became of a write that was sent: that must be known, so no breaker holds it back."""
    return Passage(target_id=target_id)


def is_due(health: TargetHealth) -> bool:
    return health.retry_at is not None and health.retry_at <= timezone.now()


def claim_trial(target_id: UUID) -> bool:
    """Whether the caller is the one who tries. What the row says is known afterwards in any case."""
    try:
        claimed = first_of(CLAIM_TRIAL, {"target": target_id})
        catalog.note_health(target_id, claimed or TargetHealth.objects.filter(pk=target_id).first())
    finally:
        give_back_connection()
    return claimed is not None


# -- after a request


def note_answer(target_id: UUID) -> None:
    """The target answered: failures that are known of are over."""
    health = catalog.health_of(target_id)
    if health is None or (health.state == TargetHealth.State.CLOSED and not health.failures):
        return
    with recording(target_id):
        well = TargetHealth(target_id=target_id, state=TargetHealth.State.CLOSED)
        values = {name: getattr(well, name) for name in ("state", "failures", "opened_at", "retry_at", "last_error")}
        rows = TargetHealth.objects.filter(pk=target_id).exclude(state=well.state, failures=0)
        if rows.update(**values, changed_at=well.changed_at) and health.state == TargetHealth.State.OPEN:
            logger.warning("target %s answers again after %d failures", target_id, health.failures)
        catalog.note_health(target_id, well)


def note_failure(target_id: UUID, error: str, *, is_trial: bool) -> None:
    known = catalog.health_of(target_id)
    if known is not None and known.state == TargetHealth.State.OPEN and not is_trial:
        return
    with recording(target_id):
        counted = first_of(COUNT_FAILURE, {"target": target_id, "error": error[:ERROR_LENGTH], "is_trial": is_trial})
        if counted is not None and counted.state == TargetHealth.State.OPEN:
            logger.warning(
                "target %s: nothing is sent until %s after %d failures in a row: %s",
                target_id,
                counted.retry_at,
                counted.failures,
                error,
            )
        catalog.note_health(target_id, counted or TargetHealth.objects.filter(pk=target_id).first())


@contextmanager
def recording(target_id: UUID) -> Iterator[None]:
    """What came of the call is worth more than this note of it: where it cannot be written, the call goes on."""
    try:
        yield
    except Error as error:
        logger.warning("target %s: its health could not be recorded: %s", target_id, error)
    finally:
        give_back_connection()


def first_of(sql: str, params: dict[str, object]) -> TargetHealth | None:
    return next(iter(TargetHealth.objects.raw(sql, params)), None)


# -- by a person


def try_now(target_id: UUID) -> bool:
    """Let the next call try; whether there was anything to wait for. Workers learn of it within two seconds."""
    now = timezone.now()
    is_open = TargetHealth.objects.filter(pk=target_id, state=TargetHealth.State.OPEN)
    return bool(is_open.filter(retry_at__gt=now).update(retry_at=now))
