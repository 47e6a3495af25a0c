"""A day is the sum of its hours, and read in their place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta, timezone
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from django.db import connection

from observability.figure_sources import SPENDING, STEPS, TURNS, Source
from observability.figures import spending, step_figures, turn_figures
from observability.models import Span, SpendingDay, SpendingHour, StepDay, Trace, TurnDay
from observability.rolling import roll_up, start_over
from tests.observability.figures.rows import HOUR, at, make_charge, make_step, make_turn

pytestmark = pytest.mark.django_db
READS: tuple[tuple[Callable[..., list[Any]], str], ...] = (
    (spending, "agent_version"),
    (turn_figures, "channel"),
    (step_figures, "name"),
)


def three_days() -> list[Trace]:
    """A turn every five hours, with a step and a charge."""
    turns = []
    for number, hour in enumerate(range(1, 72, 5)):
        turn = make_turn(at(hour), agent_version=1 + number % 2, duration_ms=37 * number or None)
        make_step(turn, at(hour), name=("get_order", "refund")[number % 2], duration_ms=1000 * number)
        make_charge(turn, at(hour), f"0.0{number}1")
        turns.append(turn)
    return turns


def days() -> list[list[dict[str, Any]]]:
    return [list(model.objects.order_by("pk").values()) for model in (SpendingDay, TurnDay, StepDay)]


def plain(rows: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
    return [sorted(({**row, "id": 0} for row in some), key=str) for some in rows]


def test_a_day_is_summed_with_its_last_hour() -> None:
    three_days()
    roll_up(at(24) + timedelta(minutes=59))
    assert days() == [[], [], []]
    roll_up(at(25))
    assert {row["day"] for some in days() for row in some} == {at(0)}
    roll_up(at(80))
    assert {row["day"] for some in days() for row in some} == {at(0), at(24), at(48)}


@pytest.mark.parametrize("source", [SPENDING, TURNS, STEPS], ids=lambda source: source.table)
def test_it_is_the_sum_of_its_hours(source: Source) -> None:
    three_days()
    roll_up(at(80))
    names = ", ".join((*source.dimensions, *source.sums))
    totals = ", ".join((*source.dimensions, *(f"sum({name})" for name in source.sums)))
    groups = ", ".join(source.dimensions)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {names} FROM {source.days} WHERE day = %s", [at(24)])  # noqa: S608
        of_the_day = cursor.fetchall()
        cursor.execute(
            f"SELECT {totals} FROM {source.table} WHERE hour >= %s AND hour < %s GROUP BY {groups}",  # noqa: S608
            [at(24), at(48)],
        )
        assert of_the_day
        assert sorted(of_the_day, key=str) == sorted(cursor.fetchall(), key=str)


@pytest.mark.parametrize(("since", "until"), [(0, 72), (0, 71.5), (3.5, 72), (20, 49), (24, 48), (26, 47), (0, 90)])
@pytest.mark.parametrize(("read", "name"), READS)
def test_any_time_reads_the_same_from_rows_hours_and_days(
    read: Callable[..., list[Any]], name: str, since: float, until: float
) -> None:
    three_days()
    asked = [{"since": at(since), "until": at(until), "by": by} for by in ([], [name], ["day"], ["day", name])]
    from_rows = [read(**each) for each in asked]
    roll_up(at(24))
    assert [read(**each) for each in asked] == from_rows
    roll_up(at(80))
    assert [read(**each) for each in asked] == from_rows
    assert from_rows[0]


def test_a_time_in_another_zone_is_the_same_time() -> None:
    three_days()
    from_rows = spending(since=at(22), until=at(70), by=["day"])
    roll_up(at(80))
    berlin = timezone(timedelta(hours=2))
    there = {"since": at(22).astimezone(berlin), "until": at(70).astimezone(berlin)}
    assert there["since"].hour == 0
    assert spending(**there, by=["day"]) == from_rows


def test_days_are_read_in_the_place_of_their_hours() -> None:
    three_days()
    roll_up(at(80))
    SpendingHour.objects.filter(hour__gte=at(24), hour__lt=at(48)).delete()
    whole = sum(row.charges for row in spending(since=at(0), until=at(72)))
    assert whole == 15
    assert sum(row.charges for row in spending(since=at(0), until=at(72), by=["hour"])) < whole


def test_what_comes_late_is_in_its_day_too() -> None:
    turn = three_days()[0]
    mark = roll_up(at(25.5))
    assert mark == at(24)
    make_charge(turn, at(23.5), "1")
    make_step(turn, at(23.5), name="late")
    roll_up(at(25.5))
    assert sum(row.usd for row in spending(since=at(0), until=at(24))) == Decimal("1.105")
    assert [row.calls for row in step_figures(since=at(0), until=at(24), where={"name": "late"})] == [1]


def test_a_late_charge_of_a_day_whose_rows_are_gone() -> None:
    turns = three_days()
    roll_up(at(25.5))
    before = spending(since=at(0), until=at(24))[0]
    Span.objects.filter(trace=turns[4]).delete()
    turns[4].delete()
    make_charge(turns[0], at(21.5), "1")
    roll_up(at(25.5))
    after = spending(since=at(0), until=at(24))[0]
    assert (after.charges, after.usd) == (before.charges + 1, before.usd + 1)


def test_starting_over_within_a_day_makes_it_anew() -> None:
    turns = three_days()
    roll_up(at(80))
    before = plain(days())
    start_over(at(30))
    assert {row["day"] for some in days() for row in some} == {at(0)}
    roll_up(at(80))
    assert plain(days()) == before
    make_charge(turns[0], at(2), "1")
    start_over(at(2) - HOUR)
    roll_up(at(80))
    assert spending(since=at(0), until=at(24))[0].usd == Decimal("1.105")


def test_the_migration_sums_the_days_that_are_over() -> None:
    three_days()
    roll_up(at(61))
    before = plain(days())
    with connection.cursor() as cursor:
        for table in ("spending", "turn", "step"):
            cursor.execute(f"DELETE FROM observability_{table}day")  # noqa: S608
        for statement in import_module("observability.migrations.0012_sums_by_day").FILL:
            cursor.execute(statement)
    assert plain(days()) == before
    assert before[0]
