"""Budgets as an admin sets them: the limit in dollars with its steps, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from agents.budget_watch import enter_missed
from agents.limits import audit, facts_of
from agents.models import BudgetStep, Limit
from agents.usage import limit_list

Action = BudgetStep.Action
Steps = Sequence[tuple[int, str]]
# What a form begins with: told in time, cheaper where it grows dear, and people before the end. A person who is told at
# half can still look at the cause; the drafts leave the last twentieth to turns that run.
RECOMMENDED_STEPS: Steps = ((50, Action.NOTIFY), (80, Action.CHEAPER), (95, Action.DRAFTS))
# Each with its scope, period, amount and steps.
RECOMMENDED: Sequence[tuple[str, str, Decimal, Steps]] = (
    (Limit.Scope.ALL, Limit.Period.DAY, Decimal(50), RECOMMENDED_STEPS),
    (
        Limit.Scope.ALL,
        Limit.Period.MONTH,
        Decimal(1000),
        ((50, Action.NOTIFY), (80, Action.NOTIFY), (95, Action.PEOPLE)),
    ),
    (Limit.Scope.CUSTOMER, Limit.Period.DAY, Decimal(5), ((100, Action.NOTIFY),)),
    (Limit.Scope.SESSION, Limit.Period.EVER, Decimal(2), ((80, Action.CHEAPER),)),
)


def add_budget(limit: Limit, steps: Sequence[BudgetStep], *, by: User | None) -> Limit:
    """Raises `ValidationError`, also where there is one of the same kind already."""
    limit.full_clean()
    with transaction.atomic():
        limit.save(force_insert=True)
        write_steps(limit, steps)
        audit(by, "budget.add", limit, after=facts_of(limit))
    limit_list.forget()
    return limit


def change_budget(limit: Limit, steps: Sequence[BudgetStep], *, by: User | None) -> None:
    """`limit` with its new amount and `refuses`. What was used stays used; a step that is reached by it is told.

    Raises `ValidationError`.
    """
    limit.full_clean()
    with transaction.atomic():
        before = facts_of(
            Limit.objects.select_for_update(no_key=True, of=("self",)).select_related("agent").get(pk=limit.pk)
        )
        limit.save(update_fields=["amount", "refuses"])
        write_steps(limit, steps)
        enter_missed()
        audit(by, "budget.change", limit, before=before, after=facts_of(limit))
    limit_list.forget()


def write_steps(limit: Limit, steps: Sequence[BudgetStep]) -> None:
    BudgetStep.objects.filter(limit=limit).delete()
    BudgetStep.objects.bulk_create(
        BudgetStep(limit=limit, percent=step.percent, action=step.action, model=step.model) for step in steps
    )


def add_recommended_budgets(*, by: User | None) -> int:
    """Those that are missing; one that is there without a step gets the steps, and keeps its amount. How many."""
    done = 0
    for scope, period, amount, steps in RECOMMENDED:
        made = [BudgetStep(percent=percent, action=action) for percent, action in steps]
        same = Limit.objects.filter(scope=scope, period=period, measure=Limit.Measure.USD, agent=None)
        found = same.select_related("agent").first()
        if found is None:
            add_budget(Limit(scope=scope, period=period, measure=Limit.Measure.USD, amount=amount), made, by=by)
        elif not found.steps.exists():
            change_budget(found, made, by=by)
        else:
            continue
        done += 1
    return done
