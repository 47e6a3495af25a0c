"""What the database answers to a generated query is what the language says, over generated events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observability.models import Span, Trace
from observability.query import run_query
from tests.observability.query.evaluator import (
    Aggregate,
    Among,
    Bin,
    Call,
    Comparison,
    Expression,
    Like,
    Literal,
    Logic,
    Name,
    Not,
    Row,
    Since,
    Sum,
)
from tests.observability.query.pipeline import (
    Command,
    Dedup,
    Fields,
    Filter,
    Limit,
    Parse,
    Sort,
    Stats,
    Table,
    text_of,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
START = NOW - timedelta(hours=1)
TRACE = UUID("01990000-0000-7000-8000-000000000000")

# -- events

notes = st.one_of(
    st.sampled_from(["user=ada, took:12", "user=bob, took:7,", "user=, took:", "a.b*c", "foo bar", "日本 ok", "x'y"]),
    st.text(alphabet="ab=,: 01'\"\\%`日", max_size=12),
)  # fmt: skip
loose = st.one_of(
    st.none(),
    st.integers(-20, 200),
    st.sampled_from(["7", "07", " 7", "1.50", "-3", "2e1", "n/a", "", "true", "1_000", "NaN", "Infinity", "0x10", "½"]),
    st.booleans(),
    st.decimals(-5, 5, places=2).map(float),
)


@st.composite
def events(draw: st.DrawFn) -> list[dict[str, Any]]:
    rows = []
    for number in range(draw(st.integers(0, 9))):
        kind = draw(st.sampled_from(["tool", "model", "guardrail"]))
        attributes: dict[str, Any] = {}
        if draw(st.booleans()):
            attributes["attempts"] = draw(loose)
        if draw(st.booleans()):
            attributes["note"] = draw(notes)
        if draw(st.booleans()):
            attributes["toolInputs"] = {"order_id": draw(st.sampled_from(["o-1", "o-2", 3]))}
        rows.append(
            {
                "id": UUID(int=TRACE.int + 1 + number),
                "started_at": START + timedelta(seconds=draw(st.integers(0, 40)) * 60),
                "agent": draw(st.sampled_from(["my-support-agent", "billing", ""])),
                "kind": kind,
                "name": draw(st.sampled_from(["get_order", "process_refund", "input"])),
                "action": draw(st.sampled_from(["", "blocked", "none"])),
                "category": draw(st.sampled_from(["", "EMAIL", "HATE"])),
                "duration_ms": draw(st.integers(0, 12) | st.integers(4990, 5010)),
                "cost_usd": draw(st.decimals(0, 2, places=8)),
                "input_tokens": draw(st.integers(0, 5)),
                "attributes": attributes,
            }
        )
    return rows


def stored(events: list[dict[str, Any]]) -> list[Row]:
    """Writes the spans and their trace; returns what the language knows of them, newest first."""
    Span.objects.all().delete()
    Trace.objects.all().delete()
    trace = Trace.objects.create(
        id=TRACE,
        session_id=TRACE,
        agent_id=TRACE,
        agent_name="Support",
        agent_slug="my-support-agent",
        agent_version=1,
        model="m",
        channel="chat",
        customer="ada@example.com",
        started_at=START,
        duration_ms=5001,
        cost_usd=Decimal("0.5"),
    )
    Span.objects.bulk_create([Span(trace=trace, **event) for event in events])
    turn = {"id": TRACE, "started_at": START, "agent": "my-support-agent", "kind": "invocation", "name": "turn"}
    turn |= {"action": "", "category": "", "duration_ms": 5001, "cost_usd": trace.cost_usd, "input_tokens": 0}
    rows = [row_of(event) for event in [*events, {**turn, "attributes": {}}]]
    return sorted(rows, key=lambda row: row["\0tie"])


def row_of(event: dict[str, Any]) -> Row:
    attributes = event["attributes"]
    return {
        "@timestamp": event["started_at"],
        "agentId": event["agent"] or None,
        "kind": event["kind"],
        "name": event["name"],
        "toolName": event["name"] if event["kind"] == "tool" else None,
        "duration": event["duration_ms"],
        "cost": event["cost_usd"],
        "inputTokens": event["input_tokens"],
        "guardrailAction": event["action"] or None,
        "violationCategory": event["category"] or None,
        "customer": "ada@example.com",
        "attempts": in_json(attributes.get("attempts")),
        "note": in_json(attributes.get("note")),
        "toolInputs.order_id": in_json(attributes.get("toolInputs", {}).get("order_id")),
        "\0tie": (-event["started_at"].timestamp(), -event["id"].int),
    }


def in_json(value: Any) -> str | None:
    """As `->>` gives it."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


# -- expressions

