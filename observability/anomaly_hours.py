"""What one hour took, told apart by what could be the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from observability.figures import percentile, spending, step_figures, turn_figures
from observability.models import Anomaly, SpendingHour, Trace, TurnHour

HOUR = timedelta(hours=1)
# As many of the newest traces tell which agent bears which slug.
NAMED_BY = 1_000
Metric = Anomaly.Metric
BY_METRIC = {
    Metric.SPEND: ("agent", "model", "tool", "channel"),
    Metric.TOKENS: ("agent", "model", "channel"),
    Metric.TOOL_ERRORS: ("tool", "agent"),
    Metric.LATENCY: ("model", "agent", "channel"),
}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A part of an hour. Its value is `much` by `of` (of spending, `much` alone); `keys` is by dimension its name."""

    agent_id: UUID | None
    keys: dict[str, str]
    much: float
    of: int = 0
    durations: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class HourFigures:
    hour: datetime
    cells: dict[Metric, list[Cell]]

    def agents(self) -> list[UUID]:
        """Those that did anything, in a steady order."""
        return sorted({cell.agent_id for cells in self.cells.values() for cell in cells if cell.agent_id})

    def of(self, metric: Metric, agent_id: UUID | None) -> list[Cell]:
        return [cell for cell in self.cells[metric] if agent_id is None or cell.agent_id == agent_id]

    def value(self, metric: Metric, agent_id: UUID | None) -> float | None:
        """US dollars, tokens, percent or milliseconds; None where nothing was done that it could be of. Nothing spent
        is a zero."""
        return value_of(metric, self.of(metric, agent_id))

    def weight(self, metric: Metric, agent_id: UUID | None) -> int:
        """Of how many turns or calls it is."""
        return sum(cell.of for cell in self.of(metric, agent_id))


def value_of(metric: Metric, cells: Iterable[Cell]) -> float | None:
    cells = list(cells)
    if metric == Metric.SPEND:
        return sum(cell.much for cell in cells)
    if metric == Metric.LATENCY:
        together = Counter[int]()
        for cell in cells:
            together.update(cell.durations)
        return percentile(together, 0.5)
    whole = sum(cell.of for cell in cells)
    share = 100 if metric == Metric.TOOL_ERRORS else 1
    return share * sum(cell.much for cell in cells) / whole if whole else None


def read_hour(hour: datetime) -> HourFigures:
    span: dict[str, Any] = {"since": hour, "until": hour + HOUR}
    slugs = Slugs(hour + HOUR)
    turned = turn_figures(**span, by=["agent_id", "model", "channel"])
    turns = [
        (each, {"agent": str(each.agent_id), "model": each.model or "", "channel": each.channel or ""})
        for each in turned
    ]
    return HourFigures(
        hour=hour,
        cells={
            Metric.SPEND: [
                Cell(
                    agent_id=each.agent_id,
                    keys={
                        "agent": str(each.agent_id or ""),
                        "channel": each.channel or "",
                        # What is bought is named by its kind: a model's calls are no tool's.
                        ("model" if each.kind == "model" else "tool"): each.subject or "",
                    },
                    much=float(each.usd),
                )
                for each in spending(**span, by=["agent_id", "channel", "kind", "subject"])
            ],
            Metric.TOKENS: [
                Cell(agent_id=each.agent_id, keys=keys, much=each.tokens, of=each.turns) for each, keys in turns
            ],
            Metric.LATENCY: [
                Cell(
                    agent_id=each.agent_id,
                    keys=keys,
                    much=each.duration_ms,
                    of=sum(each.durations.values()),
                    durations=dict(each.durations),
                )
                for each, keys in turns
            ],
            Metric.TOOL_ERRORS: [
                Cell(
                    agent_id=slugs.id_of(each.agent or ""),
                    keys={"tool": each.name or "", "agent": str(slugs.id_of(each.agent or "") or "")},
                    much=each.errors,
                    of=each.calls,
                )
                for each in step_figures(**span, by=["agent", "name"], where={"kind": "tool"})
            ],
        },
    )


class Slugs:
    """Steps name their agent by its slug, everything else by its id."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        self.known: dict[str, UUID] | None = None

    def id_of(self, slug: str) -> UUID | None:
        if self.known is None:
            newest = Trace.objects.filter(started_at__lt=self.until).order_by("-started_at", "-id")
            self.known = dict(newest.values_list("agent_slug", "agent_id")[:NAMED_BY])
        return self.known.get(slug)


def slug_of(agent_id: UUID) -> str:
    newest = Trace.objects.filter(agent_id=agent_id).order_by("-started_at", "-id")
    return newest.values_list("agent_slug", flat=True).first() or ""


def first_hour(agent_id: UUID | None = None) -> datetime | None:
    """The hour of the oldest figure: before it nothing was measured, so nothing there is a zero."""
    of_agent = {"agent_id": agent_id} if agent_id else {}
    oldest: list[datetime | None] = [
        TurnHour.objects.filter(**of_agent).order_by("hour").values_list("hour", flat=True).first(),
        SpendingHour.objects.filter(**of_agent).order_by("hour").values_list("hour", flat=True).first(),
        Trace.objects.filter(**of_agent).order_by("started_at").values_list("started_at", flat=True).first(),
    ]
    return min((moment for moment in oldest if moment), default=None)


def history_of(metric: Metric, agent_id: UUID | None, *, since: datetime, until: datetime) -> dict[datetime, float]:
    """The metric by hour, of one agent or of all; an hour of which there is nothing is missing."""
    span: dict[str, Any] = {"since": since, "until": until, "by": ["hour"]}
    where = {"agent_id": agent_id} if agent_id else {}
    if metric == Metric.SPEND:
        return {each.at: float(each.usd) for each in spending(**span, where=where) if each.at}
    if metric == Metric.TOOL_ERRORS:
        of_steps = {"kind": "tool", **({"agent": slug_of(agent_id)} if agent_id else {})}
        steps = step_figures(**span, where=of_steps)
        return {each.at: 100 * each.errors / each.calls for each in steps if each.at and each.calls}
    turns = turn_figures(**span, where=where)
    if metric == Metric.TOKENS:
        return {each.at: each.tokens / each.turns for each in turns if each.at and each.turns}
    medians = {each.at: each.percentile(0.5) for each in turns if each.at}
    return {at: value for at, value in medians.items() if value is not None}
