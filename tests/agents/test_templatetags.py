from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from uuid import UUID

import pytest
from django.template import Context, Template

from agents.templatetags.drawing import bar_chart, span_position, sparkline_lines
from agents.templatetags.json_tree import MAX_CHILDREN, json_html
from agents.templatetags.span_rows import span_rows
from agents.templatetags.states import look_of
from agents.templatetags.tandem import ago, browser, chord, duration_ms, icon, initial, tokens, usd, words_ago
from agents.templatetags.text_diff import diff_rows
from observability.waterfall import Row

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def render(source: str, **context: object) -> str:
    return Template(source).render(Context(context))


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (None, "–"),  # noqa: RUF001
        (0, "$0.00"),
        (Decimal("1234.5"), "$1,234.50"),
        (Decimal("-3.006"), "-$3.01"),
        (Decimal("0.0421"), "$0.0421"),
        (Decimal("0.5"), "$0.5000"),
        (Decimal("0.0045"), "$0.00450"),
        (Decimal("0.00000123"), "$0.00000123"),
        ("0.99999", "$1.0000"),
    ],
)
def test_usd(amount: Decimal | None, words: str) -> None:
    assert usd(amount) == words


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (None, "–"),  # noqa: RUF001
        (0, "0 ms"),
        (840, "840 ms"),
        (999.6, "1.00 s"),
        (1240, "1.24 s"),
        (12_400, "12.4 s"),
        (59_960, "1 min"),
        (192_000, "3 min 12 s"),
        (7_500_000, "2 h 5 min"),
        (273_600_000, "3 d 4 h"),
    ],
)
def test_duration_ms(milliseconds: float | None, words: str) -> None:
    assert duration_ms(milliseconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(None, "–"), (0, "0"), (1234, "1,234"), (123_456, "123k"), (999_600, "1.0M")],  # noqa: RUF001
)
def test_tokens(count: int | None, words: str) -> None:
    assert tokens(count) == words


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=20), "now"),
        (timedelta(seconds=50), "1 min"),
        (timedelta(minutes=4), "4 min"),
        (timedelta(minutes=59, seconds=45), "1 h"),
        (timedelta(hours=23, minutes=45), "1 d"),
        (timedelta(days=6), "6 d"),
        (timedelta(days=8), "14 Nov"),
        (timedelta(days=400), "18 Oct 2025"),
        (timedelta(minutes=-5), "in 5 min"),
    ],
)
def test_words_ago(before: timedelta, words: str) -> None:
    assert words_ago(NOW - before, NOW) == words


def test_ago_carries_the_full_instant() -> None:
    html = ago(NOW)
    assert 'datetime="2026-11-22T12:00:00+00:00"' in html
    assert 'title="22 Nov 2026, 12:00:00 UTC"' in html
    assert "data-ago" in html


def test_ago_of_nothing() -> None:
    assert ago(None) == "–"  # noqa: RUF001


def test_icon_is_decoration_unless_it_has_a_label() -> None:
    assert 'aria-hidden="true"' in icon("inbox")
    assert "#inbox" in icon("inbox")
    assert 'role="img" aria-label="A &quot;B&quot;"' in icon("x", label='A "B"')


def test_initial_and_chord() -> None:
    assert (initial("ada"), initial("  "), initial(None)) == ("A", "?", "?")
    assert (chord("g i"), chord("")) == (["g", "i"], [])


def test_state_knows_every_listed_state_and_shows_others_plainly() -> None:
    assert look_of("replied").word == "Replied"
    assert look_of("some_new_state").word == "Some new state"
    assert "Outcome unknown" in render('{% state "unknown" word="Outcome unknown" %}')


def test_verdict_names_its_rule() -> None:
    html = render('{% verdict "block" rule="Card numbers" %}')
    assert "Blocked" in html
    assert "Card numbers" in html


# -- JSON
def text_of(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", html))


def test_text_of_a_json_tree_is_the_json() -> None:
    value = {"a": [1, 2.5, None, True, "x"], "empty": {}, "none": [], "deep": {"b": {"c": 'say "hi" <b>'}}}
    assert json.loads(text_of(json_html(value))) == value


def test_json_tree_escapes() -> None:
    html = json_html({"<script>": "<img src=x onerror=alert(1)>"})
    assert "<script>" not in html
    assert "<img" not in html


def test_json_tree_of_a_long_list_and_a_deep_value_stays_short() -> None:
    html = json_html(list(range(MAX_CHILDREN + 50)))
    assert "50 more" in html
    deep: object = "end"
    for _ in range(200):
        deep = [deep]
    assert len(json_html(deep)) < 10_000


def test_json_tree_of_values_that_json_does_not_know() -> None:
    html = json_html({"at": NOW, "sum": Decimal("42.00"), "nan": float("nan")})
    assert "2026-11-22T12:00:00+00:00" in html
    assert "42.00" in html


def test_json_view_can_be_copied() -> None:
    assert "data-copies" in render("{% json_view value %}", value={"a": 1})


# -- browsers
@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/139.0 Safari/537.36 Edg/139.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/139.0 Safari/537.36", "Chrome on macOS"),
        ("curl/8.14", "curl/8.14"),
        ("", "Unknown browser"),
    ],
)
def test_browser_is_named(header: str, words: str) -> None:
    assert browser(header) == words


