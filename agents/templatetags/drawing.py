"""The arithmetic of the server-side charts: numbers in, SVG coordinates out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SPARK_WIDTH, SPARK_HEIGHT = 96.0, 22.0
BAR_STEP, BAR_WIDTH, PLOT_HEIGHT = 10.0, 7.6, 100.0
# A time chart is as wide as it has points, in a plot 100 high.
CHART_WIDTH = 1000.0
TIGHTEST_STEP_SHARE = 0.76
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


@dataclass(frozen=True, kw_only=True)
class DrawnSeries:
    """One series of a time chart. `colour` is a class that sets `--series`; `runs` are the `points` of one polyline for
    each stretch without a gap; a run of one point is drawn twice, so that its round ends show."""

    name: str
    colour: str
    values: list[float | None]
    runs: list[str]


@dataclass(frozen=True, kw_only=True)
class DrawnPart:
    """The piece of one stacked bar that belongs to a series."""

    name: str
    colour: str
    value: float
    y: str
    height: str


@dataclass(frozen=True, kw_only=True)
class DrawnStep:
    """One bucket of time: where it lies, its link, what is stacked there, and each series' value for the table."""

    label: str
    href: str
    unfinished: bool
    marked: bool
    x: str
    left: str
    width: str
    whole: str
    parts: list[DrawnPart]
    values: list[float | None]


@dataclass(frozen=True, kw_only=True)
class DrawnChart:
    """A time chart in a plot 1000 wide and 100 high; `band` is the `points` of a polygon, or empty."""

    top: float
    steps: list[DrawnStep]
    series: list[DrawnSeries]
    band: str
    fresh_x: str
    fresh_width: str


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


# -- time charts


def time_chart(chart: Mapping[str, Any]) -> DrawnChart:
    """The geometry of `{"kind": "bars" | "lines", "points": [{"label", "href"?, "unfinished"?, "marked"?}], "series":
    [{"name", "colour", "values"}], "band"?: {"low", "high"}}`; a missing value (None) is a gap. From zero, always."""
    points, series = chart["points"], chart["series"]
    step = CHART_WIDTH / max(1, len(points))
    band = chart.get("band")
    highest = stacked_tops(series, len(points)) if chart["kind"] == "bars" else [v for s in series for v in s["values"]]
    top = nice_top([value for value in [*highest, *(band["high"] if band else [])] if value is not None])
    steps = [drawn_step(chart, position, step=step, top=top) for position in range(len(points))]
    fresh = next((each for each in steps if each.unfinished), None)
    return DrawnChart(
        top=top,
        steps=steps,
        series=[
            DrawnSeries(
                name=str(each["name"]),
                colour=each["colour"],
                values=list(each["values"]),
                runs=[] if chart["kind"] == "bars" else line_runs(each["values"], step=step, top=top),
            )
            for each in series
        ],
        band=band_points(band, step=step, top=top) if band else "",
        fresh_x=fresh.left if fresh else "",
        fresh_width=fresh.whole if fresh else "",
    )


def stacked_tops(series: Sequence[Mapping[str, Any]], count: int) -> list[float]:
    return [sum(float(each["values"][place] or 0) for each in series) for place in range(count)]


def nice_top(values: Sequence[float]) -> float:
    """The number at the top line: 1, 2, 2.5 or 5 times a power of ten (Heckbert, Graphics Gems, 1990)."""
    highest = max([float(value) for value in values], default=0.0)
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= highest * (1 - 1e-9))


def drawn_step(chart: Mapping[str, Any], place: int, *, step: float, top: float) -> DrawnStep:
    point, parts, base = chart["points"][place], [], 0.0
    values = [each["values"][place] for each in chart["series"]]
    for each, value in zip(chart["series"], values, strict=True):
        if chart["kind"] == "bars" and value:
            base += PLOT_HEIGHT * float(value) / top
            height = length(PLOT_HEIGHT * float(value) / top)
            colour = each["colour"]
            parts.append(
                DrawnPart(name=each["name"], colour=colour, value=value, y=length(PLOT_HEIGHT - base), height=height)
            )
    return DrawnStep(
        label=str(point["label"]),
        href=point.get("href", ""),
        unfinished=bool(point.get("unfinished")),
        marked=bool(point.get("marked")),
        x=length((place + (1 - TIGHTEST_STEP_SHARE) / 2) * step),
        left=length(place * step),
        width=length(step * TIGHTEST_STEP_SHARE),
        whole=length(step),
        parts=parts,
        values=values,
    )


def line_runs(values: Sequence[float | None], *, step: float, top: float) -> list[str]:
    runs: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(spot(place, float(value), step=step, top=top))
    return [" ".join(run if len(run) > 1 else run * 2) for run in runs if run]


def band_points(band: Mapping[str, Sequence[float | None]], *, step: float, top: float) -> str:
    known = [place for place, value in enumerate(band["low"]) if value is not None and band["high"][place] is not None]
    above = [spot(place, float(band["high"][place] or 0), step=step, top=top) for place in known]
    below = [spot(place, float(band["low"][place] or 0), step=step, top=top) for place in reversed(known)]
    return " ".join([*above, *below])


def spot(place: int, value: float, *, step: float, top: float) -> str:
    return f"{length((place + 0.5) * step)},{length(PLOT_HEIGHT - PLOT_HEIGHT * max(0.0, value) / top)}"


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
