"""Sends what was told: at least once, under one id, and never within a transaction.

A delivery is claimed by a counted update that holds it for a while: of two senders one gets it, and what a dead sender
held is sent by another. Where the answer was lost it is sent again, under the same id. A channel that fails is tried
with one delivery at a time, so that what piled up does not knock at a door that is shut.
"""

from __future__ import annotations

import logging
import smtplib
import time
from datetime import datetime, timedelta
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from observability.database import give_back_connection
from observability.models import Delivery, Notice, NotificationChannel
from observability.notice_channels import NotPosted, client, secrets_of, url_of
from observability.notice_messages import (
    addresses_of,
    compose_email,
    slack_body,
    webhook_body,
    webhook_headers,
)
from observability.vault import SealBroken

logger = logging.getLogger(__name__)
Kind = NotificationChannel.Kind
State = Delivery.State

# A sender that died keeps others away for this long: longer than any sending takes.
HOLD = timedelta(seconds=120)
POST_SECONDS = 10.0
# What one run takes, and when it leaves the rest to the next: a run must end before what it took is another's.
BATCH = 100
RUN_SECONDS = 40.0
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
LONGEST_PAUSE = timedelta(hours=1)
# What could not be delivered for this long is no news any more.
NEWS = timedelta(hours=24)
# Answers that blame the message and not the channel: others may well go through.
MESSAGE_FAULTS = (400, 413, 415, 422)
SHORTEST_SECRET = 6
# How long notices are kept, with their deliveries.
KEPT = timedelta(days=90)
FORGOTTEN_AT_ONCE = 5000


