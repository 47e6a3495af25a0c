"""Budgets against the clock: what was to be expected by now, and where it ends if it goes on so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from observability.cost import EVERYTHING, BudgetLine
from observability.cost_range import DAY, Period, month_of
from observability.figures import Spent, spending

ZERO = Decimal(0)
HUNDRED = Decimal(100)
# Before so much of a period has gone by, a projection of the little that was spent says nothing.
LEAST_ELAPSED = Decimal("0.02")


@dataclass(frozen=True, kw_only=True)
class Pace:
    """A budget with what an even spending would have used by now, and what its period ends at if it goes on as so far:
    what was spent, divided by the part of the period that has gone by."""

    line: BudgetLine
    elapsed: Decimal

    @property
    def expected(self) -> Decimal:
        return self.line.amount * self.elapsed

    @property
    def projected(self) -> Decimal | None:
        return self.line.spent / self.elapsed if self.elapsed >= LEAST_ELAPSED else None

    @property
    def of_one(self) -> str:
        """What it is of, where that is not everything."""
        return "" if self.line.scope == EVERYTHING else self.line.scope

    @property
    def left(self) -> Decimal:
        return max(self.line.amount - self.line.spent - self.line.reserved, ZERO)

    @property
    def spent_percent(self) -> Decimal:
        return share(self.line.spent, self.line.amount)

    @property
    def reserved_percent(self) -> Decimal:
        return min(share(self.line.reserved, self.line.amount), HUNDRED - self.spent_percent)

    @property
    def expected_percent(self) -> Decimal:
        return (self.elapsed * HUNDRED).quantize(Decimal("0.01"))

    @property
    def used_percent(self) -> Decimal | None:
        """Without a bound, for words."""
        return HUNDRED * self.line.spent / self.line.amount if self.line.amount else None

    @property
    def tone(self) -> str:
        """bad: used up; warn: it will be before its period ends, if it goes on so."""
        if self.line.spent + self.line.reserved >= self.line.amount:
            return "bad"
        return "warn" if self.projected is not None and self.projected > self.line.amount else "good"


def share(part: Decimal, whole: Decimal) -> Decimal:
    """In percent, at most 100."""
    if not whole:
        return HUNDRED if part else ZERO
    return min(HUNDRED * part / whole, HUNDRED).quantize(Decimal("0.01"))


def pace_of(line: BudgetLine, now: datetime) -> Pace:
    whole = (line.ends_at - line.begins_at) / timedelta(seconds=1)
    gone = (now - line.begins_at) / timedelta(seconds=1)
    elapsed = Decimal(str(min(max(gone / whole, 0.0), 1.0))) if whole > 0 else Decimal(1)
    return Pace(line=line, elapsed=elapsed)


# -- the month


@dataclass(frozen=True, kw_only=True)
class Month:
    """The month so far against the budget of everything. The lines are SVG points in a plot as wide as its days are
    many times ten, 100 high; `days` is the same as a table: the day, its spending and the sum so far."""

    pace: Pace
    width: int
    spent_line: str
    projected_line: str
    budget_y: str
    top: Decimal
    days: list[tuple[datetime, Decimal, Decimal]]
    length: int


def budget_of_month(lines: Sequence[BudgetLine]) -> BudgetLine | None:
    """The smallest one of everything by the month."""
    found = [line for line in lines if line.scope == EVERYTHING and line.period == "month" and line.amount > 0]
    return min(found, key=lambda line: line.amount, default=None)


# Spending by day and whatever else, of everything in a period.
Known = tuple[Period, Sequence[Spent]]


def month_against(line: BudgetLine, now: datetime, *, known: Known | None = None) -> Month:
    """`known` saves asking again where its period holds the month so far."""
    period = month_of(now.date())
    by_day = days_of_month(period, now, known)
    pace = pace_of(line, now)
    days = days_until(period.since, now, by_day)
    sums = [total for _, _, total in days]
    top = max([line.amount, pace.projected or ZERO, *sums])
    today = 10 * float((now - period.since) / DAY)
    spent = [(0.0, ZERO), *((10.0 * (number + 1), total) for number, total in enumerate(sums[:-1])), (today, sums[-1])]
    projected = [] if pace.projected is None else [(today, sums[-1]), (10.0 * period.days, pace.projected)]
    return Month(
        pace=pace,
        width=10 * period.days,
        spent_line=points(spent, top),
        projected_line=points(projected, top),
        budget_y=height_of(line.amount, top),
        top=top,
        days=days[::-1],
        length=period.days,
    )


def days_of_month(month: Period, now: datetime, known: Known | None) -> dict[datetime, Decimal]:
    period, spent = known or (None, ())
    if period is None or period.since > month.since or period.until < min(now, month.until):
        spent = spending(since=month.since, until=month.until, by=("day",))
    by_day: dict[datetime, Decimal] = {}
    for each in spent:
        if each.at is not None:
            by_day[each.at] = by_day.get(each.at, ZERO) + each.usd
    return by_day


def days_until(
    first: datetime, now: datetime, by_day: Mapping[datetime, Decimal]
) -> list[tuple[datetime, Decimal, Decimal]]:
    found, total, day = [], ZERO, first
    while day <= now:
        usd = by_day.get(day, ZERO)
        total += usd
        found.append((day, usd, total))
        day += DAY
    return found


def points(line: Sequence[tuple[float, Decimal]], top: Decimal) -> str:
    return " ".join(f"{x:.2f},{height_of(usd, top)}" for x, usd in line)


def height_of(usd: Decimal, top: Decimal) -> str:
    return f"{100 - 100 * float(usd / top) if top else 100:.2f}"
