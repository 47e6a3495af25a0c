"""A call that wants a person's yes: parked, decided, made once, whatever happens in between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from agents.demo_policies import RULES
from agents.models import Session, Stop, Turn, TurnEvent
from agents.parked import lock_session
from agents.runtime import endings, loop
from agents.sessions import take_over
from agents.tasks import run_turn
from observability.access import Role
from tests.factories import make_user
from tests.flows.conftest import Desk, forget_caches
from tests.flows.planned import PlannedModel, planned_model
from tests.messages_api import text, tool_use
from tests.tools.policies_cases import publish_changed
from tools import approvals
from tools.models import Approval, ApproverLimit, MoneyUse, ToolCall

REFUND = tool_use("process_refund", {"order_id": "1042", "reason": "broken"})
TWO = (
    '@approval("reviewer") @approvals("2") permit (principal, '
    'action == AgentCore::Action::"shop___process_refund", resource);'
)
DONE = text("Your refund of 42.00 is on its way.")
ASK = "Please refund order 1042"


@pytest.fixture
def model(desk: Desk, settings: Any) -> Iterator[PlannedModel]:
    """Refunds above 10.00 want a reviewer."""
    publish_changed(small_refunds=RULES["small-refunds"].replace("100.00", "10.00"))
    with planned_model(settings) as model:
        model.answers = [REFUND, DONE]
        yield model


@pytest.fixture
def reviewer(desk: Desk) -> User:
    return make_user(Role.REVIEWER)


def waiting(desk: Desk, said: str = ASK) -> tuple[Turn, Approval]:
    turn = desk.ask(said)
    assert turn.status == Turn.Status.WAITING
    assert desk.refunds("1042") == []
    return turn, Approval.objects.get()


def say(approval: Approval, user: User, verdict: str = "approve", **fields: Any) -> Approval:
    return approvals.decide(
        approval, user=user, verdict=verdict, digest=fields.pop("digest", approval.digest), **fields
    )


def go_on(turn: Turn) -> Turn:
    run_turn(str(turn.pk))
    return Turn.objects.get(pk=turn.pk)


def amounts(desk: Desk) -> list[object]:
    return [refund["amount"] for refund in desk.refunds("1042")]


def code_of(turn: Turn) -> str:
    call = ToolCall.objects.get(turn_id=turn.pk)
    assert call.state == ToolCall.State.REFUSED
    return str(call.result["error"]["code"])


def test_it_waits_without_a_worker_and_is_made_once_after_a_yes(
    desk: Desk, model: PlannedModel, reviewer: User
) -> None:
    turn, approval = waiting(desk)
    assert (turn.lease_token, approval.status, approval.amount) == (None, "pending", Decimal("42.00"))
    assert (approval.rules, approval.policy_version, approval.role) == (["larger-refunds"], 2, "reviewer")
    assert run_turn(str(turn.pk)) is None, "a nudge begins nothing"
    assert Turn.objects.get(pk=turn.pk).status == Turn.Status.WAITING

    say(approval, reviewer)
    assert Turn.objects.get(pk=turn.pk).status == Turn.Status.QUEUED
    ended = go_on(turn)

    assert (ended.status, desk.reply(ended)) == (Turn.Status.REPLIED, "Your refund of 42.00 is on its way.")
    assert amounts(desk) == ["42.00"]
    assert Approval.objects.get().status == Approval.Status.USED
    assert desk.calls(ended) == [("process_refund", "confirmed")]
    call = ToolCall.objects.get()
    assert (call.decision, call.policy_version, call.decided["rules"]) == ("approval", 2, ["larger-refunds"])
    assert MoneyUse.objects.get().amount == Decimal("42.00")


def test_what_comes_meanwhile_waits_its_turn(desk: Desk, model: PlannedModel, reviewer: User) -> None:
    turn, approval = waiting(desk)
    second = desk.send("Hello?", session_id=turn.session_id)
    assert desk.work(second).status == Turn.Status.QUEUED
    say(approval, reviewer)
    go_on(turn)
    assert desk.work(second).status == Turn.Status.REPLIED
    assert amounts(desk) == ["42.00"]


def test_a_no_reaches_the_agent_with_its_reason(desk: Desk, model: PlannedModel, reviewer: User) -> None:
    turn, approval = waiting(desk)
    model.answers = [text("I am sorry, a colleague says no.")]
    say(approval, reviewer, "reject", reason="Not broken on the photo")
    ended = go_on(turn)
    assert (ended.status, code_of(ended), amounts(desk)) == (Turn.Status.REPLIED, "rejected_by_person", [])
    assert "Not broken on the photo" in ToolCall.objects.get().result["error"]["message"]
    assert Approval.objects.get().status == Approval.Status.REJECTED
    assert not MoneyUse.objects.exists()


def test_nobodys_answer_in_time_is_a_no(desk: Desk, model: PlannedModel, reviewer: User) -> None:
    turn, approval = waiting(desk)
    Approval.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(approvals.Stale, match="run out"):
        say(approval, reviewer)
    assert approvals.expire_due(lock_session) == 1
    assert approvals.expire_due(lock_session) == 0
    model.answers = [text("Nobody could look at it.")]
    ended = go_on(turn)
    assert (code_of(ended), amounts(desk)) == ("approval_expired", [])


def test_what_was_changed_after_the_yes_is_not_made(desk: Desk, model: PlannedModel, reviewer: User) -> None:
    """The arguments in the row are not those that the digest is of: nobody has seen them."""
    turn, approval = waiting(desk)
    say(approval, reviewer)
    Approval.objects.update(arguments={"order_id": "1042", "reason": "broken", "amount": "41.00"})
    model.answers = [text("It was not possible.")]
    ended = go_on(turn)
    assert (code_of(ended), amounts(desk)) == ("approval_void", [])


def test_more_money_than_was_shown_is_not_moved(desk: Desk, model: PlannedModel, reviewer: User) -> None:
    """A whole refund names no amount: what it moves is the order's, which may have changed since."""
    turn, approval = waiting(desk)
    say(approval, reviewer)
    Approval.objects.update(amount=Decimal("41.99"))
    model.answers = [text("It was not possible.")]
    ended = go_on(turn)
    assert (code_of(ended), amounts(desk)) == ("approval_void", [])


