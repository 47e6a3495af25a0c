"""A call that waits for a person's yes, and what the people said."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Func, Value
from django.utils import timezone

from observability.ids import uuid7
from observability.models import dollars
from tools.models.ledger import ToolCall


class Approval(models.Model):
    """One call, bound by `digest` to session, tool, arguments and policy version; good for one execution.

    `pending` -> `approved` -> `used`; or `rejected`, `expired`, `cancelled` (the conversation went on without it).
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"
        EXPIRED = "expired"
        CANCELLED = "cancelled"
        USED = "used"

    OPEN = (Status.PENDING, Status.APPROVED)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.BigIntegerField(unique=True, db_default=Func(Value("tools_approval_number"), function="nextval"))
    call = models.OneToOneField(ToolCall, on_delete=models.CASCADE, related_name="approval")
    session_id = models.UUIDField(null=True)
    agent_id = models.UUIDField(null=True)
    customer_id = models.UUIDField(null=True)
    tool_key = models.CharField(max_length=130)
    # As the agent asked; what a person made of them is in `arguments`, which alone is executed.
    asked = models.JSONField()
    arguments = models.JSONField()
    digest = models.CharField(max_length=64)
    policy_version = models.PositiveIntegerField()
    rules = models.JSONField(default=list)
    role = models.CharField(max_length=40)
    needed = models.PositiveSmallIntegerField(default=1)
    amount = dollars(null=True)
    # What the gateway had looked up when it asked: {"facts", "verified", "tainted"}.
    seen = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    requested_at = models.DateTimeField(default=timezone.now)
    # The staff member on whose word the agent acts, if any: that person may not decide.
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    expires_at = models.DateTimeField()
    snoozed_until = models.DateTimeField(null=True)
    decided_at = models.DateTimeField(null=True)
    # Why it was rejected, cancelled or changed; the agent is told.
    reason = models.CharField(max_length=500, blank=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status="pending", decided_at__isnull=True)
                | (~models.Q(status="pending") & models.Q(decided_at__isnull=False)),
                name="approval_decided_has_time",
            ),
            models.CheckConstraint(
                condition=models.Q(status="used", used_at__isnull=False)
                | (~models.Q(status="used") & models.Q(used_at__isnull=True)),
                name="approval_used_has_time",
            ),
            models.CheckConstraint(condition=models.Q(needed__gte=1), name="approval_needs_somebody"),
        ]
        indexes = [
            # The queue: what waits, in the order in which it runs out; and the sweeper, which ends what has run out.
            models.Index(fields=["expires_at"], name="approval_waiting", condition=models.Q(status="pending")),
            # The conversation's page, and what a take-over cancels.
            models.Index(fields=["session_id", "requested_at"], name="approval_of_session"),
            # The history, newest first.
            models.Index(fields=["-decided_at"], name="approval_decided", condition=~models.Q(status="pending")),
        ]

    def __str__(self) -> str:
        return f"{self.label} {self.status}"

    @property
    def label(self) -> str:
        return f"A-{self.number}"


class ApprovalVote(models.Model):
    """One person's word on one approval; of the same digest, so nobody's yes is carried over to other arguments."""

    class Verdict(models.TextChoices):
        APPROVE = "approve"
        REJECT = "reject"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    approval = models.ForeignKey(Approval, on_delete=models.CASCADE, related_name="votes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    digest = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["approval", "user", "digest"], name="approvalvote_once_per_person")
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.user_id}"


class ApproverLimit(models.Model):
    """How much money one person may approve in one call; without a row, any amount that the role allows."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="approver_limit"
    )
    max_amount = dollars()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(max_amount__gte=0), name="approverlimit_not_negative")]

    def __str__(self) -> str:
        return f"{self.user_id} up to {self.max_amount}"
