from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import Error, connection, transaction
from django.utils import timezone

from agents.budget_watch import enter_missed, forget_old_crossings, send_test, tell_some, trial_key, watch_budgets
from agents.limits import delete_limit
from agents.models import BudgetCrossing, BudgetStep, Limit
from observability.ids import uuid7
from observability.models import Delivery, Notice, NotificationChannel, Subscription
from tests.agents.budgets.cases import crossed, make_budget, spend
from tests.agents.usage_cases import fresh_limits, running_turn
from tests.factories import make_agent, make_customer, make_session

__all__ = ["fresh_limits"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_limits")]


def notices() -> list[Notice]:
    return list(Notice.objects.order_by("at"))


def test_what_was_reached_is_told_once_with_its_figures() -> None:
    budget = make_budget(1, (50, "notify"), (80, "cheaper", "claude-haiku-5-5"))
    spend(running_turn(), "0.85")
    watch_budgets()
    watch_budgets()
    told = {notice.title: notice for notice in notices()}
    assert list(told) == [
        "50 % of $1.00 a day for everything together is spent",
        "80 % of $1.00 a day for everything together is spent",
    ]
    first, second = told.values()
    assert first.text.startswith("$0.85 of $1.00 spent. Nothing else happens at this step. It begins again ")
    assert "From here on claude-haiku-5-5 answers." in second.text
    assert first.path == f"/cost/budgets/{budget.pk}/"
    assert (first.event, first.tone, second.tone) == ("budget", "info", "warn")
    assert BudgetCrossing.objects.filter(told_at__isnull=False).count() == 2


def test_those_who_answer_are_told_where_people_have_to() -> None:
    make_budget(1, (50, "notify"), (60, "people"))
    spend(running_turn(), "0.85")
    watch_budgets()
    roles = {notice.title[:4]: set(notice.roles) for notice in notices()}
    assert roles == {"50 %": {"analyst"}, "60 %": {"analyst", "support", "reviewer"}}


def test_a_notice_names_agents_and_channels_and_no_customer() -> None:
    agent = make_agent("returns", name="Returns")
    customer = make_customer("ada@example.com", name="Ada")
    for scope in ("agent", "channel", "customer", "session"):
        make_budget(1, (50, "notify"), scope=scope)
    spend(running_turn(make_session(agent=agent, customer=customer)), "0.60")
    watch_budgets()
    texts = " ".join(notice.text for notice in notices())
    assert "by Returns." in texts
    assert "by Chat." in texts
    assert "by one customer." in texts
    assert "by one conversation." in texts
    assert "ada" not in texts.lower()


def test_a_step_that_is_added_later_is_found_and_one_of_an_earlier_period_is_not() -> None:
    budget, turn = make_budget(1), running_turn()
    spend(turn, "0.85")
    old = make_budget(1, period="week")
    spend(turn, "0.15")
    old.usages.update(begins_at=timezone.now() - timedelta(days=21))
    for limit in (budget, old):
        BudgetStep.objects.create(limit=limit, percent=50, action="notify")
    old.usages.update(spent=1)
    assert enter_missed() == 1
    assert enter_missed() == 0
    assert (crossed(budget), crossed(old)) == ([(50, "notify")], [])


def test_a_lower_amount_reaches_steps() -> None:
    budget = make_budget(10, (50, "notify"))
    spend(running_turn(), "0.85")
    Limit.objects.update(amount=1)
    watch_budgets()
    assert [notice.title[:4] for notice in notices()] == ["50 %"]
    assert crossed(budget) == [(50, "notify")]


@pytest.mark.django_db(transaction=True)
def test_a_teller_that_dies_has_told_nobody_and_the_next_one_tells_once() -> None:
    make_budget(1, (50, "notify"))
    spend(running_turn(), "0.85")
    died: list[Exception] = []

    def die() -> None:
        """Its connection is cut after it has told, before it has committed."""
        try:
            with transaction.atomic():
                tell_some()
                connection.connection.close()
        except Error as error:
            died.append(error)
        finally:
            connection.close()

    teller = threading.Thread(target=die)
    teller.start()
    teller.join()
    assert died
    assert notices() == []
    assert tell_some() == 1
    assert tell_some() == 0
    assert len(notices()) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_tellers_at_once_one_tells() -> None:
    make_budget(1, (50, "notify"), (60, "notify"))
    spend(running_turn(), "0.85")
    held, told, release = threading.Event(), list[int](), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            told.append(tell_some())
            held.set()
            release.wait(30)
        connection.close()

    other = threading.Thread(target=hold)
    other.start()
    held.wait(30)
    told.append(tell_some())
    release.set()
    other.join()
    assert told == [2, 0]
    assert len(notices()) == 2


def test_a_refusal_is_told_as_one() -> None:
    budget = make_budget(1, (100, "notify"))
    BudgetCrossing.objects.create(
        limit=budget, begins_at=timezone.now(), percent=100, action="refused", amount=1, spent=Decimal("0.95")
    )
    watch_budgets()
    (notice,) = notices()
    assert notice.title == "The budget of $1.00 a day for everything together refuses calls"
    assert notice.text.startswith("$0.95 of $1.00 spent. A model call could have exceeded it and was not made")
    assert notice.tone == "bad"


def test_what_is_left_of_a_limit_that_is_gone_and_what_is_old_is_deleted() -> None:
    budget = make_budget(1, (50, "notify"))
    common: dict[str, Any] = {"percent": 50, "action": "notify", "amount": 1, "spent": 1}
    now = timezone.now()
    BudgetCrossing.objects.create(limit_id=uuid7(), begins_at=now, **common)
    BudgetCrossing.objects.create(
        limit=budget, begins_at=now - timedelta(days=500), at=now - timedelta(days=500), **common
    )
    BudgetCrossing.objects.create(limit=budget, begins_at=now, **common)
    customers = make_budget(1, scope="customer")
    kept = make_customer()
    for subject in (kept.pk, uuid7()):
        BudgetCrossing.objects.create(limit=customers, subject=str(subject), begins_at=now, **common)
    assert tell_some() == 4
    assert forget_old_crossings() == 3
    assert BudgetCrossing.objects.get(limit=customers).subject == str(kept.pk)
    assert crossed(budget) == [(50, "notify")]
    delete_limit(budget)
    assert crossed(budget) == []


def test_a_test_goes_the_same_way_and_says_that_it_is_one(admin: User) -> None:
    budget = make_budget(20, (80, "people"))
    channel = NotificationChannel.objects.create(
        kind="email", name="Ops", addresses="ops@example.com", created_by=admin
    )
    Subscription.objects.create(event="budget", channel=channel)
    send_test(budget)
    send_test(budget)
    notice = Notice.objects.filter(key__startswith=trial_key(budget)).first()
    assert notice is not None
    assert notice.is_test
    assert notice.title.startswith("Test: 80 % of $20.00 a day")
    assert "$16.00 of $20.00 spent. From here on people answer new messages." in notice.text
    assert Delivery.objects.filter(channel=channel).count() == 2
    assert not BudgetCrossing.objects.exists()
