"""Budgets as the pages show them: how much is spent, which steps are reached, and where the pace leads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property

from django.utils import timezone

from agents.budget_watch import names_of
from agents.budget_words import ONE_OF, Action, action_words, share_of
from agents.limit_words import amount_words
from agents.limits import LimitLine, Use, limits_in_use
from agents.models import BudgetCrossing, BudgetStep, Limit
from observability.models import Notice

FULL = 100
# Even spending says something once so much of the period is over, a projection later; in a minute, and in all time,
# neither ever does.
VERY_EARLY, EARLY = 0.01, 0.05
PACED = frozenset({Limit.Period.HOUR, Limit.Period.DAY, Limit.Period.WEEK, Limit.Period.MONTH})
# The words of a step that holds, as a badge: (word, tone, icon).
STANDING = {
    Action.CHEAPER: ("Cheaper model", "warn", "coins"),
    Action.DRAFTS: ("Drafts only", "warn", "pencil"),
    Action.PEOPLE: ("People answer", "bad", "hand"),
    Action.STOP: ("Stopped", "bad", "ban"),
}
HISTORY = 50


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A step on the bar: `x` is its place in percent of the bar's width."""

    step: BudgetStep
    x: float
    is_reached: bool
    dollars: str

    @property
    def words(self) -> str:
        return f"{self.step.percent} % ({self.dollars}): {action_words(self.step.action, self.step.model)}"


@dataclass(frozen=True, kw_only=True)
class Pace:
    """An even spending would have come to `expected` by now; the present one comes to `projected` at the end of the
    period, None while it is too early to tell. `since` is where counting began, where that was within the period."""

    expected: Decimal
    projected: Decimal | None
    is_over: bool
    since: datetime | None

    @property
    def expected_words(self) -> str:
        return dollars(self.expected)

    @property
    def projected_words(self) -> str:
        return dollars(self.projected) if self.projected is not None else ""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One subject's spending, drawn; lengths in percent of the bar, which reaches to the last step."""

    use: Use
    spent: float
    reserved: float
    full: float
    expected: float | None
    marks: Sequence[Mark]
    pace: Pace | None
    standing: Mark | None

    @property
    def words(self) -> str:
        """For a reader of screens."""
        aside = f", {self.use.reserved_words}" if self.use.reserved_words else ""
        steps = f"; steps: {', '.join(mark.words for mark in self.marks)}" if self.marks else ""
        return f"{self.use.words} spent{aside}{steps}"


@dataclass(frozen=True, kw_only=True)
class BudgetRow:
    line: LimitLine
    steps: Sequence[BudgetStep]
    now: datetime

    @property
    def limit(self) -> Limit:
        return self.line.limit

    @property
    def whose(self) -> str:
        """ "Everything together", "Each customer of Refunds"."""
        agent = self.limit.agent
        if agent is None:
            return self.limit.get_scope_display()
        is_whole = self.limit.scope in {Limit.Scope.ALL, Limit.Scope.AGENT}
        return agent.name if is_whole else f"{self.limit.get_scope_display()} of {agent.name}"

    @property
    def amount(self) -> str:
        return f"{amount_words(self.limit.measure, self.limit.amount)} {self.limit.get_period_display()}"

    @cached_property
    def bars(self) -> list[Bar]:
        return [bar_of(use, self.line, self.steps, self.now) for use in self.line.uses]

    @property
    def badge(self) -> tuple[str, str, str]:
        """Word, tone and icon of what holds for whoever has spent most."""
        if not self.limit.enabled:
            return ("Off", "", "power")
        first = self.bars[0] if self.bars else None
        few = "" if self.limit.scope == Limit.Scope.ALL else " for some"
        if first and first.use.percent >= FULL and self.limit.refuses:
            return (f"Used up{few}", "bad", "ban")
        if first and first.standing:
            word, tone, icon = STANDING[Action(first.standing.step.action)]
            return (f"{word}{few}", tone, icon)
        if first and first.use.percent >= FULL:
            return (f"Over{few}", "bad", "triangle-alert")
        if first and first.pace and first.pace.is_over:
            return ("Ahead of pace", "warn", "triangle-alert")
        return ("On", "good", "circle-check")


