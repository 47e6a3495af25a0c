"""What belongs to a conversation, to be deleted with it: in SQL, as Django would load each row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from memory.forget import forget_conversations
from observability.retention import Rows, delete_all

SESSION_SUBJECTS = (
    Rows(
        table="agents_usage",
        where="subject = ANY(%(subjects)s::text[]) AND limit_id IN "
        "(SELECT l.id FROM agents_limit AS l WHERE l.scope IN ('session', 'customer'))",
    ),
    Rows(
        table="agents_budgetcrossing",
        where="subject = ANY(%(subjects)s::text[]) AND limit_id IN "
        "(SELECT l.id FROM agents_limit AS l WHERE l.scope IN ('session', 'customer'))",
    ),
    Rows(
        table="agents_stop",
        where="scope IN ('session', 'turn') AND subject = ANY(%(subjects)s::text[])",
    ),
    Rows(table="agents_reservation", where="turn_id = ANY(%(turns)s::uuid[])"),
)
CALLS = (
    Rows(
        table="tools_approvalvote",
        where="approval_id IN (SELECT a.id FROM tools_approval AS a WHERE a.call_id = ANY(%(calls)s::uuid[]))",
    ),
    Rows(table="tools_approval", where="call_id = ANY(%(calls)s::uuid[])"),
    Rows(table="tools_moneyuse", where="call_id = ANY(%(done)s::uuid[])"),
    Rows(table="tools_toolcall", where="id = ANY(%(done)s::uuid[])"),
)
# Events and messages name turns without a constraint, so they go before them.
SAID = (
    # A case made of a violation holds its words.
    Rows(
        table="guardrails_labelledcase",
        where="violation_id IN "
        "(SELECT v.id FROM guardrails_violation AS v WHERE v.session_id = ANY(%(sessions)s::uuid[]))",
    ),
    Rows(table="guardrails_violation", where="session_id = ANY(%(sessions)s::uuid[])"),
    Rows(table="agents_escalation", where="session_id = ANY(%(sessions)s::uuid[])"),
    Rows(table="agents_turnevent", where="session_id = ANY(%(sessions)s::uuid[])"),
    Rows(table="agents_message", where="session_id = ANY(%(sessions)s::uuid[])"),
    Rows(table="agents_turn", where="session_id = ANY(%(sessions)s::uuid[])"),
    Rows(table="agents_session", where="id = ANY(%(sessions)s::uuid[])"),
)
WITHIN = "SELECT call_id FROM tools_moneyuse WHERE call_id = ANY(%s::uuid[]) AND at > %s"
EMPTY = """UPDATE tools_toolcall SET arguments = '{}', result = '{}', decided = NULL, digest = ''
    WHERE id = ANY(%s::uuid[])"""


@dataclass(frozen=True, kw_only=True)
class Conversations:
    """The ids of conversations, of their turns and of the calls made in these."""

    sessions: list[UUID]
    turns: list[UUID]
    calls: list[UUID]

    def given(self, *, kept_calls: Sequence[UUID] = ()) -> dict[str, Any]:
        """The parameters of the rows above: of `kept_calls` only what people said about them goes."""
        kept = set(kept_calls)
        return {
            "sessions": self.sessions,
            "turns": self.turns,
            "calls": self.calls,
            "done": [call for call in self.calls if call not in kept],
            "subjects": [str(known) for known in (*self.sessions, *self.turns)],
        }


def conversations_of(sessions: Sequence[UUID]) -> Conversations:
    turns = ids("SELECT id FROM agents_turn WHERE session_id = ANY(%s::uuid[])", list(sessions))
    calls = ids("SELECT id FROM tools_toolcall WHERE turn_id = ANY(%s::uuid[])", turns)
    return Conversations(sessions=list(sessions), turns=turns, calls=calls)


def ids(sql: str, *given: Any, **named: Any) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(sql, named or given)
        return [row[0] for row in cursor.fetchall()]


def delete_conversations(sessions: Sequence[UUID], *, money_since: datetime) -> Counter[str]:
    """Within a transaction. Calls that moved money after `money_since` are emptied and stay, for a limit still counts
    them: which tool, when, and how much."""
    found = conversations_of(sessions)
    kept = ids(WITHIN, found.calls, money_since)
    with connection.cursor() as cursor:
        cursor.execute(EMPTY, [kept])
    given = found.given(kept_calls=kept)
    counts = delete_all((*SESSION_SUBJECTS, *CALLS), given)
    counts += forget_conversations(found.sessions, found.turns)
    return counts + delete_all(SAID, given)
