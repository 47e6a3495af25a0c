"""What the nightly deletion takes of conversations, traces and usage, and what it leaves: no orphan, nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from agents import retention
from agents.models import Escalation, Limit, Message, Session, Turn, Usage
from agents.retention import run
from memory.models import Memory, Retention, RetentionRun
from memory.reach import everyone
from memory.retention import kept, lifetime
from observability.models import Charge, Span, Trace
from tests.agents.cases import make_call
from tests.factories import make_agent, make_customer, make_escalation, make_session, make_trace, make_turn
from tests.memory.orphans import orphans
from tests.memory.retention_cases import (
    DAY,
    MOMENT,
    NOW,
    closed,
    keep,
    make_approval,
    make_memory,
    ran,
    remaining,
    whole_conversation,
)
from tools.models import Approval, MoneyLimit, MoneyUse, ToolCall


@pytest.fixture(autouse=True)
def _by_words(settings: Any) -> None:
    settings.EMBEDDINGS = "lexical"


@pytest.fixture(autouse=True)
def setting(db: None) -> Retention:
    MoneyLimit.objects.all().delete()
    return keep()


# -- the setting


def test_a_migration_makes_the_one_row() -> None:
    Retention.objects.all().delete()
    row = kept()
    assert (row.conversations, row.memories, row.traces) == (30, 730, 90)
    assert kept().pk == row.pk == 1


def test_a_memory_holds_as_long_as_memories_are_kept() -> None:
    assert lifetime() == timedelta(days=730)
    keep(memories=10)
    assert lifetime() == timedelta(days=10)
    keep(memories=None)
    assert lifetime() is None


def test_nothing_is_deleted_where_everything_is_kept_for_ever() -> None:
    keep(conversations=None, memories=None, traces=None)
    long_ago = NOW - 5000 * DAY
    session = whole_conversation(long_ago)
    memory = make_memory(long_ago, expires_at=long_ago + DAY)
    trace = make_trace(started_at=long_ago)
    assert ran() == {}
    assert Session.objects.filter(pk=session.pk).exists()
    assert Trace.objects.filter(pk=trace.pk).exists()
    assert memory.pk in remaining()


# -- conversations


@pytest.mark.parametrize(
    ("closed_at", "goes"),
    [(NOW - 30 * DAY, True), (NOW - 30 * DAY - MOMENT, True), (NOW - 30 * DAY + MOMENT, False)],
    ids=["at the limit", "before", "after"],
)
def test_a_conversation_goes_after_its_days(closed_at: datetime, goes: bool) -> None:
    session = closed(closed_at)
    ran()
    assert Session.objects.filter(pk=session.pk).exists() is not goes


def test_one_with_all_that_is_its_own_goes_and_leaves_no_orphan() -> None:
    session, other = whole_conversation(NOW - 31 * DAY), whole_conversation(NOW - 29 * DAY)
    memory = make_memory(
        NOW,
        session.customer_id,
        session_id=session.pk,
        message_id=Message.objects.get(session=session, author="customer").pk,
    )
    counts = ran()
    assert counts == {
        "agents_session": 1,
        "agents_message": 2,
        "agents_turn": 1,
        "agents_turnevent": 1,
        "agents_escalation": 1,
        "agents_stop": 2,
        "agents_usage": 1,
        "memory_documentuse": 1,
        "memory_reading": 1,
        "memory_sessionsummary": 1,
        "tools_approval": 1,
        "tools_approvalvote": 1,
        "tools_moneyuse": 1,
        "tools_toolcall": 1,
    }
    assert orphans() == {}
    assert Message.objects.filter(session=other).count() == 2
    assert ToolCall.objects.filter(session_id=other.pk).exists()
    with everyone():
        known = Memory.objects.get(pk=memory.pk)
    assert (known.session_id, known.message_id) == (None, None)


@pytest.mark.parametrize("status", [Turn.Status.QUEUED, Turn.Status.RUNNING, Turn.Status.WAITING])
def test_one_with_an_open_turn_stays(status: Turn.Status) -> None:
    session = closed(NOW - 31 * DAY)
    make_turn(session, status=status)
    ran()
    assert Session.objects.filter(pk=session.pk).exists()


@pytest.mark.parametrize("status", [Escalation.Status.OPEN, Escalation.Status.CLAIMED])
def test_one_with_an_open_escalation_stays(status: Escalation.Status) -> None:
    session = closed(NOW - 31 * DAY)
    make_escalation(session, status=status, claimed_at=NOW)
    ran()
    assert Session.objects.filter(pk=session.pk).exists()


@pytest.mark.parametrize("status", [Approval.Status.PENDING, Approval.Status.APPROVED])
def test_one_with_a_pending_approval_stays(status: Approval.Status) -> None:
    session = closed(NOW - 31 * DAY)
    call = make_call(make_turn(session), "process_refund", {"done": True})
    make_approval(call, status=status, decided_at=None if status == Approval.Status.PENDING else NOW)
    ran()
    assert Session.objects.filter(pk=session.pk).exists()


@pytest.mark.parametrize("controller", [Session.Controller.AGENT, Session.Controller.HUMAN, Session.Controller.PAUSED])
def test_one_that_is_open_stays_however_old(controller: Session.Controller) -> None:
    long_ago = NOW - 4000 * DAY
    session = make_session(controller=controller, opened_at=long_ago, last_message_at=long_ago)
    ran()
    assert Session.objects.filter(pk=session.pk).exists()


# -- money


def test_what_a_limit_counts_is_kept_emptied_until_it_counts_it_no_longer() -> None:
    MoneyLimit.objects.create(scope="customer", hours=24 * 40, max_count=3)
    session = whole_conversation(NOW - 31 * DAY)
    counts = ran()
    assert "tools_moneyuse" not in counts
    call = ToolCall.objects.get(session_id=session.pk)
    assert (call.arguments, call.result, call.decided, call.digest) == ({}, {}, None, "")
    assert not Approval.objects.exists()
    assert MoneyUse.objects.get().amount == 12
    done = run(NOW + 9 * DAY)
    assert done is not None
    assert done.counts == {"tools_moneyuse": 1, "tools_toolcall": 1}
    assert orphans() == {}


def test_a_limit_that_is_off_keeps_nothing() -> None:
    MoneyLimit.objects.create(scope="customer", hours=24 * 40, max_count=3, enabled=False)
    whole_conversation(NOW - 31 * DAY)
    assert ran()["tools_moneyuse"] == 1


def test_money_of_conversations_that_stand_stays() -> None:
    whole_conversation(NOW - 29 * DAY)
    assert "tools_moneyuse" not in ran()


# -- traces


@pytest.mark.parametrize(
    ("started_at", "goes"), [(NOW - 90 * DAY, True), (NOW - 90 * DAY + MOMENT, False)], ids=["at the limit", "after"]
)
def test_a_trace_goes_with_its_steps_and_leaves_its_charges(started_at: datetime, goes: bool) -> None:
    trace = make_trace(started_at=started_at, spans=3)
    span = Span.objects.filter(trace=trace).first()
    assert span is not None
    Charge.objects.create(span_id=span.pk, trace_id=trace.pk, agent_id=uuid4(), kind="model", subject="m", usd=1)
    ran()
    assert Trace.objects.filter(pk=trace.pk).exists() is not goes
    assert Span.objects.filter(trace_id=trace.pk).count() == (0 if goes else 3)
    assert Charge.objects.filter(trace_id=trace.pk).count() == 1
    assert orphans() == {}


def test_a_trace_that_is_still_written_stays() -> None:
    turn = make_turn(make_session(), status=Turn.Status.WAITING, queued_at=NOW - 100 * DAY)
    waiting = make_trace(turn_id=turn.pk, started_at=NOW - 100 * DAY, status="running")
    lost = make_trace(started_at=NOW - 100 * DAY, status="running")
    ran()
    assert set(Trace.objects.values_list("pk", flat=True)) == {waiting.pk}
    assert lost.pk != waiting.pk


def test_a_trace_outlives_its_conversation() -> None:
    session = whole_conversation(NOW - 31 * DAY)
    trace = make_trace(session_id=session.pk, started_at=NOW - 31 * DAY)
    ran()
    assert not Session.objects.filter(pk=session.pk).exists()
    assert Trace.objects.filter(pk=trace.pk).exists()


# -- usage


def test_usage_of_nobody_goes() -> None:
    limit = Limit.objects.create(scope="customer", measure="messages", period="ever", amount=50)
    standing = make_customer()
    for subject in (str(uuid4()), str(standing.pk)):
        Usage.objects.create(limit=limit, subject=subject, begins_at=NOW, spent=1)
    everything = Limit.objects.create(scope="all", measure="messages", period="ever", amount=50)
    Usage.objects.create(limit=everything, subject="", begins_at=NOW, spent=1)
    assert ran() == {"agents_usage": 1}
    assert set(Usage.objects.values_list("subject", flat=True)) == {str(standing.pk), ""}


# -- the run


def test_batches_are_bounded_by_what_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH_EVENTS", 10)
    agent, customer = make_agent(), make_customer()
    for events in (4, 4, 4, 30, 1):
        closed(NOW - 40 * DAY + timedelta(minutes=events), agent=agent, customer=customer, event_seq=events)
    times = retention.Times.of(kept(), NOW)
    # In the order of closing: 1, 4, 4 and 4 (the fourth begins before the tenth event), then 30.
    assert [counts["agents_session"] for counts in retention.batches(times)] == [4, 1]


def test_a_run_that_was_killed_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH_SESSIONS", 1)
    for _ in range(3):
        closed(NOW - 40 * DAY)
    first = next(retention.batches(retention.Times.of(kept(), NOW)))
    assert first == {"agents_session": 1}
    assert ran() == {"agents_session": 2}
    assert not Session.objects.exists()


def test_what_is_to_be_deleted_is_what_is_deleted() -> None:
    closed(NOW - 40 * DAY)
    closed(NOW)
    make_memory(NOW - 800 * DAY)
    make_memory(NOW)
    make_trace(started_at=NOW - 100 * DAY)
    make_trace()
    times = retention.Times.of(kept(), NOW)
    assert times.conversations is not None
    assert retention.count_ended(times.conversations, most=10) == 1
    assert len(retention.ended_sessions(times.conversations, most=10)) == 1
    assert ran() == {
        "agents_session": 1,
        "memory_memory": 1,
        "observability_trace": 1,
        "observability_span": 2,
    }
    assert retention.count_ended(times.conversations, most=10) == 0


@pytest.fixture
def holder(transactional_db: None) -> Iterator[threading.Event]:
    """Somebody else who has the lock of the run, until the event is set."""
    release, taken = threading.Event(), threading.Event()

    def hold() -> None:
        with retention.alone() as is_mine:
            assert is_mine
            taken.set()
            release.wait(30)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert taken.wait(30)
    yield release
    release.set()
    thread.join(30)


@pytest.mark.django_db(transaction=True)
def test_one_run_at_a_time(holder: threading.Event) -> None:
    closed(NOW - 40 * DAY)
    assert run(NOW) is None
    assert Session.objects.count() == 1
    assert not RetentionRun.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_holds_is_left_for_the_next_night() -> None:
    held, free = closed(NOW - 40 * DAY), closed(NOW - 41 * DAY)
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with everyone():
            Session.objects.select_for_update().get(pk=held.pk)
            locked.set()
            release.wait(30)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert locked.wait(30)
    try:
        assert ran() == {"agents_session": 1}
    finally:
        release.set()
        thread.join(30)
    assert set(Session.objects.values_list("pk", flat=True)) == {held.pk}
    assert ran() == {"agents_session": 1}
    assert free.pk != held.pk
