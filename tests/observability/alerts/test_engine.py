from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from observability.alerts import HOLD, KEPT_RUNS, find, forget_runs, run_due, settle
from observability.models import Alert, AlertRun, Notice, Span
from tests.factories import make_trace

COUNT = 'filter kind = "tool" | stats count() as calls'
BY_TOOL = 'filter kind = "tool" | stats count() as calls by toolName'


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("observability.alerts.SECONDS", 60.0)


@pytest.fixture
def now(db: None) -> datetime:
    return timezone.now()


def make_alert(**fields: Any) -> Alert:
    return Alert.objects.create(**{"name": "Calls", "text": COUNT, "warn": 2, "critical": 4, **fields})


def call_tools(count: int, at: datetime, name: str = "get_order") -> None:
    trace = make_trace(spans=0, started_at=at)
    for _ in range(count):
        Span.objects.create(trace=trace, kind="tool", name=name, started_at=at)


def states(alert: Alert) -> list[str]:
    return list(AlertRun.objects.filter(alert=alert).order_by("at").values_list("state", flat=True))


def asked_at(alert: Alert, at: datetime) -> str:
    """Asked once, at this moment, whenever it would have been due."""
    Alert.objects.filter(pk=alert.pk).update(next_run_at=at)
    assert run_due(at) == 1
    return str(Alert.objects.values_list("state", flat=True).get(pk=alert.pk))


def told() -> list[str]:
    return list(Notice.objects.order_by("at").values_list("title", flat=True))


class TestState:
    @pytest.mark.parametrize(("calls", "state"), [(0, "ok"), (2, "ok"), (3, "warn"), (4, "warn"), (5, "critical")])
    def test_above(self, now: datetime, calls: int, state: str) -> None:
        call_tools(calls, now - timedelta(minutes=1))
        assert asked_at(make_alert(), now) == state

    @pytest.mark.parametrize(("calls", "state"), [(5, "ok"), (3, "warn"), (1, "critical")])
    def test_below(self, now: datetime, calls: int, state: str) -> None:
        call_tools(calls, now - timedelta(minutes=1))
        assert asked_at(make_alert(side="below", warn=4, critical=2), now) == state

    def test_only_the_window_counts(self, now: datetime) -> None:
        call_tools(9, now - timedelta(minutes=61))
        assert asked_at(make_alert(window_minutes=60), now) == "ok"

    def test_the_worst_row_counts(self, now: datetime) -> None:
        call_tools(1, now - timedelta(minutes=1), "get_order")
        call_tools(5, now - timedelta(minutes=1), "process_refund")
        alert = make_alert(text=BY_TOOL)
        assert asked_at(alert, now) == "critical"
        assert Alert.objects.get().last_value == 5

    def test_a_query_that_fails_is_told_once(self, now: datetime) -> None:
        alert = make_alert(text="stats count() by toolName | filter nothing > 1")
        assert asked_at(alert, now) == "error"
        assert "nothing" in Alert.objects.get().last_error
        asked_at(alert, now + timedelta(minutes=5))
        assert told() == ["Calls: cannot be asked"]

    def test_a_column_that_is_not_there(self, now: datetime) -> None:
        assert find(make_alert(column="gone"), now).error == "The answer has no column 'gone' to look at."


class TestWithoutData:
    QUERY = 'filter kind = "tool" | stats count() as calls by toolName'

    @pytest.mark.parametrize(
        ("rule", "side", "state"),
        [
            ("ok", "above", "ok"),
            ("no_data", "above", "no_data"),
            ("zero", "above", "ok"),
            ("zero", "below", "critical"),
        ],
    )
    def test_no_row(self, now: datetime, rule: str, side: str, state: str) -> None:
        limits = {"warn": 4, "critical": 2} if side == "below" else {}
        assert asked_at(make_alert(text=self.QUERY, no_data=rule, side=side, **limits), now) == state

    def test_kept_as_it_was(self, now: datetime) -> None:
        alert = make_alert(text=self.QUERY, no_data="keep", window_minutes=5)
        call_tools(9, now)
        assert asked_at(alert, now + timedelta(minutes=1)) == "critical"
        assert asked_at(alert, now + timedelta(minutes=30)) == "critical"
        assert len(told()) == 1

    def test_kept_as_it_was_before_it_failed(self, now: datetime) -> None:
        alert = make_alert(text=self.QUERY, no_data="keep", window_minutes=5)
        call_tools(9, now)
        seen = [asked_at(alert, now + timedelta(minutes=1))]
        Alert.objects.update(text="filter nothing(")
        seen.append(asked_at(alert, now + timedelta(minutes=2)))
        Alert.objects.update(text=self.QUERY)
        seen.append(asked_at(alert, now + timedelta(minutes=30)))
        assert seen == ["critical", "error", "critical"]


