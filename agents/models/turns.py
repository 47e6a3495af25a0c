"""Turns (one customer message, one reply) and the events that a stream reads."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from agents.models.agents import AgentVersion
from agents.models.sessions import Session
from observability.ids import uuid7


class Turn(models.Model):
    """The agent's work on one customer message; the row is the job, the broker only nudges."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        WAITING = "waiting"  # for a person's decision on one of its calls
        REPLIED = "replied"
        ESCALATED = "escalated"
        SILENCED = "silenced"
        FAILED = "failed"
        MERGED = "merged"  # its message is answered by a later turn

    OPEN = (Status.QUEUED, Status.RUNNING, Status.WAITING)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="turns", db_index=False)
    # The number of the event that asked for it: turns of a session run in this order.
    seq = models.BigIntegerField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    agent_version = models.ForeignKey(
        AgentVersion, null=True, on_delete=models.PROTECT, related_name="turns", db_index=False
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    # Who runs it and until when; a writer with another token can publish nothing.
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    queued_at = models.DateTimeField(default=timezone.now)
    # When the sweeper last told a worker of it.
    nudged_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    failure = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "seq"], name="turn_seq_once"),
            models.UniqueConstraint(
                fields=["session"], condition=models.Q(status="running"), name="turn_one_running_per_session"
            ),
            models.CheckConstraint(
                condition=models.Q(status="running", lease_token__isnull=False, lease_until__isnull=False)
                | (~models.Q(status="running") & models.Q(lease_token__isnull=True)),
                name="turn_running_has_lease",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["queued", "running", "waiting"], finished_at__isnull=True)
                | (~models.Q(status__in=["queued", "running", "waiting"]) & models.Q(finished_at__isnull=False)),
                name="turn_ended_has_time",
            ),
        ]
        indexes = [
            # The sweeper: turns still to be done, oldest first.
            models.Index(fields=["queued_at"], name="turn_open", condition=models.Q(status__in=["queued", "running"])),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.status}"


class TurnEvent(models.Model):
    """What a reader of the conversation is shown, in order; a stream is a reader of these rows."""

    class Kind(models.TextChoices):
        MESSAGE = "message"  # {"message_id", "author", "visibility", "turn_id"?}
        TURN = "turn"  # {"status"}
        TEXT = "text"  # {"call", "attempt", "text"}: released sentences; a later attempt voids an earlier one's
        # With what the model said before it called its first tool, as a message of the same number.
        STEP = "step"  # {"tool_call_id", "tool_name", "state", "progress", "duration_ms"?}
        CONTROLLER = "controller"  # {"controller"}
        ESCALATION = "escalation"  # {"escalation_id"}

    # Events of these kinds may bear a message of the same number.
    ANNOUNCING = (Kind.MESSAGE, Kind.STEP)

    # Without constraints: an event is selected from the locked rows of its session and turn in one statement, and each
    # check would lock and log both rows again.
    session = models.ForeignKey(
        Session, on_delete=models.CASCADE, related_name="events", db_index=False, db_constraint=False
    )
    seq = models.BigIntegerField()
    turn = models.ForeignKey(
        Turn, null=True, on_delete=models.CASCADE, related_name="events", db_index=False, db_constraint=False
    )
    kind = models.CharField(max_length=12, choices=Kind.choices)
    data = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now)

    # The stream's query: the events of a session after a number.
    pk = models.CompositePrimaryKey("session", "seq")

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"