def test_one_yes_is_not_enough_where_two_are_wanted_by_now(desk: Desk, model: PlannedModel, reviewer: User) -> None:
    turn, approval = waiting(desk)
    say(approval, reviewer)
    publish_changed(larger_refunds=TWO)
    forget_caches()
    model.answers = [text("It was not possible.")]
    ended = go_on(turn)
    assert (code_of(ended), amounts(desk)) == ("approval_void", [])


def test_who_asked_may_still_say_no(desk: Desk, model: PlannedModel) -> None:
    own = make_user(Role.REVIEWER, email="ada@example.com")
    _, approval = waiting(desk)
    assert say(approval, own, "reject", reason="Not needed any more").status == Approval.Status.REJECTED


def test_a_yes_can_become_a_no_while_another_is_waited_for(desk: Desk, model: PlannedModel, reviewer: User) -> None:
    publish_changed(larger_refunds=TWO)
    forget_caches()
    _, approval = waiting(desk)
    say(approval, reviewer)
    assert say(approval, reviewer, "reject", reason="On second thoughts").status == Approval.Status.REJECTED


def test_one_that_was_used_is_good_for_nothing_more(desk: Desk, model: PlannedModel, reviewer: User) -> None:
    part = {"order_id": "1042", "reason": "broken", "amount": "20.00"}
    done = text("Your refund of 20.00 is on its way.")
    model.answers = [tool_use("process_refund", part), done]
    turn, approval = waiting(desk, "Refund 20.00 of order 1042")
    say(approval, reviewer)
    go_on(turn)
    model.answers = [tool_use("process_refund", part, use_id="toolu_2"), done]
    again = desk.ask("And once more", session_id=turn.session_id)
    assert again.status == Turn.Status.WAITING, "the same arguments want a yes of their own"
    assert Approval.objects.filter(status="pending").count() == 1
    assert amounts(desk) == ["20.00"]


