"""The budgets that the cost page draws its pace against."""

from __future__ import annotations

from decimal import Decimal

from django.urls import reverse

from agents.budget_list import all_budgets
from agents.budget_words import budget_words
from agents.limits import LimitLine, Use, limits_in_use
from agents.models import Limit
from observability.cost import BudgetLine

PERIODS = frozenset({Limit.Period.DAY, Limit.Period.WEEK, Limit.Period.MONTH})
# A line for each customer or conversation would be no line against which a day is read.
SCOPES = frozenset({Limit.Scope.ALL, Limit.Scope.AGENT, Limit.Scope.CHANNEL})
MOST = 20


def budget_lines() -> list[BudgetLine]:
    """Those that are on, of a day, week or month: the whole, and each agent or channel that has spent of its own."""
    asked = [limit for limit in all_budgets() if limit.enabled and limit.period in PERIODS and limit.scope in SCOPES]
    return [line_of(line, use) for line in limits_in_use(asked, users=MOST) for use in line.uses]


def line_of(line: LimitLine, use: Use) -> BudgetLine:
    limit = line.limit
    if line.ends_at is None:
        raise ValueError(f"{limit} never ends, so it has no pace")
    whole = limit.agent.name if limit.agent else "Everything"
    return BudgetLine(
        name=budget_words(limit),
        scope=str(use.subject) if use.subject else whole,
        period=limit.period,
        begins_at=line.begins_at,
        ends_at=line.ends_at,
        amount=limit.amount,
        spent=use.spent or Decimal(0),
        reserved=use.reserved or Decimal(0),
        url=reverse("agents:budget", args=[limit.pk]),
    )
