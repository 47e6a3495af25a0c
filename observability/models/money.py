"""Prices with their dates, and what was charged by them."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils import timezone

from observability.models.traces import BRIN_PAGES, dollars


class Price(models.Model):
    """What a model's tokens cost from a date on, in US dollars per million tokens.

    Some models charge more for a long prompt: the row with the highest `above_input_tokens` below the prompt's size
    (input and both cache counters together) prices the whole call.
    """

    model = models.CharField(max_length=120)
    valid_from = models.DateField()
    above_input_tokens = models.PositiveIntegerField(default=0)
    input_usd = dollars()
    output_usd = dollars()
    cache_read_usd = dollars()
    cache_write_usd = dollars()
    # Written to be kept for an hour, where the provider has a price of its own for that.
    cache_write_1h_usd = dollars(default=Decimal(0))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["model", "valid_from", "above_input_tokens"], name="price_one_per_day")
        ]

    def __str__(self) -> str:
        return f"{self.model} from {self.valid_from}"


class UnitPrice(models.Model):
    """What a step costs that is not paid by the token, from a date on: `usd` for each `per` units.

    An empty `subject` is every one of the kind; a named one (a tool) goes before it. Without a row it costs nothing.
    """

    class Kind(models.TextChoices):
        TOOL_CALL = "tool_call", "Tool calls"
        POLICY_DECISION = "policy", "Policy decisions"
        MEMORY_WRITE = "memory_write", "Memories written"
        MEMORY_SEARCH = "memory_search", "Memory searches"
        GUARDRAIL_UNIT = "guardrail", "Guardrail text units of 1,000 characters"
        BROWSER_SECOND = "browser", "Browser seconds"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    subject = models.CharField(max_length=120, blank=True)
    valid_from = models.DateField()
    usd = dollars()
    per = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject", "valid_from"], name="unitprice_one_per_day"),
            models.CheckConstraint(condition=models.Q(usd__gte=0, per__gte=1), name="unitprice_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.usd} USD for {self.per} {self.kind} from {self.valid_from}"


class Charge(models.Model):
    """Money spent by one step; written once, with the price it used."""

    class Kind(models.TextChoices):
        MODEL = "model"
        TOOL = "tool"
        MEMORY = "memory"
        GUARDRAIL = "guardrail"
        BROWSER = "browser"

    class Basis(models.TextChoices):
        EXACT = "exact"
        # The provider billed something, and did not say how much.
        ESTIMATED = "estimated"
        UNKNOWN = "unknown"

    span_id = models.UUIDField(primary_key=True)
    trace_id = models.UUIDField()
    agent_id = models.UUIDField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    subject = models.CharField(max_length=120)
    basis = models.CharField(max_length=10, choices=Basis.choices, default=Basis.EXACT)
    price_id = models.BigIntegerField(null=True)
    unit_price_id = models.BigIntegerField(null=True)
    # How many units, where it is not paid by the token.
    quantity = models.DecimalField(max_digits=14, decimal_places=3, null=True)
    usd = dollars()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            # Spending by time: rows come in its order, so a few pages of summary serve, at next to no cost a row.
            BrinIndex(fields=["at"], name="charge_by_time", autosummarize=True, pages_per_range=BRIN_PAGES),
        ]
        constraints = [models.CheckConstraint(condition=models.Q(usd__gte=0), name="charge_not_negative")]

    def __str__(self) -> str:
        return f"{self.usd} USD for {self.subject}"
