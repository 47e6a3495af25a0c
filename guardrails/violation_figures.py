"""How the violations stand over a span of time: the trend by hour or day, and the rules that see the most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from django.db import connection
from django.db.models.functions import TruncDay, TruncHour
from django.utils import timezone

from guardrails.models import Violation
from guardrails.violation_words import category_of_rule
from guardrails.violations import ALL, DAY, Range, Triage, Wanted

Action = Violation.Action
STOPPED = frozenset({Action.BLOCKED, Action.REPAIRED, Action.HANDED_OVER})
STEP_WIDTH, BAR_WIDTH, PLOT_HEIGHT = 10.0, 7.6, 100.0
TOP_RULES = 6


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One hour or day: what was stopped (blocked, repaired, handed over), masked, and only noted. `x` and the parts'
    `(y, height)` are lengths in a plot 100 high; `query` leads to its list."""

    begin: datetime
    label: str
    query: str
    stopped: int
    masked: int
    noted: int
    x: str
    parts: list[tuple[str, str, str]]
    is_unfinished: bool

    @property
    def total(self) -> int:
        return self.stopped + self.masked + self.noted


@dataclass(frozen=True, kw_only=True)
class Trend:
    bars: list[Bar]
    top: int
    title: str
    width: float

    @property
    def total(self) -> int:
        return sum(bar.total for bar in self.bars)


@dataclass(frozen=True, kw_only=True)
class RuleFigures:
    """One rule over the range, with the way to its list and to that of its false alarms. `judged` are those that
    somebody looked at, whatever they said."""

    rule: str
    category: str
    query: str
    false_query: str
    seen: int
    open: int
    false_positives: int

    @property
    def policy(self) -> str:
        return self.category.partition(": ")[0] if ": " in self.category else ""

    @property
    def kind(self) -> str:
        return self.category.partition(": ")[2] or self.category

    @property
    def judged(self) -> int:
        return self.seen - self.open

    @property
    def false_percent(self) -> float | None:
        """Of those judged; None where nothing was."""
        return 100 * self.false_positives / self.judged if self.judged else None


@dataclass(frozen=True, kw_only=True)
class Figures:
    trend: Trend
    rules: list[RuleFigures]
    all: RuleFigures

    @property
    def top_rules(self) -> list[RuleFigures]:
        return self.rules[:TOP_RULES]


def figures_of(wanted: Wanted) -> Figures:
    """One query over the range, or its last 90 days where it has no beginning."""
    whole, now = wanted.whole(), timezone.now()
    counted = count_both(whole, now)
    rules = rules_of([row for row in counted if row.rule is not None], whole)
    seen, waiting, wrong = (sum(getattr(each, name) for each in rules) for name in ("seen", "open", "false_positives"))
    return Figures(
        trend=trend_of([row for row in counted if row.step is not None], wanted, now),
        rules=rules,
        all=RuleFigures(
            rule="",
            category="All rules",
            query=whole.query(),
            false_query=whole.query(triage=Triage.FALSE_POSITIVE),
            seen=seen,
            open=waiting,
            false_positives=wrong,
        ),
    )


class Counted(NamedTuple):
    """How many there are of one step and action, or else of one rule and triage; the other two are None."""

    step: datetime | None
    action: str | None
    rule: str | None
    triage: str | None
    seen: int


def count_both(whole: Wanted, now: datetime) -> list[Counted]:
    """By time and by rule at once: the rows are wide, so they are read once."""
    trunc = TruncDay("at", tzinfo=UTC) if whole.range.step == DAY else TruncHour("at", tzinfo=UTC)
    rows = whole.apply(Violation.objects.all()).filter(at__gte=whole.range.begin(now)).annotate(step=trunc)
    seen, params = rows.order_by().values("step", "action", "rule", "triage").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT step, action, rule, triage, count(*) "  # noqa: S608  the inner statement is Django's own
            f"FROM ({seen}) AS seen GROUP BY GROUPING SETS ((step, action), (rule, triage))",
            params,
        )
        # Without Django's own conversion a truncated instant comes without its zone.
        return [Counted(step and step.replace(tzinfo=UTC), *rest) for step, *rest in cursor.fetchall()]


# -- the trend


def trend_of(rows: Sequence[Counted], wanted: Wanted, now: datetime) -> Trend:
    span = wanted.range
    steps = [span.begin(now) + span.step * number for number in range(span.count)]
    counts: dict[datetime, list[int]] = {step: [0, 0, 0] for step in steps}
    for row in rows:
        if row.step in counts:
            counts[row.step][place_of(row.action)] += row.seen
    top = max((sum(parts) for parts in counts.values()), default=0)
    bars = [
        bar_of(number, step, counts[step], top, wanted, is_last=number == span.count - 1)
        for number, step in enumerate(steps)
    ]
    return Trend(bars=bars, top=top, title=title_of(span), width=STEP_WIDTH * span.count)


def place_of(action: str | None) -> int:
    return 0 if action in STOPPED else 1 if action == Action.MASKED else 2


def title_of(span: Range) -> str:
    each = "day" if span.step == DAY else "hour"
    length = f"the last {span.count} days" if span.is_endless else span.name
    return f"Violations per {each}, {length}"


def bar_of(number: int, step: datetime, counts: Sequence[int], top: int, wanted: Wanted, *, is_last: bool) -> Bar:
    span = wanted.range
    until = step + span.step
    return Bar(
        begin=step,
        label=f"{step:%a} {step.day} {step:%b}" if span.step == DAY else f"{step:%H}:00",
        query=wanted.query(triage=ALL, since=step.isoformat(), until=until.isoformat()),
        stopped=counts[0],
        masked=counts[1],
        noted=counts[2],
        x=length(number * STEP_WIDTH + (STEP_WIDTH - BAR_WIDTH) / 2),
        parts=parts_of(counts, top),
        is_unfinished=is_last,
    )


def parts_of(counts: Sequence[int], top: int) -> list[tuple[str, str, str]]:
    """Kind, y and height of each part that there is, the stopped ones at the bottom."""
    found, y = [], PLOT_HEIGHT
    for kind, count in zip(("stopped", "masked", "noted"), counts, strict=True):
        if count:
            height = PLOT_HEIGHT * count / (top or 1)
            y -= height
            found.append((kind, length(y), length(height)))
    return found


def length(value: float) -> str:
    """An SVG number, never in scientific notation."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


# -- the rules


def rules_of(rows: Sequence[Counted], whole: Wanted) -> list[RuleFigures]:
    """The most seen first."""
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        counts.setdefault(row.rule or "", {})[row.triage or ""] = row.seen
    found = [
        RuleFigures(
            rule=rule,
            category=category_of_rule(rule),
            query=whole.query(rule=rule),
            false_query=whole.query(rule=rule, triage=Triage.FALSE_POSITIVE),
            seen=sum(by_triage.values()),
            open=by_triage.get(Triage.OPEN, 0),
            false_positives=by_triage.get(Triage.FALSE_POSITIVE, 0),
        )
        for rule, by_triage in counts.items()
    ]
    return sorted(found, key=lambda figures: (-figures.seen, figures.rule))
