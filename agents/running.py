"""What the agents do right now: the turns that run and those that wait, and what each has taken so far.

A turn waits to begin, or it was begun and waits for a person to approve one of its calls.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from agents.approval_words import words_of
from agents.conversation import follow
from agents.models import Session, Turn
from agents.models.sessions import Channel
from tools.models import Approval

SHOWN = 200
# What a turn does now is in its last events; before them there is only what was done.
EVENTS_READ = 40
# The place of the approval's id in a row of `OPEN_TURNS`.
APPROVAL = 21

# Those that run and wait to begin are found by their partial index; those that wait for approval, which it leaves out,
# by that of the approvals nobody has decided.
EVERY_OPEN = """
  SELECT t.id, t.session_id, t.seq, t.status, t.attempts, t.agent_version_id, t.lease_until, NULL::uuid AS approval_id,
    CASE t.status WHEN 'running' THEN coalesce(t.started_at, t.queued_at) ELSE t.queued_at END AS since,
    CASE t.status WHEN 'running' THEN 0 ELSE 1 END AS rank
  FROM agents_turn AS t WHERE t.status IN ('queued', 'running')
  UNION ALL
  SELECT t.id, t.session_id, t.seq, t.status, t.attempts, t.agent_version_id, t.lease_until, p.id, p.requested_at, 2
  FROM tools_approval AS p JOIN tools_toolcall AS c ON c.id = p.call_id JOIN agents_turn AS t ON t.id = c.turn_id
  WHERE p.status = 'pending' AND t.status = 'waiting'
"""
# They are cut to `shown` before anything else is read of them. Of their released text only the newest piece is read:
# that there is one after the last step says that the agent writes.
OPEN_TURNS = f"""
WITH open AS MATERIALIZED (
  SELECT t.* FROM ({EVERY_OPEN}) AS t
  WHERE %(agent)s::uuid IS NULL
    OR EXISTS (SELECT FROM agents_session AS s WHERE s.id = t.session_id AND s.agent_id = %(agent)s::uuid)
  ORDER BY t.rank, t.since, t.id LIMIT %(shown)s
), turn AS (
  SELECT open.*, s.agent_id, s.customer_id, s.channel, s.controller
  FROM open JOIN agents_session AS s ON s.id = open.session_id
)
SELECT turn.id, turn.session_id, turn.status, turn.attempts, turn.since, turn.channel, turn.controller,
  turn.lease_until, a.name, a.slug, v.number, c.name, c.email,
  spent.model_calls, spent.tool_calls, spent.tokens, spent.usd, live.events,
  EXISTS (SELECT FROM agents_stop AS x WHERE x.lifted_at IS NULL
    AND (x.scope = 'all' OR x.subject IN (turn.id::text, turn.session_id::text, turn.agent_id::text))),
  EXISTS (SELECT FROM agents_turn AS before WHERE before.session_id = turn.session_id AND before.seq < turn.seq
    AND before.status IN ('queued', 'running', 'waiting')),
  EXISTS (SELECT FROM observability_trace AS r WHERE r.id = turn.id), turn.approval_id
FROM turn
JOIN agents_agent AS a ON a.id = turn.agent_id
JOIN agents_customer AS c ON c.id = turn.customer_id
LEFT JOIN agents_agentversion AS v ON v.id = turn.agent_version_id
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE kind = 'model') AS model_calls, count(*) FILTER (WHERE kind = 'tool') AS tool_calls,
    coalesce(sum(input_tokens + output_tokens + cache_read_tokens + cache_write_tokens), 0) AS tokens,
    coalesce(sum(cost_usd), 0) AS usd
  FROM observability_span WHERE trace_id = turn.id
) AS spent
CROSS JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_object('kind', e.kind, 'at', e.at, 'data',
    CASE e.kind WHEN 'text' THEN jsonb_set(e.data, '{{text}}', to_jsonb(left(e.data ->> 'text', 1))) ELSE e.data END)
    ORDER BY e.seq) AS events
  FROM (SELECT seq, kind, at, data FROM agents_turnevent AS v
    WHERE session_id = turn.session_id AND turn_id = turn.id AND seq > turn.seq AND turn.status = 'running'
      AND (kind <> 'text' OR seq = (SELECT w.seq FROM agents_turnevent AS w
        WHERE w.session_id = turn.session_id AND w.turn_id = turn.id ORDER BY w.seq DESC LIMIT 1))
    ORDER BY seq DESC LIMIT %(events)s) AS e
) AS live
ORDER BY turn.rank, turn.since, turn.id
"""  # noqa: S608  no value in it
BY_AGENT = f"""
SELECT a.id, a.name, a.slug, count(*) FILTER (WHERE t.status = 'running'), count(*) FILTER (WHERE t.status = 'queued'),
  count(*) FILTER (WHERE t.status = 'waiting'),
  min(t.since) FILTER (WHERE t.status = 'running'), min(t.since) FILTER (WHERE t.status = 'queued')
