from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.template import engines

from agents.templatetags.charts import spelled
from agents.templatetags.drawing import nice_top, time_chart

AT = datetime(2026, 11, 20, tzinfo=UTC)


def chart(kind: str, *series: list[float | None], **more) -> dict[str, Any]:
    return {
        "kind": kind,
        "points": [
            {"at": AT + timedelta(days=place), "label": f"day {place}", "href": f"/d/{place}", "unfinished": place == 2}
            for place in range(3)
        ],
        "series": [
            {"name": f"S{place}", "colour": f"series-{place + 1}", "values": values}
            for place, values in enumerate(series)
        ],
        **more,
    }


def render(given: dict[str, Any], unit: str = "calls") -> str:
    return (
        engines["django"]
        .from_string('{% load charts %}{% time_chart chart title="T" unit=unit %}')
        .render({"chart": given, "unit": unit})
    )


def test_bars_stand_on_each_other_from_zero() -> None:
    drawn = time_chart(chart("bars", [6, 0, 1], [4, 2, 0]))
    assert drawn.top == 10
    assert [(part.y, part.height) for part in drawn.steps[0].parts] == [("40", "60"), ("0", "40")]
    assert [(part.name, part.y) for part in drawn.steps[1].parts] == [("S1", "80")]


def test_a_gap_of_an_average_is_a_gap_and_a_lonely_point_shows() -> None:
    drawn = time_chart(chart("lines", [5, None, 10]))
    assert drawn.series[0].runs == ["166.67,50 166.67,50", "833.33,0 833.33,0"]


def test_the_unfinished_bucket_is_marked() -> None:
    assert 'class="chart-stack unfinished"' in render(chart("bars", [1, 1, 1]))
    assert "chart-fresh" in render(chart("lines", [1, 1, 1]))
    assert "day 2</a> (so far)" in render(chart("lines", [1, 1, 1]))


def test_a_table_and_links_stand_behind_it() -> None:
    page = render(chart("bars", [1, 0, 1200], [0, None, 3]))
    assert '<td><a href="/d/0">day 0</a></td><td class="num">1</td><td class="num">0</td>' in page
    assert '<td class="num">1,200</td>' in page
    assert page.count("<a href=") == 6
    assert "style=" not in page


def test_a_band_lies_behind_the_line() -> None:
    given = chart("lines", [1, 2, 8], band={"name": "Usual", "low": [0, None, 2], "high": [2, None, 4]})
    assert time_chart(given).band == "166.67,80 833.33,60 833.33,80 166.67,100"
    assert "Usual" in render(given)


def test_nothing_at_all_says_so() -> None:
    assert "No figures in this range." in render(chart("lines", [None, None, None]))


@pytest.mark.parametrize(
    ("highest", "top"), [(0, 1), (0.03, 0.05), (1, 1), (7, 10), (21, 25), (26, 50), (1000, 1000), (1001, 2000)]
)
def test_the_top_line_is_a_round_number(highest: float, top: float) -> None:
    assert nice_top([highest]) == pytest.approx(top)


def test_numbers_in_their_units() -> None:
    assert [spelled(1240, "ms"), spelled(0.5, "usd"), spelled(33.3, "percent"), spelled(None, "ms")] == [
        "1.24 s",
        "$0.5000",
        "33.3%",
        "–",  # noqa: RUF001
    ]
