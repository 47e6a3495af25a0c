"""From the agent to a person: opened by the agent, claimed, answered and resolved by people."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from agents.journal import Event, Lease, write_session, write_turn
from agents.models import Escalation, Session, TurnEvent
from observability.batch import Part, insert
from observability.ids import uuid7

SUMMARY_LENGTH = 4000


def escalation_parts(lease: Lease, *, reason: str, summary: str, fence: str) -> tuple[list[Event], list[Part]]:
    """A new escalation of the turn's session, unless one is open already, and its event."""
    row = {
        "id": uuid7(),
        "session_id": lease.session_id,
        "turn_id": lease.turn_id,
        "reason": reason,
        "summary": summary[:SUMMARY_LENGTH],
        "status": Escalation.Status.OPEN,
        "opened_at": timezone.now(),
        "resolution": "",
    }
    event = Event(kind=TurnEvent.Kind.ESCALATION, data={"reason": reason}, turn_id=lease.turn_id)
    return [event], [insert(Escalation, [row], fence=fence, skip_conflicts=True)]


def escalate(lease: Lease, *, reason: str, summary: str) -> Escalation | None:
    """Opened within a running turn; where the session has an open one, that one. None where a person speaks by now, or
    the conversation is closed. Raises `LeaseLost`."""
    events, parts = escalation_parts(lease, reason=reason, summary=summary, fence="speaking")
    write_turn(lease, spoken=events, parts=parts)
    return Escalation.objects.filter(session_id=lease.session_id, status__in=Escalation.UNRESOLVED).first()


def claim(escalation: Escalation, *, user: User) -> bool:
    """Take it, once: of two people who click at the same moment one gets it. The session becomes theirs."""
    now = timezone.now()
    won = Escalation.objects.filter(pk=escalation.pk, status=Escalation.Status.OPEN).update(
        status=Escalation.Status.CLAIMED, assignee=user, claimed_at=now
    )
    if won:
        event = Event(kind=TurnEvent.Kind.ESCALATION, data={"status": Escalation.Status.CLAIMED})
        write_session(
            escalation.session_id,
            events=[event],
            values={"assignee_id": user.pk, "controller": Session.Controller.HUMAN},
            condition="s.controller <> 'closed'",
        )
    return bool(won)


def take_from(escalation: Escalation, *, holder_id: int, user: User) -> bool:
    """Take a claimed one from the person who holds it; not where it has moved on to somebody else meanwhile.

    `claimed_at` stays: it says how long the customer waited for a person.
    """
    taken = Escalation.objects.filter(pk=escalation.pk, status=Escalation.Status.CLAIMED, assignee_id=holder_id).update(
        assignee=user
    )
    if taken:
        event = Event(kind=TurnEvent.Kind.ESCALATION, data={"status": Escalation.Status.CLAIMED})
        write_session(escalation.session_id, events=[event], values={"assignee_id": user.pk})
    return bool(taken)


def release(escalation: Escalation, *, user: User) -> bool:
    """Put a claimed one back into the queue."""
    released = Escalation.objects.filter(pk=escalation.pk, status=Escalation.Status.CLAIMED, assignee=user).update(
        status=Escalation.Status.OPEN, assignee=None, claimed_at=None
    )
    if released:
        event = Event(kind=TurnEvent.Kind.ESCALATION, data={"status": Escalation.Status.OPEN})
        write_session(escalation.session_id, events=[event], values={"assignee_id": None})
    return bool(released)


def resolve(escalation: Escalation, *, user: User, resolution: str) -> bool:
    """End it, once, unless somebody else holds it.

    Who speaks in the session is not changed by this: handing back or closing is said apart.
    """
    now = timezone.now()
    free = Q(status=Escalation.Status.OPEN) | Q(status=Escalation.Status.CLAIMED, assignee=user)
    resolved = Escalation.objects.filter(free, pk=escalation.pk).update(
        status=Escalation.Status.RESOLVED,
        assignee=user,
        resolved_at=now,
        resolution=resolution[:SUMMARY_LENGTH],
    )
    if resolved:
        event = Event(kind=TurnEvent.Kind.ESCALATION, data={"status": Escalation.Status.RESOLVED})
        write_session(escalation.session_id, events=[event])
    return bool(resolved)
