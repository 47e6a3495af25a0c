"""`{% load charts %}{% time_chart chart title="…" unit="ms" %}`: a chart over time that is right without script.

`chart` is plain: `{"kind": "bars" | "lines", "points": [{"label", "at"?, "href"?, "unfinished"?, "marked"?}],
"series": [{"name", "colour", "values"}], "band"?: {"name", "low", "high"}}`. `at` is when the bucket begins; where
every point has one, `static/js/chart.js` makes the figure one to zoom in. A value of None is a gap: averages have
gaps, counts have zeros. `colour` is one of the classes `series-1` to `series-5`, `is-good`, `is-warn`, `is-bad`,
`is-rest`. A page that uses it links `css/charts_zoom.css` and includes `components/chart_scripts.html`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import template

from agents.templatetags.drawing import time_chart as drawn_chart
from agents.templatetags.tandem import MISSING, duration_ms, usd

register = template.Library()


@register.inclusion_tag("components/time_chart.html")
def time_chart(chart: Mapping[str, Any], title: str, unit: str = "", note: str = "") -> dict[str, Any]:
    """`unit` is "ms", "usd" or "percent", which have their own spelling, or the noun of what is counted."""
    drawn = drawn_chart(chart)
    return {
        "title": title,
        "unit": "" if unit in SPELLED else unit,
        "note": note,
        "kind": chart["kind"],
        "drawn": drawn,
        "top": spelled(drawn.top, unit),
        "middle": spelled(drawn.top / 2, unit),
        "band_name": (chart.get("band") or {}).get("name", ""),
        "has_values": any(
            value if chart["kind"] == "bars" else value is not None for each in drawn.series for value in each.values
        ),
        "rows": [
            {"step": step, "cells": [spelled(value, unit) for value in step.values]} for step in reversed(drawn.steps)
        ],
        "titles": [title_of(step, drawn.series, unit) for step in drawn.steps],
        "data": json.dumps(data_of(chart, unit)) if all(point.get("at") for point in chart["points"]) else "",
    }


def title_of(step: Any, series: list[Any], unit: str) -> str:
    lines = [f"{each.name} {spelled(value, unit)}" for each, value in zip(series, step.values, strict=True)]
    return "\n".join([step.label + (" so far" if step.unfinished else ""), *lines])


def data_of(chart: Mapping[str, Any], unit: str) -> dict[str, Any]:
    """What chart.js draws the same from: seconds since 1970, and columns of values."""
    return {
        "kind": chart["kind"],
        "unit": unit,
        "at": [point["at"].timestamp() for point in chart["points"]],
        "labels": [point["label"] for point in chart["points"]],
        "hrefs": [point.get("href", "") for point in chart["points"]],
        "unfinished": [place for place, point in enumerate(chart["points"]) if point.get("unfinished")],
        "series": [
            {"name": str(each["name"]), "values": [None if v is None else float(v) for v in each["values"]]}
            for each in chart["series"]
        ],
        "band": chart.get("band"),
    }


SPELLED = frozenset({"ms", "usd", "percent"})


def spelled(value: float | None, unit: str) -> str:
    if value is None:
        return MISSING
    if unit == "ms":
        return duration_ms(value)
    if unit == "usd":
        return usd(value)
    text = f"{value:,.0f}" if value >= 100 or float(value).is_integer() else f"{value:,.1f}"
    return f"{text}%" if unit == "percent" else text
