from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observability.anomaly import FLOORS, Baseline, History, is_out_of_the_way, look_for, usual_for
from observability.anomaly_hours import Metric, first_hour
from observability.ids import uuid7
from observability.models import Anomaly, Event, Notice, RolledUp, SpendingHour, StepHour, Trace, TurnHour

pytestmark = pytest.mark.django_db
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)
SUPPORT, BILLING = UUID(int=1), UUID(int=2)
PACK = 10**12


def rolled(weeks: int = 9) -> None:
    RolledUp.objects.update_or_create(pk=1, defaults={"until": NOW + HOUR, "at": NOW + HOUR})


def spent(at: datetime, usd: float, *, agent: UUID = SUPPORT, model: str = "sonnet", channel: str = "chat") -> None:
    SpendingHour.objects.create(
        hour=at,
        agent_id=agent,
        channel=channel,
        kind="model",
        subject=model,
        basis="exact",
        usd=Decimal(str(round(usd, 6))),
    )


def turned(at: datetime, *, turns: int = 20, tokens: int = 1_000, bucket: int = 60, **fields) -> None:
    values = {"agent_id": SUPPORT, "agent_version": 1, "model": "sonnet", "channel": "chat", **fields}
    TurnHour.objects.create(
        hour=at, turns=turns, input_tokens=tokens * turns, duration_ms=turns * 1000,
        durations=[bucket * PACK + turns], **values,
    )  # fmt: skip


def called(at: datetime, *, calls: int = 40, errors: int = 1, name: str = "get_order") -> None:
    StepHour.objects.create(hour=at, agent="support", kind="tool", name=name, calls=calls, errors=errors)


def of_a_day(hour: datetime) -> float:
    """The course of a week: busy by day, quiet by night and at weekends; 30% of noise, the same at each run."""
    by_day = 1 + math.cos((hour.hour - 14) / 24 * 2 * math.pi)
    noise = 0.85 + 0.3 * ((hour.toordinal() * 2_654_435_761 + hour.hour * 40_503) % 1_000) / 1_000
    return 10 * by_day * (0.3 if hour.weekday() >= 5 else 1.0) * noise


def weeks_of(hour: datetime, count: int = 8) -> Iterable[datetime]:
    return (hour - week * WEEK for week in range(1, count + 1))


def found(hour: datetime = NOW) -> list[tuple[str, UUID | None]]:
    return [(each.metric, each.agent_id) for each in look_for(hour)]


def test_a_new_installation_says_nothing() -> None:
    assert look_for(NOW) == []
    rolled()
    spent(NOW, 900)
    turned(NOW, tokens=90_000)
    called(NOW, errors=40)
    assert look_for(NOW) == []
    spent(NOW - WEEK, 1)
    spent(NOW - 2 * WEEK, 1)
    SpendingHour.objects.filter(hour__lt=NOW).delete()
    assert look_for(NOW) == []


def test_the_course_of_a_week_is_no_anomaly() -> None:
    rolled()
    hours = [NOW - 63 * DAY + HOUR * place for place in range(63 * 24)]
    SpendingHour.objects.bulk_create(
        SpendingHour(
            hour=at, agent_id=SUPPORT, kind="model", subject="sonnet", basis="exact", usd=round(of_a_day(at), 4)
        )
        for at in hours
    )
    for back in range(1, 49):
        assert found(NOW - back * HOUR) == [], NOW - back * HOUR


def test_a_spike_is_found_with_its_driver_and_told_once() -> None:
    rolled()
    for at in weeks_of(NOW):
        spent(at, of_a_day(at))
        spent(at, of_a_day(at) / 2, agent=BILLING, model="haiku")
    spent(NOW, of_a_day(NOW))
    spent(NOW, 90, agent=BILLING, model="opus", channel="shell")
    anomalies = {each.agent_id: each for each in look_for(NOW)}
    assert set(anomalies) == {None, BILLING}
    drivers = anomalies[None].drivers
    assert drivers[0] == pytest.approx(
        {"by": "baseline", "hours": 8, "weekly": True, "deviation": drivers[0]["deviation"]}
    )
    assert {(each["by"], each["name"]) for each in drivers[1:4]} == {
        ("agent", str(BILLING)),
        ("model", "opus"),
        ("channel", "shell"),
    }
    assert all(each["share"] > 0.8 for each in drivers[1:4])
    assert anomalies[None].value == pytest.approx(90 + of_a_day(NOW), abs=0.01)
    assert not [each for each in drivers[1:] if each["by"] == "tool"]
    assert look_for(NOW) == []
    notice = Notice.objects.get()
    assert notice.event == Event.ANOMALY
    assert notice.path == f"/anomalies/{anomalies[None].pk}/"
    assert "all agents" in notice.title
    assert Anomaly.objects.count() == 2


