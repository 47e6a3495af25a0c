"""Rows that name others which are no more, where no constraint of the database would have told."""

from __future__ import annotations

from django.db import connection
from django.db.backends.utils import CursorWrapper

# Columns without a constraint that name a row of another table, by (table, column): the table named.
NAMES = {
    ("agents_message", "session_id"): "agents_session",
    ("agents_message", "turn_id"): "agents_turn",
    ("agents_turn", "session_id"): "agents_session",
    ("agents_turnevent", "session_id"): "agents_session",
    ("agents_turnevent", "turn_id"): "agents_turn",
    ("agents_escalation", "session_id"): "agents_session",
    ("agents_escalation", "turn_id"): "agents_turn",
    ("agents_reservation", "turn_id"): "agents_turn",
    ("tools_toolcall", "turn_id"): "agents_turn",
    ("tools_toolcall", "session_id"): "agents_session",
    ("tools_toolcall", "key_id"): "tools_gatewaykey",
    ("tools_approval", "call_id"): "tools_toolcall",
    ("tools_approval", "session_id"): "agents_session",
    ("tools_approvalvote", "approval_id"): "tools_approval",
    ("tools_moneyuse", "call_id"): "tools_toolcall",
    ("memory_reading", "session_id"): "agents_session",
    ("memory_sessionsummary", "session_id"): "agents_session",
    ("memory_documentuse", "turn_id"): "agents_turn",
    ("memory_documentuse", "session_id"): "agents_session",
    ("memory_documentuse", "document_id"): "memory_document",
    ("memory_memory", "session_id"): "agents_session",
    ("memory_memory", "message_id"): "agents_message",
    ("memory_memory", "superseded_by_id"): "memory_memory",
    ("observability_span", "trace_id"): "observability_trace",
}
SUBJECTS = """
SELECT count(*) FROM agents_usage AS u JOIN agents_limit AS l ON l.id = u.limit_id
WHERE l.scope = 'session' AND NOT EXISTS (SELECT FROM agents_session AS s WHERE s.id::text = u.subject)
   OR l.scope = 'customer' AND NOT EXISTS (SELECT FROM agents_customer AS c WHERE c.id::text = u.subject)
"""
STOPPED = """
SELECT count(*) FROM agents_stop AS p
WHERE p.scope = 'session' AND NOT EXISTS (SELECT FROM agents_session AS s WHERE s.id::text = p.subject)
   OR p.scope = 'turn' AND NOT EXISTS (SELECT FROM agents_turn AS t WHERE t.id::text = p.subject)
"""


def orphans() -> dict[str, int]:
    """How many rows of which column name nobody; nothing where none does."""
    with connection.cursor() as cursor:
        found = {
            f"{table}.{column}": count_of(
                cursor,
                f"SELECT count(*) FROM {table} AS a WHERE a.{column} IS NOT NULL "  # noqa: S608  names of our own
                f"AND NOT EXISTS (SELECT FROM {named} AS b WHERE b.id = a.{column})",
            )
            for (table, column), named in NAMES.items()
        }
        found["agents_usage.subject"] = count_of(cursor, SUBJECTS)
        found["agents_stop.subject"] = count_of(cursor, STOPPED)
    return {name: count for name, count in found.items() if count}


def count_of(cursor: CursorWrapper, sql: str) -> int:
    cursor.execute("SELECT set_config('tandem.everyone', 'on', true)")
    cursor.execute(sql)
    return int(cursor.fetchone()[0])
