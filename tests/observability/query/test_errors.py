"""What is said of a query that cannot be read, and where."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from observability.query import QueryError, compile_query

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FIELD = "Expected a field or a function"
COMMANDS = "there are fields, filter, stats, sort, limit, dedup, parse and display."
# A query with the place of its fault between guillemets, and what is said of it.
FAULTS = {
    "fields a | filter«»": f"{FIELD} after `filter`.",
    "filter duration >«»": f"{FIELD} after `>`.",
    "sort«»": f"{FIELD} after `sort`.",
    "fields f(«»": f"{FIELD} after `(`.",
    "stats count() by «|» limit 5": f"{FIELD} after `by`, not `|`.",
    "fields a, «,» b": f"{FIELD} after `,`, not `,`.",
    "«|» fields a": "Expected a command such as `fields`, `filter` or `stats`, not `|`.",
    "fields a |«»": "Expected a command such as `fields`, `filter` or `stats` after `|`.",
    "fields a «b»": "Expected an operator such as `=`, a comma or `|` and the next command after `a`, not `b`.",
    "filter (a = 1«»": "Expected a closing `)` after `1`.",
    "limit «x»": "Expected a number after `limit`, not `x`.",
    "fields a as«»": "Expected a name after `as`.",
    "filter a like «x»": "Expected a text in quotes or a pattern between slashes after `like`, not `x`.",
    "filter a in «(»1)": "Expected a list such as [1, 2] after `in`, not `(`.",
    "filter a not «5»": "Expected `like` or `in` after `not`, not `5`.",
    "filter a =«=» 1": "Equality is written with one = sign.",
    "filter a = 1 «&»& b = 2": "Both conditions at once is written `and`.",
    "filter a = 1 |«|» b = 2": "Either condition is written `or`.",
    "filter a <«>» 1": "Inequality is written `!=`.",
    "filter a = «\"»x": "This text has no closing quote.",
    "filter a like «/»x": "This pattern has no closing slash.",
    "fields «`»x": "This name has no closing back-tick.",
    "«pattern» @message": "The command `pattern` is not supported.",
    "«SOURCE» logGroups()": "The command `SOURCE` is not supported.",
    "fields a | «join» b": "The command `join` is not supported.",
    "«foo» a": f"There is no command `foo`; {COMMANDS}",
    "fields «nosuch»(a)": "There is no function `nosuch`.",
    "filter «pg_sleep»(10)": "There is no function `pg_sleep`.",
    "fields «count()»": "count() belongs in a `stats` command.",
    "stats «duration»": "`duration` is neither within a function such as count() nor behind `by`.",
    "stats sum(duration) + «cost»": "`cost` is neither within a function such as count() nor behind `by`.",
    "stats sum(«count()»)": "count() cannot stand within another function of `stats`.",
    "stats «sum(duration, 2)»": "It is written sum(field).",
    "stats sum(«*»)": "Only count(*) takes a star.",
    "stats pct(duration, «950»)": "A percentile is between 0 and 100.",
    "stats pct(duration, «a»)": "A number is expected here.",
    "stats count() by bin(«5»)": "A period such as 5m or 1h is expected here.",
    "stats count() by bin(«0m»)": "A period is longer than zero.",
    "stats count() by bin(«2mo»)": "Only one month can be a period.",
    "filter duration > «1mo»": "A month has no fixed length; write it in days.",
    "filter duration > «999999999999999999d»": "A period is ten years at most.",
    "stats count(*) as n, «sum(cost) as n»": "Two columns are called `n`; name one of them with `as`.",
    "stats count() by toolName | fields «duration»":
        "There is no `duration` any more: `stats` has left `toolName`, `count()`.",
    'parse @message «"*,*"» as a': "Expected a name for each star, so 2 behind `as`, not 1.",
    "parse @message «/foo/»": "The pattern has no named group, such as (?<user>[a-z]+).",
    "parse @message «/(?<a>x)(?<b>y)/» as c": "Expected a name for each group, so 2 behind `as`, not 1.",
    "filter «agentid» = 'x'": "There is no `agentid`, but `agentId`; an attribute would be `attributes.agentid`.",
    "limit «0»": "A limit is a whole number from 1 to 10,000.",
    "limit «99999999999»": "A limit is a whole number from 1 to 10,000.",
    "limit «1.5»": "A limit is a whole number from 1 to 10,000.",
    "filter «@timestamp»": "Expected a condition, such as a comparison.",
    "fields «9999999999999999999999999999999»": "A number has 30 characters at most.",
    "fields «1e999»": "This number is too large or too small.",
    "«»": "The query is empty. It begins with a command such as `fields`.",
    "«# only a comment»": "The query is empty. It begins with a command such as `fields`.",
}  # fmt: skip


def fault_of(text: str) -> QueryError:
    with pytest.raises(QueryError) as caught:
        compile_query(text, start=NOW - timedelta(hours=1), end=NOW, now=NOW)
    return caught.value


@pytest.mark.parametrize("marked", FAULTS, ids=lambda marked: marked.encode("ascii", "replace").decode())
def test_the_place_and_what_was_expected(marked: str) -> None:
    before, rest = marked.split("«")
    wrong, after = rest.split("»")
    error = fault_of(before + wrong + after)
    assert str(error) == FAULTS[marked]
    assert (error.start, error.end) == (len(before), len(before) + len(wrong))


def test_line_and_column() -> None:
    text = "fields @timestamp\n| filter agentId =\n| limit 5"
    error = fault_of(text)
    assert error.place(text) == (3, 1)
    assert fault_of("filter").place("filter") == (1, 7)
