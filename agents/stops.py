"""Kill switches: what is stopped, who may stop it, and since when.

A stop is a row that stands until it is lifted; whatever works for an agent reads the standing ones before each step.
The partial unique constraint decides who was first, so a second click and a second person find the stop that stands.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from agents.errors import TandemError
from agents.journal import message_event, tell_changed, write_session
from agents.models import Agent, Message, Session, Stop, Turn
from agents.sessions import label_of
from observability import notices
from observability.access import Role, has_role
from observability.models import Event, Notice
from tools.models import Tool

REASON_LENGTH = 300
WIDE = frozenset({Stop.Scope.ALL, Stop.Scope.AGENT, Stop.Scope.TOOL})
NARROW = frozenset({Stop.Scope.SESSION, Stop.Scope.TURN})
HISTORY = 20
MOST_STANDING = 100
MOST_ON_BANNER = 3
INSERT_TRIES = 5


class CannotStop(TandemError):
    """Nothing was stopped; the message says why."""


class NoSuchSubject(CannotStop):
    """There is no such agent, tool, conversation or turn."""


class TurnEnded(CannotStop):
    """The turn ended by itself."""

    def __init__(self, message: str, *, session_id: UUID) -> None:
        super().__init__(message)
        self.session_id = session_id


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a stop is of. `name` is what people call it; `session` is that of one conversation or turn."""

    scope: Stop.Scope
    id: str
    name: str
    session: Session | None = None


@dataclass(frozen=True, kw_only=True)
class Line:
    """A stop as people read it. `name` is the agent's, the tool's or the customer's; empty for everything.

    `lifted_by` is empty where a turn ended and its stop with it.
    """

    id: UUID
    scope: str
    name: str
    session_id: UUID | None
    reason: str
    by: str
    at: datetime
    lifted_at: datetime | None
    lifted_by: str

    @property
    def title(self) -> str:
        titles = {"all": "Everything", "session": f"Conversation with {self.name}", "turn": f"Turn for {self.name}"}
        return titles.get(self.scope, self.name)

    @property
    def sentence(self) -> str:
        sentences = {
            "all": "Everything is stopped.",
            "tool": f"{self.name} is switched off.",
            "session": "The agent is stopped in this conversation.",
        }
        return sentences.get(self.scope, f"{self.name} is stopped.")


@dataclass(frozen=True, kw_only=True)
class Banner:
    """What a page says of the stops that stand; `more` counts those beyond."""

    lines: list[Line]
    more: int = 0


def may_stop(user: User, scope: str) -> bool:
    """Who may stop something may also lift its stop."""
    roles = (Role.ADMIN,) if scope in WIDE else (Role.SUPPORT, Role.REVIEWER)
    return has_role(user, *roles)


# -- putting and lifting


def put(scope: Stop.Scope, subject: str, *, reason: str, by: User) -> Stop:
    """The stop that stands from now on; where one stood already, that one, with its own reason.

    Raises `NoSuchSubject`, `TurnEnded`, and `CannotStop` for a reason that is missing or too long.
    """
    words = check_reason(reason)
    found = find_subject(scope, subject)
    with transaction.atomic():
        lift_of_ended_turns()
        stop, is_new = insert(Stop(scope=scope, subject=found.id, reason=words, by=by))
        if is_new:
            what = "the agent's turn" if scope == Stop.Scope.TURN else "the agent in this conversation"
            tell(found.session, f"{label_of(by)} stopped {what}: {words}", by=by)
            tell_all(stop, f"{label_of(by)} stopped {what_of(scope, found.name)}: {words}", is_set=True)
    return stop


def lift(stop_id: UUID, *, by: User) -> bool:
    """Whether this lifted it; False where it stands no more."""
    with transaction.atomic():
        standing = Stop.objects.filter(pk=stop_id, lifted_at__isnull=True)
        if not standing.update(lifted_at=timezone.now(), lifted_by=by):
            return False
        stop = Stop.objects.get(pk=stop_id)
        session = session_of(stop)
        tell(session, f"{label_of(by)} lifted the stop: the agent may answer here again", by=by)
        name = "" if session else find_subject(Stop.Scope(stop.scope), stop.subject).name
        tell_all(stop, f"{label_of(by)} lifted the stop of {what_of(stop.scope, name)}", is_set=False)
    return True


def check_reason(reason: str) -> str:
    """The reason in one line. Raises `CannotStop`."""
    words = " ".join(reason.replace("\x00", "").split())
    if not words:
        raise CannotStop("Say why, so that whoever lifts it knows. Nothing was stopped.")
    if len(words) > REASON_LENGTH:
        raise CannotStop(f"The reason has {len(words)} characters; {REASON_LENGTH} can be kept. Nothing was stopped.")
    return words


