"""The worker's tasks: ids in, claim, one call. A lost or doubled one changes nothing; the rows are the truth."""

from __future__ import annotations

import logging
import threading
from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_ready
from django.db import connection

from agents.errors import LeaseLost
from agents.llm.registry import get_adapter
from agents.notify import nudge_notices
from agents.parked import lock_session
from agents.publisher import publisher
from agents.runtime import loop
from agents.turns import claim_turn, release_turn, silence_abandoned_turns, turns_to_nudge
from agents.usage import forget_old_usage, settle_abandoned
from tools.approvals import expire_due
from tools.listing import sync_due
from tools.outside import settle_abandoned as settle_abandoned_outside

logger = logging.getLogger(__name__)


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


def nudge(turn_id: UUID) -> None:
    """Tell a worker that there is a turn, without waiting for it to be told."""
    publisher.publish(run_turn, str(turn_id))
