"""Tells people of the steps that budgets have reached, each once; and enters those that no settlement could enter.

A step is entered by the statement that spends the money (`agents_settle_usage`). One that is added to a budget, or is
reached because the amount was lowered, is found here. Notice and mark are one transaction: a teller that dies has told
nobody, and another tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from celery import shared_task
from django.db import connection, transaction
from django.db.models import DateTimeField, F, Func
from django.urls import reverse
from django.utils import timezone

from agents.budget_words import text_of, title_of
from agents.limits import find_subjects, limits_in_use
from agents.models import BudgetCrossing, BudgetStep, Limit
from observability.access import Role
from observability.ids import uuid7
from observability.models import Event, Notice
from observability.notices import tell

TOLD_AT_ONCE = 50
KEPT_DAYS = 400
# Where people have to answer what an agent would have, they should know of it.
CONCERNS_ALL = frozenset({BudgetStep.Action.DRAFTS, BudgetStep.Action.PEOPLE, BudgetStep.Action.STOP})
ALL_OF_THE_DESK = (Role.ANALYST, Role.SUPPORT, Role.REVIEWER)
NAMED = frozenset({Limit.Scope.AGENT, Limit.Scope.CHANNEL})
TONES: Mapping[str, Notice.Tone] = {
    BudgetStep.Action.NOTIFY: Notice.Tone.INFO,
    BudgetStep.Action.CHEAPER: Notice.Tone.WARN,
    BudgetStep.Action.DRAFTS: Notice.Tone.WARN,
}
ENDS_AT = Func(F("limit__period"), F("begins_at"), function="agents_period_ends", output_field=DateTimeField())

ENTER_MISSED = """
INSERT INTO agents_budgetcrossing (limit_id, subject, begins_at, percent, action, amount, spent, at)
SELECT u.limit_id, u.subject, u.begins_at, s.percent, s.action, l.amount, u.spent, clock_timestamp()
FROM agents_budgetstep AS s JOIN agents_limit AS l ON l.id = s.limit_id
JOIN agents_usage AS u ON u.limit_id = l.id AND u.begins_at = agents_period_begins(l.period, now())
WHERE l.enabled AND u.spent > 0 AND u.spent * 100 >= l.amount * s.percent
  AND NOT EXISTS (SELECT FROM agents_budgetcrossing AS c
    WHERE (c.limit_id, c.subject, c.begins_at, c.percent, c.action)
      = (u.limit_id, u.subject, u.begins_at, s.percent, s.action))
ORDER BY u.limit_id, u.subject, u.begins_at, s.percent, s.action
ON CONFLICT DO NOTHING
"""
# Those of customers and conversations that were deleted while a worker entered them go as well.
FORGET_OLD = """
DELETE FROM agents_budgetcrossing AS c
WHERE c.at < now() - make_interval(days => %s) OR NOT EXISTS (
  SELECT FROM agents_limit AS l WHERE l.id = c.limit_id AND CASE l.scope
    WHEN 'customer' THEN EXISTS (SELECT FROM agents_customer AS x WHERE x.id = c.subject::uuid)
    WHEN 'session' THEN EXISTS (SELECT FROM agents_session AS x WHERE x.id = c.subject::uuid)
    ELSE TRUE END)
"""


@shared_task(name="agents.tasks.watch_budgets")
def watch_budgets() -> None:
    enter_missed()
    while tell_some() == TOLD_AT_ONCE:
        pass


@shared_task(name="agents.tasks.forget_crossings")
def forget_crossings() -> None:
    forget_old_crossings()


def enter_missed() -> int:
    """Steps that are reached in the periods that run and were not entered; how many."""
    with connection.cursor() as cursor:
        cursor.execute(ENTER_MISSED)
        return int(cursor.rowcount)


def tell_some() -> int:
    """Tell the oldest that were not told; those that another teller has in hand are left to it. How many."""
    untold = BudgetCrossing.objects.filter(told_at=None).select_related("limit__agent").annotate(ends_at=ENDS_AT)
    with transaction.atomic():
        found = list(untold.select_for_update(skip_locked=True, of=("self",)).order_by("at")[:TOLD_AT_ONCE])
        names, models = names_of(found), models_of(found)
        for crossing in found:
            tell_crossing(
                crossing,
                key=key_of(crossing),
                subject=names.get(crossing.subject, ""),
                ends_at=crossing.ends_at,
                model=models.get((crossing.limit_id, crossing.percent), ""),
            )
            BudgetCrossing.objects.filter(pk=crossing.pk).update(told_at=timezone.now())
    return len(found)


def send_test(limit: Limit) -> Notice | None:
    """A notice as of the budget's first step, the way of every other; its key begins with `trial_key(limit)`."""
    first = limit.steps.first()
    percent = first.percent if first else 100
    made = BudgetCrossing(
        limit=limit,
        begins_at=timezone.now(),
        percent=percent,
        action=first.action if first else BudgetCrossing.REFUSED,
        amount=limit.amount,
        spent=limit.amount * percent / Decimal(100),
    )
    line = limits_in_use([limit], users=0)[0]
    key = f"{trial_key(limit)}{uuid7()}"
    return tell_crossing(
        made, key=key, subject="", ends_at=line.ends_at, model=first.model if first else "", is_test=True
    )


def tell_crossing(
    crossing: BudgetCrossing, *, key: str, subject: str, ends_at: datetime | None, model: str, is_test: bool = False
) -> Notice | None:
    limit = crossing.limit
    return tell(
        Event.BUDGET,
        key=key,
        title=title_of(crossing, limit),
        text=text_of(crossing, limit, subject=subject, ends_at=ends_at, model=model),
        path=reverse("agents:budget", args=[limit.pk]),
        tone=TONES.get(crossing.action, Notice.Tone.BAD),
        roles=ALL_OF_THE_DESK if crossing.action in CONCERNS_ALL else (),
        is_test=is_test,
    )


def names_of(crossings: Iterable[BudgetCrossing]) -> dict[str, str]:
    """Of agents and channels alone: a notice outlives the customer whom it would name."""
    named = [crossing for crossing in crossings if crossing.limit.scope in NAMED]
    found = find_subjects((crossing.limit, crossing.subject) for crossing in named)
    return {subject: str(thing) for subject, thing in found.items()}


def models_of(crossings: Iterable[BudgetCrossing]) -> dict[tuple[UUID, int], str]:
    steps = BudgetStep.objects.filter(limit__in={crossing.limit_id for crossing in crossings}).exclude(model="")
    return {(step.limit_id, step.percent): step.model for step in steps}


def key_of(crossing: BudgetCrossing) -> str:
    begins = crossing.begins_at.isoformat()
    return f"budget:{crossing.limit_id}:{crossing.subject}:{begins}:{crossing.percent}:{crossing.action}"


def trial_key(limit: Limit) -> str:
    return f"budget-test:{limit.pk}:"


def forget_old_crossings() -> int:
    """Those of `KEPT_DAYS` ago, and of limits, customers and conversations that are no more."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET_OLD, [KEPT_DAYS])
        return int(cursor.rowcount)
