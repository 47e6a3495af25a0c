from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.utils import timezone

from observability import rolling
from observability.figures import rolled_until, spending, step_figures, turn_figures
from observability.models import (
    Charge,
    RolledUp,
    Span,
    SpendingDay,
    SpendingHour,
    StepDay,
    StepHour,
    Trace,
    TurnDay,
    TurnHour,
)
from observability.rolling import roll_up, start_over
from tests.observability.figures.rows import HOUR, at, make_charge, make_step, make_turn

pytestmark = pytest.mark.django_db


def stored() -> list[Any]:
    """The sums as they are, without their ids."""
    rows = [list(model.objects.order_by("hour", "pk").values()) for model in (SpendingHour, TurnHour, StepHour)]
    rows += [list(model.objects.order_by("day", "pk").values()) for model in (SpendingDay, TurnDay, StepDay)]
    return [[{**row, "id": None} for row in found] for found in rows]


def busy_hours(hours: int = 6) -> list[Trace]:
    """A turn with a step and a charge in each of so many hours."""
    turns = [make_turn(at(hour + 0.5), agent_version=1 + hour % 2) for hour in range(hours)]
    for turn in turns:
        assert turn.ended_at is not None
        make_step(turn, turn.ended_at)
        make_charge(turn, turn.ended_at, "0.25")
    return turns


class TestMark:
    def test_an_hour_is_summed_an_hour_after_its_end(self) -> None:
        busy_hours()
        assert roll_up(at(2) - timedelta.resolution) == at(0)
        assert not SpendingHour.objects.exists()
        assert roll_up(at(2)) == at(1)
        assert list(SpendingHour.objects.values_list("hour", flat=True)) == [at(0)]
        assert roll_up(at(4.99)) == at(3)
        assert rolled_until() == at(3)

    def test_without_rows_it_begins_now(self) -> None:
        assert roll_up(at(7.5)) == at(6)
        assert rolled_until() == at(6)

    def test_a_clock_that_was_set_back_takes_nothing_back(self) -> None:
        busy_hours()
        roll_up(at(6))
        before = stored()
        assert roll_up(at(3)) == at(5)
        assert stored() == before

    def test_a_run_stops_after_its_time_and_the_next_one_goes_on(self) -> None:
        busy_hours()
        assert roll_up(at(20), seconds=0) == at(0)
        marks = [roll_up(at(20), seconds=0.000001) for _ in range(3)]
        assert marks == sorted(marks)
        assert roll_up(at(20)) == at(19)
        assert SpendingHour.objects.count() == 6

    def test_the_task(self) -> None:
        make_charge(None, timezone.now() - 3 * HOUR)
        rolling.roll_up_task()
        assert SpendingHour.objects.count() == 1

    def test_start_over_sums_what_was_brought_in_for_hours_long_past(self) -> None:
        roll_up(at(20))
        busy_hours()
        assert spending(since=at(0), until=at(20)) == []
        start_over(at(4.5))
        assert rolled_until() == at(4)
        assert spending(since=at(0), until=at(20))[0].charges == 2
        start_over(at(0))
        roll_up(at(20))
        assert SpendingHour.objects.count() == 6
        start_over(at(30))
        assert rolled_until() == at(19)


class TestSums:
    def test_again_and_again_gives_the_same(self) -> None:
        busy_hours()
        roll_up(at(8))
        before = stored()
        for _ in range(2):
            roll_up(at(8))
        assert stored() == before

    def test_hour_by_hour_gives_the_same_as_at_once(self) -> None:
        busy_hours()
        for hour in range(9):
            roll_up(at(hour))
        step_by_step = stored()
        start_over(at(0))
        roll_up(at(8))
        assert stored() == step_by_step

    def test_a_turn_counts_where_it_ended_and_a_step_where_it_began(self) -> None:
        turn = make_turn(at(3.1), started_at=at(0.9), status=Trace.Status.ERROR, error="x", duration_ms=None)
        make_step(turn, at(0.95), status=Span.Status.ERROR, action="blocked", duration_ms=90_000)
        make_turn(at(3.2), model_calls=2, tool_calls=1, input_tokens=5, cache_read_tokens=7, cost_usd=Decimal("0.5"))
        running = make_turn(at(3.3))
        Trace.objects.filter(pk=running.pk).update(ended_at=None, duration_ms=None)
        roll_up(at(6))
        (turns,) = turn_figures(since=at(0), until=at(5), by=["hour"])
        assert (turns.at, turns.turns, turns.errors, turns.model_calls, turns.tool_calls) == (at(3), 2, 1, 2, 1)
        assert (turns.input_tokens, turns.cache_read_tokens, turns.cost_usd) == (5, 7, Decimal("0.5"))
        # One of them has no duration, so the mean is the other's.
        assert turns.mean_ms == 1000
        (steps,) = step_figures(since=at(0), until=at(5), by=["hour", "name", "action"])
        assert (steps.at, steps.name, steps.action, steps.calls, steps.errors) == (at(0), "get_order", "blocked", 1, 1)

    def test_live_rows_and_sums_are_told_apart_in_the_same_way(self) -> None:
        for turn in busy_hours():
            Trace.objects.filter(pk=turn.pk).update(duration_ms=int(turn.started_at.timestamp()) % 7919)
        for read, by in ((turn_figures, ["hour", "agent_version"]), (step_figures, ["hour", "kind", "agent"])):
            before = read(since=at(0), until=at(6), by=by)
            roll_up(at(5))
            after = read(since=at(0), until=at(6), by=by)
            assert len(before) == 6
            assert after == before


