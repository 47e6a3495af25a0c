"""A turn's states: queued, claimed by one worker, ended once. The row is the job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, connection
from django.db.models import Q
from django.utils import timezone

from agents.journal import STANDING_FOR_STEP, Lease, Stops, lease_end
from agents.models import Turn
from observability.batch import encode
from observability.tracing import TOTALS_OF_SPANS
from tools.ledger import LEFT_OPEN, NOT_MADE

__all__ = ["Claim", "Lease", "claim_turn", "release_turn", "renew_leases", "silence_abandoned_turns", "turns_to_nudge"]

# Of the messages that waited while a turn ran the newest one's turn answers all, where the agent's version says so:
# `chosen` is that turn, and the others become `merged`; one that was begun already goes on by itself.
CLAIM = f"""
WITH asked AS (
  SELECT t.id, t.session_id, t.seq,
    t.status = 'queued' AND t.attempts = 0 AND coalesce(v.merge_waiting, false) AS merges
  FROM agents_turn AS t JOIN agents_session AS s ON s.id = t.session_id JOIN agents_agent AS a ON a.id = s.agent_id
  LEFT JOIN agents_agentversion AS v ON v.id = coalesce(t.agent_version_id, a.live_version_id)
  WHERE t.id = %s
), chosen AS (
  SELECT asked.merges, coalesce((SELECT n.id FROM agents_turn AS n WHERE asked.merges
    AND n.session_id = asked.session_id AND n.status = 'queued' AND n.attempts = 0
    ORDER BY n.seq DESC LIMIT 1), asked.id) AS id
  FROM asked
), turn AS (
  UPDATE agents_turn AS t
  SET status = 'running', lease_token = %s, lease_until = %s, attempts = t.attempts + 1,
      started_at = coalesce(t.started_at, %s), agent_version_id = coalesce(t.agent_version_id, a.live_version_id)
  FROM chosen, agents_session AS s JOIN agents_agent AS a ON a.id = s.agent_id
  WHERE t.id = chosen.id AND s.id = t.session_id AND s.controller = 'agent'
    AND coalesce(t.agent_version_id, a.live_version_id) IS NOT NULL
    AND (t.status = 'queued' OR (t.status = 'running' AND t.lease_until < %s))
    AND NOT EXISTS (SELECT 1 FROM agents_turn AS earlier WHERE earlier.session_id = t.session_id
                    AND earlier.seq < t.seq AND earlier.status IN ('queued', 'running', 'waiting')
                    AND NOT (chosen.merges AND earlier.status = 'queued' AND earlier.attempts = 0))
  RETURNING t.id, t.session_id, t.seq, t.attempts, t.agent_version_id, t.started_at, chosen.merges,
            s.agent_id, s.channel, s.identity, s.customer_id, a.name, a.slug, a.status AS agent_status
), merged AS (
  UPDATE agents_turn AS t SET status = 'merged', finished_at = turn.started_at
  FROM turn WHERE turn.merges AND t.session_id = turn.session_id AND t.seq < turn.seq AND t.status = 'queued'
    AND t.attempts = 0
  RETURNING t.session_id, t.seq
), answered AS (
  UPDATE agents_message AS m SET turn_id = turn.id
  FROM merged, turn WHERE m.session_id = merged.session_id AND m.seq = merged.seq
), trace AS (
  INSERT INTO observability_trace (id, session_id, agent_id, agent_name, agent_slug, agent_version, model, channel,
    customer, status, outcome, error, input_text, output_text, started_at, model_calls, tool_calls, input_tokens,
    output_tokens, cache_read_tokens, cache_write_tokens, cost_usd)
  SELECT turn.id, turn.session_id, turn.agent_id, turn.name, turn.slug, coalesce(v.number, 0), v.model, turn.channel,
    c.email, 'running', '', '', coalesce((SELECT left(m.text, 300) FROM agents_message AS m
      WHERE m.session_id = turn.session_id AND m.seq = turn.seq), ''), '', turn.started_at, 0, 0, 0, 0, 0, 0, 0
  FROM turn JOIN agents_agentversion AS v ON v.id = turn.agent_version_id
  JOIN agents_customer AS c ON c.id = turn.customer_id
  ON CONFLICT (id) DO NOTHING
)
SELECT turn.id, turn.session_id, turn.seq, turn.attempts, turn.agent_version_id, turn.started_at, turn.agent_id,
       turn.channel, turn.identity, turn.agent_status, c.email, c.name, turn.customer_id, {STANDING_FOR_STEP},
       turn.slug, turn.identity = 'verified' AND memory_holds(turn.customer_id)
FROM turn JOIN agents_customer AS c ON c.id = turn.customer_id
"""  # noqa: S608  no value in it


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A turn that this worker runs, and what it needs to know of it."""

    lease: Lease
    seq: int
    attempt: int
    version_id: UUID
    started_at: datetime
    agent_id: UUID
    agent_slug: str
    channel: str
    is_verified: bool
    agent_is_paused: bool
    customer_id: UUID
    customer_email: str
    customer_name: str
    # Whether anything is remembered of them that this turn may be given.
    is_remembered: bool
    stops: Stops

    @property
    def turn_id(self) -> UUID:
        return self.lease.turn_id

    @property
    def session_id(self) -> UUID:
        return self.lease.session_id


