"""The chart of a span of time: a bar for each hour or day, its parts stacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from observability.cost_figures import KINDS, ZERO, exact, kind_word
from observability.cost_range import DAY, Period, Wanted
from observability.figures import Spent
from observability.models import Charge

STEP_WIDTH, BAR_WIDTH, PLOT_HEIGHT = 10.0, 7.6, 100.0
# As many models as there are colours; the others stand together.
MOST_MODELS = 4
OTHER_MODELS, NO_MODEL = "Other models", "Not a model"
# A kind keeps its colour on every chart of the product.
COLOURS = {"model": "series-1", "tool": "series-2", "memory": "series-4", "guardrail": "series-5", "browser": "is-rest"}


@dataclass(frozen=True, kw_only=True)
class Part:
    """`y` and `height` are SVG lengths in a plot 100 high."""

    name: str
    colour: str
    usd: Decimal
    y: str
    height: str


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One hour or day; `query` leads to its charges. One that has not begun yet has no parts."""

    begin: datetime
    label: str
    query: str
    usd: Decimal
    x: str
    parts: list[Part]
    is_unfinished: bool
    is_coming: bool

    @property
    def exact(self) -> str:
        return exact(self.usd)


@dataclass(frozen=True, kw_only=True)
class Trend:
    """`legend` is name, colour and sum of each series, in the order in which they are stacked."""

    title: str
    bars: list[Bar]
    legend: list[tuple[str, str, Decimal]]
    top: Decimal
    width: float

    @property
    def total(self) -> Decimal:
        return sum((bar.usd for bar in self.bars), ZERO)

    def table(self) -> list[tuple[Bar, list[Decimal]]]:
        """The bars that have begun, newest first, each with what it spent by series."""
        names = [name for name, _, _ in self.legend]
        rows = []
        for bar in reversed([bar for bar in self.bars if not bar.is_coming]):
            by_name = {part.name: part.usd for part in bar.parts}
            rows.append((bar, [by_name.get(name, ZERO) for name in names]))
        return rows


def trend_of(wanted: Wanted, period: Period, spent: Sequence[Spent], now: datetime) -> Trend:
    series = series_of(wanted, spent)
    steps = period.steps()
    sums: dict[datetime, dict[str, Decimal]] = {step: {} for step in steps}
    for each in spent:
        if each.at in sums:
            name = series_name(wanted, each, series)
            sums[each.at][name] = sums[each.at].get(name, ZERO) + each.usd
    top = max((sum(parts.values(), ZERO) for parts in sums.values()), default=ZERO)
    look = Look(wanted=wanted.without_bar(), period=period, series=series, now=now)
    bars = [bar_of(number, step, sums[step], top, look) for number, step in enumerate(steps)]
    totals = {name: sum((parts.get(name, ZERO) for parts in sums.values()), ZERO) for name in series}
    return Trend(
        title=f"Spending by {'day' if period.step == DAY else 'hour'}",
        bars=bars,
        legend=[(name, colour, totals[name]) for name, colour in series.items()],
        top=top,
        width=STEP_WIDTH * len(steps),
    )


# -- series


def series_of(wanted: Wanted, spent: Sequence[Spent]) -> dict[str, str]:
    """The colour of each series that there is, by its name, the one at the bottom first."""
    if wanted.stack == "kind":
        there = {each.kind or "" for each in spent}
        ordered = sorted(there, key=lambda kind: ([*KINDS].index(kind) if kind in KINDS else len(KINDS), kind))
        return {kind_word(kind): COLOURS.get(kind, "is-rest") for kind in ordered}
    sums: dict[str, Decimal] = {}
    for each in spent:
        if each.kind == Charge.Kind.MODEL:
            sums[each.subject or ""] = sums.get(each.subject or "", ZERO) + each.usd
    dearest = sorted(sums, key=lambda name: (-sums[name], name))
    found = {name: f"series-{number}" for number, name in enumerate(dearest[:MOST_MODELS], start=1)}
    if len(dearest) > MOST_MODELS:
        found[OTHER_MODELS] = "series-5"
    if any(each.kind != Charge.Kind.MODEL for each in spent):
        found[NO_MODEL] = "is-rest"
    return found


def series_name(wanted: Wanted, each: Spent, series: dict[str, str]) -> str:
    if wanted.stack == "kind":
        return kind_word(each.kind)
    if each.kind != Charge.Kind.MODEL:
        return NO_MODEL
    subject = each.subject or ""
    return subject if subject in series else OTHER_MODELS


# -- bars


@dataclass(frozen=True, kw_only=True)
class Look:
    """What all bars of a chart share."""

    wanted: Wanted
    period: Period
    series: dict[str, str]
    now: datetime


def bar_of(number: int, step: datetime, sums: dict[str, Decimal], top: Decimal, look: Look) -> Bar:
    until = step + look.period.step
    return Bar(
        begin=step,
        label=f"{step:%a} {step.day} {step:%b}" if look.period.step == DAY else f"{step:%H}:00",
        query=look.wanted.query(since=step.isoformat(), until=until.isoformat()),
        usd=sum(sums.values(), ZERO),
        x=length(number * STEP_WIDTH + (STEP_WIDTH - BAR_WIDTH) / 2),
        parts=parts_of(sums, top, look.series),
        is_unfinished=step <= look.now < until,
        is_coming=step > look.now,
    )


def parts_of(sums: dict[str, Decimal], top: Decimal, series: dict[str, str]) -> list[Part]:
    found, y = [], PLOT_HEIGHT
    for name, colour in series.items():
        if usd := sums.get(name):
            height = float(usd / top) * PLOT_HEIGHT
            y -= height
            found.append(Part(name=name, colour=colour, usd=usd, y=length(max(y, 0.0)), height=length(height)))
    return found


def length(value: float) -> str:
    """An SVG number, never in scientific notation."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