class TestLate:
    @pytest.mark.parametrize("hours", [0.5, 1.5, 2.5])
    def test_what_comes_within_three_hours_is_added(self, hours: float) -> None:
        turns = busy_hours(8)
        mark = roll_up(at(6))
        when = mark - timedelta(hours=hours)
        make_charge(turns[0], when, "1")
        make_step(turns[0], when)
        make_turn(when)
        roll_up(at(6))
        times = {"since": at(0), "until": mark}
        assert spending(**times)[0].usd == 5 * Decimal("0.25") + 1
        assert turn_figures(**times)[0].turns == 6
        assert step_figures(**times)[0].calls == 6

    def test_what_a_turn_cost_after_its_end(self) -> None:
        """Memories are read out of it later, and that is its cost too."""
        turn = busy_hours(1)[0]
        roll_up(at(3))
        Trace.objects.filter(pk=turn.pk).update(cost_usd=Decimal("0.75"), input_tokens=40)
        roll_up(at(3))
        (row,) = TurnHour.objects.all()
        assert (row.cost_usd, row.input_tokens, row.turns) == (Decimal("0.75"), 40, 1)


class TestDeleted:
    """Retention and erasures delete rows; the sums hold nothing of a person, and stay."""

    def test_sums_outlive_their_rows(self) -> None:
        turns = busy_hours()
        roll_up(at(8))
        before = stored()
        for turn in turns:
            Span.objects.filter(trace=turn).delete()
            turn.delete()
        roll_up(at(8))
        assert stored() == before
        assert [each.charges for each in spending(since=at(0), until=at(6), by=["agent_version"])] == [3, 3]

    def test_one_customer_is_erased_in_an_hour_of_others(self) -> None:
        mine, other = make_turn(at(4.2), channel="email"), make_turn(at(4.4))
        for turn in (mine, other):
            make_step(turn, at(4.3))
            make_charge(turn, at(4.3), "1")
        roll_up(at(6))
        before = stored()
        Span.objects.filter(trace=mine).delete()
        mine.delete()
        roll_up(at(6))
        assert stored() == before

    def test_erased_and_replaced_by_late_ones(self) -> None:
        """As many rows as before, and still not made anew: a charge has lost its trace."""
        mine, other = make_turn(at(4.2), channel="email"), make_turn(at(4.4))
        for turn in (mine, other):
            make_step(turn, at(4.3))
            make_charge(turn, at(4.3), "1")
        roll_up(at(6))
        Span.objects.filter(trace=mine).delete()
        mine.delete()
        make_step(other, at(4.5))
        make_turn(at(4.6))
        make_charge(other, at(4.5), "0.00000001", subject="late")
        roll_up(at(6))
        times = {"since": at(0), "until": at(5)}
        assert {row.channel: row.turns for row in turn_figures(**times, by=["channel"])} == {"chat": 1, "email": 1}
        assert step_figures(**times)[0].calls == 2
        assert {row.channel: row.usd for row in spending(**times, by=["channel"])} == {
            "": Decimal("0.00000001"),
            "chat": 1,
            "email": 1,
        }
        assert spending(**times, where={"subject": "late"})[0].charges == 1
        again = stored()
        roll_up(at(6))
        assert stored() == again

    def test_deleted_before_its_hour_was_summed(self) -> None:
        """The money is in the books; of the turn nothing is known any more."""
        turn = busy_hours(1)[0]
        Span.objects.filter(trace=turn).delete()
        turn.delete()
        roll_up(at(3))
        (spent,) = spending(since=at(0), until=at(1), by=["agent_version", "channel"])
        assert (spent.agent_version, spent.channel, spent.usd) == (0, "", Decimal("0.25"))
        assert turn_figures(since=at(0), until=at(1)) == []


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_several_runs_sum_each_hour_once(self) -> None:
        busy_hours(12)
        errors: list[BaseException] = []
        begun = threading.Barrier(4)

        def run() -> None:
            try:
                begun.wait(60)
                roll_up(at(14))
            except BaseException as error:  # noqa: BLE001  told to the test
                errors.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not errors
        assert rolled_until() == at(13)
        assert RolledUp.objects.count() == 1
        assert sorted(SpendingHour.objects.values_list("hour", flat=True)) == [at(hour) for hour in range(12)]
        assert spending(since=at(0), until=at(20))[0].charges == Charge.objects.count()

    def test_who_reads_meanwhile_sees_every_charge_once(self) -> None:
        busy_hours(40)
        roll = threading.Thread(target=self.roll_often)
        roll.start()
        try:
            while roll.is_alive():
                assert spending(since=at(0), until=at(50), where={"subject": ["claude-sonnet-5-5"]})[0].charges == 40
        finally:
            roll.join(60)
        assert rolled_until() == at(49)

    def roll_often(self) -> None:
        try:
            for hour in range(51):
                roll_up(at(hour))
        finally:
            connections.close_all()


def test_a_charge_of_nobody() -> None:
    make_charge(None, at(0.5), "1", agent_id=uuid4())
    roll_up(at(3))
    assert spending(since=at(0), until=at(1))[0].usd == 1
