"""What happened. Rows name what they describe by plain ids: telemetry outlives it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils import timezone

from observability.ids import uuid7

# Of a summary by time: an hour of a busy desk is some thousand rows, which a range of the usual 128 pages would hide.
BRIN_PAGES = 16


def dollars(**options: Any) -> models.DecimalField[Decimal, Decimal]:
    """A column of US dollars, to 8 places."""
    return models.DecimalField(max_digits=16, decimal_places=8, **options)


class Trace(models.Model):
    """The record of one turn; it bears the turn's id."""

    class Status(models.TextChoices):
        RUNNING = "running"
        OK = "ok"
        ERROR = "error"

    id = models.UUIDField(primary_key=True, editable=False)
    session_id = models.UUIDField()
    agent_id = models.UUIDField()
    agent_name = models.CharField(max_length=80)
    # What a query calls `agentId`.
    agent_slug = models.CharField(max_length=60, blank=True, default="", db_default="")
    agent_version = models.PositiveIntegerField()
    model = models.CharField(max_length=120)
    channel = models.CharField(max_length=20)
    customer = models.CharField(max_length=254)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RUNNING)
    outcome = models.CharField(max_length=20, blank=True)
    error = models.TextField(blank=True)
    input_text = models.CharField(max_length=300, blank=True)
    output_text = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField()
    # By which the sums of an hour are made: a turn that waited for days counts where it ended.
    ended_at = models.DateTimeField(null=True)
    duration_ms = models.PositiveIntegerField(null=True)
    model_calls = models.PositiveIntegerField(default=0)
    tool_calls = models.PositiveIntegerField(default=0)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cache_read_tokens = models.PositiveIntegerField(default=0)
    cache_write_tokens = models.PositiveIntegerField(default=0)
    cost_usd = dollars(default=Decimal(0))

    class Meta:
        indexes = [
            # The list of traces, newest first, and its keyset paging.
            models.Index(fields=["-started_at", "-id"], name="trace_newest"),
            # The traces of a conversation, on its own page.
            models.Index(fields=["session_id", "started_at"], name="trace_of_session"),
            # The turns that ended in an hour: rows come nearly in its order.
            BrinIndex(fields=["ended_at"], name="trace_by_end", autosummarize=True, pages_per_range=BRIN_PAGES),
            # An agent's traces, on its page and in the list.
            models.Index(fields=["agent_id", "-started_at", "-id"], name="trace_of_agent"),
            # A customer's traces, by the beginning of the address.
            models.Index(
                fields=["customer", "-started_at", "-id"],
                name="trace_by_customer",
                opclasses=["varchar_pattern_ops", "timestamptz_ops", "uuid_ops"],
            ),
            # The list of errors, and the newest ones on Home: rare, so without it a page of them is a scan.
            # By the error's text, not the status: every turn changes that at its end, and would be indexed anew.
            models.Index(fields=["-started_at", "-id"], name="trace_errors", condition=~models.Q(error="")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=(models.Q(status="error") & ~models.Q(error=""))
                | (~models.Q(status="error") & models.Q(error="")),
                name="trace_error_says_why",
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class Span(models.Model):
    """A step of a turn: a model call, a tool call, a check."""

    class Kind(models.TextChoices):
        MODEL = "model"
        TOOL = "tool"
        GUARDRAIL = "guardrail"
        MEMORY = "memory"
        APPROVAL = "approval"
        WAIT = "wait"
        DELIVERY = "delivery"

    class Status(models.TextChoices):
        OK = "ok"
        ERROR = "error"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Without a constraint: a span is written in one statement with its fenced turn, and the check would lock and log
    # the trace's row once a step.
    trace = models.ForeignKey(
        Trace, on_delete=models.CASCADE, related_name="spans", db_index=False, db_constraint=False
    )
    parent_id = models.UUIDField(null=True)
    # The agent's slug, and what a check did about what: a query groups a million rows by them.
    agent = models.CharField(max_length=60, blank=True, default="", db_default="")
    action = models.CharField(max_length=20, blank=True, default="", db_default="")
    category = models.CharField(max_length=80, blank=True, default="", db_default="")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    name = models.CharField(max_length=120)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OK)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    duration_ms = models.PositiveIntegerField(default=0)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cache_read_tokens = models.PositiveIntegerField(default=0)
    cache_write_tokens = models.PositiveIntegerField(default=0)
    cost_usd = dollars(default=Decimal(0))
    attributes = models.JSONField(default=dict)

    class Meta:
        indexes = [
            # The tree of one trace, in order.
            models.Index(fields=["trace", "started_at"], name="span_of_trace"),
            # Queries over a span of time: rows come in its order, so a few pages of summary serve.
            BrinIndex(fields=["started_at"], name="span_by_time", autosummarize=True, pages_per_range=BRIN_PAGES),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