# -- diff
def test_diff_of_equal_texts_has_no_rows() -> None:
    assert diff_rows("a\nb", "a\nb") == []
    assert "No differences" in render('{% diff "a" "a" %}')


def test_diff_marks_the_words_that_changed() -> None:
    (row,) = diff_rows("Refund within 30 days.", "Refund within 14 days.")
    assert row.kind == "changed"
    assert "<mark>30</mark>" in row.old
    assert "<mark>14</mark>" in row.new


def test_diff_pairs_lines_and_numbers_them() -> None:
    rows = diff_rows("one\ntwo\nthree", "one\nthree\nfour")
    assert [(row.kind, row.old_number, row.new_number) for row in rows] == [
        ("same", 1, 1),
        ("removed", 2, None),
        ("same", 3, 2),
        ("added", None, 3),
    ]


def test_diff_folds_what_did_not_change() -> None:
    before = "\n".join(str(number) for number in range(40))
    rows = diff_rows(before, before.replace("20", "twenty"))
    assert [row.hidden for row in rows if row.kind == "gap"] == [17, 16]


def test_diff_escapes_both_sides() -> None:
    html = render("{% diff before after %}", before="<b>old</b> text here", after="<b>new</b> text here")
    assert "<b>" not in html
    assert "<mark>new</mark>" in html


@pytest.mark.parametrize("mode", ["split", "unified"])
def test_diff_in_both_modes(mode: str) -> None:
    html = render("{% diff before after mode=mode %}", before="a\nb", after="a\nc", mode=mode)
    assert "added" in html
    assert "removed" in html


# -- drawing
def test_sparkline_leaves_gaps() -> None:
    lines, last = sparkline_lines([1, 2, None, 4])
    assert len(lines) == 2
    assert last == ("96", "2")
    assert sparkline_lines([None]) == ([], None)
    assert sparkline_lines([0, 0])[0] == ["0,20 96,20"]


def test_bars_start_at_zero_and_leave_gaps() -> None:
    bars = bar_chart([{"label": "a", "value": 5}, {"label": "b", "value": None}, {"label": "c", "value": 10}])
    assert [(bar.label, bar.height) for bar in bars] == [("a", "50"), ("c", "100")]
    assert "No figures" in render('{% bars points title="Turns" %}', points=[])


@pytest.mark.parametrize(
    ("span", "place"),
    [
        ((0, 500, 1000), {"x": "0", "width": "50"}),
        ((500, None, 1000), {"x": "50", "width": "50"}),
        ((900, 900, 1000), {"x": "90", "width": "10"}),
        ((1000, 0, 1000), {"x": "99.4", "width": "0.6"}),
        ((0, 0, 0), {"x": "0", "width": "0.6"}),
    ],
)
def test_span_position(span: tuple[float, float | None, float], place: dict[str, str]) -> None:
    assert span_position(*span) == place


# -- partials that have branches
@pytest.mark.parametrize("state", ["reserved", "sent", "confirmed", "failed", "refused", "unknown", "waiting"])
def test_step_says_its_state_in_words(state: str) -> None:
    html = render(
        '{% include "components/step.html" with name="process_refund" state=state ms=84 arguments=arguments %}',
        state=state,
        arguments={"order_id": "1042"},
    )
    assert "aria-label=" in html
    assert "84 ms" in html
    assert "1042" in html


def test_message_escapes_plain_text() -> None:
    html = render(
        '{% include "components/message.html" with kind="customer" name="Ada" at=at text=text %}',
        at=NOW,
        text="<script>alert(1)</script>\nhello",
    )
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize("view", ["timeline", "tree"])
@pytest.mark.parametrize("kind", ["tool", "policy", "gap"])
def test_a_step_of_a_trace_is_escaped(view: str, kind: str) -> None:
    """What a tool is called and what it failed with come from elsewhere."""
    row = Row(kind=kind, name="<b>tool</b>", detail='"><script>', id=None, state='"', ms=5)
    drawn = span_rows([row], view, '/traces/"x/', 10, None)
    assert "<b>" not in drawn
    assert "<script" not in drawn
    assert '"x' not in drawn
    assert (kind == "gap" and view == "tree") or "&lt;b&gt;tool" in drawn


def test_the_chosen_step_takes_the_place_of_its_row() -> None:
    row = Row(kind="tool", name="get_order", id=UUID(int=7), ms=5)
    beside = span_rows([row], "tree", "/traces/1/", 10, row.id, out_of_band=True)
    assert 'aria-current="true" autofocus' in beside
    assert 'hx-swap-oob="true"' in beside
    assert "&amp;view=tree" in beside
    assert "aria-current" not in span_rows([row], "timeline", "/traces/1/", 10, None)