FROM ({EVERY_OPEN}) AS t JOIN agents_session AS s ON s.id = t.session_id JOIN agents_agent AS a ON a.id = s.agent_id
GROUP BY a.id ORDER BY a.name, a.id
"""  # noqa: S608  no value in it


@dataclass(frozen=True, kw_only=True)
class OpenTurn:
    """A turn that runs or waits. `usd` and `tokens` are those of its finished steps; `is_first` says that no earlier
    turn of its conversation is still to be answered. `approval_id` is what it waits for where that is a person's yes,
    and `asks` says it in words: "A-12: Refund 142.00 EUR of order 1044"."""

    id: UUID
    session_id: UUID
    status: str
    attempts: int
    since: datetime
    channel: str
    controller: str
    lease_until: datetime | None
    agent_name: str
    agent_slug: str
    version: int | None
    customer: str
    model_calls: int
    tool_calls: int
    tokens: int
    usd: Decimal
    step: str
    is_stopped: bool
    is_first: bool
    has_trace: bool
    approval_id: UUID | None = None
    asks: str = ""

    @property
    def is_running(self) -> bool:
        return self.status == Turn.Status.RUNNING

    @property
    def is_lost(self) -> bool:
        """Whether its worker is gone: nobody has renewed its lease."""
        return self.lease_until is not None and self.lease_until < timezone.now()

    @property
    def elapsed_seconds(self) -> int:
        return max(0, int((timezone.now() - self.since).total_seconds()))

    @property
    def channel_name(self) -> str:
        return str(Channel(self.channel).label)

    @property
    def doing(self) -> str:
        """Its step in words, or why it takes none."""
        if self.is_stopped:
            return "Does not begin" if self.status == Turn.Status.QUEUED else "Takes no further step"
        if self.controller != Session.Controller.AGENT:
            return "Silent: a person took over"
        if self.is_running:
            return "Goes to another worker" if self.is_lost else self.step
        if self.approval_id is not None:
            return f"Waits for {self.asks}"
        return "Waits for a worker" if self.is_first else "Waits for the turn before it"


@dataclass(frozen=True, kw_only=True)
class AgentLoad:
    """How many turns of an agent are open, and since when the oldest of each kind is; `queued` wait to begin, `waiting`
    for a person to approve a call."""

    agent_id: UUID
    name: str
    slug: str
    running: int
    queued: int
    waiting: int
    running_since: datetime | None
    queued_since: datetime | None

    @property
    def open(self) -> int:
        return self.running + self.queued + self.waiting


def open_turns(agent_id: UUID | None = None) -> list[OpenTurn]:
    """Those that run, the longest first, then those that wait to begin, then those that wait for approval; of one
    agent, or of all. At most `SHOWN`; one query, and one more where an approval is waited for."""
    with connection.cursor() as cursor:
        cursor.execute(OPEN_TURNS, {"agent": agent_id, "shown": SHOWN, "events": EVENTS_READ})
        rows = cursor.fetchall()
    asked = approvals_in_words([row[APPROVAL] for row in rows if row[APPROVAL]])
    return [turn_of(row, asked.get(row[APPROVAL], "")) for row in rows]


def approvals_in_words(ids: Sequence[UUID]) -> dict[UUID, str]:
    """By id, the label and what is asked."""
    found = Approval.objects.filter(pk__in=ids).select_related("call") if ids else ()
    return {approval.pk: f"{approval.label}: {words_of(approval, '').sentence}" for approval in found}


def load_by_agent() -> list[AgentLoad]:
    """Of the agents with an open turn, by name; one query."""
    with connection.cursor() as cursor:
        cursor.execute(BY_AGENT)
        return [
            AgentLoad(
                agent_id=row[0],
                name=row[1],
                slug=row[2],
                running=row[3],
                queued=row[4],
                waiting=row[5],
                running_since=row[6],
                queued_since=row[7],
            )
            for row in cursor.fetchall()
        ]


def turn_of(row: tuple[Any, ...], asks: str) -> OpenTurn:
    events = json.loads(row[17]) if isinstance(row[17], str) else row[17] or []
    return OpenTurn(
        id=row[0],
        session_id=row[1],
        status=row[2],
        attempts=row[3],
        since=row[4],
        channel=row[5],
        controller=row[6],
        lease_until=row[7],
        agent_name=row[8],
        agent_slug=row[9],
        version=row[10],
        customer=row[11] or row[12],
        model_calls=row[13],
        tool_calls=row[14],
        tokens=row[15],
        usd=row[16],
        step=follow(events)[1],
        is_stopped=row[18],
        is_first=not row[19],
        has_trace=row[20],
        approval_id=row[APPROVAL],
        asks=asks,
    )
