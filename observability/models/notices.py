"""What people are told, where, and what became of it."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from observability.ids import uuid7


class Event(models.TextChoices):
    """What can be told; the rows of the matrix."""

    ESCALATION = "escalation", "A conversation waits for a person"
    APPROVAL = "approval", "An approval is wanted"
    APPROVAL_EXPIRING = "approval_expiring", "An approval runs out within the hour"
    ALERT = "alert", "An alert changes its state"
    BUDGET = "budget", "A budget reaches a threshold"
    ANOMALY = "anomaly", "An hour is out of the way"
    RUNAWAY = "runaway", "A conversation was stopped as a runaway"
    TOOL_CHANGED = "tool_changed", "A target lists its tools differently"
    STOP = "stop", "A stop was set or lifted"


class NotificationChannel(models.Model):
    """A way out of the house. What of its address is secret is sealed by the vault, and never shown again."""

    class Kind(models.TextChoices):
        EMAIL = "email", "E-mail"
        WEBHOOK = "webhook", "Signed webhook"
        SLACK = "slack", "Slack-compatible"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    name = models.CharField(max_length=80, unique=True)
    # E-mail: addresses, one a line; empty for the people of the event's roles.
    addresses = models.TextField(blank=True)
    # Webhook and Slack: the address with its secret parts, and the key of the signature.
    sealed_url = models.TextField(blank=True)
    sealed_secret = models.TextField(blank=True)
    # What may be shown of the address.
    host = models.CharField(max_length=253, blank=True)
    # The address may lead into the house's own network: only an admin says so.
    is_internal = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)
    failing_since = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Subscription(models.Model):
    """One tick of the matrix: this event is told there; without a channel, in the application itself."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.CharField(max_length=20, choices=Event.choices)
    channel = models.ForeignKey(NotificationChannel, null=True, on_delete=models.CASCADE, related_name="subscriptions")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "channel"], name="subscription_once", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return f"{self.event} by {self.channel_id or 'the application'}"


class Notice(models.Model):
    """Something that was told, once: `key` says what it was about."""

    class Tone(models.TextChoices):
        INFO = "info"
        GOOD = "good"
        WARN = "warn"
        BAD = "bad"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.CharField(max_length=20, choices=Event.choices)
    key = models.CharField(max_length=200, unique=True)
    title = models.CharField(max_length=200)
    text = models.CharField(max_length=1000, blank=True)
    # A path of this application.
    path = models.CharField(max_length=500, blank=True)
    tone = models.CharField(max_length=10, choices=Tone.choices, default=Tone.INFO)
    # Who should know; an admin always does.
    roles = ArrayField(models.CharField(max_length=20), default=list)
    # Whether it is shown in the application; what only goes elsewhere is kept for its deliveries.
    in_app = models.BooleanField(default=True)
    is_test = models.BooleanField(default=False)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            # The list behind the bell, newest first.
            models.Index(fields=["-at", "-id"], name="notice_newest"),
        ]

    def __str__(self) -> str:
        return self.title


class NoticesSeen(models.Model):
    """Up to when somebody has looked at the notices."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+")
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user_id} until {self.until:%Y-%m-%d %H:%M}"


class Delivery(models.Model):
    """A notice on its way out by one channel."""

    class State(models.TextChoices):
        QUEUED = "queued"
        SENT = "sent"
        GAVE_UP = "gave_up"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(NotificationChannel, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    # A sender that died keeps others away for this long.
    held_until = models.DateTimeField(null=True)
    # What came back last: the status of HTTP, and words without any secret.
    status = models.PositiveIntegerField(null=True)
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notice", "channel"], name="delivery_once")]
        indexes = [
            # What is due to be sent.
            models.Index(fields=["next_try_at"], name="delivery_due", condition=models.Q(state="queued")),
            # The list, newest first, whole and of a channel.
            models.Index(fields=["-created_at", "-id"], name="delivery_newest"),
            models.Index(fields=["channel", "-created_at"], name="delivery_of_channel"),
        ]

    def __str__(self) -> str:
        return f"{self.notice_id} by {self.channel_id}: {self.state}"