def test_of_two_who_decide_at_once_one_is_first(desk: Desk, model: PlannedModel) -> None:
    turn, approval = waiting(desk)
    ready, outcomes = threading.Barrier(2), []
    people = [make_user(Role.REVIEWER), make_user(Role.REVIEWER)]

    def decides(user: User, verdict: str) -> None:
        ready.wait()
        try:
            outcomes.append(say(approval, user, verdict).status)
        except approvals.Stale:
            outcomes.append("stale")
        connection.close()

    threads = [threading.Thread(target=decides, args=args) for args in zip(people, ("approve", "reject"), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) in (["approved", "stale"], ["rejected", "stale"])
    go_on(turn)
    assert amounts(desk) == (["42.00"] if "approved" in outcomes else [])


def test_who_asked_does_not_decide(desk: Desk, model: PlannedModel, reviewer: User) -> None:
    """The customer has an account here, too."""
    own = make_user(Role.ADMIN, email="Ada@Example.com")
    _, approval = waiting(desk)
    with pytest.raises(approvals.NotAllowed, match="yourself"):
        say(approval, own)
    assert Approval.objects.get().status == Approval.Status.PENDING


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.ANALYST])
def test_another_role_does_not_decide(desk: Desk, model: PlannedModel, role: Role) -> None:
    _, approval = waiting(desk)
    with pytest.raises(approvals.NotAllowed, match="role reviewer"):
        say(approval, make_user(role))


def test_nobody_approves_more_than_they_may(desk: Desk, model: PlannedModel, reviewer: User) -> None:
    _, approval = waiting(desk)
    ApproverLimit.objects.create(user=reviewer, max_amount=Decimal("41.99"))
    with pytest.raises(approvals.NotAllowed, match=r"up to 41\.99"):
        say(approval, reviewer)


def test_two_are_needed_where_the_policy_says_two(desk: Desk, model: PlannedModel, reviewer: User) -> None:
    publish_changed(larger_refunds=TWO)
    forget_caches()
    turn, approval = waiting(desk)
    assert say(approval, reviewer).status == Approval.Status.PENDING
    with pytest.raises(approvals.Stale, match="decided A-"):
        say(approval, reviewer)
    assert go_on(turn).status == Turn.Status.WAITING
    assert say(approval, make_user(Role.REVIEWER)).status == Approval.Status.APPROVED
    go_on(turn)
    assert amounts(desk) == ["42.00"]


def test_what_a_person_changes_is_what_is_made(desk: Desk, model: PlannedModel, reviewer: User) -> None:
    turn, approval = waiting(desk)
    changed = {**approval.arguments, "amount": "20.00"}
    say(approval, reviewer, arguments=changed, amount=Decimal("20.00"), reason="Half of it")
    go_on(turn)
    assert amounts(desk) == ["20.00"]
    call = ToolCall.objects.get()
    assert call.arguments["amount"] == "20.00"
    assert call.result["changed_by_a_person"]["amount"] == "20.00"
    assert MoneyUse.objects.get().amount == Decimal("20.00")


def test_a_change_makes_what_others_were_shown_stale(desk: Desk, model: PlannedModel, reviewer: User) -> None:
    publish_changed(larger_refunds=TWO)
    forget_caches()
    _, approval = waiting(desk)
    say(approval, reviewer)
    other = make_user(Role.REVIEWER)
    say(approval, other, arguments={**approval.arguments, "amount": "20.00"}, amount=Decimal("20.00"))
    row = Approval.objects.get()
    assert row.status == Approval.Status.PENDING, "the first yes was to something else"
    with pytest.raises(approvals.Stale, match="changed"):
        say(approval, make_user(Role.REVIEWER))


def test_new_policies_void_what_was_approved_under_the_old(desk: Desk, model: PlannedModel, reviewer: User) -> None:
    turn, approval = waiting(desk)
    say(approval, reviewer)
    publish_changed(hand_over=f"// of something else\n{RULES['hand-over']}")
    forget_caches()
    model.answers = [text("It was not possible.")]
    ended = go_on(turn)
    assert (code_of(ended), amounts(desk)) == ("approval_void", [])


