"""Limits over many turns, what was used of them, what is set aside for calls under way, and the steps of budgets."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from agents.models.agents import Agent
from observability.ids import uuid7

MOST_PERCENT = 500


class Limit(models.Model):
    """So much of a measure in a period, for each subject of a scope. It holds: what would exceed it is refused.

    One in US dollars is a budget. It may have steps, which act before it is used up, and it may be one that refuses
    nothing and acts by its steps alone.
    """

    class Scope(models.TextChoices):
        ALL = "all", "Everything together"
        AGENT = "agent", "Each agent"
        CHANNEL = "channel", "Each channel"
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
        WEEK = "week", "a week"  # of ISO 8601: from Monday
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
    # Without it, only the steps act.
    refuses = models.BooleanField(default=True, db_default=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["scope", "measure", "period"]
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "agent", "measure", "period"], name="limit_once", nulls_distinct=False
            ),
            models.CheckConstraint(condition=models.Q(amount__gte=0), name="limit_not_negative"),
            models.CheckConstraint(
                condition=models.Q(refuses=True) | models.Q(measure="usd"), name="limit_refuses_unless_budget"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_scope_display()}: {self.amount:f} {self.measure} {self.get_period_display()}"


class BudgetStep(models.Model):
    """What happens from a share of a budget on, for as long as so much of it is spent; the strongest is the last."""

    class Action(models.TextChoices):
        NOTIFY = "notify", "Tell people"
        CHEAPER = "cheaper", "Use a cheaper model"
        DRAFTS = "drafts", "Drafts only"
        PEOPLE = "people", "Hand to people"
        STOP = "stop", "Stop"

    limit = models.ForeignKey(Limit, on_delete=models.CASCADE, related_name="steps", db_index=False)
    percent = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(MOST_PERCENT)])
    action = models.CharField(max_length=10, choices=Action.choices)
    # Of `cheaper`: the key of the model, or empty for the fall-back model of the agent's version.
    model = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["percent", "id"]
        constraints = [
            # Also the index that finds the steps of a limit.
            models.UniqueConstraint(fields=["limit", "percent", "action"], name="budgetstep_once"),
            models.CheckConstraint(condition=models.Q(percent__gte=1), name="budgetstep_has_share"),
        ]

    def __str__(self) -> str:
        return f"{self.percent} %: {self.action}"


class BudgetCrossing(models.Model):
    """That a step was reached, or a call refused, by one subject in one period: once, and told once.

    It records what was told. What holds now is read of the usage, so a step holds no longer once the amount is raised.
    """

    REFUSED = "refused"
    ACTIONS = (*BudgetStep.Action.choices, (REFUSED, "Refused a call"))

    pk = models.CompositePrimaryKey("limit_id", "subject", "begins_at", "percent", "action")
    # Without a constraint, as for `Usage`; a nightly task deletes what is left of a limit that is gone.
    limit = models.ForeignKey(
        Limit, on_delete=models.CASCADE, related_name="crossings", db_index=False, db_constraint=False
    )
    subject = models.CharField(max_length=36, blank=True)
    begins_at = models.DateTimeField()
    percent = models.PositiveSmallIntegerField()
    action = models.CharField(max_length=10, choices=ACTIONS)
    # As they were at that moment.
    amount = models.DecimalField(max_digits=18, decimal_places=8)
    spent = models.DecimalField(max_digits=18, decimal_places=8)
    at = models.DateTimeField(default=timezone.now)
    told_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # What is to be told, oldest first.
            models.Index(fields=["at"], name="budgetcrossing_untold", condition=models.Q(told_at__isnull=True)),
            # The history of a budget, newest first.
            models.Index(fields=["limit", "-at"], name="budgetcrossing_history"),
        ]

    def __str__(self) -> str:
        return f"{self.percent} % {self.action} at {self.at:%Y-%m-%d %H:%M}"


class Usage(models.Model):
    """How much of one limit one subject has used in one period, and how much is set aside for calls under way.

    `spent` can pass a limit that refuses only where one call cost more than was set aside for it.
    """

    pk = models.CompositePrimaryKey("limit_id", "subject", "begins_at")
    # Without a constraint: the second change of a row in one transaction checks it again, and locks the limit's row.
    limit = models.ForeignKey(
        Limit, on_delete=models.CASCADE, related_name="usages", db_index=False, db_constraint=False
    )
    # The id of the agent, customer or session, or a channel's name; empty for everything together.
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