def claim_turn(turn_id: UUID) -> Claim | None:
    """Take the turn if it is to be had: queued or with a lease run out, first in its session, the agent speaking.

    Where waiting messages are answered together, the claim is of the newest one's turn. One statement counts as the
    claim and opens the trace. That one turn of a session runs at a time is a partial unique constraint; where another
    worker was quicker, it says so and the claim is "not yet".
    """
    token, now = uuid4(), timezone.now()
    try:
        with connection.cursor() as cursor:
            cursor.execute(CLAIM, [turn_id, token, lease_end(), now, now])
            row = cursor.fetchone()
    except IntegrityError:
        return None
    if row is None:
        return None
    return Claim(
        lease=Lease(turn_id=row[0], session_id=row[1], token=token),
        seq=row[2],
        attempt=row[3],
        version_id=row[4],
        started_at=row[5],
        agent_id=row[6],
        channel=row[7],
        is_verified=row[8] == "verified",
        agent_is_paused=row[9] == "paused",
        customer_email=row[10],
        customer_name=row[11],
        customer_id=row[12],
        stops=Stops.of(row[13]),
        agent_slug=row[14],
        is_remembered=row[15],
    )


def renew_leases(leases: Sequence[Lease]) -> int:
    """Leases of running turns, all moved to now plus `TURN_LEASE_SECONDS`; how many were still held."""
    held = Q()
    for lease in leases:
        held |= Q(pk=lease.turn_id, lease_token=lease.token)
    return Turn.objects.filter(held, status=Turn.Status.RUNNING).update(lease_until=lease_end())


def resume_turn(turn_id: UUID) -> bool:
    """A turn that waited goes on: whether it did wait."""
    waiting = Turn.objects.filter(pk=turn_id, status=Turn.Status.WAITING)
    return bool(waiting.update(status=Turn.Status.QUEUED, queued_at=timezone.now(), nudged_at=None))


def release_turn(lease: Lease) -> None:
    """Give a turn up: its lease ends now, and the sweeper hands it to another worker."""
    Turn.objects.filter(pk=lease.turn_id, lease_token=lease.token).update(lease_until=timezone.now())


SILENCE_ABANDONED = f"""
WITH turn AS (
  UPDATE agents_turn AS t
  SET status = 'silenced', finished_at = %s, lease_token = NULL, lease_until = NULL, failure = 'abandoned by its worker'
  FROM agents_session AS s
  WHERE s.id = t.session_id AND s.controller <> 'agent'
    AND (t.status = 'waiting' OR (t.status = 'running' AND t.lease_until < %s))
  RETURNING t.id
), trace AS (
  UPDATE observability_trace AS r SET status = 'error', outcome = 'silenced', error = 'abandoned by its worker',
    ended_at = now(), {TOTALS_OF_SPANS}
  FROM turn WHERE r.id = turn.id
), given_back AS (
  DELETE FROM tools_moneyuse AS m USING turn, tools_toolcall AS r
  WHERE m.call_id = r.id AND r.turn_id = turn.id AND r.state = 'reserved'
), refused AS (
  UPDATE tools_toolcall AS r SET state = 'refused', result = %s::jsonb, duration_ms = 0
  FROM turn WHERE r.turn_id = turn.id AND r.state = 'reserved'
), unknown AS (
  UPDATE tools_toolcall AS r SET state = 'unknown', result = %s::jsonb, duration_ms = 0
  FROM turn WHERE r.turn_id = turn.id AND r.state = 'sent'
)
SELECT count(*) FROM turn
"""  # noqa: S608


def silence_abandoned_turns() -> int:
    """End the turns whose worker died and whose conversation a person has taken over: nobody will resume them."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(SILENCE_ABANDONED, [now, now, encode(NOT_MADE.result), encode(LEFT_OPEN)])
        return int(cursor.fetchone()[0])


# Whoever was told of a turn may be behind many others: telling again at each sweep would fill the queue with doubles.
NUDGE_AGAIN_SECONDS = 20
NUDGE = """
UPDATE agents_turn SET nudged_at = %(now)s WHERE id IN (
  SELECT t.id FROM agents_turn AS t JOIN agents_session AS s ON s.id = t.session_id
  WHERE s.controller = 'agent' AND (t.nudged_at IS NULL OR t.nudged_at < %(again)s)
    AND ((t.status = 'queued' AND t.queued_at < %(fresh)s) OR (t.status = 'running' AND t.lease_until < %(now)s))
    AND NOT EXISTS (SELECT FROM agents_turn AS e WHERE e.session_id = t.session_id AND e.seq < t.seq
      AND e.status IN ('running', 'waiting', 'queued'))
  ORDER BY t.queued_at LIMIT %(limit)s FOR NO KEY UPDATE OF t SKIP LOCKED
) RETURNING id
"""


def turns_to_nudge(*, limit: int = 500) -> list[UUID]:
    """Turns that no worker seems to have: queued for a while, or running past their lease; the first of each session.

    A fresh one is left alone, for its own nudge is still on the way, and so is one that was named a moment ago.
    """
    now = timezone.now()
    given: dict[str, Any] = {
        "now": now,
        "again": now - timedelta(seconds=NUDGE_AGAIN_SECONDS),
        "fresh": now - timedelta(seconds=settings.NUDGE_AFTER_SECONDS),
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(NUDGE, given)
        return [row[0] for row in cursor.fetchall()]
