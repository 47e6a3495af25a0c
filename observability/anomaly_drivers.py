"""What drove an hour out of the way: the agent, model, tool or channel whose own change makes up the most of it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any
from uuid import UUID

from observability.anomaly_hours import BY_METRIC, Cell, HourFigures, Metric, value_of

MOST_DRIVERS = 6
# Of a change that something has less than this part in, it is no driver.
SMALLEST_SHARE = 0.1


def drivers_of(
    metric: Metric, agent_id: UUID | None, *, now: HourFigures, before: Sequence[HourFigures]
) -> list[dict[str, Any]]:
    """The strongest first: {"by", "name", "share" (0 to 1), "was", "is"}.

    Something's own change is what it took, less what as many of its turns or calls used to take (of spending: what it
    used to take in such an hour). Its share is that of the whole's increase, or of all increases along the same
    dimension where those are more. A dimension of one name explains nothing that the whole does not, so it comes last.
    """
    found: list[tuple[bool, dict[str, Any]]] = []
    whole, _ = change(metric, now.of(metric, agent_id), [hour.of(metric, agent_id) for hour in before])
    for dimension in BY_METRIC[metric]:
        if dimension == "agent" and agent_id is not None:
            continue
        current = by_name(now.of(metric, agent_id), dimension)
        past = [by_name(hour.of(metric, agent_id), dimension) for hour in before]
        changes = {
            name: change(metric, cells, [each.get(name, []) for each in past]) for name, cells in current.items()
        }
        risen = max(whole, sum(more for more, _ in changes.values() if more > 0))
        is_alone = len({*current, *(name for each in past for name in each)}) == 1
        for name, (more, was) in changes.items():
            if risen and more / risen >= SMALLEST_SHARE:
                value = value_of(metric, current[name])
                found.append(
                    (is_alone, {"by": dimension, "name": name, "share": more / risen, "was": was, "is": value})
                )
    found.sort(key=lambda entry: (entry[0], -entry[1]["share"]))
    return [entry for _, entry in found[:MOST_DRIVERS]]


def by_name(cells: Sequence[Cell], dimension: str) -> dict[str, list[Cell]]:
    names: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.keys.get(dimension):
            names.setdefault(cell.keys[dimension], []).append(cell)
    return names


def change(metric: Metric, cells: Sequence[Cell], past: Sequence[Sequence[Cell]]) -> tuple[float, float | None]:
    """How much more it took than usual, and its usual value (None of what is new)."""
    if metric == Metric.SPEND:
        was = median([sum(cell.much for cell in each) for each in past] or [0.0])
        return sum(cell.much for cell in cells) - was, was
    rates = [rate for each in past if (rate := rate_of(each)) is not None]
    usual = median(rates) if rates else 0.0
    values = [value for each in past if (value := value_of(metric, each)) is not None]
    more = sum(cell.much for cell in cells) - usual * sum(cell.of for cell in cells)
    return more, median(values) if values else None


def rate_of(cells: Sequence[Cell]) -> float | None:
    whole = sum(cell.of for cell in cells)
    return sum(cell.much for cell in cells) / whole if whole else None
