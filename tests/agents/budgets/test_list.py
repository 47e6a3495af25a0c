from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from agents.budget_lines import budget_lines
from agents.budget_list import BudgetRow, pace_of
from agents.limits import LimitLine, Use
from agents.models import BudgetStep, Limit, Usage
from agents.usage import limit_list
from tests.agents.budgets.cases import make_budget
from tests.factories import make_agent, make_customer

BEGINS, ENDS = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
NOON = BEGINS + timedelta(days=6)


def line_of(*, period: str = "month", created_at: datetime = BEGINS - timedelta(days=9), **fields: object) -> LimitLine:
    values = {"scope": "all", "measure": "usd", "amount": Decimal(300), **fields}
    limit = Limit(period=period, created_at=created_at, **values)
    return LimitLine(limit=limit, begins_at=BEGINS, ends_at=None if period == "ever" else ENDS)


class TestPace:
    def test_what_even_spending_comes_to_and_where_this_one_leads(self) -> None:
        pace = pace_of(Decimal(90), line_of(), NOON)
        assert pace is not None
        assert (pace.expected, pace.projected, pace.is_over, pace.since) == (Decimal(60), Decimal(450), True, None)

    def test_a_budget_that_was_made_meanwhile_counts_from_then_on(self) -> None:
        made = BEGINS + timedelta(days=3)
        pace = pace_of(Decimal(30), line_of(created_at=made), NOON)
        assert pace is not None
        assert (pace.expected, pace.projected, pace.since) == (Decimal(30), Decimal(30 + 24 * 10), made)
        assert not pace.is_over

    def test_it_is_too_early_to_project(self) -> None:
        pace = pace_of(Decimal(100), line_of(), BEGINS + timedelta(days=1))
        assert pace is not None
        assert (pace.projected, pace.is_over) == (None, False)

    @pytest.mark.parametrize("fields", [{"period": "ever"}, {"period": "minute"}, {"enabled": False}])
    def test_it_says_nothing(self, fields: dict[str, object]) -> None:
        assert pace_of(Decimal(100), line_of(**fields), NOON) is None


class TestBar:
    def row(self, spent: str, *steps: tuple[int, str], **fields: object) -> BudgetRow:
        line = line_of(**fields)
        line.uses.append(Use(amount=line.limit.amount, measure="usd", spent=Decimal(spent), reserved=Decimal(30)))
        made = [BudgetStep(percent=percent, action=action) for percent, action in steps]
        return BudgetRow(line=line, steps=made, now=NOON)

    def test_it_reaches_to_the_last_step(self) -> None:
        bar = self.row("300", (50, "notify"), (200, "stop"), refuses=False).bars[0]
        assert (bar.spent, bar.reserved, bar.full, bar.expected) == (50, 5, 50, 10)
        assert [(mark.x, mark.is_reached) for mark in bar.marks] == [(25, True), (100, False)]

    @pytest.mark.parametrize(
        ("spent", "badge"),
        [
            ("30", "On"),
            ("90", "Ahead of pace"),
            ("160", "Cheaper model"),
            ("250", "People answer"),
            ("300", "Used up"),
        ],
    )
    def test_the_strongest_that_holds_is_named(self, spent: str, badge: str) -> None:
        assert self.row(spent, (50, "cheaper"), (80, "people"), (70, "drafts")).badge[0] == badge

    def test_of_a_budget_that_refuses_nothing_it_is_said_that_it_is_over(self) -> None:
        assert self.row("310", (50, "notify"), refuses=False).badge[0] == "Over"
        assert self.row("310", (50, "stop"), refuses=False).badge[0] == "Stopped"
        assert self.row("310", (50, "stop"), enabled=False).badge[0] == "Off"


@pytest.mark.django_db
class TestLines:
    @pytest.fixture(autouse=True)
    def _fresh_limits(self) -> Iterator[None]:
        limit_list.forget()
        yield
        limit_list.forget()

    def test_they_are_those_that_a_day_is_read_against(self) -> None:
        agent = make_agent("refunds", name="Refunds")
        everything = make_budget("50")
        make_budget("60", agent=agent, period="month")
        each = make_budget("70", scope="agent", period="week")
        for other in (
            {"period": "ever"},
            {"scope": "customer"},
            {"measure": "tokens"},
            {"period": "month", "enabled": False},
        ):
            make_budget("1", **other)
        with_use(each, str(agent.pk))
        with_use(Limit.objects.get(scope="customer"), str(make_customer().pk))
        lines = {(line.scope, line.period): line for line in budget_lines()}
        assert set(lines) == {("Everything", "day"), ("Refunds", "month"), ("Refunds", "week")}
        assert lines["Everything", "day"].amount == 50
        assert lines["Everything", "day"].spent == 0
        week = lines["Refunds", "week"]
        assert (week.spent, week.reserved) == (Decimal(3), Decimal(1))
        assert week.ends_at - week.begins_at == timedelta(days=7)
        assert lines["Everything", "day"].url == f"/cost/budgets/{everything.pk}/"


def with_use(limit: Limit, subject: str) -> None:
    now = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = now - timedelta(days=now.weekday())
    begins_at = monday if limit.period == "week" else now
    Usage.objects.create(limit=limit, subject=subject, begins_at=begins_at, spent=3, reserved=1)
