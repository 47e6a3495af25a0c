"""Spread what was made in a minute over the days in which it would have happened; in the throw-away database only."""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from agents.models import Message
from config.postgresql.base import as_owner

# Between one thing said and the next.
GAP_SECONDS = 75.0

# Columns of a conversation's rows, by the place of the row in it: `seq` for what is numbered, a turn's for the rest.
NUMBERED = {
    "agents_message": ("created_at",),
    "agents_turnevent": ("at",),
    "agents_turn": ("queued_at", "started_at", "finished_at"),
}
OF_TURN = {
    "tools_toolcall": ("turn_id", "created_at"),
    "memory_documentuse": ("turn_id", "at"),
    "observability_trace": ("id", "started_at"),
    "observability_span": ("trace_id", "started_at"),
    "observability_charge": ("trace_id", "at"),
}
ENDS = """
UPDATE agents_session SET opened_at = opened_at - make_interval(secs => %(first)s),
  last_message_at = last_message_at - make_interval(secs => %(last)s),
  waiting_since = waiting_since - make_interval(secs => %(last)s),
  closed_at = closed_at - make_interval(secs => %(last)s) WHERE id = %(session)s;
"""
# Claimed shortly before the person's first word, or a while after it was opened; resolved just before it was closed.
ESCALATION = """
WITH said AS (
  SELECT min(created_at) FILTER (WHERE author = 'person' AND visibility = 'public') AS first,
    max(created_at) AS last FROM agents_message WHERE session_id = %(session)s
), dated AS (
  SELECT e.id, t.finished_at AS opened, least(
    coalesce(said.first - interval '35 seconds', t.finished_at + make_interval(secs => %(waited)s)), now()) AS claimed,
    said.last - interval '5 seconds' AS resolved
  FROM agents_escalation AS e JOIN agents_turn AS t ON t.id = e.turn_id, said WHERE e.session_id = %(session)s
)
UPDATE agents_escalation AS e SET opened_at = dated.opened,
  claimed_at = CASE WHEN e.claimed_at IS NOT NULL THEN greatest(dated.claimed, dated.opened) END,
  resolved_at = CASE WHEN e.resolved_at IS NOT NULL THEN greatest(dated.resolved, dated.opened) END
FROM dated WHERE dated.id = e.id;
"""
VERSIONS = """
SET LOCAL session_replication_role = replica;
UPDATE agents_agentversion SET published_at = published_at - make_interval(hours => 90 - 26 * number)
  WHERE number IS NOT NULL AND number < 4;
UPDATE agents_agent SET created_at = created_at - interval '9 days';
UPDATE agents_customer AS c SET created_at = s.first - interval '40 days'
  FROM (SELECT customer_id, min(opened_at) AS first FROM agents_session GROUP BY 1) AS s WHERE s.customer_id = c.id;
"""


def date_session(session_id: UUID, *, minutes: float) -> None:
    """Its last word was said `minutes` ago, each one before it a little earlier."""
    spoken = Message.objects.filter(session_id=session_id).exclude(visibility=Message.Visibility.STEP)
    beats = list(spoken.exclude(author=Message.Author.AGENT).order_by("seq").values_list("seq", flat=True))
    last = minutes * 60
    with connection.cursor() as cursor:
        for place, seq in enumerate(beats):
            seconds = last + (len(beats) - 1 - place) * GAP_SECONDS
            until = beats[place + 1] if place + 1 < len(beats) else 1_000_000
            move(cursor.execute, session_id, seconds, seq, until)
        first = last + (len(beats) - 1) * GAP_SECONDS
        cursor.execute(ENDS, {"session": session_id, "first": first, "last": last})
        waited = 40 + minutes * 6
        cursor.execute(ESCALATION, {"session": session_id, "waited": waited})


def move(execute: object, session_id: UUID, seconds: float, seq: int, until: int) -> None:
    """The rows from number `seq` to before `until`, and those of their turns, `seconds` into the past."""
    assert callable(execute)
    turns = "SELECT id FROM agents_turn WHERE session_id = %s AND seq >= %s AND seq < %s"
    for table, (key, column) in OF_TURN.items():
        execute(
            f"UPDATE {table} SET {column} = {column} - make_interval(secs => %s) WHERE {key} IN ({turns})",  # noqa: S608
            [seconds, session_id, seq, until],
        )
    execute(
        f"UPDATE observability_trace SET ended_at = ended_at - make_interval(secs => %s) WHERE id IN ({turns})",  # noqa: S608
        [seconds, session_id, seq, until],
    )
    for table, columns in NUMBERED.items():
        sets = ", ".join(f"{column} = {column} - make_interval(secs => %s)" for column in columns)
        execute(
            f"UPDATE {table} SET {sets} WHERE session_id = %s AND seq >= %s AND seq < %s",  # noqa: S608
            [*[seconds] * len(columns), session_id, seq, until],
        )


def date_all() -> None:
    """What belongs to no conversation. A published version is kept unchanged by a trigger, which stands aside here for
    the owner of the tables."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(f"BEGIN; {VERSIONS} COMMIT;")
