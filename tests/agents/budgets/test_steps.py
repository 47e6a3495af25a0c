from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection

from agents.budgets import CheaperModel, PeopleAnswer
from agents.errors import LimitReached
from agents.models import BudgetCrossing, Limit, Session, Usage
from agents.usage import settle_abandoned
from tests.agents.budgets.cases import actions, ask, crossed, make_budget, spend
from tests.agents.usage_cases import TOKENS, end, fresh_limits, make_limit, running_turn, used
from tests.factories import make_agent, make_customer, make_session

__all__ = ["fresh_limits"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_limits")]
ALL_STEPS = ((50, "notify"), (80, "cheaper"), (90, "drafts"), (95, "people"), (99, "stop"))


def test_a_step_is_entered_by_the_call_that_reaches_it_and_once() -> None:
    budget, turn = make_budget(1, (50, "notify"), (80, "cheaper")), running_turn()
    spend(turn, "0.49")
    assert crossed(budget) == []
    spend(turn, "0.01")
    assert crossed(budget) == [(50, "notify")]
    spend(turn, "0.10")
    assert crossed(budget) == [(50, "notify")]
    spend(turn, "0.20")
    assert crossed(budget) == [(50, "notify"), (80, "cheaper")]
    last = BudgetCrossing.objects.get(percent=80)
    assert (last.spent, last.amount, last.subject) == (Decimal("0.80"), Decimal(1), "")


def test_one_dear_call_reaches_several() -> None:
    budget, turn = make_budget(1, *ALL_STEPS), running_turn()
    spend(turn, "0.95")
    assert crossed(budget) == [(50, "notify"), (80, "cheaper"), (90, "drafts"), (95, "people")]


def test_what_is_only_set_aside_reaches_nothing() -> None:
    budget, turn = make_budget(1, (50, "notify"), (60, "drafts")), running_turn()
    money = ask(turn, "0.90")
    assert ask(running_turn(), "0.05").steps == ()
    money.reserved.came_to(tokens=1, usd=Decimal("0.10"))
    ask(turn, "0.10", former=money.reserved)
    assert crossed(budget) == []


def test_the_steps_that_hold_come_back_the_highest_first() -> None:
    make_budget(1, *ALL_STEPS)
    make_budget(2, (45, "drafts"), scope="customer")
    turn = running_turn()
    spend(turn, "0.92")
    assert actions(ask(turn, "0.01").steps) == [(90, "drafts"), (80, "cheaper"), (45, "drafts")]
    assert ask(turn, "0.01").steps[0].words == "90 % of $1.00 a day for everything together"


def test_people_answer_new_turns_and_a_running_one_goes_on() -> None:
    budget, turn = make_budget(1, (50, "people")), running_turn()
    spend(turn, "0.60")
    assert actions(ask(turn, "0.10").steps) == [(50, "people")]
    with pytest.raises(
        PeopleAnswer, match=r"reached 50 %: from there on people answer new messages, until .* \$0\.60 used"
    ):
        ask(running_turn(), is_new_turn=True)
    assert used(budget) == (Decimal("0.60"), Decimal("0.10")), "nothing is set aside for a turn that does not begin"


def test_stop_stops_a_running_turn_too() -> None:
    make_budget(1, (50, "stop"))
    turn = running_turn()
    spend(turn, "0.60")
    with pytest.raises(LimitReached, match="reached 50 %: from there on no model is called") as refused:
        ask(turn, "0.10")
    assert not isinstance(refused.value, PeopleAnswer)


def test_a_turn_that_may_switch_sets_nothing_aside_for_the_dearer_model() -> None:
    budget, turn = make_budget(1, (50, "cheaper", "claude-haiku-5-5")), running_turn()
    spend(turn, "0.60")
    with pytest.raises(CheaperModel) as asked:
        ask(turn, "0.30", may_switch=True)
    assert asked.value.step.model == "claude-haiku-5-5"
    assert used(budget) == (Decimal("0.60"), 0)
    assert actions(ask(turn, "0.30").steps) == [(50, "cheaper")]


def test_the_cheaper_model_is_tried_before_a_call_is_refused_and_nobody_is_told_of_it() -> None:
    budget, turn = make_budget(1, (50, "cheaper")), running_turn()
    spend(turn, "0.90")
    with pytest.raises(CheaperModel):
        ask(turn, "0.50", may_switch=True)
    ask(turn, "0.05")
    assert crossed(budget) == [(50, "cheaper")]


def test_a_budget_that_refuses_is_told_of_once_though_it_never_comes_to_its_amount() -> None:
    budget, turn = make_budget(1, (100, "notify")), running_turn()
    spend(turn, "0.95")
    for _ in range(3):
        with pytest.raises(LimitReached, match="leaves no room"):
            ask(turn, "0.10")
    assert crossed(budget) == [(100, "refused")]


def test_a_refusal_for_what_others_have_set_aside_is_not_told() -> None:
    budget = make_budget(1, (100, "notify"))
    ask(running_turn(), "0.95")
    with pytest.raises(LimitReached):
        ask(running_turn(), "0.10")
    assert crossed(budget) == []


def test_a_limit_without_steps_tells_nobody() -> None:
    budget, turn = make_budget(1), running_turn()
    spend(turn, "0.95")
    with pytest.raises(LimitReached):
        ask(turn, "0.10")
    assert crossed(budget) == []


def test_a_budget_that_refuses_nothing_goes_on_beyond_its_amount() -> None:
    budget, turn = make_budget(1, (100, "notify"), (120, "drafts"), refuses=False), running_turn()
    spend(turn, "0.90")
    spend(turn, "0.90")
    assert crossed(budget) == [(100, "notify"), (120, "drafts")]
    assert actions(ask(turn, "5").steps) == [(120, "drafts")]
    assert used(budget) == (Decimal("1.80"), 5)


def test_a_step_holds_no_longer_once_the_amount_is_raised_and_is_not_told_again() -> None:
    budget, turn = make_budget(1, (50, "drafts")), running_turn()
    spend(turn, "0.60")
    Limit.objects.update(amount=2)
    assert ask(turn, "0.01").steps == ()
    Limit.objects.update(amount=1)
    spend(turn, "0.10")
    assert crossed(budget) == [(50, "drafts")]


def test_each_subject_reaches_a_step_for_itself() -> None:
    agent = make_agent()
    one, other = (running_turn(make_session(agent=agent, customer=make_customer())) for _ in range(2))
    budget = make_budget(1, (50, "drafts"), scope="customer")
    spend(one, "0.60")
    assert actions(ask(one, "0.01").steps) == [(50, "drafts")]
    assert ask(other, "0.01").steps == ()
    spend(other, "0.60")
    subjects = set(BudgetCrossing.objects.values_list("subject", flat=True))
    assert subjects == {str(one.session.customer_id), str(other.session.customer_id)}
    assert crossed(budget) == [(50, "drafts"), (50, "drafts")]


def test_each_channel() -> None:
    budget = make_budget(1, (50, "drafts"), scope="channel")
    agent = make_agent()
    chat, shell = (running_turn(make_session(agent=agent)) for _ in range(2))
    Session.objects.filter(pk=shell.session_id).update(channel="shell")
    spend(chat, "0.60")
    assert actions(ask(chat, "0.01").steps) == [(50, "drafts")]
    assert ask(shell, "0.01").steps == ()
    with pytest.raises(LimitReached, match="for each channel"):
        ask(chat, "0.60")
    assert used(budget, "chat") == (Decimal("0.61"), 0)


def test_only_the_agent_that_is_named() -> None:
    named, other = make_agent(), make_agent()
    budget = make_budget(1, (50, "stop"), agent=named)
    spend(running_turn(make_session(agent=named)), "0.60")
    assert ask(running_turn(make_session(agent=other)), "0.60").steps == ()
    assert used(budget) == (Decimal("0.60"), 0)


def test_a_week_begins_on_monday() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT agents_period_begins('week', '2026-11-22 23:59:59+00'), agents_period_ends('week', "
            "agents_period_begins('week', '2026-11-22 23:59:59+00')), "
            "agents_period_begins('week', '2026-11-23 00:00+00')"
        )
        assert cursor.fetchone() == (
            datetime(2026, 11, 16, tzinfo=UTC),
            datetime(2026, 11, 23, tzinfo=UTC),
            datetime(2026, 11, 23, tzinfo=UTC),
        )


def test_another_period_begins_with_no_step() -> None:
    budget, turn = make_budget(1, (50, "drafts"), period="week"), running_turn()
    spend(turn, "0.60")
    Usage.objects.update(begins_at=datetime(2026, 1, 5, tzinfo=UTC))
    assert ask(turn, "0.01").steps == ()
    assert used(budget)


def test_what_a_dead_worker_had_set_aside_reaches_a_step_when_it_is_swept() -> None:
    budget, turn = make_budget(1, (50, "people")), running_turn()
    ask(turn, "0.60")
    end(turn)
    assert settle_abandoned() == 1
    assert crossed(budget) == [(50, "people")]
    with pytest.raises(PeopleAnswer):
        ask(running_turn(), is_new_turn=True)


def test_a_budget_that_is_off_does_nothing() -> None:
    budget, turn = make_budget(1, (50, "stop"), enabled=False), running_turn()
    make_limit(1000, measure=TOKENS)
    spend(turn, "0.90")
    assert ask(turn, "0.90").steps == ()
    assert crossed(budget) == []


def test_a_budget_of_nothing_refuses_and_tells() -> None:
    budget = make_budget(0, (50, "notify"))
    with pytest.raises(LimitReached):
        ask(running_turn(), "0.01")
    assert crossed(budget) == [(100, "refused")]
