"""What a person decides on an escalation: each decision is one transaction, so it happens whole or not at all.

The session's row is locked first, as a turn that escalates does, so the two never wait for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.contrib.auth.models import User
from django.db import models, transaction
from django.utils import timezone

from agents.errors import TandemError
from agents.escalations import claim, release, resolve, take_from
from agents.journal import preview_of
from agents.models import Escalation, Message, Session
from agents.remembering import mark_due
from agents.sessions import close_session, hand_back, label_of, say
from agents.tasks import nudge

QUOTED_LENGTH = 300


class Next(models.TextChoices):
    """What becomes of the conversation once its escalation is resolved."""

    HAND_BACK = "hand_back", "Hand back to the agent"
    KEEP = "keep", "Keep it with me"
    CLOSE = "close", "Close it as solved"
    CLOSE_UNSOLVED = "close_unsolved", "Close it, not solved"


class Conflict(TandemError):
    """Somebody else was quicker; the message names them. Nothing was done."""


def claim_escalation(escalation: Escalation, *, user: User) -> None:
    """Raises `Conflict` unless it is the user's afterwards."""
    with locked(escalation):
        hold(escalation, user)


def claim_oldest(*, user: User) -> Escalation | None:
    """The escalation that waits longest becomes the user's; None where nothing waits."""
    while True:
        waiting = Escalation.objects.filter(status=Escalation.Status.OPEN)
        oldest = waiting.order_by("opened_at", "pk").first()
        if oldest is None:
            return None
        with locked(oldest):
            if claim(oldest, user=user):
                return oldest


def take_escalation(escalation: Escalation, *, holder_id: int, user: User) -> None:
    """From the person who held it when the user was asked. Raises `Conflict` where that is no longer so."""
    with locked(escalation):
        if not take_from(escalation, holder_id=holder_id, user=user):
            raise conflict_of(escalation)


def release_escalation(escalation: Escalation, *, user: User) -> None:
    with locked(escalation):
        if not release(escalation, user=user):
            raise conflict_of(escalation)


def answer_escalation(
    escalation: Escalation, *, user: User, text: str, then: Next | None, seen: int | None = None
) -> None:
    """Answer the customer, which claims it; with `then` it is resolved by the answer as well.

    `seen` is the number of the newest event that the user was shown: where the customer has written since, the answer
    may no longer fit. Raises `Conflict`.
    """
    with locked(escalation) as session:
        hold(escalation, user)
        if seen is not None:
            check_nothing_new(session, seen)
        if say(session, user=user, text=text) is None:
            raise Conflict("The conversation is closed: nobody can be answered in it. Nothing was sent.")
        if then is not None:
            answered = f"Answered: {text}"
            end(escalation, session, user=user, resolution=answered[:QUOTED_LENGTH], then=then)


def check_nothing_new(session: Session, seen: int) -> None:
    newer = Message.objects.filter(session=session, seq__gt=seen, author=Message.Author.CUSTOMER).order_by("-seq")
    newest = newer.first()
    if newest is not None:
        words = preview_of(newest.text)
        raise Conflict(f"Meanwhile the customer wrote: “{words}” Nothing was sent. Send it again if it still fits.")


def resolve_escalation(escalation: Escalation, *, user: User, resolution: str, then: Next) -> None:
    """End it without another word to the customer. Raises `Conflict`."""
    with locked(escalation) as session:
        hold(escalation, user)
        end(escalation, session, user=user, resolution=resolution, then=then)


@contextmanager
def locked(escalation: Escalation) -> Iterator[Session]:
    with transaction.atomic():
        yield Session.objects.select_for_update(no_key=True).get(pk=escalation.session_id)


def hold(escalation: Escalation, user: User) -> None:
    """The user's already, or theirs now."""
    if claim(escalation, user=user):
        return
    mine = Escalation.objects.filter(pk=escalation.pk, status=Escalation.Status.CLAIMED, assignee=user)
    if not mine.exists():
        raise conflict_of(escalation)


def end(escalation: Escalation, session: Session, *, user: User, resolution: str, then: Next) -> None:
    if not resolve(escalation, user=user, resolution=resolution):
        raise conflict_of(escalation)
    match then:
        case Next.HAND_BACK:
            turn_id = hand_back(session, user=user)
            if turn_id:
                nudge_after_commit(turn_id)
        case Next.CLOSE | Next.CLOSE_UNSOLVED:
            close_session(session, user=user, solved=then == Next.CLOSE)
            if session.identity == Session.Identity.VERIFIED:
                mark_due(session.pk, session.customer_id, timezone.now())


def nudge_after_commit(turn_id: UUID) -> None:
    transaction.on_commit(lambda: nudge(turn_id))


def conflict_of(escalation: Escalation) -> Conflict:
    """Who was quicker, as the row says now."""
    now = Escalation.objects.select_related("assignee").get(pk=escalation.pk)
    who = label_of(now.assignee) if now.assignee else "somebody else"
    match now.status:
        case Escalation.Status.RESOLVED:
            return Conflict(f"Already resolved by {who}.")
        case Escalation.Status.CLAIMED:
            return Conflict(f"Already claimed by {who}.")
    return Conflict(f"{now} is back in the queue. Claim it again.")
