"""The policies: rules in numbered versions that never change, and whether they are enforced."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from observability.ids import uuid7


class PolicyVersion(models.Model):
    """A set of rules. The one without a number is the draft; of the others, the highest number is in force."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    number = models.PositiveIntegerField(null=True, unique=True)
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    published_at = models.DateTimeField(null=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                models.Value(1), condition=models.Q(number__isnull=True), name="policyversion_one_draft"
            ),
            models.CheckConstraint(
                condition=models.Q(number__isnull=True, published_at__isnull=True)
                | models.Q(number__isnull=False, published_at__isnull=False),
                name="policyversion_published_has_number",
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.number}" if self.number else "draft"


class PolicyRule(models.Model):
    """One rule of a version: Cedar text, with the form that wrote it if one did."""

    class Mode(models.TextChoices):
        ENFORCE = "enforce", "Enforced"
        SHADOW = "shadow", "Shadow: recorded only"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.ForeignKey(PolicyVersion, on_delete=models.CASCADE, related_name="rules")
    name = models.CharField(
        max_length=64,
        validators=[RegexValidator(r"\A[a-z][a-z0-9-]{0,63}\Z", "Small letters, digits and hyphens.")],
    )
    position = models.PositiveIntegerField()
    text = models.TextField(max_length=20_000)
    mode = models.CharField(max_length=10, choices=Mode.choices, default=Mode.ENFORCE)
    form = models.JSONField(null=True)

    class Meta:
        ordering = ["position", "name"]
        constraints = [models.UniqueConstraint(fields=["version", "name"], name="policyrule_name_once_per_version")]

    def __str__(self) -> str:
        return self.name


class PolicySetting(models.Model):
    """The one row that says whether the policies decide. Going down from `enforce` takes a second admin."""

    class Mode(models.TextChoices):
        OFF = "off", "Off"
        SHADOW = "shadow", "Shadow"
        ENFORCE = "enforce", "Enforce"

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    mode = models.CharField(max_length=10, choices=Mode.choices, default=Mode.ENFORCE)
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    requested = models.CharField(max_length=10, choices=Mode.choices, blank=True)
    requested_at = models.DateTimeField(null=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="policysetting_is_one_row"),
            models.CheckConstraint(
                condition=models.Q(requested="", requested_at__isnull=True)
                | (~models.Q(requested="") & models.Q(requested_at__isnull=False)),
                name="policysetting_request_has_time",
            ),
        ]

    def __str__(self) -> str:
        return self.mode
