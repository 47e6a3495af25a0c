from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from observability.cost_range import HOUR, Wanted
from observability.traces import BadQuery
from tests.observability.cost.cases import AGENT, NOW


def days(wanted: Wanted) -> tuple[date, date]:
    """The first day and the one after the last."""
    period = wanted.whole(NOW)
    return period.since.date(), period.until.date()


@pytest.mark.parametrize(
    ("key", "first", "end", "before"),
    [
        ("today", date(2026, 6, 16), date(2026, 6, 17), date(2026, 6, 15)),
        ("7d", date(2026, 6, 10), date(2026, 6, 17), date(2026, 6, 3)),
        ("30d", date(2026, 5, 18), date(2026, 6, 17), date(2026, 4, 18)),
        ("month", date(2026, 6, 1), date(2026, 7, 1), date(2026, 5, 1)),
        ("last-month", date(2026, 5, 1), date(2026, 6, 1), date(2026, 4, 1)),
    ],
)
def test_a_span_of_whole_days_and_the_one_before_it(key: str, first: date, end: date, before: date) -> None:
    wanted = Wanted.read({"range": key})
    assert days(wanted) == (first, end)
    assert wanted.whole(NOW).before.date() == before


def test_only_as_much_of_the_period_before_counts_as_has_gone_by() -> None:
    today = Wanted.read({"range": "today"}).whole(NOW)
    assert today.end_before(NOW) == NOW - timedelta(days=1)
    over = Wanted.read({"range": "last-month"}).whole(NOW)
    # May has a day more than April, and nothing counts twice.
    assert over.end_before(NOW) == over.since


def test_days_of_ones_own_in_either_order() -> None:
    wanted = Wanted.read({"from": "2026-06-05", "to": "2026-06-02"})
    assert days(wanted) == (date(2026, 6, 2), date(2026, 6, 6))
    assert wanted.name(NOW) == "2 Jun to 5 Jun 2026"
    assert Wanted.read({"from": "2026-06-05"}).name(NOW) == "5 Jun 2026"
    assert Wanted.read({"range": "custom"}).range == "30d"
    assert wanted.params() == {"range": "custom", "from": "2026-06-02", "to": "2026-06-05"}


def test_a_chart_has_hours_up_to_two_days() -> None:
    assert len(Wanted.read({"range": "today"}).whole(NOW).steps()) == 24
    two = Wanted.read({"from": "2026-06-01", "to": "2026-06-02"}).whole(NOW)
    assert (two.step, len(two.steps())) == (HOUR, 48)
    assert len(Wanted.read({"range": "month"}).whole(NOW).steps()) == 30


def test_what_it_says_can_be_read_again() -> None:
    wanted = Wanted.read(
        {"agent": str(AGENT), "version": "3", "kind": "model", "subject": "m", "channel": "chat", "basis": "exact"}
        | {"stack": "model", "since": "2026-06-01T00:00:00+00:00", "until": "2026-06-02T00:00:00+00:00"}
    )
    assert Wanted.read(wanted.params()) == wanted
    assert wanted.period(NOW).since == datetime(2026, 6, 1, tzinfo=UTC)
    assert wanted.where() == {
        "agent_id": AGENT,
        "agent_version": 3,
        "kind": "model",
        "subject": "m",
        "channel": "chat",
        "basis": "exact",
    }
    assert wanted.where_of_turns() == {"agent_id": AGENT, "agent_version": 3, "channel": "chat", "model": "m"}


@pytest.mark.parametrize(
    "params",
    [
        {"range": "ever"},
        {"from": "yesterday"},
        {"from": "0001-01-01"},
        {"from": "2020-01-01", "to": "2026-01-01"},
        {"agent": "me"},
        {"agent": str(AGENT), "version": "-1"},
        {"agent": str(AGENT), "version": "9999999999"},
        {"kind": "wine"},
        {"basis": "guess"},
        {"stack": "colour"},
        {"since": "now"},
        {"since": "2026-06-01T00:00:00"},
    ],
    ids=str,
)
def test_what_no_page_links_to_is_refused(params: dict[str, str]) -> None:
    with pytest.raises(BadQuery):
        Wanted.read(params)


def test_a_version_is_one_of_an_agent() -> None:
    assert Wanted.read({"version": "3"}).version is None