def test_a_take_over_withdraws_it(desk: Desk, model: PlannedModel, reviewer: User) -> None:
    turn, approval = waiting(desk)
    take_over(Session.objects.get(), user=reviewer)
    ended = Turn.objects.get(pk=turn.pk)
    assert (ended.status, code_of(ended)) == (Turn.Status.SILENCED, "not_made")
    assert Approval.objects.get().status == Approval.Status.CANCELLED
    assert desk.trace(turn).outcome == "silenced"
    with pytest.raises(approvals.Stale, match="already cancelled"):
        say(approval, reviewer)


def test_a_take_over_after_the_yes_withdraws_it_too(desk: Desk, model: PlannedModel, reviewer: User) -> None:
    turn, approval = waiting(desk)
    say(approval, reviewer)
    take_over(Session.objects.get(), user=reviewer)
    go_on(turn)
    assert (Approval.objects.get().status, amounts(desk)) == (Approval.Status.CANCELLED, [])


def test_a_stop_holds_what_was_approved(desk: Desk, model: PlannedModel, reviewer: User) -> None:
    turn, approval = waiting(desk)
    say(approval, reviewer)
    Stop.objects.create(scope="all", reason="Wrong prices")
    ended = go_on(turn)
    assert (ended.status, amounts(desk)) == (Turn.Status.ESCALATED, [])
    assert Approval.objects.get().status == Approval.Status.CANCELLED


@pytest.mark.parametrize("broken", ["shop", "tool"])
def test_what_fails_before_the_policies_are_asked_again_uses_it_up(
    desk: Desk, model: PlannedModel, reviewer: User, broken: str
) -> None:
    """The call has ended, so nothing is left to be said yes to."""
    turn, approval = waiting(desk)
    say(approval, reviewer)
    if broken == "shop":
        desk.fault(fail_next=100)
    else:
        Stop.objects.create(scope="tool", subject="process_refund", reason="Wrong prices")
    model.answers = [text("It was not possible.")]
    go_on(turn)
    assert ToolCall.objects.get().state in {"refused", "failed"}
    assert Approval.objects.get().status == Approval.Status.USED
    assert not MoneyUse.objects.exists()


class WorkerDied(BaseException):
    """Stands for the end of a process: nothing of ours may catch it."""


@pytest.mark.parametrize("write", range(4))
def test_a_worker_that_dies_at_any_write_after_the_yes_makes_it_once(
    desk: Desk, model: PlannedModel, reviewer: User, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    """Each of the writes of the turn that goes on is, in one case, the one that its worker does not live to make."""
    turn, approval = waiting(desk)
    say(approval, reviewer)
    made = 0

    def dying(module: ModuleType, name: str) -> Any:
        real = getattr(module, name)

        def writes(*args: Any, **kwargs: Any) -> Any:
            nonlocal made
            if made == write:
                raise WorkerDied
            made += 1
            return real(*args, **kwargs)

        return writes

    with monkeypatch.context() as patched:
        for module, name in ((loop, "write_turn"), (endings, "end_turn")):
            patched.setattr(module, name, dying(module, name))
        try:
            run_turn(str(turn.pk))
        except WorkerDied:
            Turn.objects.filter(pk=turn.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    ended = go_on(turn)
    assert (ended.status, amounts(desk)) == (Turn.Status.REPLIED, ["42.00"])
    assert Approval.objects.get().status == Approval.Status.USED
    assert MoneyUse.objects.count() == 1


def test_the_events_of_a_turn_that_waited_have_no_gap(desk: Desk, model: PlannedModel, reviewer: User) -> None:
    turn, approval = waiting(desk)
    states = [event.data["state"] for event in TurnEvent.objects.filter(kind="step").order_by("seq")]
    assert states == ["reserved", "waiting"]
    say(approval, reviewer)
    go_on(turn)
    numbers = list(TurnEvent.objects.order_by("seq").values_list("seq", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_lost_lease_parks_nothing(desk: Desk, model: PlannedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    received = desk.send(ASK)
    request = approvals.request

    def loses(*args: Any, **kwargs: Any) -> Any:
        Turn.objects.update(lease_token="00000000-0000-0000-0000-000000000001")
        return request(*args, **kwargs)

    monkeypatch.setattr(approvals, "request", loses)
    run_turn(str(received.turn_id))
    assert Turn.objects.get().status == Turn.Status.RUNNING
    assert not Approval.objects.exists()
