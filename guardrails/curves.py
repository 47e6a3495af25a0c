"""A measurement's curve as SVG: precision and recall over strengths or thresholds, from nought to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 640.0, 200.0
SERIES = (("recall", "Recall"), ("precision", "Precision"))


@dataclass(frozen=True, kw_only=True)
class Point:
    x: str
    y: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """`runs` are the `points` of polylines, one for each stretch without a gap."""

    name: str
    key: str
    runs: list[str]
    points: list[Point]


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A place on the horizontal axis; of thresholds not every one is named."""

    x: str
    label: str

    @property
    def percent(self) -> str:
        return length(float(self.x) / WIDTH * 100)


@dataclass(frozen=True, kw_only=True)
class Curve:
    lines: list[Line]
    ticks: list[Tick]
    # Where the version itself stands, on an axis of thresholds.
    mark: Tick | None
    width: str = f"{WIDTH:.0f}"
    height: str = f"{HEIGHT:.0f}"


def curve_of(points: Sequence[Mapping[str, Any]], *, mark: float | None = None) -> Curve | None:
    """`points` as a result has them: `at`, `precision`, `recall`. None where there is nothing to draw."""
    if not any(point["recall"] is not None or point["precision"] is not None for point in points):
        return None
    places = places_of(points)
    return Curve(
        lines=[line_of(points, places, key, name) for key, name in SERIES],
        ticks=[
            Tick(x=length(place), label=str(point["at"]))
            for point, place in zip(points, places, strict=True)
            if is_named(point["at"])
        ],
        mark=None if mark is None else Tick(x=length(mark * WIDTH), label=f"{mark:.2f}"),
    )


def places_of(points: Sequence[Mapping[str, Any]]) -> list[float]:
    """Thresholds where they are from 0 to 1; strengths at equal distances, with room at both sides."""
    if all(isinstance(point["at"], int | float) for point in points):
        return [float(point["at"]) * WIDTH for point in points]
    step = WIDTH / len(points)
    return [step * (position + 0.5) for position in range(len(points))]


def is_named(at: object) -> bool:
    return isinstance(at, str) or (isinstance(at, float) and round(at * 10, 6).is_integer())


def line_of(points: Sequence[Mapping[str, Any]], places: Sequence[float], key: str, name: str) -> Line:
    runs: list[list[str]] = [[]]
    drawn = []
    for point, place in zip(points, places, strict=True):
        value = point[key]
        if value is None:
            runs.append([])
            continue
        x, y = length(place), length(HEIGHT * (1 - value))
        runs[-1].append(f"{x},{y}")
        drawn.append(Point(x=x, y=y, label=f"{name} at {point['at']}: {value * 100:.1f} %"))
    return Line(name=name, key=key, runs=[" ".join(run) for run in runs if len(run) > 1], points=drawn)


def length(value: float) -> str:
    """An SVG number, short and never in scientific notation."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
