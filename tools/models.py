"""The tools that agents may call, where they live, and the ledger of every call."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from observability.ids import uuid7
from observability.models import dollars


class Target(models.Model):
    """Where tools live: a backend reached over HTTP, or the desk itself."""

    class Kind(models.TextChoices):
        HTTP = "http"
        BUILTIN = "builtin"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.SlugField(max_length=60, unique=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    base_url = models.URLField(blank=True)
    enabled = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="builtin", base_url="") | (models.Q(kind="http") & ~models.Q(base_url="")),
                name="target_http_has_url",
            )
        ]

    def __str__(self) -> str:
        return self.name


class TargetHealth(models.Model):
    """The circuit breaker of a target: after failures in a row nothing is sent for a while, then one call tries."""

    class State(models.TextChoices):
        CLOSED = "closed"
        OPEN = "open"

    target = models.OneToOneField(Target, primary_key=True, on_delete=models.CASCADE, related_name="health")
    state = models.CharField(max_length=10, choices=State.choices, default=State.CLOSED)
    failures = models.PositiveIntegerField(default=0)  # in a row
    opened_at = models.DateTimeField(null=True)
    # Until then nothing is sent; whoever moves it forward makes the one call that tries.
    retry_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="closed", retry_at__isnull=True)
                | models.Q(state="open", retry_at__isnull=False, opened_at__isnull=False),
                name="targethealth_open_has_times",
            )
        ]

    def __str__(self) -> str:
        return f"{self.target} {self.state}"


class Tool(models.Model):
    """One thing that an agent can ask for, as the model sees it and as the backend is called."""

    class Effect(models.TextChoices):
        READ = "read"
        WRITE = "write"
        MONEY = "money"
        IRREVERSIBLE = "irreversible"

    class Idempotency(models.TextChoices):
        NONE = "none"
        KEY_HEADER = "key_header"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="tools")
    name = models.CharField(
        max_length=64,
        unique=True,
        validators=[RegexValidator(r"^[a-zA-Z][a-zA-Z0-9_]{0,63}$", "Letters, digits and _")],
    )
    description = models.TextField()
    input_schema = models.JSONField()
    effect = models.CharField(max_length=15, choices=Effect.choices)
    # HTTP: [{"method", "path", "query"?, "body"?}], the first route whose path arguments are all given is taken.
    routes = models.JSONField(default=list, blank=True)
    # HTTP: the route that finds what an earlier call with the same idempotency key did.
    lookup = models.JSONField(null=True, blank=True)
    idempotency = models.CharField(max_length=12, choices=Idempotency.choices, default=Idempotency.NONE)
    needs_customer = models.BooleanField(default=True)
    progress = models.CharField(
        max_length=120, help_text="What the customer reads meanwhile: Looking up order {order_id}"
    )
    deadline_ms = models.PositiveIntegerField(default=10_000)
    retries = models.PositiveSmallIntegerField(default=2)
    cost_usd = dollars(default=Decimal(0))
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_read(self) -> bool:
        return self.effect == self.Effect.READ


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
    session_id = models.UUIDField()
    turn_id = models.UUIDField()
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

    class Meta:
        constraints = [
            # One row per tool use; also the query that resumes a turn and the one that draws its steps.
            models.UniqueConstraint(fields=["turn_id", "tool_use_id"], name="toolcall_once_per_tool_use"),
            models.CheckConstraint(
                condition=models.Q(state__in=["reserved", "sent"]) | models.Q(result__isnull=False),
                name="toolcall_ended_has_result",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool_name} {self.state}"

    @property
    def idempotency_key(self) -> str:
        """The key that the backend sees: the row's own id, so a retry of any kind repeats it."""
        return str(self.id)

    @property
    def is_error(self) -> bool:
        return self.state in {self.State.FAILED, self.State.UNKNOWN, self.State.REFUSED}
