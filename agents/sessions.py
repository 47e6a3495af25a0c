"""Who speaks in a conversation, and what people say in it."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from agents.budget_drafts import leave_unsent
from agents.journal import Event, Written, message_event, preview_of, write_session
from agents.models import Agent, Customer, Message, Session, Turn, TurnEvent
from agents.models.sessions import Channel
from agents.parked import silence_turns
from observability.batch import Part
from observability.ids import uuid7

OPEN = "s.controller <> 'closed'"
CLOSED = "Closed the conversation."
# Whoever holds it: nobody can be answered any more.
RESOLVE_ESCALATION = """UPDATE agents_escalation AS e
    SET status = 'resolved', assignee_id = %s, resolved_at = %s, resolution = %s
    FROM session WHERE e.session_id = session.id AND e.status IN ('open', 'claimed')"""


def find_or_add_customer(*, email: str, name: str = "") -> Customer:
    """The customer with this address, whatever its capitals."""
    with_address = Customer.objects.alias(address=Lower("email")).filter(address=email.lower())
    found = with_address.first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return Customer.objects.create(email=email.lower(), name=name)
    except IntegrityError:
        return with_address.get()


def open_session(
    *, customer: Customer, agent: Agent, channel: Channel, identity: Session.Identity, session_id: UUID | None = None
) -> Session:
    """A new conversation; with an id that its caller chose, where one wants to come back to it."""
    return Session.objects.create(
        id=session_id or uuid7(), customer=customer, agent=agent, channel=channel, identity=identity
    )


def say(session: Session, *, user: User, text: str) -> Written | None:
    """A person's answer to the customer; from here on a person speaks. None where the session is closed.

    Speaking takes over: an agent that is at work on this conversation says nothing more.
    """
    message = message_event(author=Message.Author.PERSON, channel=session.channel, text=text, user_id=user.pk)
    takes_over = session.controller != Session.Controller.HUMAN
    events = [controller_event(Session.Controller.HUMAN), message] if takes_over else [message]
    return write_session(
        session.pk,
        events=events,
        condition=OPEN,
        values={
            "controller": Session.Controller.HUMAN,
            "assignee_id": user.pk,
            "last_message_at": timezone.now(),
            "waiting_since": None,
            "preview": preview_of(text),
            "preview_author": Message.Author.PERSON,
        },
        parts=[*silence_turns(), leave_unsent(by=label_of(user))],
    )


def write_note(session: Session, *, user: User, text: str) -> Written | None:
    """A note that the customer never sees."""
    note = message_event(
        author=Message.Author.PERSON,
        channel=session.channel,
        text=text,
        visibility=Message.Visibility.NOTE,
        user_id=user.pk,
    )
    return write_session(session.pk, events=[note])


def take_over(session: Session, *, user: User) -> Written | None:
    """A person speaks now. The agent falls silent at once: a reply on its way is not published."""
    line = system_line(session, f"{label_of(user)} took over", user)
    return write_session(
        session.pk,
        events=[controller_event(Session.Controller.HUMAN), line],
        condition=f"{OPEN} AND s.controller <> 'human'",
        values={"controller": Session.Controller.HUMAN, "assignee_id": user.pk},
        parts=silence_turns(),
    )


def hand_back(session: Session, *, user: User, note: str = "") -> UUID | None:
    """The agent speaks again. Where the customer still waits for an answer, a turn is queued and its id returned."""
    if note.strip():
        write_note(session, user=user, text=note)
    events = [
        controller_event(Session.Controller.AGENT),
        system_line(session, f"{label_of(user)} handed back to the agent", user),
    ]
    turn_id = uuid7()
    turn = Part(
        sql="INSERT INTO agents_turn (id, session_id, seq, status, attempts, queued_at, failure) "
        "SELECT %s, s.id, session.base + %s, 'queued', 0, %s, '' FROM session "
        "JOIN agents_session AS s ON s.id = session.id WHERE s.waiting_since IS NOT NULL "
        # A turn that was at work when the person took over and has not noticed yet goes on: one message, one reply.
        "AND NOT EXISTS (SELECT 1 FROM agents_turn AS r "
        "WHERE r.session_id = s.id AND r.status IN ('queued', 'running'))",
        params=(turn_id, len(events), timezone.now()),
    )
    written = write_session(
        session.pk,
        events=events,
        condition=f"{OPEN} AND s.controller <> 'agent'",
        values={"controller": Session.Controller.AGENT, "assignee_id": None},
        parts=[turn],
    )
    return turn_id if written and Turn.objects.filter(pk=turn_id).exists() else None


def close_session(session: Session, *, user: User, solved: bool = True) -> Written | None:
    """The end of the conversation, and of its escalation; what the customer writes next opens a new one.

    Whoever closes it says whether the matter is solved (`agents/resolution.py` counts that).
    """
    now = timezone.now()
    events = [
        controller_event(Session.Controller.CLOSED),
        system_line(session, f"{label_of(user)} closed the conversation", user),
    ]
    return write_session(
        session.pk,
        events=events,
        condition=OPEN,
        values={
            "controller": Session.Controller.CLOSED,
            "closed_at": now,
            "solved_at": now if solved else None,
            "waiting_since": None,
        },
        parts=[*silence_turns(), Part(sql=RESOLVE_ESCALATION, params=(user.pk, now, CLOSED))],
    )


def controller_event(controller: Session.Controller) -> Event:
    return Event(kind=TurnEvent.Kind.CONTROLLER, data={"controller": controller})


def system_line(session: Session, text: str, user: User) -> Event:
    return message_event(author=Message.Author.SYSTEM, channel=session.channel, text=text, user_id=user.pk)


def label_of(user: User) -> str:
    return user.get_full_name() or user.email or user.get_username()
