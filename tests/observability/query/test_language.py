"""What each part of the language means, over a few events that are easy to see through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from observability.models import Span
from observability.query import Answer, as_text, run_query
from tests.factories import make_trace

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # a Friday
LATEST = datetime(2026, 11, 20, 11, 58, 30, 250000, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _events() -> None:
    """A turn at 11:30, and below it a model call, two tool calls a minute apart, and a check."""
    trace = make_trace(spans=0, started_at=NOW - timedelta(minutes=30), agent_slug="support", duration_ms=4000)
    tool = {"order_id": "1042", "items": [{"sku": "a"}]}
    spans: list[dict[str, Any]] = [
        {"kind": "model", "name": "claude-haiku", "duration_ms": 1500, "cost_usd": Decimal("0.00000125")},
        {
            "kind": "tool",
            "name": "get_order",
            "duration_ms": 300,
            "attributes": {"toolInputs": tool, "attempts": 2, "gen.ai": "x", "model": "inner", "kind": "timeout"},
        },
        {
            "kind": "tool",
            "name": "process_refund",
            "duration_ms": 700,
            "attributes": {"toolInputs": {"order_id": "77"}, "attempts": "10", "note": "user=ada, took:12"},
            "status": "error",
            "error": "Timed out",
        },
        {"kind": "guardrail", "name": "output", "action": "blocked", "category": "EMAIL", "duration_ms": 2},
    ]
    for number, span in enumerate(spans):
        at = LATEST - timedelta(minutes=3 - number)
        Span.objects.create(trace=trace, agent="support", started_at=at, **span)


def asked(text: str) -> Answer:
    return run_query(text, start=NOW - timedelta(hours=1), end=NOW, now=NOW)


def first(text: str) -> list[str]:
    """The first row, as it is shown."""
    return [as_text(value) for value in asked(text).rows[0]]


TOOL = 'filter name = "get_order" | '
ROWS = {
    # fields
    "fields agentId, kind, name, duration": ["support", "guardrail", "output", "2"],
    "fields @timestamp": ["2026-11-20 11:58:30.250"],
    'filter kind = "invocation" | fields @message':
        ["invocation support ok replied Where is my order? -> It is on its way."],
    'filter kind = "invocation" | fields outcome, customer, channel, agentName, agentVersion, model, cost':
        ["replied", "ada@example.com", "chat", "Support agent", "1", "claude-sonnet-5-5", "0.0021"],
    TOOL + "fields customer, model, outcome, agentVersion": ["ada@example.com", "inner", "replied", "1"],
    'filter kind = "model" | fields model, cost': ["claude-haiku", "0.00000125"],
    TOOL + "fields toolInputs.order_id, toolInputs.items.0.sku, `toolInputs`, gen.ai, attributes.kind, kind":
        ["1042", "a", '{"items": [{"sku": "a"}], "order_id": "1042"}', "x", "timeout", "tool"],
    TOOL + "fields toolName, nothing, error, guardrailAction": ["get_order", "", "", ""],
    'filter error like "Timed" | fields status, toolName': ["error", "process_refund"],
    "fields duration as d | fields d + 1 as e | display e, d": ["3", "2"],
    "fields name | display kind | fields status": ["guardrail"],
    # arithmetic
    "fields 1 + 2 * 3, (1 + 2) * 3, 7 % 4, 2 ^ 3 ^ 2, -2 ^ 2, 7 / 2, 1 - 2 - 3":
        ["7", "9", "3", "512", "-4", "3.5", "-4"],
    "fields 1 / 0, 0.1 + 0.2, 1e3, abs(-2.5), ceil(1.2), floor(-1.2), sqrt(16), log(1), greatest(1, 3, 2), least(2, 1)":
        ["", "0.3", "1000", "2.5", "2", "-2", "4", "0", "3", "1"],
    # time
    "fields now() - 1h, now() - 3600, toMillis(now()), now() * 1000 - 7200000":
        ["2026-11-20 11:00:00.000", "2026-11-20 11:00:00.000", "1795176000000", "1795168800000"],
    "fields bin(5m), bin(1h), bin(1d), bin(1w), bin(1mo), bin(1y), bin(90s)":
        ["2026-11-20 11:55:00.000", "2026-11-20 11:00:00.000", "2026-11-20 00:00:00.000", "2026-11-16 00:00:00.000",
         "2026-11-01 00:00:00.000", "2026-01-01 00:00:00.000", "2026-11-20 11:58:30.000"],
    "fields dateceil(@timestamp, 1h), dateceil(bin(1h), 1h), dateceil(@timestamp, 1mo), datefloor(now(), 1q)":
        ["2026-11-20 12:00:00.000", "2026-11-20 11:00:00.000", "2026-12-01 00:00:00.000", "2026-10-01 00:00:00.000"],
    "fields now() - @timestamp, fromMillis(1000), @timestamp + 250, @timestamp - 250ms":
        ["89750", "1970-01-01 00:00:01.000", "2026-11-20 11:58:30.500", "2026-11-20 11:58:30.000"],
    "filter duration > 1s and duration < 2s | fields duration": ["1500"],
    'filter @timestamp > "2026-11-20T11:58:00" | stats count()': ["1"],
    'filter @timestamp > "2026-11-20 12:58:00+01:00" | stats count()': ["1"],
    "filter toMillis(@timestamp) >= now() * 1000 - 120000 | stats count()": ["1"],
    "filter @timestamp >= now() - 120 | stats count()": ["1"],
    # texts
    'fields strlen("日本"), toupper("ab"), lower("AB"), concat("a", 1, "b")': ["2", "AB", "ab", "a1b"],
    'fields trim(" a "), ltrim("xxa", "x"), rtrim("a ")': ["a", "a", "a"],
    'fields substr("abcdef", 2), substr("abcdef", 2, 3), replace("aXbX", "X", "-"), strcontains("abc", "bc")':
        ["cdef", "cde", "a-b-", "1"],
    'fields ispresent(nothing), isempty(nothing), isblank("  "), coalesce(nothing, name), if(duration > 1, "y", "n")':
        ["0", "1", "1", "output", "y"],
    r'''fields "a\"b", 'it\'s', "a\\d", "tab\tend", "\d"''': ['a"b', "it's", "a\\d", "tab\tend", "\\d"],
    # conditions
    "filter attempts > 2 | fields attempts": ["10"],
    'filter attempts = "2" | fields name': ["get_order"],
    "filter attempts in [2, 3] | fields name": ["get_order"],
    'filter toolName not in ["get_order"] | stats count()': ["4"],
    'filter toolName != "get_order" | stats count()': ["4"],
    'filter not (toolName = "get_order") | stats count()': ["4"],
    "filter toolName not like /order/ | stats count()": ["4"],
    "filter name like /^get_/ | stats count()": ["1"],
    "filter name =~ /(?i)ORDER$/ | stats count()": ["1"],
    'filter name =~ "^get" | stats count()': ["1"],
    "filter name in [] | stats count()": ["0"],
    r"filter note like /\bada\b/ | stats count()": ["1"],
    r"filter note like /^user=\w+, took:\d{2}$/ | stats count()": ["1"],
    "filter kind = 'tool' and status = 'ok' or kind = 'model' | stats count()": ["2"],
    "FILTER kind = 'tool' AND NOT status = 'ok' | STATS COUNT(*)": ["1"],
    # stats
    "stats count(), count(toolName), count_distinct(name), sum(duration), avg(duration), min(duration), max(duration)":
        ["5", "2", "5", "6502", "1300.4", "2", "4000"],
    "stats median(duration), pct(duration, 50), pct(duration, 100), pct(duration, 25)": ["700", "700", "4000", "300"],
    "stats max(duration) - min(duration) as width, sum(duration) / count()": ["3998", "1300.4"],
    "stats earliest(name), latest(name), latest(attempts), sortsFirst(name), sortsLast(name), max(@timestamp)":
        ["turn", "output", "10", "claude-haiku", "turn", "2026-11-20 11:58:30.250"],
    'filter kind = "tool" | stats stddev(duration), sum(attempts), avg(attempts) by kind':
        ["tool", "282.84271247", "12", "6"],
    'filter name = "nobody" | stats count(), sum(duration), pct(duration, 95)': ["0", "", ""],
    "stats count() as n by kind | filter n > 1 | stats sum(n), count()": ["2", "1"],
    "stats count() by kind | sort count() desc": ["tool", "2"],
    "stats sum(duration) by bin(5m) | sort bin(5m) desc": ["2026-11-20 11:55:00.000", "2502"],
    "stats count() as n by kind | fields n * 2 as twice | sort twice desc": ["4"],
    # parse
    'parse note "user=*, took:*" as user, took | filter took > 5 | fields user, took': ["ada", "12"],
    "parse note /user=(?<user>[a-z]+), (took):(?<took>[0-9]+)/ | filter ispresent(user) | fields user, took":
        ["ada", "12"],
    "parse note /(?<a>u)(ser)=(?<b>.)/ as x, y | filter ispresent(x) | fields x, y": ["u", "a"],
    'parse "* *" as what, which | fields what, which': ["guardrail", "output ok {}"],
    # order
    "fields name | sort duration desc, name": ["turn"],
    "fields name | sort by attempts": ["get_order"],
    "fields name | sort attempts desc": ["process_refund"],
    "sort duration | limit 2 | sort duration desc | fields duration": ["300"],
    "fields kind | sort @timestamp asc | dedup kind | limit 1": ["invocation"],
    "sort duration desc | dedup agentId | fields duration": ["4000"],
    # what a name may be
    "fields duration as limit, kind as by | sort limit desc | fields by": ["4000", "invocation"],
    "fields duration as `two words` | fields `two words` + 1 as x | display x": ["3"],
    "fields name # the step\n| limit 1 # and no more": ["output"],
}  # fmt: skip


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_the_first_row(number: int) -> None:
    text, expected = list(ROWS.items())[number]
    assert first(text) == expected


def test_without_fields_there_are_time_and_message() -> None:
    answer = asked("limit 1")
    assert [(column.name, column.type) for column in answer.columns] == [("@timestamp", "time"), ("@message", "text")]
    assert answer.rows[0] == (LATEST, "guardrail output ok {}")


def test_columns_know_their_types() -> None:
    answer = asked("fields duration, name, attempts, @timestamp, now(), duration > 1, toolInputs")
    types = [column.type for column in answer.columns]
    assert types == ["number", "text", "any", "time", "time", "boolean", "any"]


def test_events_without_a_value_are_equal_to_none() -> None:
    names = [name for (name,) in asked("fields name | dedup toolInputs.order_id").rows]
    assert names == ["output", "process_refund", "get_order", "claude-haiku", "turn"]
    assert [name for (name,) in asked("dedup kind | fields name").rows] == [
        "output",
        "process_refund",
        "claude-haiku",
        "turn",
    ]


def test_texts_sort_before_numbers_and_what_is_missing_comes_last() -> None:
    trace = make_trace(spans=0, started_at=NOW - timedelta(days=1))
    for value in ("9", "10", "b", "B", None):
        Span.objects.create(trace=trace, kind="wait", name="w", started_at=LATEST, attributes={"v": value})
    assert [v for (v,) in asked('filter kind = "wait" | fields v | sort v').rows] == ["B", "b", "9", "10", None]
    assert [v for (v,) in asked('filter kind = "wait" | fields v | sort v desc').rows] == ["10", "9", "b", "B", None]


def test_an_id_is_found_by_its_index() -> None:
    turn = asked('filter kind = "invocation" | fields invocationId').rows[0][0]
    assert asked(f'filter invocationId = "{turn}" | stats count()').rows == [(5,)]
    assert asked(f'filter @ptr in ["{turn}"] | fields kind').rows == [("invocation",)]
    assert asked('filter invocationId = "no id" | stats count()').rows == [(0,)]