class TestTelling:
    def test_worse_better_and_well_again(self, now: datetime) -> None:
        alert = make_alert(window_minutes=5)
        steps = [(0, 1), (3, 10), (0, 11), (9, 20), (0, 21), (0, 40)]
        seen = []
        for calls, minute in steps:
            call_tools(calls, now + timedelta(minutes=minute) - timedelta(seconds=1))
            seen.append(asked_at(alert, now + timedelta(minutes=minute)))
        assert seen == ["ok", "warn", "warn", "critical", "critical", "ok"]
        assert states(alert) == seen
        assert told() == ["Calls: warning", "Calls: critical", "Calls: all is well"]
        notice = Notice.objects.get(title="Calls: critical")
        assert (notice.path, notice.tone) == (f"/alerts/{alert.pk}/", "bad")
        assert notice.text == "9 in the last 5 minutes; warning above 2, critical above 4."

    def test_again_while_it_stays_bad(self, now: datetime) -> None:
        alert = make_alert(renotify_minutes=60, window_minutes=600)
        call_tools(9, now)
        for minute in (1, 30, 62, 100, 130):
            asked_at(alert, now + timedelta(minutes=minute))
        runs = AlertRun.objects.order_by("at").values_list("told", flat=True)
        assert list(runs) == [True, False, True, False, True]

    def test_never_again_where_nobody_wants_it(self, now: datetime) -> None:
        alert = make_alert(window_minutes=6000)
        call_tools(9, now)
        for hour in (1, 30, 60):
            asked_at(alert, now + timedelta(hours=hour))
        assert len(told()) == 1

    def test_muted_it_tells_nothing_and_afterwards_what_still_is(self, now: datetime) -> None:
        alert = make_alert(muted_until=now + timedelta(minutes=30), window_minutes=600)
        call_tools(9, now)
        assert asked_at(alert, now + timedelta(minutes=1)) == "critical"
        assert told() == []
        asked_at(alert, now + timedelta(minutes=31))
        asked_at(alert, now + timedelta(minutes=36))
        assert told() == ["Calls: critical"]

    def test_what_recovers_while_it_is_muted_is_told_afterwards(self, now: datetime) -> None:
        alert = make_alert(window_minutes=5)
        call_tools(9, now)
        asked_at(alert, now + timedelta(minutes=1))
        Alert.objects.update(muted_until=now + timedelta(minutes=30))
        assert asked_at(alert, now + timedelta(minutes=11)) == "ok"
        assert told() == ["Calls: critical"]
        asked_at(alert, now + timedelta(minutes=31))
        asked_at(alert, now + timedelta(minutes=36))
        assert told() == ["Calls: critical", "Calls: all is well"]

    def test_what_came_and_went_while_it_was_muted_is_not_told(self, now: datetime) -> None:
        alert = make_alert(muted_until=now + timedelta(minutes=30), window_minutes=5)
        call_tools(9, now)
        assert asked_at(alert, now + timedelta(minutes=1)) == "critical"
        asked_at(alert, now + timedelta(minutes=11))
        asked_at(alert, now + timedelta(minutes=31))
        assert told() == []

    def test_what_was_switched_off_while_it_was_asked_tells_nothing(self, now: datetime) -> None:
        call_tools(9, now - timedelta(minutes=1))
        alert = make_alert()
        found = find(alert, now)
        Alert.objects.update(enabled=False)
        settle(alert, found, now)
        assert states(alert) == ["critical"]
        assert told() == []

    def test_a_first_look_at_what_is_well_is_no_news(self, now: datetime) -> None:
        asked_at(make_alert(), now)
        assert told() == []


class TestDue:
    def test_not_before_its_time_nor_when_it_is_off(self, now: datetime) -> None:
        make_alert(next_run_at=now + timedelta(seconds=1))
        make_alert(name="Off", enabled=False, next_run_at=now)
        assert run_due(now) == 0
        assert run_due(now + timedelta(seconds=1)) == 1
        assert Alert.objects.get(name="Calls").next_run_at == now + timedelta(seconds=1, minutes=5)

    def test_what_a_dead_runner_held_is_asked_later(self, now: datetime) -> None:
        make_alert(next_run_at=now, held_until=now + HOLD)
        assert run_due(now) == 0
        assert run_due(now + HOLD + timedelta(seconds=1)) == 1

    def test_old_runs_go(self, now: datetime) -> None:
        alert = make_alert()
        minutes = range(KEPT_RUNS + 3)
        AlertRun.objects.bulk_create(
            AlertRun(alert=alert, state="ok", at=now - timedelta(minutes=minute)) for minute in minutes
        )
        forget_runs(alert.pk)
        kept = AlertRun.objects.order_by("at")
        assert kept.count() == KEPT_RUNS
        assert kept[0].at == now - timedelta(minutes=KEPT_RUNS - 1)


@pytest.mark.django_db(transaction=True)
def test_of_many_runners_each_alert_is_asked_by_one() -> None:
    now = timezone.now()
    call_tools(9, now)
    alerts = [make_alert(name=f"Calls {number}", next_run_at=now) for number in range(4)]
    start = threading.Barrier(6)
    asked: list[int] = []

    def race() -> None:
        start.wait(60)
        asked.append(run_due(now + timedelta(seconds=1)))
        connection.close()

    runners = [threading.Thread(target=race) for _ in range(6)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(60)
    assert sum(asked) == len(alerts)
    assert AlertRun.objects.count() == Notice.objects.count() == len(alerts)
