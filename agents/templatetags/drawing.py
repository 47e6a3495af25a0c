"""The arithmetic of the server-side charts: numbers in, SVG coordinates out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SPARK_WIDTH, SPARK_HEIGHT = 96.0, 22.0
BAR_STEP, BAR_WIDTH, PLOT_HEIGHT = 10.0, 7.6, 100.0
# A span of no length must still be seen and hit with a pointer.
SMALLEST_SPAN_PERCENT = 0.6


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar in a plot 100 units high; `x`, `y`, `width`, `height` are SVG lengths."""

    x: str
    y: str
    width: str
    height: str
    label: str
    value: object
    unfinished: bool


def sparkline_lines(values: Sequence[float | None]) -> tuple[list[str], tuple[str, str] | None]:
    """The `points` of one polyline for each run without a gap, and the last known point."""
    known = [float(value) for value in values if value is not None]
    if not known:
        return [], None
    top = max([*known, 0.0]) or 1.0
    step = SPARK_WIDTH / max(1, len(values) - 1)
    runs: list[list[tuple[str, str]]] = [[]]
    for position, value in enumerate(values):
        if value is None:
            runs.append([])
            continue
        height = (SPARK_HEIGHT - 4) * max(0.0, float(value)) / top
        runs[-1].append((length(position * step), length(SPARK_HEIGHT - 2 - height)))
    drawn = [run for run in runs if run]
    return [" ".join(f"{x},{y}" for x, y in run) for run in drawn], drawn[-1][-1]


def bar_chart(points: Sequence[Mapping[str, Any]]) -> list[Bar]:
    """Bars from zero; a missing value (None) leaves its place empty."""
    top = max((float(point["value"] or 0) for point in points), default=0.0) or 1.0
    drawn = []
    for position, point in enumerate(points):
        if point["value"] is None:
            continue
        height = PLOT_HEIGHT * max(0.0, float(point["value"])) / top
        drawn.append(
            Bar(
                x=length(position * BAR_STEP + (BAR_STEP - BAR_WIDTH) / 2),
                y=length(PLOT_HEIGHT - height),
                width=length(BAR_WIDTH),
                height=length(height),
                label=str(point["label"]),
                value=point["value"],
                unfinished=bool(point.get("unfinished")),
            )
        )
    return drawn


def span_position(start_ms: float, duration_ms: float | None, total_ms: float) -> dict[str, str]:
    """`x` and `width` in percent; a span that still runs (None) reaches to the end."""
    total = max(float(total_ms or 0), 1.0)
    start = min(max(float(start_ms or 0) / total * 100, 0.0), 100 - SMALLEST_SPAN_PERCENT)
    room = 100 - start
    width = room if duration_ms is None else min(max(float(duration_ms) / total * 100, SMALLEST_SPAN_PERCENT), room)
    return {"x": length(start), "width": length(width)}


def length(value: float) -> str:
    """An SVG number, short and never in scientific notation."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
