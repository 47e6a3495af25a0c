"""What runs now: order, the step in words, and what it has taken so far."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agents import running
from agents.models import Session, Stop, Turn, TurnEvent
from agents.running import OpenTurn, load_by_agent, open_turns
from observability.models import Span
from tests.agents.approval_cases import decide_as, make_approval, make_asking_session, shop_tools
from tests.factories import make_agent, make_customer, make_session, make_trace, make_turn, next_seq
from tests.kept_caches import read_once
from tools.catalog import catalog

RUNNING, QUEUED = Turn.Status.RUNNING, Turn.Status.QUEUED
STEP = {"tool_call_id": "1", "tool_name": "get_order", "state": "reserved", "progress": "Looking up order 1042"}
WRITTEN = {"call": 1, "attempt": 3, "text": "Your order is "}

pytestmark = pytest.mark.django_db

__all__ = ["shop_tools"]


def open_turn(name: str = "Ada", status: Turn.Status = RUNNING, *, minutes: int = 0, **fields: Any) -> Turn:
    """Of a conversation of its own, begun or queued so many minutes ago, its lease still good."""
    session = fields.pop("session", None) or make_session(customer=make_customer(name=name))
    at = timezone.now() - timedelta(minutes=minutes)
    lease = {"lease_until": timezone.now() + timedelta(minutes=1)} if status == RUNNING else {}
    times = {"queued_at": at, "started_at": at if status == RUNNING else None}
    return make_turn(session, status=status, **{**lease, **times, **fields})


def tell(turn: Turn, kind: TurnEvent.Kind, data: dict[str, Any]) -> None:
    TurnEvent.objects.create(session=turn.session, turn=turn, seq=next_seq(turn.session), kind=kind, data=data)


def only() -> OpenTurn:
    (turn,) = open_turns()
    return turn


def test_those_that_run_come_first_and_the_longest_of_them() -> None:
    for name, status, minutes in (("A", QUEUED, 9), ("B", RUNNING, 1), ("C", RUNNING, 5), ("D", QUEUED, 20)):
        open_turn(name, status, minutes=minutes)
    make_turn(make_session(), status=Turn.Status.REPLIED)
    assert [turn.customer for turn in open_turns()] == ["C", "B", "D", "A"]


def test_what_a_turn_took_is_the_sum_of_its_steps() -> None:
    turn = open_turn(attempts=2)
    make_trace(turn_id=turn.pk, spans=3, cost_usd=Decimal(0))
    Span.objects.update(input_tokens=100, output_tokens=5, cost_usd=Decimal("0.01"))
    found = only()
    assert (found.model_calls, found.tool_calls, found.tokens, found.usd) == (2, 1, 315, Decimal("0.03"))
    assert (found.attempts, found.version, found.has_trace, found.is_lost) == (2, 1, True, False)


@pytest.mark.parametrize(
    ("events", "doing"),
    [
        ([], "Working on an answer"),
        ([("step", STEP)], "Looking up order 1042"),
        ([("text", WRITTEN)], "Writing"),
        ([("step", STEP), ("step", {"tool_call_id": "1", "state": "confirmed"})], "Reading the result"),
        ([("text", WRITTEN)] * 60 + [("step", STEP)], "Looking up order 1042"),
    ],
)
def test_the_step_is_that_of_its_last_events(events: list[tuple[TurnEvent.Kind, dict[str, Any]]], doing: str) -> None:
    turn = open_turn()
    for kind, data in events:
        tell(turn, TurnEvent.Kind(kind), data)
    assert only().doing == doing


def test_why_a_turn_takes_no_step() -> None:
    agent = make_agent()
    turn = open_turn("A", RUNNING, minutes=9, session=make_session(agent=agent, customer=make_customer(name="A")))
    open_turn("A", QUEUED, minutes=8, session=turn.session)
    open_turn("B", QUEUED, minutes=7)
    open_turn("C", RUNNING, minutes=6, lease_until=timezone.now() - timedelta(seconds=1))
    taken = open_turn("D", RUNNING, minutes=5)
    Session.objects.filter(pk=taken.session_id).update(controller="human")

    doing = {(found.customer, found.status): found.doing for found in open_turns()}
    assert doing == {
        ("A", "running"): "Working on an answer",
        ("A", "queued"): "Waits for the turn before it",
        ("B", "queued"): "Waits for a worker",
        ("C", "running"): "Goes to another worker",
        ("D", "running"): "Silent: a person took over",
    }

    Stop.objects.create(scope="agent", subject=str(agent.pk), reason="Drill")
    stopped = [found.doing for found in open_turns(agent.pk)]
    assert stopped == ["Takes no further step", "Does not begin"]


@pytest.mark.usefixtures("shop_tools")
def test_a_turn_that_waits_for_approval_says_what_for() -> None:
    session = make_asking_session("Chloe")
    at = timezone.now() - timedelta(minutes=4)
    approval = make_approval(session, requested_at=at)
    open_turn("Chloe", QUEUED, minutes=1, session=session)
    open_turn("Ada", RUNNING)

    found = open_turns()
    waiting = found[-1]
    assert [turn.status for turn in found] == ["running", "queued", "waiting"]
    assert (waiting.approval_id, waiting.since, waiting.is_running) == (approval.pk, at, False)
    assert waiting.doing == f"Waits for {approval.label}: Refund 142.00 EUR of order 1044"
    # What the customer wrote since waits behind it.
    assert found[1].doing == "Waits for the turn before it"
    assert [turn.status for turn in open_turns(session.agent_id)] == ["queued", "waiting"]
    (load,) = [load for load in load_by_agent() if load.agent_id == session.agent_id]
    assert (load.running, load.queued, load.waiting, load.open) == (0, 1, 1, 2)

    Stop.objects.create(scope="session", subject=str(session.pk), reason="Drill")
    assert [turn.doing for turn in open_turns(session.agent_id)] == ["Does not begin", "Takes no further step"]


@pytest.mark.usefixtures("shop_tools")
def test_what_was_decided_is_not_waited_for_any_more(reviewer: User) -> None:
    approval = make_approval()
    Turn.objects.update(status=QUEUED)
    decide_as(approval, reviewer, status="approved")
    assert [(turn.status, turn.approval_id) for turn in open_turns()] == [("queued", None)]
    Turn.objects.update(status="replied", finished_at=timezone.now())
    assert open_turns() == []


@pytest.mark.usefixtures("shop_tools")
def test_a_tool_that_is_gone_is_called_by_its_key(django_assert_num_queries: Any) -> None:
    for _ in range(3):
        make_approval(tool="crm___merge_accounts", arguments={}, amount=None)
    with read_once():
        catalog.tools()
        with django_assert_num_queries(2):
            found = open_turns()
    assert [turn.doing.partition(": ")[2] for turn in found] == ["Merge accounts"] * 3


def test_the_load_of_each_agent() -> None:
    refunds, orders = make_agent(name="Refunds"), make_agent(name="Orders")
    for agent, status, minutes in ((refunds, RUNNING, 3), (refunds, QUEUED, 1), (orders, RUNNING, 2)):
        open_turn("Ada", status, minutes=minutes, session=make_session(agent=agent))
    loads = load_by_agent()
    assert [(load.name, load.running, load.queued, load.open) for load in loads] == [
        ("Orders", 1, 0, 1),
        ("Refunds", 1, 1, 2),
    ]
    assert len(open_turns(refunds.pk)) == 2


def test_one_query_and_a_bound(django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        open_turn()
    monkeypatch.setattr(running, "SHOWN", 2)
    with django_assert_num_queries(1):
        assert len(open_turns()) == 2
