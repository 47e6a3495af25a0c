from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from agents.errors import LeaseLost, LimitReached
from agents.journal import Lease, end_turn, write_turn
from agents.models import Limit, Reservation, Session, Turn, Usage
from agents.usage import (
    CALL_MEASURES,
    applicable,
    forget_old_usage,
    limit_list,
    settle_abandoned,
    worst_case,
)
from observability.ids import uuid7
from observability.models import Price
from observability.prices import price_list
from tests.agents.usage_cases import (
    ONE_CALL,
    TOKENS,
    end,
    fresh_limits,
    lease_of,
    make_limit,
    running_turn,
    set_aside,
    used,
)
from tests.factories import make_agent, make_session

__all__ = ["fresh_limits"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_limits")]


class TestWithoutLimits:
    def test_it_asks_the_database_nothing(self, django_assert_num_queries: Any) -> None:
        turn = running_turn()
        assert applicable(agent_id=turn.session.agent_id, measures=CALL_MEASURES) == []
        with django_assert_num_queries(0):
            reserved = set_aside(turn)
        assert reserved.is_empty
        reserved.came_to(tokens=1, usd=ONE_CALL)
        assert reserved.settle_parts(fence="turn") == []

    def test_a_limit_on_something_else_costs_nothing_either(self, django_assert_num_queries: Any) -> None:
        make_limit(20, measure="messages", scope="customer")
        make_limit(1, agent=make_agent("another"))
        make_limit(1, scope="session", enabled=False)
        turn = running_turn()
        limit_list.limits()
        with django_assert_num_queries(0):
            assert set_aside(turn).is_empty


class TestReserve:
    def test_every_limit_is_taken_from_in_one_statement(self, django_assert_num_queries: Any) -> None:
        turn = running_turn()
        session = turn.session
        together = make_limit("1.00")
        of_agent = make_limit(1000, scope="agent", measure=TOKENS, period="month")
        of_customer = make_limit("0.50", scope="customer", period="ever")
        of_session = make_limit("0.50", scope="session", agent=session.agent)
        limit_list.limits()
        with django_assert_num_queries(1):
            reserved = set_aside(turn)
        assert not reserved.is_empty
        assert used(together) == (0, ONE_CALL)
        assert used(of_agent, session.agent_id) == (0, 100)
        assert used(of_customer, session.customer_id) == (0, ONE_CALL)
        assert used(of_session, session.pk) == (0, ONE_CALL)
        assert Reservation.objects.filter(turn_id=turn.pk).count() == 4

    def test_what_does_not_fit_one_limit_is_taken_from_none(self) -> None:
        wide, narrow = make_limit("10.00"), make_limit(150, scope="agent", measure=TOKENS)
        first, second = running_turn(), running_turn()
        Session.objects.filter(pk=second.session_id).update(agent=first.session.agent_id)
        second.session.refresh_from_db()
        set_aside(first)
        with pytest.raises(LimitReached) as refused:
            set_aside(second)
        assert "150 tokens a day for each agent" in str(refused.value)
        assert "UTC" in str(refused.value)
        assert used(wide) == (0, ONE_CALL)
        assert used(narrow, first.session.agent_id) == (0, 100)
        assert not Reservation.objects.filter(turn_id=second.pk).exists()

    def test_a_limit_is_used_up_to_its_end(self) -> None:
        limit = make_limit("0.20")
        for _ in range(2):
            set_aside(running_turn())
        with pytest.raises(LimitReached, match=r"\$0\.20 a day for everything together"):
            set_aside(running_turn(), usd=Decimal("0.00000001"))
        assert used(limit) == (0, Decimal("0.20"))

    def test_customers_have_a_limit_each(self) -> None:
        make_limit("0.10", scope="customer")
        ada, ben = running_turn(), running_turn()
        set_aside(ada)
        set_aside(ben)
        again = running_turn(make_session(customer=ada.session.customer, agent=ada.session.agent))
        with pytest.raises(LimitReached, match="each customer"):
            set_aside(again)

    def test_a_changed_limit_holds_at_once(self) -> None:
        limit = make_limit("0.10")
        set_aside(running_turn())
        Limit.objects.update(amount="0.20")
        set_aside(running_turn())
        Limit.objects.update(amount=0)
        with pytest.raises(LimitReached):
            set_aside(running_turn())
        Limit.objects.update(enabled=False)
        assert set_aside(running_turn()).is_empty
        assert used(limit) == (0, Decimal("0.20"))

    def test_the_limit_that_lasts_longest_is_named(self) -> None:
        for period in ("minute", "month", "day"):
            make_limit(0, period=period)
        with pytest.raises(LimitReached, match="a month"):
            set_aside(running_turn())
        make_limit(0, period="ever")
        with pytest.raises(LimitReached, match="until the limit is raised"):
            set_aside(running_turn())

    def test_another_call_of_the_turn_closes_the_one_before_in_full(self) -> None:
        """As where its worker died in the middle of it: the provider may have billed it."""
        limit = make_limit("1.00")
        turn = running_turn()
        set_aside(turn)
        set_aside(turn, usd=Decimal("0.30"))
        assert used(limit) == (ONE_CALL, Decimal("0.30"))
        assert Reservation.objects.get().amount == Decimal("0.30")

    def test_a_call_that_was_refused_is_given_back(self) -> None:
        limit = make_limit("0.10")
        turn = running_turn()
        former = set_aside(turn)
        former.came_to(tokens=0, usd=Decimal(0))
        set_aside(turn, former=former)
        assert used(limit) == (0, ONE_CALL)

    def test_what_was_set_aside_before_is_closed_also_where_the_new_call_is_refused(self) -> None:
        limit = make_limit("0.15")
        turn = running_turn()
        set_aside(turn)
        with pytest.raises(LimitReached):
            set_aside(turn)
        assert used(limit) == (ONE_CALL, 0)
        assert not Reservation.objects.exists()


class TestSettle:
    def test_the_cost_takes_the_place_of_what_was_set_aside(self) -> None:
        turn = running_turn()
        dollars, tokens = make_limit("1.00"), make_limit(1000, measure=TOKENS, scope="session")
        reserved = set_aside(turn)
        reserved.came_to(tokens=42, usd=Decimal("0.03"))
        write_turn(lease_of(turn), parts=reserved.settle_parts(fence="turn"))
        assert used(dollars) == (Decimal("0.03"), 0)
        assert used(tokens, turn.session_id) == (42, 0)
        assert not Reservation.objects.exists()

    def test_a_cost_above_what_was_set_aside_is_spent_too(self) -> None:
        turn = running_turn()
        limit = make_limit("0.10")
        reserved = set_aside(turn)
        reserved.came_to(tokens=1, usd=Decimal("0.15"))
        write_turn(lease_of(turn), parts=reserved.settle_parts(fence="turn"))
        assert used(limit) == (Decimal("0.15"), 0)

    def test_without_a_known_cost_it_is_spent_in_full(self) -> None:
        turn = running_turn()
        limit = make_limit("0.10")
        write_turn(lease_of(turn), parts=set_aside(turn).settle_parts(fence="turn"))
        assert used(limit) == (ONE_CALL, 0)

    def test_a_worker_that_lost_its_lease_settles_nothing(self) -> None:
        turn = running_turn()
        limit = make_limit("0.10")
        reserved = set_aside(turn)
        lost = Lease(turn_id=turn.pk, session_id=turn.session_id, token=uuid7())
        with pytest.raises(LeaseLost):
            write_turn(lost, parts=reserved.settle_parts(fence="turn"))
        assert used(limit) == (0, ONE_CALL)

    def test_it_settles_in_the_write_that_ends_the_turn(self) -> None:
        turn = running_turn()
        limit = make_limit("0.10")
        reserved = set_aside(turn)
        reserved.came_to(tokens=1, usd=Decimal("0.02"))
        end_turn(
            lease_of(turn),
            status=Turn.Status.REPLIED,
            controller=Session.Controller.AGENT,
            published=[],
            parts=reserved.settle_parts(fence="turn"),
        )
        assert used(limit) == (Decimal("0.02"), 0)
        assert settle_abandoned() == 0

    def test_twice_is_once(self) -> None:
        turn = running_turn()
        limit = make_limit("0.10")
        reserved = set_aside(turn)
        for _ in range(2):
            write_turn(lease_of(turn), parts=reserved.settle_parts(fence="turn"))
        assert used(limit) == (ONE_CALL, 0)

    def test_a_limit_that_is_gone_or_off_is_no_obstacle(self) -> None:
        turn = running_turn()
        gone, off = make_limit("1.00"), make_limit("1.00", scope="agent")
        reserved = set_aside(turn)
        gone.delete()
        Limit.objects.update(enabled=False)
        write_turn(lease_of(turn), parts=reserved.settle_parts(fence="turn"))
        assert used(off, turn.session.agent_id) == (ONE_CALL, 0)
        assert not Reservation.objects.exists()


class TestLeftOver:
    def test_what_ended_turns_left_counts_as_spent(self) -> None:
        limit = make_limit("1.00")
        ended, running = running_turn(), running_turn()
        set_aside(ended)
        set_aside(running, usd=Decimal("0.20"))
        assert settle_abandoned() == 0
        end(ended)
        assert settle_abandoned() == 1
        assert used(limit) == (ONE_CALL, Decimal("0.20"))
        assert [row.turn_id for row in Reservation.objects.all()] == [running.pk]
        Turn.objects.filter(pk=running.pk).delete()
        assert settle_abandoned() == 1
        assert used(limit) == (Decimal("0.30"), 0)

    def test_old_usage_is_forgotten_and_what_counts_is_not(self) -> None:
        now = timezone.now()
        day, ever = make_limit(1), make_limit(1, period="ever")
        for limit, begins_at, reserved in (
            (day, now - timedelta(days=62), 0),
            (day, now - timedelta(days=63), 1),
            (day, now - timedelta(days=59), 0),
            (ever, datetime(1970, 1, 1, tzinfo=UTC), 0),
        ):
            Usage.objects.create(limit=limit, begins_at=begins_at, spent=1, reserved=reserved)
        assert forget_old_usage() == 1
        assert Usage.objects.count() == 3


@pytest.mark.parametrize(
    ("period", "begins", "ends"),
    [
        ("minute", "2026-02-28T23:59:00", "2026-03-01T00:00:00"),
        ("hour", "2026-02-28T23:00:00", "2026-03-01T00:00:00"),
        ("day", "2026-02-28T00:00:00", "2026-03-01T00:00:00"),
        ("month", "2026-02-01T00:00:00", "2026-03-01T00:00:00"),
        ("ever", "1970-01-01T00:00:00", None),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_periods_begin_at_their_boundaries_in_utc(period: str, begins: str, ends: str | None, zone: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('TimeZone', %s, TRUE)", [zone])
        cursor.execute(
            "SELECT b.at AT TIME ZONE 'UTC', agents_period_ends(%s, b.at) AT TIME ZONE 'UTC' "
            "FROM agents_period_begins(%s, '2026-02-28T23:59:40Z') AS b(at)",
            [period, period],
        )
        found = [moment.isoformat() if moment else None for moment in cursor.fetchone()]
        cursor.execute("SELECT set_config('TimeZone', 'UTC', TRUE)")
    assert found == [begins, ends]


class TestWorstCase:
    @pytest.fixture(autouse=True)
    def _price(self) -> Iterator[None]:
        Price.objects.create(
            model="m", valid_from="2020-01-01", input_usd=3, output_usd=15, cache_read_usd="0.3", cache_write_usd="3.75"
        )
        price_list.forget()
        yield
        price_list.forget()

    def test_it_is_never_below_what_the_call_costs(self) -> None:
        tokens, usd = worst_case("m", 10_000, 1000)
        assert tokens == 4000 + 500 + 1000
        assert usd == (4500 * Decimal("3.75") + 1000 * 15) / 1_000_000

    def test_without_a_price_the_tokens_count(self) -> None:
        assert worst_case("unheard-of", 1, 10) == (511, Decimal(0))
