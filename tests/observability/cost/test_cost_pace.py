from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from observability.cost import EVERYTHING, BudgetLine
from observability.cost_pace import budget_of_month, month_against, pace_of
from tests.observability.cost.cases import NOW, make_charged

FIRST, END = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)


def line(**values: Any) -> BudgetLine:
    defaults: dict[str, Any] = {
        "name": "All",
        "scope": EVERYTHING,
        "period": "month",
        "begins_at": FIRST,
        "ends_at": END,
        "amount": Decimal(100),
        "spent": Decimal(40),
        "reserved": Decimal(2),
        "url": "/cost/budgets/",
    }
    return BudgetLine(**{**defaults, **values})


def test_half_of_a_month_expects_half_of_its_budget() -> None:
    pace = pace_of(line(), FIRST + timedelta(days=15))
    assert pace.expected == 50
    assert pace.projected == 80
    assert [pace.spent_percent, pace.reserved_percent, pace.left] == [40, 2, 58]
    assert pace.tone == "good"


@pytest.mark.parametrize(
    ("spent", "reserved", "tone"), [("49", "0", "good"), ("51", "0", "warn"), ("99", "1", "bad"), ("140", "0", "bad")]
)
def test_a_budget_is_judged_by_where_it_ends(spent: str, reserved: str, tone: str) -> None:
    pace = pace_of(line(spent=Decimal(spent), reserved=Decimal(reserved)), FIRST + timedelta(days=15))
    assert pace.tone == tone
    assert pace.spent_percent + pace.reserved_percent <= 100


def test_a_period_that_has_just_begun_projects_nothing() -> None:
    pace = pace_of(line(spent=Decimal(1)), FIRST + timedelta(hours=1))
    assert pace.projected is None
    assert pace.tone == "good"


def test_before_and_after_its_period_a_budget_still_has_numbers() -> None:
    assert pace_of(line(), FIRST - timedelta(days=1)).elapsed == 0
    assert pace_of(line(), END + timedelta(days=1)).elapsed == 1
    nothing = pace_of(line(amount=Decimal(0)), NOW)
    assert [nothing.spent_percent, nothing.used_percent, nothing.tone] == [100, None, "bad"]


def test_the_budget_of_the_month_is_that_of_everything() -> None:
    of_agent = line(scope="agent", amount=Decimal(1))
    of_day = line(period="day", amount=Decimal(2))
    smaller = line(amount=Decimal(50))
    assert budget_of_month([of_agent, of_day, line(), smaller]) is smaller
    assert budget_of_month([of_agent, of_day]) is None


@pytest.mark.django_db
def test_the_month_adds_up_day_by_day() -> None:
    make_charged("1.5", at=FIRST + timedelta(hours=3))
    make_charged("0.25", "0.25", at=FIRST + timedelta(days=2, hours=3))
    make_charged("9", at=FIRST - timedelta(hours=3))
    month = month_against(line(), NOW)
    assert len(month.days) == 16
    assert month.days[0][0] == datetime(2026, 6, 16, tzinfo=UTC)
    assert [total for _, _, total in reversed(month.days)][:4] == [
        Decimal("1.5"),
        Decimal("1.5"),
        Decimal(2),
        Decimal(2),
    ]
    first, *_, last = month.spent_line.split()
    assert first == "0.00,100.00"
    # Half of the sixteenth day has gone by.
    assert 150 < float(last.split(",")[0]) < 160
    assert (month.length, month.width) == (30, 300)