class NotDelivered(Exception):
    """It did not arrive; `status` is that of HTTP where there was an answer. The text holds no secret."""

    def __init__(self, text: str, *, status: int | None = None, retry_after: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after


class Undeliverable(NotDelivered):
    """Nothing that time would mend."""


@shared_task(name="observability.tasks.send_deliveries")
def send_deliveries() -> None:
    """Send what is due, the oldest first, and leave out channels that have just failed."""
    ends_at = time.monotonic() + RUN_SECONDS
    try:
        for delivery_id in Delivery.objects.filter(due()).order_by("next_try_at").values_list("pk", flat=True)[:BATCH]:
            if time.monotonic() > ends_at:
                return
            send(delivery_id)
    finally:
        give_back_connection()


@shared_task(name="observability.tasks.forget_notices")
def forget_notices() -> None:
    """Delete old notices with their deliveries."""
    old = Notice.objects.filter(at__lt=timezone.now() - KEPT).order_by("at", "id").values("pk")[:FORGOTTEN_AT_ONCE]
    Notice.objects.filter(pk__in=old).delete()


# -- one delivery
def send(delivery_id: UUID) -> bool:
    """Whether it was sent, now and by this sender."""
    if not take(delivery_id):
        return False
    # `attempts` is by now what tells this sender's claim from a later one of another.
    delivery = Delivery.objects.select_related("notice", "channel").get(pk=delivery_id)
    try:
        status = deliver(delivery)
    except NotDelivered as error:
        note_failure(delivery, error)
        return False
    note_success(delivery, status)
    return True


def due() -> Q:
    """Held ones are another sender's until the hold runs out."""
    now = timezone.now()
    return Q(state=State.QUEUED, next_try_at__lte=now) & (Q(held_until__isnull=True) | Q(held_until__lt=now))


def take(delivery_id: UUID) -> bool:
    """Hold it for sending: of two senders one gets it."""
    held_until = timezone.now() + HOLD
    taken = Delivery.objects.filter(due(), pk=delivery_id).update(attempts=F("attempts") + 1, held_until=held_until)
    return taken == 1


def deliver(delivery: Delivery) -> int | None:
    """The status of HTTP where there is one. Raises `NotDelivered`."""
    channel = delivery.channel
    if not (channel.enabled or delivery.notice.is_test):
        raise Undeliverable("The channel was switched off.")
    if channel.kind == Kind.EMAIL:
        send_email(delivery)
        return None
    try:
        if channel.kind == Kind.SLACK:
            return post(channel, slack_body(delivery.notice), {"Content-Type": "application/json"})
        body = webhook_body(delivery.notice)
        now = timezone.now()
        keys = secrets_of(channel).that_sign(now)
        return post(channel, body, webhook_headers(delivery, body, keys=keys, now=now))
    except SealBroken as error:
        raise NotDelivered(f"What is sealed does not open: {error}. Set the address anew.") from None


def send_email(delivery: Delivery) -> None:
    addresses = addresses_of(delivery.channel, delivery.notice)
    if not addresses:
        raise Undeliverable("There is nobody to write to: no active person with an address has one of its roles.")
    message = compose_email(delivery, addresses)
    give_back_connection()
    try:
        message.send()
    except (OSError, smtplib.SMTPException) as error:
        where = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
        raise NotDelivered(f"The mail server {where} did not take it: {said_by(error)}.") from error


def said_by(error: Exception) -> str:
    """Without the addresses, which an error of refused recipients lists."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code}"
    return type(error).__name__


def post(channel: NotificationChannel, body: bytes, headers: dict[str, str]) -> int:
    url = url_of(channel)
    give_back_connection()
    try:
        answer = client().post(url, body=body, headers=headers, is_internal=channel.is_internal, seconds=POST_SECONDS)
    except NotPosted as error:
        raise NotDelivered(str(error)) from error
    if 200 <= answer.status < 300:
        return answer.status
    said = f" {without(url, answer.text)}" if answer.text else ""
    raise NotDelivered(f"It answered {answer.status}.{said}", status=answer.status, retry_after=answer.retry_after)


def without(url: str, text: str) -> str:
    """An answer that repeats the address, which is a secret, without it."""
    path = url.partition("://")[2].partition("/")[2]
    for part in (url, path):
        if len(part) >= SHORTEST_SECRET:  # a shorter one would be found where none is
            text = text.replace(part, "[address]")
    return " ".join(text.split())


# -- what became of it
def note_success(delivery: Delivery, status: int | None) -> None:
    now = timezone.now()
    # Also of one that was cancelled when it had left already.
    claimed(delivery).update(state=State.SENT, sent_at=now, status=status, error="", held_until=None)
    channel = NotificationChannel.objects.filter(pk=delivery.channel_id)
    if channel.exclude(failing_since=None).update(failing_since=None):
        # It is well again: what waited for it need not wait longer, but for what it would not take.
        waiting = Delivery.objects.filter(channel_id=delivery.channel_id, state=State.QUEUED, next_try_at__gt=now)
        waiting.exclude(status__in=MESSAGE_FAULTS).update(next_try_at=now)


def note_failure(delivery: Delivery, error: NotDelivered) -> None:
    again_at = timezone.now() + pause_after(delivery.attempts, error.retry_after)
    text = str(error)
    is_over = isinstance(error, Undeliverable)
    if not is_over and again_at > delivery.created_at + NEWS:
        is_over, text = True, f"Given up after {NEWS / timedelta(hours=1):.0f} hours. {text}"
    claimed(delivery).filter(state=State.QUEUED).update(
        state=State.GAVE_UP if is_over else State.QUEUED,
        next_try_at=again_at,
        held_until=None,
        status=error.status,
        error=text[:500],
    )
    logger.warning("delivery %s by %s, attempt %d: %s", delivery.pk, delivery.channel, delivery.attempts, error)
    if not isinstance(error, Undeliverable):
        note_failing_channel(delivery, again_at, keeps_others=error.status not in MESSAGE_FAULTS)


def note_failing_channel(delivery: Delivery, again_at: datetime, *, keeps_others: bool) -> None:
    """Others wait with the one that failed, unless it failed for what it says."""
    NotificationChannel.objects.filter(pk=delivery.channel_id, failing_since=None).update(failing_since=timezone.now())
    if keeps_others:
        others = Delivery.objects.filter(channel_id=delivery.channel_id, state=State.QUEUED, next_try_at__lt=again_at)
        others.filter(held_until=None).exclude(pk=delivery.pk).update(next_try_at=again_at)


def claimed(delivery: Delivery) -> QuerySet[Delivery]:
    """The row, as long as no other sender has claimed it since."""
    return Delivery.objects.filter(pk=delivery.pk, attempts=delivery.attempts)


def pause_after(attempt: int, retry_after: int | None) -> timedelta:
    pause = PAUSES[min(attempt, len(PAUSES)) - 1]
    asked = min(timedelta(seconds=retry_after or 0), LONGEST_PAUSE)
    return max(pause, asked)


# -- by hand
def try_now(delivery: Delivery) -> bool:
    """Also what was given up or cancelled, and once more: it does not wait for its pause."""
    waiting = Delivery.objects.filter(pk=delivery.pk).exclude(state=State.SENT)
    return bool(waiting.update(state=State.QUEUED, next_try_at=timezone.now()))


def cancel(delivery: Delivery) -> bool:
    """False where it has left, or ended otherwise; one that is on its way may still arrive."""
    return bool(Delivery.objects.filter(pk=delivery.pk, state=State.QUEUED).update(state=State.CANCELLED))