def test_what_goes_on_is_told_once() -> None:
    rolled()
    for hour in (NOW - HOUR, NOW):
        for at in weeks_of(hour):
            spent(at, 2)
        spent(hour, 50)
        look_for(hour)
    assert Anomaly.objects.filter(agent_id=None).count() == 2
    assert Notice.objects.count() == 1


@pytest.mark.parametrize(
    ("metric", "usual", "odd"),
    [
        (Metric.TOKENS, {}, {"tokens": 9_000, "model": "opus"}),
        (Metric.LATENCY, {}, {"bucket": 100, "model": "opus"}),
    ],
    ids=["tokens", "latency"],
)
def test_turns_out_of_the_way(metric: Metric, usual: dict[str, Any], odd: dict[str, Any]) -> None:
    rolled()
    Trace.objects.create(
        id=uuid7(), session_id=uuid7(), agent_id=SUPPORT, agent_slug="support", agent_version=1, started_at=NOW - DAY
    )
    for at in weeks_of(NOW):
        turned(at, **usual)
    turned(NOW, turns=5)
    turned(NOW, turns=20, **odd)
    anomaly = next(each for each in look_for(NOW) if each.metric == metric and each.agent_id is None)
    strongest = anomaly.drivers[1]
    assert (strongest["by"], strongest["name"]) == ("model", "opus")


def test_a_tool_that_fails_is_named() -> None:
    rolled()
    for at in weeks_of(NOW):
        called(at)
        called(at, name="refund", errors=2)
        turned(at)
    turned(NOW)
    called(NOW)
    called(NOW, name="refund", errors=33)
    (anomaly,) = look_for(NOW)
    assert (anomaly.metric, anomaly.value) == (Metric.TOOL_ERRORS, 100 * 34 / 80)
    assert (anomaly.drivers[1]["by"], anomaly.drivers[1]["name"]) == ("tool", "refund")
    assert (anomaly.drivers[1]["was"], anomaly.drivers[1]["is"]) == (5.0, 82.5)


def test_too_few_weeks_take_the_hour_of_other_days_and_say_so() -> None:
    rolled()
    for day in range(1, 6):
        spent(NOW - day * DAY, 3)
    spent(NOW, 30)
    anomaly = next(each for each in look_for(NOW) if each.agent_id is None)
    assert anomaly.drivers[0]["weekly"] is False
    assert anomaly.drivers[0]["hours"] == 5


def test_a_new_agent_is_not_held_against_the_time_before_it() -> None:
    rolled()
    for at in weeks_of(NOW):
        spent(at, 40)
    spent(NOW, 41)
    spent(NOW, 12, agent=BILLING)
    assert found() == []
    assert first_hour(BILLING) == NOW
    assert usual_for(History(first_hour()), Metric.SPEND, BILLING, NOW) is None


@given(
    values=st.lists(st.floats(min_value=0, max_value=1e6), min_size=3, max_size=8),
    value=st.floats(min_value=0, max_value=1e7),
)
@settings(max_examples=200)
def test_what_is_told_is_above_the_middle_by_floor_and_score(values: list[float], value: float) -> None:
    usual = Baseline.of(values)
    assert min(values) <= usual.middle <= max(values)
    assert usual.low <= usual.middle <= usual.high
    for metric in Metric:
        if is_out_of_the_way(metric, value, 100, usual):
            assert value >= usual.middle + FLOORS[metric].more
            assert value > usual.high or math.isclose(value, usual.high) or usual.deviation == 0
            assert is_out_of_the_way(metric, 2 * value, 100, usual), "more of it is no less odd"


def test_the_score_of_iglewicz_and_hoaglin() -> None:
    """0.6745 (x - median) / MAD, their equation (1993, section 3.3); 1.4826 is its inverse."""
    usual = Baseline.of([2.1, 2.6, 2.4, 2.5, 2.3, 2.1, 2.3, 2.6])
    assert usual.score(8.2) == pytest.approx(0.6745 * (8.2 - 2.35) / 0.2, rel=1e-4)
    alike = Baseline.of([5, 5, 5, 5, 5, 5, 5, 13])
    assert alike.score(13) == pytest.approx(8 / (1.253314 * 1))
    assert Baseline.of([5, 5, 5]).score(6) == 99
    assert Baseline.of([5, 5, 5]).score(5) == 0
