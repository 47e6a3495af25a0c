"""The limits as an admin sets them, and how much of each is used now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction

from agents.limit_words import amount_words, limit_words
from agents.models import Agent, Customer, Limit, Session
from agents.models.sessions import Channel
from agents.usage import limit_list
from observability.audit import record

Facts = dict[str, Any]
CHANNELS = dict(Channel.choices)
# Shares of a limit from which on it is worth a look, and from which on it is about to refuse.
NEARLY, FULL = 80, 100
# What a new desk is offered: (scope, measure, period, amount). A person writes a few messages a minute at most; the
# dollars keep a mistake, or a program that writes day and night, from costing more than somebody decided.
RECOMMENDED = (
    (Limit.Scope.ALL, Limit.Measure.USD, Limit.Period.DAY, Decimal(50)),
    (Limit.Scope.CUSTOMER, Limit.Measure.USD, Limit.Period.DAY, Decimal(5)),
    (Limit.Scope.CUSTOMER, Limit.Measure.MESSAGES, Limit.Period.MINUTE, Decimal(20)),
    (Limit.Scope.CUSTOMER, Limit.Measure.MESSAGES, Limit.Period.DAY, Decimal(200)),
)


# -- what an admin does; `by` is None where a file or the application does it


def add_limit(limit: Limit, *, by: User | None = None) -> Limit:
    """Raises `ValidationError`, also where there is a limit of the same kind already."""
    limit.full_clean()
    with transaction.atomic():
        limit.save(force_insert=True)
        audit(by, "limit.add", limit, after=facts_of(limit))
    limit_list.forget()
    return limit


def change_amount(limit: Limit, amount: Decimal, *, by: User | None = None) -> None:
    """What was used so far stays used."""
    before = facts_of(limit)
    limit.amount = amount
    limit.full_clean()
    with transaction.atomic():
        limit.save(update_fields=["amount"])
        audit(by, "limit.change", limit, before=before, after=facts_of(limit))
    limit_list.forget()


def switch_limit(limit: Limit, *, enabled: bool, by: User | None = None) -> None:
    with transaction.atomic():
        Limit.objects.filter(pk=limit.pk).update(enabled=enabled)
        audit(by, "limit.switch", limit, before={"enabled": limit.enabled}, after={"enabled": enabled})
    limit_list.forget()


def delete_limit(limit: Limit, *, by: User | None = None) -> None:
    """With its usage. Who takes from it at this moment is waited for; who comes later finds it gone."""
    with transaction.atomic():
        held = Limit.objects.select_for_update(of=("self",)).select_related("agent").filter(pk=limit.pk).first()
        if held is not None:
            gone, before = held.pk, facts_of(held)
            held.delete()
            held.pk = gone
            audit(by, "limit.delete", held, before=before)
    limit_list.forget()


def add_recommended(*, by: User | None = None) -> int:
    """Those of the recommended limits that are missing; how many were added."""
    rows = [
        Limit(scope=scope, measure=measure, period=period, amount=amount)
        for scope, measure, period, amount in RECOMMENDED
    ]
    with transaction.atomic():
        before = set(Limit.objects.values_list("pk", flat=True))
        Limit.objects.bulk_create(rows, ignore_conflicts=True)
        added = Limit.objects.exclude(pk__in=before).select_related("agent")
        for limit in added:
            audit(by, "limit.add", limit, after=facts_of(limit))
    limit_list.forget()
    return len(added)


def audit(
    by: User | None, action: str, limit: Limit, *, before: Facts | None = None, after: Facts | None = None
) -> None:
    record(by, action, kind="limit", id=limit.pk, name=words_of(limit)[:200], before=before, after=after)


def facts_of(limit: Limit) -> Facts:
    """What an admin sets of it, with its steps."""
    steps = [{"percent": step.percent, "action": step.action, "model": step.model} for step in limit.steps.all()]
    names = ("scope", "measure", "period", "enabled", "refuses")
    agent = limit.agent.slug if limit.agent else ""
    return {
        **{name: getattr(limit, name) for name in names},
        "agent": agent,
        "amount": f"{Decimal(limit.amount).normalize():f}",
        "steps": steps,
    }


# -- what is used now


@dataclass(frozen=True, kw_only=True)
class Use:
    """What one subject has used of a limit in the period that runs: an agent, channel, customer or session, or all."""

    amount: Decimal
    measure: str
    spent: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)
    subject: Agent | Customer | Session | str | None = None

    @property
    def spent_percent(self) -> float:
        return self._share(self.spent)

    @property
    def reserved_percent(self) -> float:
        return min(self._share(self.reserved), 100 - self.spent_percent)

    @property
    def percent(self) -> int:
        """Rounded down: 100 means that nothing is left."""
        taken = self.spent + self.reserved
        return int(taken * 100 / self.amount) if self.amount else 100

    @property
    def tone(self) -> str:
        return "bad" if self.percent >= FULL else "warn" if self.percent >= NEARLY else ""

    @property
    def words(self) -> str:
        return f"{bare_words(self.measure, self.spent)} of {amount_words(self.measure, self.amount)}"

    @property
    def reserved_words(self) -> str:
        return f"{amount_words(self.measure, self.reserved)} set aside for calls under way" if self.reserved else ""

    def _share(self, part: Decimal) -> float:
        return round(min(float(part / self.amount * 100), 100.0), 2) if self.amount else 100.0


@dataclass(frozen=True, kw_only=True)
class LimitLine:
    """A limit with those who use most of it now, and its period; the end is None for one that never ends."""

    limit: Limit
    begins_at: datetime
    ends_at: datetime | None
    uses: list[Use] = field(default_factory=list)

    @property
    def words(self) -> str:
        return words_of(self.limit)

    @property
    def tone(self) -> str:
        return self.uses[0].tone if self.uses and self.limit.enabled else ""


def words_of(limit: Limit) -> str:
    return limit_words(
        scope=limit.scope,
        agent=limit.agent.name if limit.agent else "",
        measure=limit.measure,
        period=limit.period,
        amount=limit.amount,
    )


def bare_words(measure: str, amount: Decimal) -> str:
    """A figure whose unit follows in the same sentence; dollars rounded to cents, or up to what is seen at all."""
    if measure != Limit.Measure.USD:
        return f"{amount.to_integral_value():,f}"
    if 0 < amount < Decimal("0.01"):
        return "less than $0.01"
    return f"${amount:,.2f}"


IN_USE = """
SELECT l.id, p.begins_at, agents_period_ends(l.period, p.begins_at), u.subject, u.spent, u.reserved
FROM agents_limit AS l
CROSS JOIN LATERAL agents_period_begins(l.period, now()) AS p(begins_at)
LEFT JOIN LATERAL (
  SELECT x.subject, x.spent, x.reserved FROM agents_usage AS x
  WHERE x.limit_id = l.id AND x.begins_at = p.begins_at AND (x.spent > 0 OR x.reserved > 0)
  ORDER BY x.spent + x.reserved DESC, x.subject LIMIT %s
) AS u ON TRUE
WHERE l.id = ANY (%s)
"""


def limits_in_use(limits: Iterable[Limit], *, users: int) -> list[LimitLine]:
    """The given limits in their order, each with its `users` highest users."""
    by_id = {limit.pk: limit for limit in limits}
    with connection.cursor() as cursor:
        cursor.execute(IN_USE, [users, list(by_id)])
        rows = cursor.fetchall()
    subjects = find_subjects((by_id[limit_id], subject) for limit_id, _, _, subject, _, _ in rows if subject)
    periods: dict[UUID, tuple[datetime, datetime | None]] = {}
    uses: dict[UUID, list[Use]] = {limit_id: [] for limit_id in by_id}
    for limit_id, begins_at, ends_at, subject, spent, reserved in rows:
        limit = by_id[limit_id]
        periods[limit_id] = (begins_at, ends_at)
        if subject is not None:
            uses[limit_id].append(
                Use(
                    amount=limit.amount,
                    measure=limit.measure,
                    spent=spent,
                    reserved=reserved,
                    subject=subjects.get(subject),
                )
            )
        elif limit.scope == Limit.Scope.ALL:
            uses[limit_id].append(Use(amount=limit.amount, measure=limit.measure))
    for found in uses.values():
        found.sort(key=lambda use: use.spent + use.reserved, reverse=True)
    return [
        LimitLine(limit=limit, begins_at=begins_at, ends_at=ends_at, uses=uses[pk])
        for pk, limit in by_id.items()
        # One that was deleted meanwhile has no period.
        for begins_at, ends_at in [periods.get(pk, (limit.created_at, None))]
    ]


def find_subjects(named: Iterable[tuple[Limit, str]]) -> dict[str, Any]:
    """The agents, customers and sessions that usages name, by their ids as text, and channels by their names: one query
    for each kind."""
    wanted: dict[str, set[UUID]] = {}
    found: dict[str, Any] = {}
    for limit, subject in named:
        if limit.scope == Limit.Scope.CHANNEL:
            found[subject] = CHANNELS.get(subject, subject)
        else:
            wanted.setdefault(limit.scope, set()).add(UUID(subject))
    kinds = {
        Limit.Scope.AGENT: Agent.objects.all(),
        Limit.Scope.CUSTOMER: Customer.objects.all(),
        Limit.Scope.SESSION: Session.objects.select_related("customer"),
    }
    for scope, ids in wanted.items():
        rows: Any = kinds[Limit.Scope(scope)]
        found.update({str(row.pk): row for row in rows.filter(pk__in=ids)})
    return found
