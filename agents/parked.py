"""Turns that wait for a person's decision on one of their calls, when the conversation goes on without it."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from agents.models import Session
from observability.batch import Part, encode
from observability.tracing import TOTALS_OF_SPANS
from tools.ledger import NOT_MADE

# Turns that were begun and that no worker has: their calls are still reserved, and their trace is open.
BEGUN = "t.session_id = session.id AND (t.status = 'waiting' OR (t.status = 'queued' AND t.attempts > 0))"
REFUSE_CALLS = f"""UPDATE tools_toolcall AS c SET state = 'refused', result = %s::jsonb, duration_ms = 0
    FROM session, agents_turn AS t WHERE c.turn_id = t.id AND c.state = 'reserved' AND {BEGUN}"""  # noqa: S608
CLOSE_TRACES = f"""UPDATE observability_trace AS r SET status = 'ok', outcome = 'silenced', ended_at = now(),
    {TOTALS_OF_SPANS}
    FROM session, agents_turn AS t WHERE r.id = t.id AND {BEGUN}"""  # noqa: S608
SILENCE = """UPDATE agents_turn AS t SET status = 'silenced', finished_at = %s
    FROM session WHERE t.session_id = session.id AND t.status IN ('queued', 'waiting')"""
CANCEL = """UPDATE tools_approval AS a SET status = 'cancelled', reason = 'A person took over.', decided_at = %s
    FROM session WHERE a.session_id = session.id AND a.status IN ('pending', 'approved')"""


def lock_session(session_id: UUID) -> None:
    """Before an approval of it is locked: whoever takes the conversation over locks the two in this order."""
    Session.objects.select_for_update(no_key=True).filter(pk=session_id).first()


def silence_turns() -> list[Part]:
    """For a write of `session` that takes the word from the agent: turns that wait are not begun, or gone on with, and
    nothing of them can be approved any more. One that runs notices at its next step."""
    now = timezone.now()
    return [
        Part(sql=REFUSE_CALLS, params=(encode(NOT_MADE.result),)),
        Part(sql=CLOSE_TRACES, params=()),
        Part(sql=SILENCE, params=(now,)),
        Part(sql=CANCEL, params=(now,)),
    ]
