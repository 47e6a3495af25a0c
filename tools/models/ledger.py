"""The ledger of every tool call."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.utils import timezone

from observability.ids import uuid7
from tools.models.tools import Tool


class ToolCall(models.Model):
    """The ledger: what the model asked for, and what became of it.

    A write goes `reserved` (committed before anything is sent) -> `sent` -> `confirmed`, `failed` or `unknown`.
    `refused` means that nothing was sent: bad arguments, an unknown tool, no permission.
    """

    class State(models.TextChoices):
        RESERVED = "reserved"
        SENT = "sent"
        CONFIRMED = "confirmed"
        FAILED = "failed"
        UNKNOWN = "unknown"
        REFUSED = "refused"

    OPEN = (State.RESERVED, State.SENT)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Of an agent's call; an outside caller has a key instead, and no conversation.
    session_id = models.UUIDField(null=True)
    turn_id = models.UUIDField(null=True)
    key_id = models.UUIDField(null=True)
    tool_use_id = models.CharField(max_length=120)
    tool_name = models.CharField(max_length=200)
    effect = models.CharField(max_length=15, choices=Tool.Effect.choices, blank=True)
    arguments = models.JSONField()
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RESERVED)
    attempts = models.PositiveSmallIntegerField(default=0)
    result = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    duration_ms = models.PositiveIntegerField(null=True)
    # What the policies said: "allow", "deny", "approval", or nothing where they were not asked.
    decision = models.CharField(max_length=10, blank=True)
    policy_version = models.PositiveIntegerField(null=True)
    # {"rules", "shadow"?, "errors"?, "tainted"?, "facts"?, "verified"}: what decided, and what it was told.
    decided = models.JSONField(null=True)

    class Meta:
        constraints = [
            # One row per tool use; also the query that resumes a turn and the one that draws its steps.
            models.UniqueConstraint(fields=["turn_id", "tool_use_id"], name="toolcall_once_per_tool_use"),
            models.CheckConstraint(
                condition=models.Q(state__in=["reserved", "sent"]) | models.Q(result__isnull=False),
                name="toolcall_ended_has_result",
            ),
            models.CheckConstraint(
                condition=models.Q(turn_id__isnull=False, session_id__isnull=False, key_id__isnull=True)
                | models.Q(turn_id__isnull=True, session_id__isnull=True, key_id__isnull=False),
                name="toolcall_has_one_caller",
            ),
        ]
        indexes = [
            # An outside caller's calls, newest first: the gateway's page, and whether the same write was asked before.
            models.Index(
                fields=["key_id", "-created_at"], name="toolcall_of_key", condition=models.Q(key_id__isnull=False)
            ),
            # Those that their process left open.
            models.Index(
                fields=["created_at"],
                name="toolcall_outside_open",
                condition=models.Q(key_id__isnull=False, state__in=["reserved", "sent"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool_name} {self.state}"

    @property
    def caller_id(self) -> UUID | None:
        """The conversation, or the outside caller's key."""
        return self.session_id or self.key_id

    @property
    def idempotency_key(self) -> str:
        """The key that the backend sees: the row's own id, so a retry of any kind repeats it."""
        return str(self.id)

    @property
    def is_error(self) -> bool:
        return self.state in {self.State.FAILED, self.State.UNKNOWN, self.State.REFUSED}
