"""Limits over many turns, what was used of them, and what is set aside for calls under way."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from agents.models.agents import Agent
from observability.ids import uuid7


class Limit(models.Model):
    """So much of a measure in a period, for each subject of a scope. It holds: what would exceed it is refused."""

    class Scope(models.TextChoices):
        ALL = "all", "Everything together"
        AGENT = "agent", "Each agent"
        CUSTOMER = "customer", "Each customer"
        SESSION = "session", "Each conversation"

    class Measure(models.TextChoices):
        MESSAGES = "messages", "Messages"
        TOKENS = "tokens", "Tokens"
        USD = "usd", "US dollars"

    class Period(models.TextChoices):
        MINUTE = "minute", "a minute"
        HOUR = "hour", "an hour"
        DAY = "day", "a day"
        MONTH = "month", "a month"
        EVER = "ever", "in all"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    scope = models.CharField(max_length=10, choices=Scope.choices)
    # Empty: for every agent. With one, only its turns count, in whatever scope.
    agent = models.ForeignKey(Agent, null=True, blank=True, on_delete=models.CASCADE, related_name="limits")
    measure = models.CharField(max_length=10, choices=Measure.choices)
    period = models.CharField(max_length=10, choices=Period.choices)
    amount = models.DecimalField(max_digits=18, decimal_places=8, validators=[MinValueValidator(Decimal(0))])
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["scope", "measure", "period"]
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "agent", "measure", "period"], name="limit_once", nulls_distinct=False
            ),
            models.CheckConstraint(condition=models.Q(amount__gte=0), name="limit_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.get_scope_display()}: {self.amount:f} {self.measure} {self.get_period_display()}"


class Usage(models.Model):
    """How much of one limit one subject has used in one period, and how much is set aside for calls under way.

    `spent` can pass the limit only where one call cost more than was set aside for it.
    """

    pk = models.CompositePrimaryKey("limit_id", "subject", "begins_at")
    # Without a constraint: the second change of a row in one transaction checks it again, and locks the limit's row.
    limit = models.ForeignKey(
        Limit, on_delete=models.CASCADE, related_name="usages", db_index=False, db_constraint=False
    )
    # The id of the agent, customer or session; empty for everything together.
    subject = models.CharField(max_length=36, blank=True)
    begins_at = models.DateTimeField()
    spent = models.DecimalField(max_digits=18, decimal_places=8, default=Decimal(0))
    reserved = models.DecimalField(max_digits=18, decimal_places=8, default=Decimal(0))

    class Meta:
        indexes = [
            # Who uses most of a limit now, on its page.
            models.Index(fields=["limit", "begins_at"], name="usage_of_period"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(spent__gte=0, reserved__gte=0), name="usage_not_negative")
        ]

    def __str__(self) -> str:
        return f"{self.subject or 'all'} since {self.begins_at:%Y-%m-%d %H:%M}"


class Reservation(models.Model):
    """What one turn has set aside of one usage for its model call under way; gone once the call is settled."""

    pk = models.CompositePrimaryKey("turn_id", "limit_id")
    # Plain ids: written in one statement with the usage, and gone within seconds.
    turn_id = models.UUIDField()
    limit_id = models.UUIDField()
    subject = models.CharField(max_length=36, blank=True)
    begins_at = models.DateTimeField()
    amount = models.DecimalField(max_digits=18, decimal_places=8)

    def __str__(self) -> str:
        return f"{self.amount} for {self.turn_id}"