def budget_rows(limits: Iterable[Limit], *, users: int) -> list[BudgetRow]:
    """The given budgets in their order, each with its `users` highest users. Three queries more than `limits`."""
    asked = list(limits)
    steps: dict[object, list[BudgetStep]] = {}
    for step in BudgetStep.objects.filter(limit__in=asked):
        steps.setdefault(step.limit_id, []).append(step)
    now = timezone.now()
    return [
        BudgetRow(line=line, steps=steps.get(line.limit.pk, []), now=now) for line in limits_in_use(asked, users=users)
    ]


def all_budgets() -> list[Limit]:
    """All of them: what is for everything first, the longest periods last."""
    found = list(Limit.objects.filter(measure=Limit.Measure.USD).select_related("agent"))
    scopes, periods = list(Limit.Scope.values), list(Limit.Period.values)
    agents = {limit.pk: limit.agent.name if limit.agent else "" for limit in found}
    return sorted(found, key=lambda x: (scopes.index(x.scope), agents[x.pk], periods.index(x.period)))


def bar_of(use: Use, line: LimitLine, steps: Sequence[BudgetStep], now: datetime) -> Bar:
    amount = line.limit.amount
    last = Decimal(max([FULL, *(step.percent for step in steps)]))
    most = amount * last / FULL

    def place(dollars_: Decimal) -> float:
        return round(float(min(dollars_ / most, Decimal(1)) * 100), 2) if most else 100.0

    marks = [
        Mark(
            step=step,
            x=round(float(step.percent / last * 100), 2),
            is_reached=use.spent * FULL >= amount * step.percent,
            dollars=share_of(amount, step.percent),
        )
        for step in steps
    ]
    holding = [mark for mark in marks if mark.is_reached and mark.step.action != Action.NOTIFY]
    pace = pace_of(use.spent, line, now)
    return Bar(
        use=use,
        spent=place(use.spent),
        reserved=round(place(use.spent + use.reserved) - place(use.spent), 2),
        full=place(amount),
        expected=place(pace.expected) if pace else None,
        marks=marks,
        pace=pace,
        standing=max(holding, key=lambda mark: Action.values.index(mark.step.action), default=None),
    )


def pace_of(spent: Decimal, line: LimitLine, now: datetime) -> Pace | None:
    """None where a pace says nothing: no end, too short a period, hardly begun, or a limit that is off."""
    limit = line.limit
    if line.ends_at is None or limit.period not in PACED or not limit.enabled:
        return None
    whole = line.ends_at - line.begins_at
    since = max(line.begins_at, limit.created_at)
    counted = max(now - since, timedelta(0))
    if counted < whole * VERY_EARLY:
        return None
    projected = None
    if counted > whole * EARLY:
        projected = spent + spent * share(line.ends_at - now, counted)
    return Pace(
        expected=limit.amount * share(counted, whole),
        projected=projected,
        is_over=projected is not None and projected > limit.amount,
        since=since if since > line.begins_at else None,
    )


def share(part: timedelta, whole: timedelta) -> Decimal:
    return Decimal(part // timedelta(microseconds=1)) / Decimal(whole // timedelta(microseconds=1))


def dollars(amount: Decimal) -> str:
    return f"${amount:,.2f}"


# -- what was told


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """A line of a budget's history; `name` is that of its agent or channel, and what it is called for anybody else."""

    crossing: BudgetCrossing
    name: str

    @property
    def does(self) -> str:
        is_cheaper = self.crossing.action == Action.CHEAPER
        words = action_words(self.crossing.action, "a cheaper model" if is_cheaper else "")
        return words[:1].upper() + words[1:]

    @property
    def spent(self) -> str:
        return f"{dollars(self.crossing.spent)} of {dollars(self.crossing.amount)}"


def history_of(limit: Limit, *, before: datetime | None) -> tuple[list[Crossed], bool]:
    """The newest crossings, or those before a moment; and whether there are more."""
    found = BudgetCrossing.objects.filter(limit=limit).order_by("-at")
    if before is not None:
        found = found.filter(at__lt=before)
    rows = list(found[: HISTORY + 1])
    for row in rows:
        row.limit = limit
    names = names_of(rows)
    other = ONE_OF[Limit.Scope(limit.scope)]
    shown = [Crossed(crossing=row, name=names.get(row.subject, other)) for row in rows[:HISTORY]]
    return shown, len(rows) > HISTORY


def tests_of(key: str) -> list[Notice]:
    """The newest test notices, with their deliveries."""
    told = Notice.objects.filter(key__startswith=key).prefetch_related("deliveries__channel")
    return list(told.order_by("-at")[:3])