def find_subject(scope: Stop.Scope, subject: str) -> Subject:
    """Raises `NoSuchSubject`, and `TurnEnded` for a turn that needs no stop any more."""
    found = find_conversation(scope, subject) if scope in NARROW else find_wide(scope, subject)
    if found is None:
        raise NoSuchSubject(f"There is no such {scope.value}. Nothing was stopped.")
    return found


def find_wide(scope: Stop.Scope, subject: str) -> Subject | None:
    if scope == Stop.Scope.ALL:
        return None if subject else Subject(scope=scope, id="", name="Everything")
    if scope == Stop.Scope.TOOL:
        is_known = Tool.objects.filter(name=subject).exists()
        return Subject(scope=scope, id=subject, name=subject) if is_known else None
    agent = Agent.objects.filter(pk=uuid_of(scope, subject)).first()
    return Subject(scope=scope, id=str(agent.pk), name=agent.name) if agent else None


def find_conversation(scope: Stop.Scope, subject: str) -> Subject | None:
    """A conversation or one of its turns. Raises `TurnEnded`."""
    pk = uuid_of(scope, subject)
    sessions = Session.objects.select_related("customer")
    if scope == Stop.Scope.SESSION:
        session = sessions.filter(pk=pk).first()
    else:
        turn = Turn.objects.filter(pk=pk).first()
        if turn and turn.finished_at:
            raise TurnEnded("That turn has ended already. Nothing was stopped.", session_id=turn.session_id)
        session = sessions.get(pk=turn.session_id) if turn else None
    return Subject(scope=scope, id=str(pk), name=str(session.customer), session=session) if session else None


