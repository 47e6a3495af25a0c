"""Where the agent stops and a person goes on."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Func, Value
from django.utils import timezone

from agents.models.sessions import Session
from agents.models.turns import Turn
from observability.ids import uuid7


class Escalation(models.Model):
    """A conversation that waits for a person, with the agent's reason."""

    class Reason(models.TextChoices):
        CUSTOMER_REQUESTED = "customer_requested", "Customer asked for a person"
        MISSING_KNOWLEDGE = "missing_knowledge", "Missing knowledge"
        UNSUPPORTED_REQUEST = "unsupported_request", "Unsupported request"
        POLICY_RESTRICTION = "policy_restriction", "Policy restriction"
        TOOL_FAILURE = "tool_failure", "Tool failure"
        PENDING_CLARIFICATION = "pending_clarification", "Pending clarification"
        USAGE_LIMIT = "usage_limit", "Usage limit"
        STOPPED = "stopped", "Stopped by staff"
        UNCLASSIFIED = "unclassified", "Unclassified"

    class Status(models.TextChoices):
        OPEN = "open"
        CLAIMED = "claimed"
        RESOLVED = "resolved"

    UNRESOLVED = (Status.OPEN, Status.CLAIMED)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.BigIntegerField(unique=True, db_default=Func(Value("agents_escalation_number"), function="nextval"))
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="escalations")
    turn = models.ForeignKey(Turn, null=True, on_delete=models.SET_NULL, related_name="escalations", db_index=False)
    reason = models.CharField(max_length=25, choices=Reason.choices)
    summary = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="escalations"
    )
    opened_at = models.DateTimeField(default=timezone.now)
    claimed_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    resolution = models.TextField(blank=True)
    # When people were told of it by e-mail; until then the sender that took it holds it up to the other time.
    notified_at = models.DateTimeField(null=True)
    notice_held_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["session"],
                condition=models.Q(status__in=["open", "claimed"]),
                name="escalation_one_open_per_session",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="claimed") | models.Q(claimed_at__isnull=False),
                name="escalation_claimed_has_time",
            ),
            models.CheckConstraint(
                condition=models.Q(status="resolved", resolved_at__isnull=False)
                | (~models.Q(status="resolved") & models.Q(resolved_at__isnull=True)),
                name="escalation_resolved_has_time",
            ),
        ]
        indexes = [
            # The queue: what waits, oldest first.
            models.Index(
                fields=["opened_at"], name="escalation_queue", condition=models.Q(status__in=["open", "claimed"])
            ),
            # The list of resolved ones, newest first.
            models.Index(
                fields=["-resolved_at", "-id"], name="escalation_resolved", condition=models.Q(status="resolved")
            ),
            # What was opened today: the queue's figures, Home, and their list.
            models.Index(fields=["opened_at", "id"], name="escalation_opened"),
            # What goes with a turn that is deleted.
            models.Index(fields=["turn"], name="escalation_of_turn", condition=models.Q(turn__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        return f"E-{self.number}"
