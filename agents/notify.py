"""Tells people that a conversation waits for them; the escalation's row says whether that was done.

Under the bell and by the channels that an admin has ticked as every other event (`observability/notices.py`); and by
e-mail to support and reviewers, with no setting needed, unless a channel of e-mail is ticked for it.
"""

from __future__ import annotations

import logging
import smtplib
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage, get_connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from agents.models import Escalation
from agents.publisher import publisher
from observability.access import Role
from observability.database import give_back_connection
from observability.models import Event, Notice, NotificationChannel, Span, Subscription, Trace
from observability.notices import tell
from tools.models import Approval

logger = logging.getLogger(__name__)
# A sender that died or failed keeps others away for this long; it is also the pause before the next try.
HOLD = timedelta(seconds=60)
# How long a mail server may keep a worker's thread waiting for one answer.
SEND_SECONDS = 10
# A fresh one is left alone by the sweeper: its own nudge is still on the way.
SWEEP_AFTER = timedelta(seconds=10)
# What could not be sent for this long is no news any more: it stands in the queue.
NEWS = timedelta(hours=24)
# An approval that runs out within this time is told of again.
SOON = timedelta(hours=1)
TOLD_AT_ONCE = 100


@shared_task(name="agents.notify.send_notices")
def send_notices(session_id: str) -> None:
    """Send what a session's turn left to be told."""
    try:
        for escalation_id in Escalation.objects.filter(due(), session_id=UUID(session_id)).values_list("pk", flat=True):
            send_notice(escalation_id)
    finally:
        give_back_connection()


@shared_task(name="agents.notify.sweep_notices")
def sweep_notices() -> None:
    """Send those whose nudge was lost, or whose e-mail could not be sent."""
    try:
        late = Escalation.objects.filter(due(), opened_at__lt=timezone.now() - SWEEP_AFTER).order_by("opened_at")
        for escalation_id in late.values_list("pk", flat=True)[:100]:
            if not send_notice(escalation_id):
                break
    finally:
        give_back_connection()


@shared_task(name="agents.notify.tell_approvals")
def tell_approvals() -> None:
    """Tell of approvals that wait, and of those that will soon have run out; each once.

    An approval's row is written in one statement with its turn's step, which tells nobody: it is found here.
    """
    try:
        now = timezone.now()
        pending = Approval.objects.filter(status=Approval.Status.PENDING, expires_at__gt=now)
        for approval in untold(pending, "approval")[:TOLD_AT_ONCE]:
            tell_of_approval(approval, Event.APPROVAL, "approval")
        # One that lives no longer than that is not told twice.
        lives_longer = Q(expires_at__gt=F("requested_at") + SOON + SOON)
        for approval in untold(pending.filter(lives_longer, expires_at__lt=now + SOON), "expiring")[:TOLD_AT_ONCE]:
            tell_of_approval(approval, Event.APPROVAL_EXPIRING, "expiring")
    finally:
        give_back_connection()


def untold(approvals: QuerySet[Approval], what: str) -> QuerySet[Approval]:
    key = Concat(Value(f"{what}:"), Cast(OuterRef("pk"), TextField()))
    return approvals.exclude(Exists(Notice.objects.filter(key=key))).order_by("expires_at")


def tell_of_approval(approval: Approval, event: Event, what: str) -> None:
    """It names no customer and no argument: a channel may lead out of the house."""
    tool = approval.tool_key.rpartition("___")[2] or approval.tool_key
    says = "wants a decision" if event == Event.APPROVAL else "runs out within the hour"
    tell(
        event,
        key=f"{what}:{approval.pk}",
        title=f"{approval.label} {says}: {tool}",
        path=reverse("agents:approval", args=[approval.pk]),
        tone=Notice.Tone.INFO if event == Event.APPROVAL else Notice.Tone.WARN,
        roles=[Role(approval.role)] if approval.role in set(Role) else [],
    )


def nudge_notices(session_id: UUID) -> None:
    """Tell a worker that a turn has escalated; where that is lost, the sweeper finds the row later."""
    publisher.publish(send_notices, str(session_id))