def uuid_of(scope: Stop.Scope, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NoSuchSubject(f"There is no such {scope.value}. Nothing was stopped.") from error


def insert(stop: Stop) -> tuple[Stop, bool]:
    """The standing stop of its subject, and whether it is this new one."""
    for _ in range(INSERT_TRIES):
        Stop.objects.bulk_create([stop], ignore_conflicts=True)
        standing = Stop.objects.filter(scope=stop.scope, subject=stop.subject, lifted_at__isnull=True).first()
        if standing is not None:
            return standing, standing.pk == stop.pk
        # It stood in the way and was lifted in between.
    raise CannotStop("It is being stopped and lifted at the same time. Look at what stands, then try again.")


def lift_of_ended_turns() -> None:
    """The stop of a turn ends with the turn, so that only a handful ever stand: every step of every turn reads them."""
    standing = Stop.objects.filter(scope=Stop.Scope.TURN, lifted_at__isnull=True).select_for_update(skip_locked=True)
    subjects = {UUID(stop.subject): stop.pk for stop in standing}
    if subjects:
        ended = Turn.objects.filter(pk__in=subjects, finished_at__isnull=False).values_list("pk", flat=True)
        Stop.objects.filter(pk__in=[subjects[pk] for pk in ended]).update(lifted_at=timezone.now())


def session_of(stop: Stop) -> Session | None:
    match stop.scope:
        case Stop.Scope.SESSION:
            return Session.objects.filter(pk=stop.subject).first()
        case Stop.Scope.TURN:
            return Session.objects.filter(turns=UUID(stop.subject)).first()
    return None


def tell(session: Session | None, text: str, *, by: User) -> None:
    """A line in the conversation that only the team reads, and word to every open page of the desk."""
    if session is not None:
        line = message_event(
            author=Message.Author.SYSTEM,
            channel=session.channel,
            text=text,
            visibility=Message.Visibility.NOTE,
            user_id=by.pk,
        )
        write_session(session.pk, events=[line])
    tell_changed(None)


def tell_all(stop: Stop, title: str, *, is_set: bool) -> None:
    """Under the bell, and wherever an admin wants to hear of it; but for the stop of a turn, which ends with it."""
    if stop.scope == Stop.Scope.TURN:
        return
    notices.tell(
        Event.STOP,
        key=f"{'stop' if is_set else 'lifted'}:{stop.pk}",
        title=title,
        path=f"{reverse('agents:live')}#stops-now",
        tone=Notice.Tone.WARN if is_set else Notice.Tone.GOOD,
    )


def what_of(scope: str, name: str) -> str:
    """Without the customer's name: a channel may lead out of the house."""
    named = {Stop.Scope.ALL: "everything", Stop.Scope.AGENT: f"the agent {name}", Stop.Scope.TOOL: f"the tool {name}"}
    return named.get(Stop.Scope(scope), "the agent in one conversation")


# -- what stands, and what stood

# As `label_of` says it.
NAME = (
    "coalesce(nullif(trim({user}.first_name || ' ' || {user}.last_name), ''), nullif({user}.email, ''), "
    "{user}.username)"
)
# One stop as JSON, with the names of what it is of. A subject is cast only where it is an id.
LINES = f"""
SELECT jsonb_build_object('id', x.id, 'scope', x.scope, 'reason', x.reason, 'at', x.at, 'session_id', s.id,
  'name', CASE x.scope WHEN 'agent' THEN a.name WHEN 'tool' THEN x.subject
    ELSE coalesce(nullif(c.name, ''), c.email, '') END,
  'by', {NAME.format(user="p")},
  'lifted_at', coalesce(x.lifted_at, t.finished_at),
  'lifted_by', {NAME.format(user="l")}
) AS line
FROM agents_stop AS x
LEFT JOIN auth_user AS p ON p.id = x.by_id
LEFT JOIN auth_user AS l ON l.id = x.lifted_by_id
LEFT JOIN agents_agent AS a ON a.id = CASE x.scope WHEN 'agent' THEN x.subject::uuid END
LEFT JOIN agents_turn AS t ON t.id = CASE x.scope WHEN 'turn' THEN x.subject::uuid END
LEFT JOIN agents_session AS s ON s.id = CASE x.scope WHEN 'session' THEN x.subject::uuid
  WHEN 'turn' THEN t.session_id END
LEFT JOIN agents_customer AS c ON c.id = s.customer_id
"""  # noqa: S608  words of ours
# The widest first.
ORDER = "array_position(ARRAY['all', 'session', 'agent', 'tool', 'turn'], x.scope::text), x.id DESC"
STANDING = f"{LINES} WHERE x.lifted_at IS NULL AND t.finished_at IS NULL ORDER BY {ORDER} LIMIT %(limit)s"
LIFTED = f"{LINES} WHERE x.lifted_at IS NOT NULL OR t.finished_at IS NOT NULL ORDER BY x.id DESC LIMIT %(limit)s"
# For the statement that every page makes: the stops that concern everybody, and that of the conversation shown. It
# joins nothing: planning so many joins takes longer than all the rest of that statement.
STANDING_FOR_BANNER = f"""(SELECT jsonb_agg(line) FROM (
    SELECT jsonb_build_object('id', x.id, 'scope', x.scope, 'reason', x.reason, 'at', x.at,
      'session_id', CASE x.scope WHEN 'session' THEN x.subject END,
      'name', CASE x.scope WHEN 'tool' THEN x.subject
        WHEN 'agent' THEN (SELECT a.name FROM agents_agent AS a WHERE a.id = x.subject::uuid) END,
      'by', (SELECT {NAME.format(user="p")} FROM auth_user AS p WHERE p.id = x.by_id),
      'lifted_at', NULL, 'lifted_by', NULL
    ) AS line
    FROM agents_stop AS x
    WHERE x.lifted_at IS NULL AND (x.scope IN ('all', 'agent', 'tool')
      OR (x.scope = 'session' AND x.subject = %(session)s))
    ORDER BY {ORDER} LIMIT {MOST_STANDING}) AS standing)"""  # noqa: S608  words of ours


def standing() -> list[Line]:
    """What is stopped now, the widest first, then the newest; the first `MOST_STANDING` of it."""
    return lines_of(STANDING, MOST_STANDING)


def lifted() -> list[Line]:
    """The newest stops that stand no more."""
    return lines_of(LIFTED, HISTORY)


def lines_of(sql: str, limit: int) -> list[Line]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"limit": limit})
        return [line_of(row[0]) for row in cursor.fetchall()]


def standing_for_banner(rows: str | list[dict[str, Any]] | None) -> Banner:
    """From what `STANDING_FOR_BANNER` selects."""
    found: Iterable[dict[str, Any]] = json.loads(rows) if isinstance(rows, str) else rows or []
    lines = [line_of(row) for row in found]
    return Banner(lines=lines[:MOST_ON_BANNER], more=max(0, len(lines) - MOST_ON_BANNER))


def line_of(row: str | dict[str, Any]) -> Line:
    values: dict[str, Any] = json.loads(row) if isinstance(row, str) else row
    at, lifted_at = parse_datetime(values["at"]), values["lifted_at"]
    if at is None:
        raise ValueError(f"{values['at']!r} is no instant")
    return Line(
        **{name: values[name] or "" for name in ("scope", "name", "reason", "by", "lifted_by")},
        id=UUID(values["id"]),
        session_id=UUID(values["session_id"]) if values["session_id"] else None,
        at=at,
        lifted_at=parse_datetime(lifted_at) if lifted_at else None,
    )
