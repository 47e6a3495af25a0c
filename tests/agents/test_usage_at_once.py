from __future__ import annotations

import threading
import time
from decimal import Decimal

import pytest
from django.db.models import Sum

from agents.errors import LimitReached
from agents.journal import write_turn
from agents.limits import delete_limit
from agents.models import Agent, Limit, Reservation, Turn, Usage
from agents.usage import Reserved, limit_list, settle_abandoned
from tests.agents.usage_cases import (
    ONE_CALL,
    TOKENS,
    USD,
    at_once,
    end,
    fresh_limits,
    lease_of,
    make_limit,
    running_turn,
    set_aside,
    sixty_connections,
    used,
    watch_totals,
)
from tests.factories import make_agent, make_customer, make_session

__all__ = ["fresh_limits", "sixty_connections"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fresh_limits", "sixty_connections")]


def test_fifty_turns_at_once_get_the_money_of_ten() -> None:
    limit = make_limit(ONE_CALL * 10)
    agent = make_agent()
    turns = [running_turn(make_session(agent=agent)) for _ in range(50)]
    limit_list.limits()

    def ask(turn: Turn) -> str:
        try:
            set_aside(turn)
        except LimitReached as refused:
            return str(refused)
        return ""

    stop, samples = threading.Event(), list[Decimal]()
    sampler = threading.Thread(target=watch_totals, args=(stop, samples))
    sampler.start()
    answers = at_once([lambda turn=turn: ask(turn) for turn in turns])
    stop.set()
    sampler.join()
    assert answers.count("") == 10
    assert all("$1.00 a day" in answer for answer in answers if answer)
    assert samples
    assert max(samples) <= ONE_CALL * 10
    assert used(limit) == (0, ONE_CALL * 10)
    assert Reservation.objects.count() == 10


def call_and_settle(turn: Turn) -> Decimal:
    """Six calls of a turn: settled by the next write, settled by the next call, and the last one left by its worker.

    Returns what they come to.
    """
    cost = Decimal("0.07")
    former: Reserved | None = None
    for number in range(6):
        reserved, former = set_aside(turn, former=former), None
        reserved.came_to(tokens=7, usd=cost)
        if number % 2:
            former = reserved
        else:
            write_turn(lease_of(turn), parts=reserved.settle_parts(fence="turn"))
    end(turn)
    return cost * 5 + ONE_CALL


def sweep() -> Decimal:
    for _ in range(20):
        settle_abandoned()
        time.sleep(0.005)
    return Decimal(0)


def make_and_drop_limits() -> Decimal:
    for _ in range(10):
        made = Limit.objects.create(scope="all", measure=USD, period="hour", amount=1000)
        time.sleep(0.01)
        delete_limit(made)
    return Decimal(0)


def test_under_many_limits_nobody_waits_in_a_circle_and_nothing_is_lost() -> None:
    agents: list[Agent] = [make_agent(), make_agent()]
    customers = [make_customer() for _ in range(4)]
    sessions = [make_session(agent=agents[number % 2], customer=customers[number % 4]) for number in range(24)]
    turns = [running_turn(session) for session in sessions]
    for scope, agent in (("all", None), ("agent", None), ("customer", agents[1]), ("session", None)):
        for measure in (USD, TOKENS):
            make_limit(10_000, scope=scope, agent=agent, measure=measure)
    limit_list.limits()
    calls = [lambda turn=turn: call_and_settle(turn) for turn in turns]
    spent = sum(at_once([*calls, sweep, make_and_drop_limits]))
    settle_abandoned()
    assert not Reservation.objects.exists()
    assert not Usage.objects.exclude(reserved=0).exists()
    for scope in ("all", "agent", "session"):
        found = Usage.objects.filter(limit__scope=scope, limit__measure=USD).aggregate(total=Sum("spent"))
        assert found["total"] == spent
