"""The overview: what became of conversations, how quick and how dear it was, over a span of time and against the one
before. `docs/overview.md` defines each figure; what is resolved is said in `agents/resolution.py` alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from agents import dashboard_people as people
from agents.dashboard_range import Wanted
from agents.models import Escalation
from agents.resolution import ENDS, Kind, Outcomes, Span, outcomes, outcomes_by
from observability.figures import StepFigures, TurnFigures, percentile, spending, step_figures, turn_figures

MOST_TOOLS = 8


@dataclass(frozen=True, kw_only=True)
class Tool:
    """`percent` is the share of failed calls, `p95_ms` of a call; `href` leads to its turns."""

    name: str
    calls: int
    errors: int
    percent: float
    p95_ms: float | None
    href: str


@dataclass(frozen=True, kw_only=True)
class Reason:
    """`percent` is the share of all; `href` leads to the turns that were handed over."""

    label: str
    count: int
    percent: int
    href: str


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Of turns that ended, in milliseconds."""

    turns: int
    p50_ms: float | None
    p95_ms: float | None


class Figures:
    """Each property is one statement, made when it is first shown."""

    def __init__(self, wanted: Wanted, span: Span) -> None:
        self.wanted, self.span = wanted, span

    @cached_property
    def outcomes(self) -> Outcomes:
        return outcomes(self.span)

    @cached_property
    def by_agent(self) -> people.Waits:
        return people.first_by_agent(self.span)

    @cached_property
    def by_people(self) -> people.Waits:
        return people.first_by_people(self.span)

    @cached_property
    def decisions(self) -> people.Waits:
        return people.decisions(self.span)

    @cached_property
    def violations(self) -> people.Violations:
        return people.violations(self.span)

    @cached_property
    def turned(self) -> list[TurnFigures]:
        return turn_figures(since=self.span.since, until=self.span.until, where=self.wanted.where())

    @cached_property
    def latency(self) -> Latency:
        return latency_of(self.turned)

    @cached_property
    def tools(self) -> list[StepFigures]:
        where = {"kind": "tool", **self.wanted.where_of_steps()}
        return step_figures(since=self.span.since, until=self.span.until, by=["name"], where=where)

    @cached_property
    def tool_calls(self) -> int:
        return sum(each.calls for each in self.tools)

    @cached_property
    def tool_errors_percent(self) -> float | None:
        return 100 * sum(each.errors for each in self.tools) / self.tool_calls if self.tool_calls else None

    @property
    def tools_p95_ms(self) -> float | None:
        return percentile(together([each.durations for each in self.tools]), 0.95)

    @cached_property
    def usd(self) -> Decimal:
        spent = spending(since=self.span.since, until=self.span.until, where=self.wanted.where())
        return sum((each.usd for each in spent), Decimal(0))

    @property
    def usd_per_resolution(self) -> Decimal | None:
        return self.usd / self.outcomes.resolved if self.outcomes.resolved else None


