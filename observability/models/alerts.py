"""Queries that are asked again and again and tell when their answer passes a threshold, and hours out of the way."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from observability.ids import uuid7


class Alert(models.Model):
    """One number of a query over the newest minutes, held against two thresholds."""

    class State(models.TextChoices):
        NEW = "new"
        OK = "ok"
        WARN = "warn"
        CRITICAL = "critical"
        NO_DATA = "no_data"
        ERROR = "error"

    class Side(models.TextChoices):
        ABOVE = "above"
        BELOW = "below"

    class NoData(models.TextChoices):
        """What no row, or no number, counts as."""

        OK = "ok", "All is well"
        ZERO = "zero", "A zero"
        KEEP = "keep", "As it was"
        NO_DATA = "no_data", "Told as no data"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120, unique=True)
    text = models.TextField(max_length=10_000)
    # The column that is looked at; empty for the last numeric one. Of several rows the worst counts.
    column = models.CharField(max_length=200, blank=True)
    window_minutes = models.PositiveIntegerField(default=60)
    every_minutes = models.PositiveIntegerField(default=5)
    side = models.CharField(max_length=10, choices=Side.choices, default=Side.ABOVE)
    warn = models.FloatField(null=True, blank=True)
    critical = models.FloatField(null=True, blank=True)
    no_data = models.CharField(max_length=10, choices=NoData.choices, default=NoData.OK)
    # While it stays bad it is told again after so long; empty for never.
    renotify_minutes = models.PositiveIntegerField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    muted_until = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.NEW)
    state_since = models.DateTimeField(default=timezone.now)
    last_value = models.FloatField(null=True)
    last_error = models.TextField(blank=True)
    last_run_at = models.DateTimeField(null=True)
    next_run_at = models.DateTimeField(default=timezone.now)
    # A runner that died keeps others away for this long.
    held_until = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        indexes = [
            # Which are due.
            models.Index(fields=["next_run_at"], name="alert_due", condition=models.Q(enabled=True)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(warn__isnull=False) | models.Q(critical__isnull=False), name="alert_has_threshold"
            ),
            models.CheckConstraint(
                condition=models.Q(window_minutes__gte=1, every_minutes__gte=1), name="alert_has_window"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AlertRun(models.Model):
    """One asking: a cell of the alert's history strip."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="runs", db_index=False)
    at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=10, choices=Alert.State.choices)
    value = models.FloatField(null=True)
    error = models.TextField(blank=True)
    duration_ms = models.PositiveIntegerField(default=0)
    told = models.BooleanField(default=False)

    class Meta:
        indexes = [
            # The newest runs of an alert, and those that are old enough to go.
            models.Index(fields=["alert", "-at"], name="alertrun_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.alert_id} {self.at:%Y-%m-%d %H:%M} {self.state}"


class Anomaly(models.Model):
    """An hour that is out of the way of the same hour and weekday before it."""

    class Metric(models.TextChoices):
        SPEND = "spend", "Spending"
        TOKENS = "tokens", "Tokens per turn"
        TOOL_ERRORS = "tool_errors", "Failed tool calls"
        LATENCY = "latency", "Time of a turn"

    class State(models.TextChoices):
        OPEN = "open"
        EXPECTED = "expected"
        FIXED = "fixed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    metric = models.CharField(max_length=20, choices=Metric.choices)
    # Empty for all agents together.
    agent_id = models.UUIDField(null=True)
    hour = models.DateTimeField()
    value = models.FloatField()
    expected = models.FloatField()
    # How many scaled median absolute deviations the value is away.
    score = models.FloatField()
    # {"by": "agent", "name": "…", "share": 0.8, "was": 1.2, "is": 9.6, …}, the strongest first.
    drivers = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    judged_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    judged_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=300, blank=True)
    found_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-hour"]
        constraints = [
            models.UniqueConstraint(fields=["metric", "agent_id", "hour"], name="anomaly_once", nulls_distinct=False)
        ]
        indexes = [
            # The list, newest first.
            models.Index(fields=["-hour", "-id"], name="anomaly_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.metric} at {self.hour:%Y-%m-%d %H}h"
