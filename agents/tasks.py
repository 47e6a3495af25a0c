"""The worker's tasks: ids in, claim, one call. A lost or doubled one changes nothing; the rows are the truth."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_ready
from django.db import connection

from agents.budget_watch import forget_crossings, watch_budgets
from agents.document_sources import read_sources
from agents.erasure import clean_up_after
from agents.errors import LeaseLost
from agents.llm.registry import get_adapter
from agents.notify import nudge_notices, tell_approvals
from agents.parked import lock_session
from agents.publisher import publisher
from agents.remembering import remember_session, sessions_due
from agents.retention import keep_to_retention
from agents.runaways import stop_runaways
from agents.runtime import loop
from agents.turns import claim_turn, release_turn, silence_abandoned_turns, turns_to_nudge
from agents.usage import forget_old_usage, settle_abandoned
from guardrails import workbench
from memory.reembedding import run_claimed
from observability.alerts import run_alerts
from observability.anomaly import find_anomalies
from observability.metric_workers import note_worker
from observability.notice_sending import forget_notices, send_deliveries
from observability.otlp import export_spans
from observability.rolling import roll_up_task
from tools.approvals import expire_due
from tools.listing import sync_due
from tools.outside import settle_abandoned as settle_abandoned_outside

logger = logging.getLogger(__name__)
READ_AT_ONCE = 20
READING_SECONDS = 20.0
# Tasks that are defined beside what they do; a worker knows them by this import.
ELSEWHERE = (
    *(clean_up_after, export_spans, find_anomalies, forget_crossings, forget_notices, keep_to_retention, note_worker),
    *(roll_up_task, run_alerts, send_deliveries, stop_runaways, tell_approvals, watch_budgets),
)


@worker_ready.connect
def load_model_client(**_: Any) -> None:
    """The SDK takes a second or two to import: done beside the first turns, not in the middle of one."""
    threading.Thread(target=get_adapter, name="load-model-client", daemon=True).start()


@shared_task(name="agents.tasks.run_turn")
def run_turn(turn_id: str) -> None:
    claim = claim_turn(UUID(turn_id))
    if claim is None:
        return
    try:
        written = loop.run_turn(claim)
    except LeaseLost as error:
        logger.warning("%s", error)
    except Exception:
        # The task's boundary: whatever the fault, the turn is given up for another try and nobody is left waiting.
        logger.exception("turn %s failed in attempt %d", claim.turn_id, claim.attempt)
        release_turn(claim.lease)
    else:
        if written.next_turn_id:
            nudge(written.next_turn_id)
        if written.escalated:
            nudge_notices(claim.session_id)
    finally:
        connection.close()


@shared_task(name="agents.tasks.sweep_turns")
def sweep_turns() -> None:
    silence_abandoned_turns()
    expire_due(lock_session)
    settle_abandoned()
    for turn_id in turns_to_nudge():
        nudge(turn_id)


@shared_task(name="agents.tasks.forget_usage")
def forget_usage() -> None:
    forget_old_usage()


@shared_task(name="agents.tasks.sync_targets")
def sync_targets() -> None:
    """Ask the backends whose tools are listed whether they are still the same."""
    sync_due(20)


@shared_task(name="agents.tasks.settle_outside_calls")
def settle_outside_calls() -> None:
    """Find out what became of outside callers' writes whose process died."""
    settle_abandoned_outside()


@shared_task(name="agents.tasks.read_conversations")
def read_conversations() -> None:
    """Read those that are due for what to remember: the oldest, for a while; other workers take others meanwhile."""
    ends_at = time.monotonic() + READING_SECONDS
    for session_id in sessions_due(READ_AT_ONCE):
        if time.monotonic() > ends_at:
            return
        remember_session(session_id)


@shared_task(name="agents.tasks.embed_anew")
def embed_anew() -> None:
    run_claimed()


@shared_task(name="agents.tasks.read_sources")
def read_document_sources() -> None:
    read_sources()


@shared_task(name="agents.tasks.run_measurements")
def run_measurements() -> None:
    """The workbench's queue of measurements."""
    workbench.run_all()


def nudge(turn_id: UUID) -> None:
    """Tell a worker that there is a turn, without waiting for it to be told."""
    publisher.publish(run_turn, str(turn_id))
