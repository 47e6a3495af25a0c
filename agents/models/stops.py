"""Kill switches: who stopped what, since when, and why."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from observability.ids import uuid7


class Stop(models.Model):
    """While it stands, nothing of its scope takes another step. It is lifted, never deleted: it is also the record."""

    class Scope(models.TextChoices):
        ALL = "all", "Everything"
        AGENT = "agent", "One agent"
        TOOL = "tool", "One tool"
        SESSION = "session", "One conversation"
        TURN = "turn", "One turn"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    scope = models.CharField(max_length=10, choices=Scope.choices)
    # The id of the agent, session or turn, or the name of the tool; empty for everything.
    subject = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=300)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-at"]
        constraints = [
            # Also the index by which each step of each turn asks whether it is stopped: a handful of rows.
            models.UniqueConstraint(
                fields=["scope", "subject"], condition=models.Q(lifted_at__isnull=True), name="stop_once"
            ),
            models.CheckConstraint(
                condition=models.Q(scope="all", subject="") | (~models.Q(scope="all") & ~models.Q(subject="")),
                name="stop_names_its_subject",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_scope_display()} {self.subject}".strip()
