"""Limits on the money that tools move, over all conversations; amounts are in the currency of the backend."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from observability.ids import uuid7
from observability.models import dollars
from tools.models.ledger import ToolCall


class MoneyLimit(models.Model):
    """How often, and how much, in any period of so many hours that ends now."""

    class Scope(models.TextChoices):
        CUSTOMER = "customer", "each customer"
        SUBJECT = "subject", "each order"
        AGENT = "agent", "each agent"
        ALL = "all", "everything together"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Empty: every tool that moves money.
    tool_key = models.CharField(max_length=130, blank=True)
    scope = models.CharField(max_length=10, choices=Scope.choices)
    hours = models.PositiveIntegerField(default=24)
    max_count = models.PositiveIntegerField(null=True, blank=True)
    max_amount = dollars(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["scope", "hours"]
        constraints = [
            models.UniqueConstraint(fields=["tool_key", "scope", "hours"], name="moneylimit_once"),
            models.CheckConstraint(
                condition=models.Q(max_count__isnull=False) | models.Q(max_amount__isnull=False),
                name="moneylimit_limits_something",
            ),
            models.CheckConstraint(
                condition=models.Q(max_amount__isnull=True) | models.Q(max_amount__gte=0),
                name="moneylimit_not_negative",
            ),
            models.CheckConstraint(condition=models.Q(hours__gte=1), name="moneylimit_has_a_period"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} in {self.hours} h"


class MoneyUse(models.Model):
    """What one call took of the limits, written before it is sent; gone again where it turned out not to be done."""

    call = models.OneToOneField(ToolCall, primary_key=True, on_delete=models.CASCADE, related_name="money_use")
    tool_key = models.CharField(max_length=130)
    customer_id = models.UUIDField(null=True)
    agent_id = models.UUIDField(null=True)
    subject = models.CharField(max_length=200, blank=True)
    amount = dollars()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(amount__gte=0), name="moneyuse_not_negative"),
        ]
        indexes = [
            # tools_take_money, by scope of the limit.
            models.Index(fields=["at"], name="moneyuse_recent"),
            models.Index(fields=["customer_id", "at"], name="moneyuse_of_customer"),
            models.Index(fields=["agent_id", "at"], name="moneyuse_of_agent"),
            models.Index(fields=["subject", "at"], name="moneyuse_of_subject", condition=~models.Q(subject="")),
        ]

    def __str__(self) -> str:
        return f"{self.amount} by {self.tool_key}"