PATTERNS = ["a", "user=", "o.k", "^a", "0$", "[0-9]+", r"\d", "a|b", "(x)?'y", r"\bfoo\b", "(?:ab)+", r"\/|\\", "日"]
texts = [
    Name(name) for name in ("agentId", "kind", "name", "toolName", "guardrailAction", "violationCategory", "customer")
]
numbers = [Name("duration"), Name("cost"), Name("inputTokens")]
loosely = [Name("attempts"), Name("note"), Name("toolInputs.order_id"), Name("missing")]
words = st.sampled_from(
    ["get_order", "my-support-agent", "EMAIL", "blocked", "o-1", "7", "", "user=ada", "日", "x'y", "%s", "\\"]
)
integers = st.integers(0, 12) | st.sampled_from([5000, 5001])


textual: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([*texts, *loosely]),
    words.map(Literal),
    st.builds(
        Call, st.sampled_from(["tolower", "toupper", "trim"]), st.tuples(st.sampled_from([*texts, *loosely])).map(list)
    ),
    st.builds(
        Call,
        st.sampled_from(["concat", "coalesce"]),
        st.lists(st.sampled_from([*texts, *loosely]) | words.map(Literal), min_size=1, max_size=3),
    ),
    st.builds(
        lambda given, start, length: Call("substr", [given, Literal(start), Literal(length)]),
        st.sampled_from([*texts, *loosely]), st.integers(0, 5), st.integers(0, 5),
    ),
    st.builds(
        lambda given, old, new: Call("replace", [given, Literal(old), Literal(new)]),
        st.sampled_from([*texts, *loosely]), words, words,
    ),
)  # fmt: skip


def build_numeric() -> st.SearchStrategy[Expression]:
    leaf: st.SearchStrategy[Any] = st.sampled_from([*numbers, *loosely]) | integers.map(Literal)

    def grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.one_of(
            st.builds(Sum, inner, st.sampled_from("+-*"), inner),
            st.builds(Sum, inner, st.just("/"), st.sampled_from([0, 2, 4, 5, 10]).map(Literal)),
            st.builds(Sum, inner, st.just("%"), st.sampled_from([0, 3, 7]).map(Literal)),
            st.builds(Call, st.sampled_from(["abs", "ceil", "floor"]), st.tuples(inner).map(list)),
            st.builds(Call, st.sampled_from(["greatest", "least"]), st.lists(inner, min_size=1, max_size=3)),
            st.builds(Call, st.just("strlen"), st.tuples(textual).map(list)),
        )

    return st.recursive(leaf, grown, max_leaves=4)


numeric = build_numeric()
signs = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])


def build_conditions() -> st.SearchStrategy[Any]:
    given = st.sampled_from([*texts, *numbers, *loosely])
    leaf = st.one_of(
        st.builds(Comparison, numeric, signs, numeric),
        st.builds(Comparison, textual, signs, textual),
        st.builds(Like, given, words, st.just(value=False), st.booleans()),
        st.builds(Like, given, st.sampled_from(PATTERNS), st.just(value=True), st.booleans()),
        st.builds(Among, given, st.lists(words, max_size=3) | st.lists(integers, max_size=3), st.booleans()),
        st.builds(Call, st.sampled_from(["ispresent", "isempty", "isblank"]), st.tuples(given).map(list)),
        st.builds(lambda one, two: Call("strcontains", [one, Literal(two)]), given, words),
        st.builds(Since, st.integers(0, 3600), st.just(NOW)),
    )

    def grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        parts = st.lists(inner, min_size=2, max_size=3)
        return st.builds(Logic, st.sampled_from(["and", "or"]), parts) | st.builds(Not, inner)

    return st.recursive(leaf, grown, max_leaves=4)


conditions = build_conditions()
filters = st.lists(st.builds(Filter, conditions), max_size=2)


# -- queries


@st.composite
def pipelines(draw: st.DrawFn) -> list[Command]:
    commands: list[Command] = draw(filters)
    made: list[Name] = []
    if draw(st.booleans()):
        part = draw(numeric | textual)
        commands.append(Fields([(part, "made")]))
        made.append(Name("made", part.type))
    if draw(st.booleans()):
        parse = draw(parses)
        commands.append(parse)
        made += [Name(name, "L") for name in parse.names]
    if made:
        commands += draw(
            st.lists(st.builds(Filter, st.builds(Comparison, st.sampled_from(made), signs, numeric)), max_size=1)
        )
    names = [*texts, *numbers, *loosely, *made]
    if draw(st.booleans()):
        return commands + draw(grouped(names))
    return commands + draw(listed(names))


