"""What people do in a conversation: answer, note, take over, hand back, close; and its customer: call it solved.

Each is one transaction that locks the session's row first. So a second click finds what the first one did, and an
answer is compared with everything that was said before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from agents import resolution
from agents.conversation import messages_after
from agents.decisions import Conflict, nudge_after_commit
from agents.errors import TandemError
from agents.escalations import claim, resolve
from agents.models import Escalation, Message, Session
from agents.remembering import mark_due
from agents.sessions import CLOSED, close_session, hand_back, label_of, say, take_over, write_note

# The same words of the same person within this time are a second click.
REPEAT_WITHIN = timedelta(seconds=10)
NOTHING_SENT = "The conversation was closed meanwhile. Nothing was sent."


class Stale(TandemError):
    """Something was said that the person who answers has not seen; `newer` is that, in order."""

    def __init__(self, newer: list[Message]) -> None:
        super().__init__("There is something new in the conversation.")
        self.newer = newer


@contextmanager
def locked(session: Session) -> Iterator[Session]:
    """The session as it is now, nobody else writing to it until the block ends."""
    sessions = Session.objects.select_related("customer", "agent__live_version", "assignee")
    with transaction.atomic():
        yield sessions.select_for_update(no_key=True, of=("self",)).get(pk=session.pk)


def answer(session: Session, *, user: User, text: str, seen: int) -> None:
    """Answer the customer, which takes the conversation over and claims its escalation.

    `seen` is the number of the newest public message that the person was shown. Raises `Stale` where there is a newer
    one, `Conflict` where the conversation is closed.
    """
    with locked(session) as now:
        if is_repeated(now, user=user, text=text, visibility=Message.Visibility.PUBLIC):
            return
        if now.is_closed:
            raise Conflict(NOTHING_SENT)
        newer = messages_after(now, seen)
        if newer:
            raise Stale(newer)
        say(now, user=user, text=text)
        claim_open(now, user=user)


def note(session: Session, *, user: User, text: str) -> None:
    """Leave a note for the team, in a closed conversation too."""
    with locked(session) as now:
        if not is_repeated(now, user=user, text=text, visibility=Message.Visibility.NOTE):
            write_note(now, user=user, text=text)


def take(session: Session, *, user: User) -> None:
    """From now on the user answers; an open escalation becomes theirs. Raises `Conflict` where a colleague answers."""
    with locked(session) as now:
        if now.is_closed:
            raise Conflict("The conversation is closed.")
        took = take_over(now, user=user) is not None
        claimed = claim_open(now, user=user)
        if not took and not claimed and now.assignee_id != user.pk:
            who = label_of(now.assignee) if now.assignee else "A person"
            raise Conflict(f"{who} answers already.")


def give_back(session: Session, *, user: User, text: str = "") -> None:
    """The agent answers again, at once where the customer waits; an escalation is resolved by it.

    `text` is a note for the team. Raises `Conflict` where the conversation is closed.
    """
    with locked(session) as now:
        if now.is_closed:
            raise Conflict("The conversation is closed.")
        if now.controller == Session.Controller.AGENT:
            return
        resolve_unresolved(now, user=user, resolution=text.strip() or "Handed back to the agent.")
        turn_id = hand_back(now, user=user, note=text)
        if turn_id:
            nudge_after_commit(turn_id)


def close(session: Session, *, user: User, solved: bool = True) -> None:
    """End the conversation, and with it its escalation; a second time changes nothing.

    Whether the matter is `solved` is what `agents/resolution.py` counts.
    """
    with locked(session) as now:
        if now.is_closed:
            return
        resolve_unresolved(now, user=user, resolution=CLOSED)
        close_session(now, user=user, solved=solved)
        if now.identity == Session.Identity.VERIFIED:
            mark_due(now.pk, now.customer_id, timezone.now())


def confirm_solved(session: Session) -> bool:
    """Its customer says that the matter is solved; whether this was news. Writing again takes it back."""
    with locked(session) as now:
        if not resolution.confirm(now.pk):
            return False
        if now.identity == Session.Identity.VERIFIED:
            mark_due(now.pk, now.customer_id, timezone.now())
    return True


def is_repeated(session: Session, *, user: User, text: str, visibility: Message.Visibility) -> bool:
    """Whether the newest of its kind is the very same, a moment ago."""
    said = Message.objects.filter(session=session, visibility=visibility).exclude(author=Message.Author.SYSTEM)
    newest = said.order_by("-seq").first()
    if newest is None or newest.author != Message.Author.PERSON or newest.user_id != user.pk:
        return False
    return newest.text == text and timezone.now() - newest.created_at < REPEAT_WITHIN


def claim_open(session: Session, *, user: User) -> bool:
    escalation = Escalation.objects.filter(session=session, status=Escalation.Status.OPEN).first()
    return escalation is not None and claim(escalation, user=user)


def resolve_unresolved(session: Session, *, user: User, resolution: str) -> None:
    """Whoever holds it: a colleague, or somebody who is no longer here."""
    escalation = Escalation.objects.filter(session=session, status__in=Escalation.UNRESOLVED).first()
    if escalation is not None:
        Escalation.objects.filter(pk=escalation.pk, status=Escalation.Status.CLAIMED).update(assignee=user)
        resolve(escalation, user=user, resolution=resolution)
