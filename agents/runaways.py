"""Conversations that run away: one that takes more within ten minutes than a limit allows is stopped, given to a person
and told of, once. What it took before somebody lifted that stop does not count against it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from agents.escalations import SUMMARY_LENGTH
from agents.journal import Event, message_event, tell_changed, write_session
from agents.models import Escalation, Message, Session, Stop, Turn, TurnEvent
from agents.parked import silence_turns
from agents.stops import insert as insert_stop
from observability.batch import insert
from observability.ids import uuid7
from observability.models import Event as Told
from observability.models import Notice
from observability.notices import tell

WINDOW = timedelta(minutes=10)
# Spans come nearly in the order of time, so that a few pages of their index serve.
TAKEN = """
SELECT s.id, count(DISTINCT t.id) AS turns, count(*) FILTER (WHERE p.kind IN ('model', 'tool')) AS calls,
  coalesce(sum(p.input_tokens + p.output_tokens + p.cache_read_tokens + p.cache_write_tokens), 0)::bigint AS tokens,
  coalesce(sum(p.cost_usd), 0) AS usd
FROM observability_span AS p
JOIN observability_trace AS t ON t.id = p.trace_id
JOIN agents_session AS s ON s.id = t.session_id
LEFT JOIN LATERAL (
  SELECT bool_or(x.lifted_at IS NULL) AS stands, max(x.lifted_at) AS lifted_at FROM agents_stop AS x
  WHERE x.scope = 'session' AND x.subject = s.id::text
) AS x ON TRUE
WHERE p.started_at >= %(since)s AND s.controller = 'agent' AND x.stands IS NOT TRUE
  AND (x.lifted_at IS NULL OR p.started_at > x.lifted_at)
GROUP BY s.id
HAVING (%(usd)s > 0 AND coalesce(sum(p.cost_usd), 0) > %(usd)s)
  OR (%(calls)s > 0 AND count(*) FILTER (WHERE p.kind IN ('model', 'tool')) > %(calls)s)
  OR (%(tokens)s > 0
    AND coalesce(sum(p.input_tokens + p.output_tokens + p.cache_read_tokens + p.cache_write_tokens), 0) > %(tokens)s)
  OR (%(turns)s > 0 AND count(DISTINCT t.id) > %(turns)s)
"""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a conversation took within the window."""

    session_id: UUID
    turns: int
    calls: int
    tokens: int
    usd: Decimal

    @property
    def reason(self) -> str:
        """In one line that a stop can hold: what is too much first."""
        over: list[tuple[int | Decimal, int | Decimal, str]] = [
            (settings.RUNAWAY_USD, self.usd, f"${self.usd:.2f} of ${settings.RUNAWAY_USD}"),
            (settings.RUNAWAY_CALLS, self.calls, f"{self.calls} calls of {settings.RUNAWAY_CALLS}"),
            (settings.RUNAWAY_TOKENS, self.tokens, f"{self.tokens:,} tokens of {settings.RUNAWAY_TOKENS:,}"),
            (settings.RUNAWAY_TURNS, self.turns, f"{self.turns} turns of {settings.RUNAWAY_TURNS}"),
        ]
        words = ", ".join(text for limit, much, text in over if limit and much > limit)
        return f"Runaway: {words} within 10 minutes"

    @property
    def figures(self) -> str:
        return f"{self.turns} turns, {self.calls} calls, {self.tokens:,} tokens, ${self.usd:.2f} within 10 minutes"


def runaways() -> list[Taken]:
    """Those that run now, without those that a person has or that are stopped."""
    limits: dict[str, int | Decimal] = {
        "usd": settings.RUNAWAY_USD,
        "calls": settings.RUNAWAY_CALLS,
        "tokens": settings.RUNAWAY_TOKENS,
        "turns": settings.RUNAWAY_TURNS,
    }
    with connection.cursor() as cursor:
        cursor.execute(TAKEN, {"since": timezone.now() - WINDOW, **limits})
        return [
            Taken(session_id=pk, turns=turns, calls=calls, tokens=tokens, usd=usd)
            for pk, turns, calls, tokens, usd in cursor.fetchall()
        ]


def stop_all() -> list[Stop]:
    """The stops that are new; each stands with its hand-over and its notice, or not at all."""
    return [stop for taken in runaways() if (stop := stop_one(taken))]


def stop_one(taken: Taken) -> Stop | None:
    """None where somebody stopped it meanwhile."""
    with transaction.atomic():
        session = Session.objects.select_for_update(no_key=True, of=("self",)).select_related("agent")
        found = session.filter(pk=taken.session_id, controller=Session.Controller.AGENT).first()
        if found is None:
            return None
        wanted = Stop(scope=Stop.Scope.SESSION, subject=str(taken.session_id), reason=taken.reason, by=None)
        stop, is_new = insert_stop(wanted)
        if not is_new:
            return None
        hand_over(found, taken)
        tell(
            Told.RUNAWAY,
            key=f"runaway:{stop.pk}",
            title=f"A conversation with {found.agent.name} ran away and was stopped",
            text=f"{taken.reason}. It waits for a person.",
            path=f"/inbox/{found.pk}/",
            tone=Notice.Tone.BAD,
        )
        tell_changed(None)
    return stop


def hand_over(session: Session, taken: Taken) -> None:
    """To people at once. A turn that runs finds the stop at its next step, and then hands over in the agent's words to
    the customer; one that waits is not begun."""
    note = message_event(
        author=Message.Author.SYSTEM,
        channel=session.channel,
        text=f"Tandem stopped the agent in this conversation. {taken.reason}; in all {taken.figures}.",
        visibility=Message.Visibility.NOTE,
    )
    if Turn.objects.filter(session=session, status=Turn.Status.RUNNING).exists():
        write_session(session.pk, events=[note])
        return
    escalation = {
        "id": uuid7(),
        "session_id": session.pk,
        "turn_id": None,
        "reason": Escalation.Reason.STOPPED,
        "summary": f"{taken.reason}. In all: {taken.figures}."[:SUMMARY_LENGTH],
        "status": Escalation.Status.OPEN,
        "opened_at": timezone.now(),
        "resolution": "",
    }
    write_session(
        session.pk,
        events=[*given_away(), note],
        values={"controller": Session.Controller.HUMAN},
        parts=[*silence_turns(), insert(Escalation, [escalation], fence="session", skip_conflicts=True)],
    )


def given_away() -> Sequence[Event]:
    data: dict[str, Any] = {"reason": Escalation.Reason.STOPPED}
    return [
        Event(kind=TurnEvent.Kind.CONTROLLER, data={"controller": Session.Controller.HUMAN}),
        Event(kind=TurnEvent.Kind.ESCALATION, data=data),
    ]


@shared_task(name="agents.tasks.stop_runaways")
def stop_runaways() -> None:
    """Every 15 seconds."""
    stop_all()