parses = st.sampled_from(
    [
        Parse(Name("note"), ["user=", ", took:", ""], ["u", "t"]),
        Parse(Name("note"), ["", "=", ","], ["u", "t"]),
        Parse(Name("note"), ["user=", ","], ["u"]),
        Parse(Name("attempts"), ["", ".", ""], ["u", "t"]),
        Parse(Name("note"), ["a.b", "c"], ["u"]),
    ]
)


@st.composite
def listed(draw: st.DrawFn, names: list[Name]) -> list[Command]:
    shown = draw(st.lists(st.sampled_from(names), min_size=1, max_size=4, unique_by=lambda name: name.name))
    first = Fields([(Name("@timestamp"), "@timestamp"), *((name, name.name) for name in shown)])
    key = st.tuples(st.sampled_from(names), st.booleans())
    further = st.one_of(
        st.builds(Sort, st.lists(key, min_size=1, max_size=2)),
        st.builds(Limit, st.integers(1, 6)),
        st.builds(Dedup, st.lists(st.sampled_from(names), min_size=1, max_size=2)),
        st.builds(Filter, st.builds(Comparison, st.sampled_from(names), signs, numeric)),
    )
    return [first, *draw(st.lists(further, max_size=4))]


@st.composite
def grouped(draw: st.DrawFn, names: list[Name]) -> list[Command]:
    keys: list[tuple[Expression, str]] = draw(
        st.lists(st.sampled_from(names).map(lambda name: (name, name.name)), max_size=2, unique_by=lambda key: key[1])
    )
    if draw(st.booleans()):
        keys.append((Bin(draw(st.sampled_from([60, 300, 3600, 420]))), "slot"))
    items = [(draw(aggregates(names)), f"a{number}") for number in range(draw(st.integers(1, 3)))]
    commands: list[Command] = [Stats(items, keys)]
    left = [Name(alias, part.type) for part, alias in keys] + [Name(alias, one.type) for one, alias in items]
    amounts = [name for name in left if name.type == "N"]
    for _ in range(draw(st.integers(0, 2))):
        further = [
            st.builds(Sort, st.lists(st.tuples(st.sampled_from(left), st.booleans()), min_size=1, max_size=2)),
            st.builds(Limit, st.integers(1, 4)),
        ]
        if amounts:
            bound = integers.map(Literal)
            further.append(st.builds(Filter, st.builds(Comparison, st.sampled_from(amounts), signs, bound)))
        commands.append(draw(st.one_of(further)))
    if draw(st.booleans()):
        name = draw(st.sampled_from(["count", "sum", "max", "count_distinct"]))
        again = Aggregate(name, draw(st.sampled_from(left)))
        commands.append(Stats([(again, "again")], [(left[0], left[0].name)] if keys and draw(st.booleans()) else []))
    return commands


@st.composite
def aggregates(draw: st.DrawFn, names: list[Name]) -> Aggregate:
    numbers_too = st.sampled_from([name for name in names if name.type in "NL"])
    words_too = st.sampled_from([name for name in names if name.type in "TL"])
    chosen: Aggregate = draw(
        st.one_of(
            st.just(Aggregate("count", None)),
            st.builds(Aggregate, st.sampled_from(["count", "count_distinct", "min", "max"]), st.sampled_from(names)),
            st.builds(Aggregate, st.sampled_from(["sum", "avg", "median", "stddev"]), numbers_too),
            st.builds(Aggregate, st.just("pct"), numbers_too, st.sampled_from([0, 25, 50, 95, 99.5, 100])),
            st.builds(Aggregate, st.sampled_from(["latest", "earliest", "sortsFirst", "sortsLast"]), words_too),
            st.builds(Aggregate, st.sampled_from(["sum", "max"]), numeric),
        )
    )
    return chosen


# -- the comparison


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(events(), pipelines())
def test_the_database_answers_as_the_language_says(events: list[dict[str, Any]], pipeline: list[Command]) -> None:
    table = Table(stored(events), [])
    for command in pipeline:
        table = command.on(table)
    answer = run_query(text_of(pipeline), start=START, end=NOW, now=NOW)
    assert [column.name for column in answer.columns] == table.shown
    expected = [tuple(row.get(name) for name in table.shown) for row in table.rows]
    assert len(answer.rows) == len(expected)
    for found, wanted in zip(answer.rows, expected, strict=True):
        assert [same(one, other) for one, other in zip(found, wanted, strict=True)] == [True] * len(wanted), (
            found,
            wanted,
        )


def same(found: Any, wanted: Any) -> bool:
    """Numbers to nine figures: a mean's digits end somewhere."""
    is_number = isinstance(wanted, int | float | Decimal) and not isinstance(wanted, bool)
    if is_number and isinstance(found, int | Decimal):
        return float(found) == pytest.approx(float(wanted), rel=1e-9, abs=1e-9)
    return bool(found == wanted)
