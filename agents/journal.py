"""The one writer of a conversation: events, messages and whatever belongs to the same step, in one statement.

Taking the next event number locks the session's row, so the events of a session commit in the order of their numbers
and a reader that asks for "after 41" misses nothing. A step of a turn is fenced by its lease: where the turn's row does
not bear the writer's token, nothing is written and `LeaseLost` is raised.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone

from agents.errors import LeaseLost, Stopped
from agents.models import Message, Session, Turn, TurnEvent
from observability.batch import Part, insert
from observability.ids import uuid7

NOTIFY_CHANNEL = "tandem_events"
# Said on it in place of a session: any conversation's pages may show something old.
ANYTHING = "stops"
PREVIEW_LENGTH = 160
Fence = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A worker's hold on a running turn."""

    turn_id: UUID
    session_id: UUID
    token: UUID


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event, and the message that it announces, if any (columns of `Message` without session and seq).

    A step of the agent is announced by the start of its first tool call: the two share a number.
    """

    kind: TurnEvent.Kind
    data: dict[str, Any] = field(default_factory=dict)
    message: dict[str, Any] | None = None
    turn_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Stops:
    """The kill switches that stand: (scope, reason) of the one that stops this turn, and the names of stopped tools."""

    turn: tuple[str, str] | None = None
    tools: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rows: Any) -> Stops:
        """From what `STANDING` selects: (scope, subject, reason) of each, or nothing."""
        found = json.loads(rows) if isinstance(rows, str) else rows or []
        return cls(
            turn=next(((scope, reason) for scope, _, reason in found if scope != "tool"), None),
            tools=frozenset(subject for scope, subject, _ in found if scope == "tool"),
        )

    def check(self) -> None:
        """Raises `Stopped`."""
        if self.turn is not None:
            raise Stopped(*self.turn)


@dataclass(frozen=True, kw_only=True)
class Written:
    """`seq` is the number before the first event written; `controller` as it was found, and what stops stand."""

    seq: int
    controller: str
    stops: Stops = field(default_factory=Stops)
    next_turn_id: UUID | None = None
    escalated: bool = False


def message_event(
    *,
    author: Message.Author,
    channel: str,
    text: str,
    content: list[dict[str, Any]] | None = None,
    visibility: Message.Visibility = Message.Visibility.PUBLIC,
    turn_id: UUID | None = None,
    **columns: object,
) -> Event:
    """A message with the event that announces it; a plain text is one text block."""
    message_id = columns.pop("message_id", None) or uuid7()
    message = {
        "id": message_id,
        "turn_id": turn_id,
        "author": author,
        "visibility": visibility,
        "channel": channel,
        "text": text,
        "content": [{"type": "text", "text": text}] if content is None else content,
        "created_at": timezone.now(),
        "external_id": None,
        "user_id": None,
        "agent_version_id": None,
        **columns,
    }
    data = {"message_id": str(message_id), "author": author, "visibility": visibility}
    return Event(kind=TurnEvent.Kind.MESSAGE, data=data, message=message, turn_id=turn_id)


def preview_of(text: str) -> str:
    return " ".join(text.split())[:PREVIEW_LENGTH]


def write_session(
    session_id: UUID,
    *,
    events: Sequence[Event],
    values: Mapping[str, object] | None = None,
    first_values: Mapping[str, object] | None = None,
    condition: str = "TRUE",
    parts: Sequence[Part] = (),
) -> Written | None:
    """Events of a session outside of any running turn; parts select from `session`.

    `values` are new column values of the session, `first_values` those of columns that are empty so far; `condition`
    may speak of its row as `s`. Returns None, having written nothing, where the condition does not hold or there is no
    such session.
    """
    fence, params = session_fence(
        session_id, events=events, values=values or {}, first_values=first_values or {}, condition=condition
    )
    parts = [*event_parts(session_id, events, fence="session"), *parts]
    row = execute(session_id, [(fence, params)], parts, fence="session")
    return Written(seq=row[0], controller=row[1]) if row else None


# The stops that stand for a turn, and those of tools; the partial index of standing stops has a handful of entries.
STANDING = """(SELECT jsonb_agg(jsonb_build_array(x.scope, x.subject, x.reason)) FROM agents_stop AS x
    WHERE x.lifted_at IS NULL AND (x.scope IN ({scopes})
      OR x.subject IN ({turn}.id::text, {turn}.session_id::text, {turn}.agent_id::text)))"""
STANDING_FOR_STEP = STANDING.format(turn="turn", scopes="'all', 'tool'")
STANDING_FOR_END = STANDING.format(turn="held", scopes="'all'")


# The number before `events` is the base of `turn`; what is spoken has the numbers up to it.
STEP_FENCES = (
    "held AS (UPDATE agents_turn SET lease_until = %s WHERE id = %s AND lease_token = %s RETURNING id, session_id)",
    """session AS (
        UPDATE agents_session AS s
        SET event_seq = s.event_seq + %s + CASE WHEN s.controller = 'agent' THEN %s ELSE 0 END
        FROM held WHERE s.id = held.session_id
        RETURNING s.id, s.event_seq - %s AS base, s.controller, s.agent_id)""",
    """turn AS (SELECT held.id, held.session_id, session.agent_id, session.base, session.controller
        FROM held, session)""",
    "speaking AS (SELECT base - %s AS base FROM turn WHERE controller = 'agent')",
)


def write_turn(
    lease: Lease, *, spoken: Sequence[Event] = (), events: Sequence[Event] = (), parts: Sequence[Part] = ()
) -> Written:
    """A step of a running turn; parts select from `turn`. Renews the lease. Raises `LeaseLost`.

    `spoken` is what the customer reads while it is written. It comes before `events`, and is left out where the agent
    no longer speaks: that is told under the session's lock, so none of it follows a take-over.
    """
    params: tuple[tuple[Any, ...], ...] = (
        (lease_end(), lease.turn_id, lease.token),
        (len(events), len(spoken), len(events)),
        (),
        (len(spoken),),
    )
    parts = [
        *event_parts(lease.session_id, spoken, fence="speaking"),
        *event_parts(lease.session_id, events, fence="turn"),
        *parts,
    ]
    fences = list(zip(STEP_FENCES, params, strict=True))
    row = execute(lease.session_id, fences, parts, extra=(STANDING_FOR_STEP, ()))
    if row is None:
        raise LeaseLost(f"turn {lease.turn_id} is no longer this worker's")
    return Written(seq=row[0], controller=row[1], stops=Stops.of(row[3]))


END_FENCES = (
    "held AS (SELECT t.id, t.session_id, s.agent_id FROM agents_turn AS t JOIN agents_session AS s "
    "ON s.id = t.session_id WHERE t.id = %s AND t.lease_token = %s FOR NO KEY UPDATE OF t)",
    f"stopped AS (SELECT {STANDING_FOR_END} AS stops FROM held)",  # noqa: S608  no value in it
    # Where a stop of this turn stands nothing is written, unless the turn is being ended because of it.
    """before AS (SELECT s.id, s.controller FROM agents_session AS s, held, stopped
        WHERE s.id = held.session_id AND (stopped.stops IS NULL OR %s)
        FOR NO KEY UPDATE OF s)""",
    """session AS (
        UPDATE agents_session AS s SET event_seq = s.event_seq + %s,
            last_message_at = CASE WHEN before.controller = 'agent' AND %s THEN %s ELSE s.last_message_at END,
            preview = CASE WHEN before.controller = 'agent' AND %s THEN %s ELSE s.preview END,
            preview_author = CASE WHEN before.controller = 'agent' AND %s THEN 'agent' ELSE s.preview_author END,
            waiting_since = CASE WHEN before.controller = 'agent' AND %s THEN NULL ELSE s.waiting_since END,
            controller = CASE WHEN before.controller = 'agent' THEN %s ELSE s.controller END
        FROM before WHERE s.id = before.id RETURNING s.id, s.event_seq - %s AS base, before.controller)""",
    """turn AS (
        UPDATE agents_turn AS t SET lease_token = NULL, lease_until = NULL, finished_at = %s, failure = %s,
            status = CASE WHEN session.controller = 'agent' THEN %s ELSE 'silenced' END
        FROM session WHERE t.id = %s RETURNING t.id, session.base, session.controller)""",
    "spoken AS (SELECT * FROM turn WHERE controller = 'agent')",
    "unspoken AS (SELECT * FROM turn WHERE controller <> 'agent')",
)
NEXT_TURN = "(SELECT n.id FROM agents_turn n WHERE n.session_id = %s AND n.status = 'queued' ORDER BY n.seq LIMIT 1)"


def end_turn(
    lease: Lease,
    *,
    status: Turn.Status,
    controller: Session.Controller,
    published: Sequence[Event],
    failure: str = "",
    despite_stops: bool = False,
    parts: Sequence[Part] = (),
) -> Written:
    """The last write of a turn: `published` only where the agent still speaks; otherwise the turn ends `silenced`.

    The controller is read under the session's lock in this very statement, so a take-over that committed before it
    silences the reply, and one that comes later finds it published. The stops are read there too. Raises `LeaseLost`,
    and `Stopped`, having written nothing.
    """
    silenced = Event(kind=TurnEvent.Kind.TURN, data={"status": Turn.Status.SILENCED}, turn_id=lease.turn_id)
    published = published or [silenced]
    now, count, preview = timezone.now(), len(published), preview_of(last_words(published))
    speaks = any(event.message for event in published)
    answered = status == Turn.Status.REPLIED
    params: tuple[tuple[Any, ...], ...] = (
        (lease.turn_id, lease.token),
        (),
        (despite_stops,),
        (count, speaks, now, speaks, preview, speaks, answered, controller, count),
        (now, failure, status, lease.turn_id),
        (),
        (),
    )
    row = execute(
        lease.session_id,
        list(zip(END_FENCES, params, strict=True)),
        [
            *event_parts(lease.session_id, published, fence="spoken"),
            # As many numbers were taken as there would have been events: none may be missing.
            *event_parts(lease.session_id, [silenced] * count, fence="unspoken"),
            *parts,
        ],
        source="held CROSS JOIN stopped LEFT JOIN turn ON true",
        extra=(f"{NEXT_TURN}, stopped.stops", (lease.session_id,)),
    )
    if row is None:
        raise LeaseLost(f"turn {lease.turn_id} is no longer this worker's")
    stops = Stops.of(row[4])
    if row[0] is None:
        stops.check()
    escalated = row[1] == Session.Controller.AGENT and controller == Session.Controller.HUMAN
    return Written(seq=row[0], controller=row[1], next_turn_id=row[3], escalated=escalated, stops=stops)


ANSWER_AFTER_ALL = """INSERT INTO agents_turn (id, session_id, seq, status, attempts, queued_at, failure)
  SELECT %s, s.id, turn.base + 1, 'queued', 0, %s, '' FROM turn JOIN agents_session AS s ON s.id = %s
  WHERE turn.controller = 'agent' AND s.waiting_since IS NOT NULL AND NOT EXISTS (SELECT FROM agents_turn AS q
    WHERE q.session_id = s.id AND q.status = 'queued')"""


def answer_after_all(lease: Lease) -> Part:
    """For a turn that falls silent although the agent speaks: it was taken over and handed back in the meantime, and
    whoever handed back found it still running. Where the customer waits, another turn answers."""
    return Part(sql=ANSWER_AFTER_ALL, params=(uuid7(), timezone.now(), lease.session_id))


PARK_FENCES = (
    "held AS (SELECT t.id, t.session_id, s.agent_id FROM agents_turn AS t JOIN agents_session AS s "
    "ON s.id = t.session_id WHERE t.id = %s AND t.lease_token = %s FOR NO KEY UPDATE OF t)",
    """session AS (
        UPDATE agents_session AS s SET event_seq = s.event_seq + %s FROM held
        WHERE s.id = held.session_id AND s.controller = 'agent'
        RETURNING s.id, s.event_seq - %s AS base, s.controller)""",
    # Its attempts begin anew when it goes on: they count failures, and waiting is none.
    """turn AS (
        UPDATE agents_turn AS t SET lease_token = NULL, lease_until = NULL, status = 'waiting', attempts = 1
        FROM session WHERE t.id = %s RETURNING t.id, session.base, session.controller)""",
)


def park_turn(lease: Lease, *, events: Sequence[Event], parts: Sequence[Part]) -> bool:
    """The turn waits for a person and holds nothing meanwhile; parts select from `turn`.

    False, with nothing written, where a person speaks by now. Raises `LeaseLost`.
    """
    count = len(events)
    params: tuple[tuple[Any, ...], ...] = ((lease.turn_id, lease.token), (count, count), (lease.turn_id,))
    row = execute(
        lease.session_id,
        list(zip(PARK_FENCES, params, strict=True)),
        [*event_parts(lease.session_id, events, fence="turn"), *parts],
        source="held LEFT JOIN turn ON true",
    )
    if row is None:
        raise LeaseLost(f"turn {lease.turn_id} is no longer this worker's")
    return row[0] is not None


def last_words(events: Sequence[Event]) -> str:
    return next((event.message["text"] for event in reversed(events) if event.message), "")


def lease_end() -> Any:
    return timezone.now() + timedelta(seconds=settings.TURN_LEASE_SECONDS)


def session_fence(
    session_id: UUID,
    *,
    events: Sequence[Event],
    values: Mapping[str, object] | None = None,
    first_values: Mapping[str, object] | None = None,
    condition: str = "TRUE",
) -> Fence:
    values, first_values = values or {}, first_values or {}
    quoted = connection.ops.quote_name
    sets = [f", {quoted(name)} = %s" for name in values]
    sets += [f", {quoted(name)} = coalesce(s.{quoted(name)}, %s)" for name in first_values]
    return (
        f"session AS (UPDATE agents_session AS s SET event_seq = s.event_seq + %s{''.join(sets)} "  # noqa: S608
        f"WHERE s.id = %s AND {condition} RETURNING s.id, s.event_seq - %s AS base, s.controller)",
        (len(events), *values.values(), *first_values.values(), session_id, len(events)),
    )


def event_parts(session_id: UUID, events: Sequence[Event], *, fence: str) -> list[Part]:
    """The rows of events and of their messages; an event's number is its place after the fence's base."""
    if not events:
        return []
    now = timezone.now()
    rows = [
        {
            "session_id": session_id,
            "seq": offset,
            "turn_id": event.turn_id,
            "kind": event.kind,
            "data": event.data,
            "at": now,
        }
        for offset, event in enumerate(events, start=1)
    ]
    messages = [
        {**event.message, "session_id": session_id, "seq": offset}
        for offset, event in enumerate(events, start=1)
        if event.message
    ]
    parts = [insert(Message, messages, fence=fence, seq=True)] if messages else []
    return [*parts, insert(TurnEvent, rows, fence=fence, seq=True)]


def execute(
    session_id: UUID,
    fences: Sequence[Fence],
    parts: Sequence[Part],
    *,
    fence: str = "turn",
    source: str = "",
    extra: Fence = ("NULL", ()),
) -> tuple[Any, ...] | None:
    """Runs fences and parts as one statement and tells the listeners; a row (base, controller, …, extra) or None.

    The row comes from `fence`, or from a join of it with others, `source`, in which it may be missing.
    """
    expressions = [sql for sql, _ in fences] + [f"part{number} AS ({part.sql})" for number, part in enumerate(parts)]
    params: list[Any] = [value for _, values in fences for value in values]
    for part in parts:
        params.extend(part.params)
    sql = (
        f"WITH {', '.join(expressions)} SELECT {fence}.base, {fence}.controller, "  # noqa: S608
        f"CASE WHEN {fence}.base IS NOT NULL THEN pg_notify('{NOTIFY_CHANNEL}', %s::text || ':' || {fence}.base::text) "
        f"END, {extra[0]} FROM {source or fence}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, str(session_id), *extra[1]])
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


def tell_changed(session_id: UUID | None) -> None:
    """Open pages ask again, though nothing was written in the conversation; None asks it of every page."""
    payload = f"{session_id}:0" if session_id else ANYTHING
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [NOTIFY_CHANNEL, payload])
