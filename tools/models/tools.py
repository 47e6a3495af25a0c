"""The tools that agents may call."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import RegexValidator
from django.db import models

from observability.ids import uuid7
from observability.models import dollars
from tools.models.targets import Target


class Tool(models.Model):
    """One thing that an agent can ask for, as the model sees it and as the backend is called."""

    class Effect(models.TextChoices):
        READ = "read"
        WRITE = "write"
        MONEY = "money"
        IRREVERSIBLE = "irreversible"

    class Idempotency(models.TextChoices):
        NONE = "none", "None: a lost answer goes to a person"
        KEY_HEADER = "key_header", "An Idempotency-Key header"
        LOOK_UP = "look_up", "A tool that looks up what was done"

    class Risk(models.TextChoices):
        LOW = "low"
        MEDIUM = "medium"
        HIGH = "high"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="tools")
    name = models.CharField(
        max_length=64,
        validators=[RegexValidator(r"^[a-zA-Z][a-zA-Z0-9_]{0,63}$", "Letters, digits and _")],
    )
    description = models.TextField()
    input_schema = models.JSONField()
    effect = models.CharField(max_length=15, choices=Effect.choices)
    risk = models.CharField(max_length=10, choices=Risk.choices, default=Risk.LOW)
    # HTTP: [{"method", "path", "query"?, "body"?, "headers"?}], the first route whose path arguments are all given is
    # taken.
    routes = models.JSONField(default=list, blank=True)
    # The other kinds: how the arguments become a request (OpenAPI), the tool's own name there (MCP).
    recipe = models.JSONField(default=dict, blank=True)
    # Finds what an earlier call did: an HTTP route, or {"tool": its name on this target, "arguments": {name: value}}.
    lookup = models.JSONField(null=True, blank=True)
    idempotency = models.CharField(max_length=12, choices=Idempotency.choices, default=Idempotency.NONE)
    needs_customer = models.BooleanField(default=True)
    # Arguments that the gateway fills and the model never sees: {argument: "customer.email" | "customer.id" |
    # "customer.name" | "session.id"}.
    bindings = models.JSONField(default=dict, blank=True)
    # Where a result says whose it is: [{"path": "customer", "is": "customer.email"}]. A list is filtered, an object of
    # somebody else is dropped.
    owners = models.JSONField(default=list, blank=True)
    # What is looked up before the call is decided: {"tool": another tool of this target, "arguments": {its argument:
    # ours}, "facts": {name: {"path": "total", "type": "number"}}}. What that tool may not show this customer, this one
    # may not touch.
    precheck = models.JSONField(null=True, blank=True)
    # The money that a call moves: {"argument": name?, "path": "total"?, "less": "refunded"?, "currency"} (paths of the
    # precheck's result); a policy reads it as `context.facts.amount`.
    amount = models.JSONField(null=True, blank=True)
    # The argument that names what the money belongs to, such as an order; limits count by it.
    subject_argument = models.CharField(max_length=64, blank=True)
    # Arguments that are words for people, and that nothing is done by.
    free_text = models.JSONField(default=list, blank=True)
    progress = models.CharField(
        max_length=120, help_text="What the customer reads meanwhile: Looking up order {order_id}"
    )
    deadline_ms = models.PositiveIntegerField(default=10_000)
    retries = models.PositiveSmallIntegerField(default=2)
    cost_usd = dollars(default=Decimal(0))
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["target", "name"], name="tool_name_once_per_target")]

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        """Its name to policies, and to a model where the short one is not the only one: AgentCore's form."""
        return f"{self.target.name}___{self.name}"

    @property
    def is_open(self) -> bool:
        return self.enabled and self.target.is_open

    @property
    def is_read(self) -> bool:
        return self.effect == self.Effect.READ
