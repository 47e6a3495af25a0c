"""Sums by the hour, and by the day of those, so that a page of months reads thousands of rows and not millions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from observability.models.traces import dollars


def counted(**options: Any) -> models.BigIntegerField[int, int]:
    return models.BigIntegerField(default=0, **options)


class RolledUp(models.Model):
    """Up to which hour the sums are made; what is newer is summed from the rows themselves. One row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    until = models.DateTimeField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="rolledup_is_one")]

    def __str__(self) -> str:
        return f"rolled up until {self.until:%Y-%m-%d %H:%M}"


class Spending(models.Model):
    """Charges, by what they can be told apart by."""

    agent_id = models.UUIDField(null=True)
    agent_version = models.PositiveIntegerField(default=0)
    channel = models.CharField(max_length=20, blank=True)
    kind = models.CharField(max_length=10)
    subject = models.CharField(max_length=120)
    basis = models.CharField(max_length=10)
    charges = counted()
    usd = dollars(default=Decimal(0))

    class Meta:
        abstract = True


class SpendingHour(Spending):
    hour = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "agent_id", "agent_version", "channel", "kind", "subject", "basis"],
                name="spendinghour_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.usd} USD for {self.subject} in {self.hour:%Y-%m-%d %H}h"


class SpendingDay(Spending):
    """The sum of the hours of a day that is over, in UTC."""

    day = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "agent_id", "agent_version", "channel", "kind", "subject", "basis"],
                name="spendingday_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.usd} USD for {self.subject} on {self.day:%Y-%m-%d}"


class Turns(models.Model):
    """Turns that ended. `durations` counts them by the buckets of `observability/figures.py`."""

    agent_id = models.UUIDField()
    agent_version = models.PositiveIntegerField()
    model = models.CharField(max_length=120)
    channel = models.CharField(max_length=20)
    outcome = models.CharField(max_length=20, blank=True)
    turns = counted()
    errors = counted()
    model_calls = counted()
    tool_calls = counted()
    input_tokens = counted()
    output_tokens = counted()
    cache_read_tokens = counted()
    cache_write_tokens = counted()
    cost_usd = dollars(default=Decimal(0))
    duration_ms = counted()
    durations = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        abstract = True


class TurnHour(Turns):
    hour = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "agent_id", "agent_version", "model", "channel", "outcome"], name="turnhour_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.turns} turns in {self.hour:%Y-%m-%d %H}h"


class TurnDay(Turns):
    """The sum of the hours of a day that is over, in UTC."""

    day = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "agent_id", "agent_version", "model", "channel", "outcome"], name="turnday_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.turns} turns on {self.day:%Y-%m-%d}"


class Steps(models.Model):
    """Steps that began: a tool's calls, a model's, checks."""

    agent = models.CharField(max_length=60, blank=True)
    kind = models.CharField(max_length=10)
    name = models.CharField(max_length=120)
    action = models.CharField(max_length=20, blank=True)
    calls = counted()
    errors = counted()
    input_tokens = counted()
    output_tokens = counted()
    cache_read_tokens = counted()
    cache_write_tokens = counted()
    duration_ms = counted()
    durations = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        abstract = True


class StepHour(Steps):
    hour = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hour", "agent", "kind", "name", "action"], name="stephour_once")
        ]

    def __str__(self) -> str:
        return f"{self.calls} times {self.name} in {self.hour:%Y-%m-%d %H}h"


class StepDay(Steps):
    """The sum of the hours of a day that is over, in UTC."""

    day = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "agent", "kind", "name", "action"], name="stepday_once")]

    def __str__(self) -> str:
        return f"{self.calls} times {self.name} on {self.day:%Y-%m-%d}"


class ExportMark(models.Model):
    """How far something that reads the rows in order has come."""

    name = models.CharField(primary_key=True, max_length=40)
    at = models.DateTimeField()
    last_id = models.UUIDField(null=True)
    error = models.CharField(max_length=500, blank=True)
    failing_since = models.DateTimeField(null=True)
    exported = counted()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"