class Dashboard(Figures):
    """The figures of now, with those of the range before, and what only the page shows."""

    def __init__(self, wanted: Wanted) -> None:
        super().__init__(wanted, wanted.span())
        self.before = Figures(wanted, wanted.span_before()) if wanted.compares else None

    # By step, so that the charts and the sums need one statement: the sums are made of it.
    @cached_property
    def outcomes(self) -> Outcomes:
        return Outcomes(counts={kind: sum(counts.values()) for kind, counts in self.by_step.items()})

    @cached_property
    def by_step(self) -> dict[Kind, dict[datetime | None, int]]:
        return outcomes_by(self.span, self.wanted.step)

    @cached_property
    def turned(self) -> list[TurnFigures]:
        return turn_figures(
            since=self.span.since, until=self.span.until, by=[self.wanted.step], where=self.wanted.where()
        )

    # Not by name as well: the durations of each tool on each day would be thousands.
    @cached_property
    def tools_by_step(self) -> list[StepFigures]:
        where = {"kind": "tool", **self.wanted.where_of_steps()}
        return step_figures(
            since=self.span.since, until=self.span.until, by=[self.wanted.step], where=where, timed=False
        )

    @cached_property
    def approvals_waiting(self) -> int:
        return people.approvals_waiting(self.span)

    @cached_property
    def reasons(self) -> list[Reason]:
        found = people.reasons(self.span)
        whole = sum(count for _, count in found)
        href = self.wanted.conversations(Kind.HANDED_OVER)
        return [
            Reason(
                label=str(Escalation.Reason(value).label),
                count=count,
                percent=round(100 * count / whole),
                href=f"{href}&{urlencode({'reason': value})}",
            )
            for value, count in found
        ]

    @cached_property
    def tool_rows(self) -> list[Tool]:
        """The tools with the most calls."""
        return [
            Tool(
                name=each.name or "",
                calls=each.calls,
                errors=each.errors,
                percent=100 * each.errors / each.calls,
                p95_ms=each.percentile(0.95),
                href=self.wanted.traces(tool=each.name or ""),
            )
            for each in sorted(self.tools, key=lambda each: -each.calls)[:MOST_TOOLS]
        ]

    # -- charts, as the tag `time_chart` takes them

    @property
    def ends_chart(self) -> dict[str, Any]:
        colours = {
            Kind.SOLVED: "is-good",
            Kind.ASSUMED: "series-1",
            Kind.UNSOLVED: "is-rest",
            Kind.HANDED_OVER: "series-3",
        }
        return {
            "kind": "bars",
            "points": self.points([self.wanted.conversations("ended", begin) for begin in self.wanted.steps()]),
            "series": [
                {
                    "name": kind.label,
                    "colour": colours[kind],
                    "values": [self.by_step[kind].get(begin, 0) for begin in self.wanted.steps()],
                }
                for kind in ENDS
            ],
        }

    @property
    def latency_chart(self) -> dict[str, object]:
        found = {each.at: each for each in self.turned}
        known = [found.get(begin) for begin in self.wanted.steps()]
        return {
            "kind": "lines",
            "points": self.points([self.wanted.traces(begin, sort="duration") for begin in self.wanted.steps()]),
            "series": [
                {
                    "name": name,
                    "colour": colour,
                    "values": [each.percentile(q) if each else None for each in known],
                }
                for name, colour, q in (("Median", "series-1", 0.5), ("95 of 100 are quicker", "series-4", 0.95))
            ],
        }

    @property
    def tools_chart(self) -> dict[str, object]:
        failed = Counter({each.at: each.errors for each in self.tools_by_step})
        return {
            "kind": "bars",
            "points": self.points([self.wanted.traces(begin, q="tool_calls:>0") for begin in self.wanted.steps()]),
            "series": [
                {
                    "name": "Failed calls",
                    "colour": "is-bad",
                    "values": [failed[begin] for begin in self.wanted.steps()],
                }
            ],
        }

    def points(self, hrefs: Sequence[str]) -> list[dict[str, object]]:
        steps = self.wanted.steps()
        return [
            {"at": begin, "label": self.wanted.label(begin), "href": href, "unfinished": begin == steps[-1]}
            for begin, href in zip(steps, hrefs, strict=True)
        ]


def latency_of(turned: Sequence[TurnFigures]) -> Latency:
    durations = together([each.durations for each in turned])
    return Latency(
        turns=sum(each.turns for each in turned),
        p50_ms=percentile(durations, 0.5),
        p95_ms=percentile(durations, 0.95),
    )


def together(counted: Sequence[object]) -> dict[int, int]:
    """Durations of several groups, counted by bucket."""
    whole = Counter[int]()
    for counts in counted:
        whole.update(counts)  # type: ignore[call-overload]  # each is a mapping of numbers
    return dict(whole)
