"""Figures of money, turns and steps over hours or months: exact sums, whatever part of the time is rolled up.

`by` names what the rows are told apart by, in any order: the dimensions of the figure, and `hour` or `day` (of UTC).
What is not named is None in the answer. `where` narrows: by dimension one value, or a collection of which it is one.
Both raise `ValueError` for names that the figure does not have. A group of which there is nothing is not in the answer,
so a chart puts a zero (of a count) or a gap (of an average) there. `since` is included, `until` is not; both may be any
instant, but what lies in part of an hour is read from the rows, which retention may have deleted (charges it does not).
Where it is not `timed`, durations are left out, which is quicker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from observability.figure_buckets import BUCKETS_MS, percentile
from observability.figure_sources import SPENDING, STEPS, TIMES, TURNS, read_sums, rolled_until

__all__ = [
    "BUCKETS_MS",
    "Spent",
    "StepFigures",
    "TurnFigures",
    "percentile",
    "rolled_until",
    "spending",
    "step_figures",
    "turn_figures",
]


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Charges of one group: how many, and their sum in US dollars to the last digit.

    `at` is where the hour or day begins. Version 0 and channel "" are those of turns whose trace was deleted before its
    hour was rolled up.
    """

    at: datetime | None = None
    agent_id: UUID | None = None
    agent_version: int | None = None
    channel: str | None = None
    kind: str | None = None
    subject: str | None = None
    basis: str | None = None
    charges: int
    usd: Decimal


@dataclass(frozen=True, kw_only=True)
class Timed:
    """`duration_ms` is the sum, `durations` counts by bucket; what never ended by itself has no duration."""

    duration_ms: int = 0
    durations: Mapping[int, int] = field(default_factory=dict)

    def percentile(self, q: float) -> float | None:
        """In milliseconds, within 5 %; None where nothing has a duration."""
        return percentile(self.durations, q)

    @property
    def mean_ms(self) -> float | None:
        timed = sum(self.durations.values())
        return self.duration_ms / timed if timed else None


@dataclass(frozen=True, kw_only=True)
class Counted:
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    @property
    def prompt_tokens(self) -> int:
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.output_tokens

    @property
    def cached_part(self) -> float | None:
        """The part of all prompts that was read from the cache, from 0 to 1; None without prompts."""
        return self.cache_read_tokens / self.prompt_tokens if self.prompt_tokens else None


@dataclass(frozen=True, kw_only=True)
class TurnFigures(Timed, Counted):
    """Turns that ended, of one group. `cost_usd` is what they had cost when their hour was last rolled up; the books
    are `spending`."""

    at: datetime | None = None
    agent_id: UUID | None = None
    agent_version: int | None = None
    model: str | None = None
    channel: str | None = None
    outcome: str | None = None
    turns: int
    errors: int
    model_calls: int
    tool_calls: int
    cost_usd: Decimal


@dataclass(frozen=True, kw_only=True)
class StepFigures(Timed, Counted):
    """Steps that began, of one group; `agent` is a slug, `name` a tool's, a model's or a check's."""

    at: datetime | None = None
    agent: str | None = None
    kind: str | None = None
    name: str | None = None
    action: str | None = None
    calls: int
    errors: int


def spending(
    *,
    since: datetime,
    until: datetime,
    by: Sequence[str] = (),
    where: Mapping[str, Any] | None = None,
) -> list[Spent]:
    """By agent_id, agent_version, channel, kind, subject, basis, hour, day; in the order of `by`."""
    rows = read_sums(SPENDING, since=since, until=until, by=by, where=where or {})
    return [Spent(**with_time(row)) for row in in_order(rows, by)]


def turn_figures(
    *,
    since: datetime,
    until: datetime,
    by: Sequence[str] = (),
    where: Mapping[str, Any] | None = None,
    timed: bool = True,
) -> list[TurnFigures]:
    """By agent_id, agent_version, model, channel, outcome, hour, day; in the order of `by`."""
    rows = read_sums(TURNS, since=since, until=until, by=by, where=where or {}, timed=timed)
    return [TurnFigures(**with_time(row)) for row in in_order(rows, by)]


def step_figures(
    *,
    since: datetime,
    until: datetime,
    by: Sequence[str] = (),
    where: Mapping[str, Any] | None = None,
    timed: bool = True,
) -> list[StepFigures]:
    """By agent (a slug), kind, name, action, hour, day; in the order of `by`."""
    rows = read_sums(STEPS, since=since, until=until, by=by, where=where or {}, timed=timed)
    return [StepFigures(**with_time(row)) for row in in_order(rows, by)]


def in_order(rows: list[dict[str, Any]], by: Sequence[str]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: [(row[name] is not None, row[name]) for name in by])


def with_time(row: dict[str, Any]) -> dict[str, Any]:
    """With its hour or its day as `at`."""
    for name in TIMES:
        if name in row:
            row["at"] = row.pop(name)
    return row
