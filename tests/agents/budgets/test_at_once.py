"""Many turns on one budget at the same moment, each on a connection of its own."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from agents.budget_watch import enter_missed, tell_some
from agents.budgets import CheaperModel, PeopleAnswer
from agents.errors import LimitReached
from agents.journal import write_turn
from agents.models import BudgetCrossing, BudgetStep, Limit, Reservation, Turn, Usage
from agents.usage import limit_list, settle_abandoned
from observability.models import Notice
from tests.agents.budgets.cases import ask, crossed, make_budget
from tests.agents.usage_cases import (
    at_once,
    end,
    fresh_limits,
    lease_of,
    running_turn,
    sixty_connections,
    used,
    watch_totals,
)
from tests.factories import make_agent, make_customer, make_session

__all__ = ["fresh_limits", "sixty_connections"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fresh_limits", "sixty_connections")]
MOST, COST = Decimal("0.10"), Decimal("0.07")
COUNTING = threading.Lock()
ALL_STEPS = ((25, "notify"), (50, "cheaper"), (70, "drafts"), (85, "people"), (95, "stop"))
EACH = [(25, "notify"), (50, "cheaper"), (70, "drafts"), (85, "people"), (95, "stop")]


def turns_of(count: int, *, customers: int = 1) -> list[Turn]:
    agent, people = make_agent(), [make_customer() for _ in range(customers)]
    return [running_turn(make_session(agent=agent, customer=people[number % customers])) for number in range(count)]


def count(outcomes: Counter[str], what: str) -> None:
    """Two threads that add at the same moment would otherwise add one."""
    with COUNTING:
        outcomes[what] += 1


def call_until_refused(turn: Turn, *, calls: int, outcomes: Counter[str]) -> Decimal:
    """As the loop does it; returns what was spent. Each outcome is counted by what held when it came about."""
    spent, may_switch = Decimal(0), True
    for number in range(calls):
        try:
            money = ask(turn, MOST, is_new_turn=number == 0, may_switch=may_switch)
        except CheaperModel:
            may_switch = False
            count(outcomes, "switched")
            continue
        except PeopleAnswer:
            count(outcomes, "people")
            break
        except LimitReached:
            count(outcomes, "refused")
            break
        count(outcomes, "called")
        money.reserved.came_to(tokens=7, usd=COST)
        write_turn(lease_of(turn), parts=money.reserved.settle_parts(fence="turn"))
        spent += COST
    end(turn)
    return spent


def tell_for_a_while() -> int:
    """A watcher beside the turns: it enters and tells while they spend."""
    told = 0
    for _ in range(30):
        enter_missed()
        told += tell_some()
        time.sleep(0.005)
    return told


def test_each_step_is_entered_and_told_once_and_the_total_never_passes_the_budget() -> None:
    budget = make_budget(4, *ALL_STEPS)
    turns, outcomes = turns_of(40), Counter[str]()
    limit_list.limits()
    stop, samples = threading.Event(), list[Decimal]()
    sampler = threading.Thread(target=watch_totals, args=(stop, samples))
    sampler.start()
    calls: list[Callable[[], Any]] = [
        lambda turn=turn: call_until_refused(turn, calls=4, outcomes=outcomes) for turn in turns
    ]
    results = at_once([*calls, *[tell_for_a_while] * 3])
    stop.set()
    sampler.join()
    while tell_some():
        pass

    spent = sum(results[:40])
    assert used(budget) == (spent, 0)
    assert max(samples) <= 4
    assert not Reservation.objects.exists()
    reached = [(percent, action) for percent, action in EACH if spent * 100 >= 4 * percent]
    assert reached[:2] == EACH[:2], "the turns came far enough to reach something"
    assert [told for told in crossed(budget) if told[1] != "refused"] == reached
    assert Notice.objects.filter(event="budget").count() == len(crossed(budget))
    assert not BudgetCrossing.objects.filter(told_at=None).exists()
    assert outcomes["switched"] > 0


def test_a_step_that_stops_is_passed_by_no_more_than_what_was_under_way() -> None:
    """Without refusing: what is spent beyond the step was set aside before the step was reached."""
    budget = make_budget(1, (50, "stop"), refuses=False)
    turns, outcomes = turns_of(30), Counter[str]()
    limit_list.limits()
    # Eight calls cost more than the step by themselves, so none gets through nine of them, however quick it is.
    spent = sum(at_once([lambda turn=turn: call_until_refused(turn, calls=9, outcomes=outcomes) for turn in turns]))
    assert crossed(budget) == [(50, "stop")]
    assert spent >= Decimal("0.50")
    # When the last dollar below the step was settled, each of the other 29 had one call under way at most.
    assert spent <= Decimal("0.50") + 30 * COST
    assert outcomes["refused"] == 30


def test_new_turns_after_the_step_all_go_to_people() -> None:
    budget = make_budget(1, (50, "people"), refuses=False)
    first, *others = turns_of(30)
    limit_list.limits()
    money = ask(first, "0.50")
    money.reserved.came_to(tokens=1, usd=Decimal("0.50"))
    write_turn(lease_of(first), parts=money.reserved.settle_parts(fence="turn"))
    outcomes = Counter[str]()
    at_once([lambda turn=turn: call_until_refused(turn, calls=1, outcomes=outcomes) for turn in others])
    assert outcomes == {"people": 29}
    assert used(budget) == (Decimal("0.50"), 0)
    assert crossed(budget) == [(50, "people")]


def test_each_customer_reaches_each_step_once() -> None:
    budget = make_budget(1, (50, "notify"), (90, "drafts"), scope="customer", refuses=False)
    turns, outcomes = turns_of(40, customers=4), Counter[str]()
    limit_list.limits()
    at_once([lambda turn=turn: call_until_refused(turn, calls=2, outcomes=outcomes) for turn in turns])
    assert crossed(budget) == [(50, "notify")] * 4 + [(90, "drafts")] * 4
    assert set(Usage.objects.values_list("spent", "reserved")) == {(20 * COST, Decimal(0))}


def test_workers_that_die_lose_nothing() -> None:
    """Each of forty sets money aside and is gone; sweepers at once settle it in full, and each step is reached once."""
    budget = make_budget(10, (20, "notify"), (40, "people"))
    turns = turns_of(40)
    limit_list.limits()
    at_once([lambda turn=turn: ask(turn, MOST) for turn in turns])
    assert used(budget) == (0, 40 * MOST)
    for turn in turns:
        end(turn)
    settled = at_once([settle_abandoned] * 6)
    assert sum(settled) == 40
    assert used(budget) == (40 * MOST, 0)
    assert crossed(budget) == [(20, "notify"), (40, "people")]


def change_steps(budget: Limit) -> None:
    """An admin who cannot make up their mind, while turns spend."""
    for number in range(10):
        BudgetStep.objects.filter(limit=budget, action="notify").delete()
        BudgetStep.objects.create(limit=budget, percent=10 + number, action="notify")
        Limit.objects.filter(pk=budget.pk).update(amount=3 + number % 2)
        enter_missed()
        time.sleep(0.01)


def test_under_many_budgets_that_are_changed_meanwhile_nobody_waits_in_a_circle() -> None:
    budgets = [make_budget(50, *ALL_STEPS, scope=scope) for scope in ("all", "agent", "customer", "session", "channel")]
    turns, outcomes = turns_of(20, customers=5), Counter[str]()
    limit_list.limits()
    calls: list[Callable[[], Any]] = [
        lambda turn=turn: call_until_refused(turn, calls=5, outcomes=outcomes) for turn in turns
    ]
    results = at_once([*calls, *[tell_for_a_while] * 2, lambda: change_steps(budgets[0])])
    spent = sum(results[:20])
    for budget in budgets:
        assert sum(usage.spent for usage in Usage.objects.filter(limit=budget)) == spent
    keys = Counter(Notice.objects.values_list("key", flat=True))
    assert set(keys.values()) <= {1}
