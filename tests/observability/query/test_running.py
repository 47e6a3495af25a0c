"""Queries run: in a transaction that can write nothing, with limits that are told, and as others can show it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, connections, transaction

from observability.models import Span, Trace
from observability.query import COMMANDS, FIELDS, FUNCTIONS, QueryError, as_text, compile_query, run_query, running
from observability.query.running import guarded
from tests.factories import make_trace

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SPAN = {"start": NOW - timedelta(hours=1), "end": NOW, "now": NOW}


def many(count: int) -> None:
    trace = make_trace(spans=0, started_at=NOW - timedelta(hours=2))
    Span.objects.bulk_create(
        Span(trace=trace, kind="tool", name=f"tool-{number}", started_at=NOW - timedelta(seconds=1 + number % 3000))
        for number in range(count)
    )


def settings_now() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('transaction_read_only'), current_setting('statement_timeout')")
        found: tuple[str, str] = cursor.fetchone()
        return found


# -- what a query may do


@pytest.mark.django_db
def test_nothing_can_be_written_meanwhile() -> None:
    with pytest.raises(DatabaseError, match="read-only transaction"), guarded(1), transaction.atomic():
        make_trace()
    assert not Trace.objects.exists()


@pytest.mark.django_db
def test_a_transaction_of_the_caller_stays_as_it_was() -> None:
    before = settings_now()
    run_query("stats count()", **SPAN)
    with pytest.raises(QueryError):
        run_query(
            "fields now() | fields 9 ^ 999 as x | stats max(x), count(x)", **{**SPAN, "start": NOW - timedelta(days=9)}
        )
    assert settings_now() == before
    make_trace()
    assert Trace.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_connection_goes_on_as_it_was() -> None:
    before = settings_now()
    make_trace(spans=0, started_at=NOW - timedelta(minutes=1))
    assert run_query("stats count()", **SPAN).rows == [(1,)]
    assert settings_now() == before
    Trace.objects.update(outcome="replied")


@pytest.mark.django_db(transaction=True)
def test_a_query_that_waits_ends_in_time() -> None:
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connections["default"].cursor() as cursor:
            cursor.execute("SET LOCAL ROLE NONE")
            cursor.execute("LOCK TABLE observability_span IN ACCESS EXCLUSIVE MODE")
            locked.set()
            done.wait(60)
        connections["default"].close()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert locked.wait(60)
        with pytest.raises(QueryError, match=r"took longer than 0.1 s"):
            run_query("stats count()", **SPAN, seconds=0.1)
    finally:
        done.set()
        holder.join()
    assert run_query("stats count()", **SPAN).rows == [(0,)]


# -- how much it gives


@pytest.mark.django_db
def test_rows_are_limited_and_it_is_told() -> None:
    many(1_005)
    listed = run_query("fields name", **SPAN)
    assert (len(listed.rows), listed.is_cut) == (1_000, True)
    assert len(listed.places) == 1_000
    more = run_query("fields name", **SPAN, limit=5_000)
    assert (len(more.rows), more.is_cut) == (1_005, False)
    few = run_query("fields name", **SPAN, limit=10)
    assert (len(few.rows), few.is_cut) == (10, True)
    asked = run_query("fields name | limit 20", **SPAN)
    assert (len(asked.rows), asked.is_cut) == (20, False)
    less = run_query("fields name | limit 20", **SPAN, limit=5)
    assert (len(less.rows), less.is_cut) == (5, True)
    grouped = run_query("stats count() by name", **SPAN)
    assert (len(grouped.rows), grouped.is_cut, grouped.places) == (1_005, False, [])


@pytest.mark.django_db
def test_no_caller_gets_more_than_ten_thousand() -> None:
    compiled = compile_query("stats count() by name", **SPAN, limit=1_000_000)
    assert compiled.limit == 10_000
    assert compiled.sql.endswith("LIMIT 10001")


@pytest.mark.django_db
def test_an_answer_of_too_many_characters_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    many(50)
    Span.objects.update(attributes={"note": "x" * 1_000})
    monkeypatch.setattr(running, "MOST_CHARACTERS", 10_500)
    answer = run_query("fields note", **SPAN)
    assert (len(answer.rows), answer.is_cut) == (11, True)
    assert run_query("stats count()", **SPAN).rows == [(50,)]


@pytest.mark.django_db
def test_time_has_a_beginning_and_an_end() -> None:
    make_trace(spans=0, started_at=SPAN["start"])
    make_trace(spans=0, started_at=SPAN["end"])
    assert run_query("fields @timestamp", **SPAN).rows == [(SPAN["start"],)]
    assert run_query("filter @timestamp < now() - 1d | stats count()", **SPAN).rows == [(0,)]


# -- how it is shown


def test_as_text() -> None:
    assert as_text(None) == ""
    assert as_text(datetime(2026, 11, 20, 9, 8, 7, 6999, tzinfo=UTC)) == "2026-11-20 09:08:07.006"
    assert (as_text(True), as_text(False)) == ("1", "0")
    assert as_text(Decimal("4100.0000000000000000")) == "4100"
    assert as_text(Decimal("0.00000125")) == "0.00000125"
    assert as_text(Decimal("0E-15")) == "0"
    assert as_text(Decimal(10) ** 30) == "1" + "0" * 30
    assert as_text(120) == "120"
    assert as_text("text") == "text"


def test_everything_has_a_line_of_help() -> None:
    texts = [each.text for each in FIELDS.values()] + [each.text for each in FUNCTIONS.values()]
    for text in texts + [each.text for each in COMMANDS.values()]:
        assert text.endswith(".")
    assert {"agentId", "toolName", "duration", "@timestamp"} <= FIELDS.keys()
    assert {"count", "count_distinct", "pct", "bin", "toMillis", "ispresent"} <= FUNCTIONS.keys()
    assert list(COMMANDS) == ["fields", "filter", "stats", "sort", "limit", "dedup", "parse", "display"]


def test_examples_of_the_commands_can_be_read() -> None:
    for command in COMMANDS.values():
        assert compile_query(command.example, **SPAN).columns