def send_notice(escalation_id: UUID) -> bool:
    """The notice, and one e-mail to everybody who should know, once; False where it has to be tried again.

    The claim is counted, so two nudges send one e-mail. It is a hold and not the mark itself: where a sender dies after
    taking it, another one sends it later. Between the mail server's yes and the mark a death can double the e-mail;
    both then bear the same Message-ID.
    """
    if not take(escalation_id):
        return True
    escalation = Escalation.objects.select_related("session__customer", "session__agent").get(pk=escalation_id)
    tell_of(escalation)
    addresses = [] if has_channel_of_mail() else addresses_to_tell()
    if addresses:
        message, began = compose(escalation, addresses), timezone.now()
        give_back_connection()
        try:
            message.send()
        except (OSError, smtplib.SMTPException) as error:
            logger.warning("the notice of %s is tried again in %d s: %s", escalation, HOLD.seconds, error)
            return False
        record_delivery(escalation, began=began, people=len(addresses))
    Escalation.objects.filter(pk=escalation_id).update(notified_at=timezone.now(), notice_held_until=None)
    return True


def record_delivery(escalation: Escalation, *, began: datetime, people: int) -> None:
    """A step of the turn's trace; the trace may be deleted by now."""
    if escalation.turn_id is None or not Trace.objects.filter(pk=escalation.turn_id).exists():
        return
    ended = timezone.now()
    Span.objects.create(
        trace_id=escalation.turn_id,
        agent=escalation.session.agent.slug,
        kind=Span.Kind.DELIVERY,
        name="e-mail",
        started_at=began,
        duration_ms=round((ended - began).total_seconds() * 1000),
        attributes={"summary": f"the escalation told to {people} people", "channel": "e-mail", "people": people},
    )


def due() -> Q:
    """Escalations that nobody was told of and nobody has found by themselves."""
    now = timezone.now()
    return Q(status=Escalation.Status.OPEN, notified_at__isnull=True, opened_at__gt=now - NEWS) & (
        Q(notice_held_until__isnull=True) | Q(notice_held_until__lt=now)
    )


def take(escalation_id: UUID) -> bool:
    """Hold it for sending: of two senders one gets it."""
    taken = Escalation.objects.filter(due(), pk=escalation_id).update(notice_held_until=timezone.now() + HOLD)
    return taken == 1


def tell_of(escalation: Escalation) -> None:
    """Once, however often the e-mail has to be tried. It names no customer: a channel may lead out of the house."""
    reason = escalation.get_reason_display()
    tell(
        Event.ESCALATION,
        key=f"escalation:{escalation.pk}",
        title=f"{escalation.label} waits for a person: {reason[:1].lower()}{reason[1:]}",
        path=reverse("agents:escalation", args=[escalation.pk]),
        tone=Notice.Tone.WARN,
    )


def has_channel_of_mail() -> bool:
    """Whether an admin has said where the e-mail goes."""
    ticked = Subscription.objects.filter(event=Event.ESCALATION, channel__enabled=True)
    return ticked.filter(channel__kind=NotificationChannel.Kind.EMAIL).exists()


def addresses_to_tell() -> list[str]:
    people = User.objects.filter(is_active=True, groups__name__in=[Role.SUPPORT, Role.REVIEWER]).exclude(email="")
    return list(people.order_by("email").values_list("email", flat=True).distinct())


def compose(escalation: Escalation, addresses: list[str]) -> EmailMessage:
    """The addresses are blind copies: one message, and an address that is refused does not keep it from the others."""
    reason = escalation.get_reason_display()
    customer = escalation.session.customer
    link = settings.PUBLIC_URL + reverse("agents:escalation", args=[escalation.pk])
    return EmailMessage(
        subject=f"{escalation.label}: {reason[:1].lower()}{reason[1:]}",
        body=render_to_string(
            "agents/escalation_notice.txt", {"escalation": escalation, "customer": customer, "link": link}
        ),
        bcc=addresses,
        connection=get_connection(timeout=SEND_SECONDS),
        headers={
            "Message-ID": f"<escalation-{escalation.pk}@{urlsplit(settings.PUBLIC_URL).hostname}>",
            "Auto-Submitted": "auto-generated",
        },
    )
