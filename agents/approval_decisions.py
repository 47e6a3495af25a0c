"""What a person decides on an approval, with the conversation's row locked first: a take-over locks it first too, so
the two never wait for each other in a circle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db import models, transaction
from django.utils import timezone

from agents import handling
from agents.journal import tell_changed
from agents.models import Session
from agents.sessions import label_of
from tools import approvals
from tools.approvals import Stale, digest_of
from tools.models import Approval, ApprovalVote

Verdict = ApprovalVote.Verdict
MORNING_HOUR = 8
WORDS = {
    Approval.Status.APPROVED: "approved",
    Approval.Status.USED: "approved",
    Approval.Status.REJECTED: "rejected",
}


class Snooze(models.TextChoices):
    HOUR = "1h", "1 hour"
    FOUR_HOURS = "4h", "4 hours"
    TOMORROW = "tomorrow", "Until tomorrow"


@contextmanager
def locked(approval: Approval) -> Iterator[None]:
    with transaction.atomic():
        if approval.session_id is not None:
            # Read, so that it is done: a queryset asks only when it is looked at.
            Session.objects.select_for_update(no_key=True).filter(pk=approval.session_id).first()
        yield


def approve(
    approval: Approval,
    *,
    user: User,
    digest: str,
    arguments: Mapping[str, Any] | None = None,
    amount: Decimal | None = None,
) -> Approval:
    """`arguments` are those that the person changed, with the `amount` that they move. A second press changes nothing.
    Raises `Stale` and `NotAllowed`."""
    changed = None if arguments is None else dict(arguments)
    try:
        with locked(approval):
            return approvals.decide(
                approval, user=user, verdict=Verdict.APPROVE, digest=digest, arguments=changed, amount=amount
            )
    except Stale as stale:
        meant = digest if changed is None else digest_for(approval, changed)
        return unless_mine(approval, user=user, verdict=Verdict.APPROVE, digest=meant, stale=stale)


def reject(approval: Approval, *, user: User, digest: str, reason: str) -> Approval:
    """The agent is told the reason. A second press changes nothing. Raises `Stale` and `NotAllowed`."""
    try:
        with locked(approval):
            return approvals.decide(approval, user=user, verdict=Verdict.REJECT, digest=digest, reason=reason)
    except Stale as stale:
        return unless_mine(approval, user=user, verdict=Verdict.REJECT, digest=digest, stale=stale)


def take_over(approval: Approval, session: Session, *, user: User, digest: str) -> None:
    """The person answers the customer, and nothing of this is approved any more. Raises `Stale`, and `Conflict` where a
    colleague answers already."""
    with locked(approval):
        fresh = Approval.objects.select_for_update().get(pk=approval.pk)
        approvals.check_open(fresh, digest)
        handling.take(session, user=user)


def snooze(approval: Approval, *, choice: Snooze) -> datetime:
    """Until when it is out of the queue, which is never after its end."""
    until = min(wake_at(choice), approval.expires_at)
    approvals.snooze(approval, until=until)
    tell_changed(approval.session_id)
    return until


def wake_at(choice: Snooze) -> datetime:
    now = timezone.now()
    match choice:
        case Snooze.HOUR:
            return now + timedelta(hours=1)
        case Snooze.FOUR_HOURS:
            return now + timedelta(hours=4)
        case Snooze.TOMORROW:
            morning = now.replace(hour=MORNING_HOUR, minute=0, second=0, microsecond=0)
            return morning + timedelta(days=1)


def digest_for(approval: Approval, arguments: Mapping[str, Any]) -> str:
    return digest_of(approval.call.caller_id, approval.tool_key, arguments, approval.policy_version)


def unless_mine(approval: Approval, *, user: User, verdict: str, digest: str, stale: Stale) -> Approval:
    """The approval as it is now where this person has said just this already; else raises what came."""
    mine = ApprovalVote.objects.filter(approval=approval, user=user, verdict=verdict, digest=digest)
    if not mine.exists():
        raise stale
    return Approval.objects.select_related("call").get(pk=approval.pk)


def standing(approval: Approval) -> str:
    """Who decided what, in a sentence; empty while nobody has."""
    if approval.status == Approval.Status.PENDING:
        return "" if approval.expires_at > timezone.now() else "Nobody decided in time."
    if approval.status == Approval.Status.EXPIRED:
        return "Nobody decided in time."
    if approval.status == Approval.Status.CANCELLED:
        return f"Withdrawn. {approval.reason}".strip()
    last = approval.votes.select_related("user").order_by("-at").first()
    who = label_of(last.user) if last else "somebody"
    return f"Already {WORDS[Approval.Status(approval.status)]} by {who}."
