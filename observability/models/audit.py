"""Who changed or looked at what: rows that nobody changes, each bound to the one before it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class AuditEntry(models.Model):
    """One act. A trigger refuses UPDATE, DELETE and TRUNCATE; `hash` is of the row with its predecessor's hash."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=timezone.now)
    # The user's id; empty for the application itself.
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=254)
    # In the form "span.reveal", "price.add".
    action = models.CharField(max_length=60)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=64, blank=True)
    subject_name = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # The acts on one thing, on its page.
            models.Index(fields=["subject_kind", "subject_id", "-id"], name="audit_of_subject"),
            # What one person did.
            models.Index(fields=["actor_id", "-id"], name="audit_of_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.action} {self.subject_name or self.subject_id}"
