"""The reconciliation of approvals: one clean world, and each wrong done to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.faults.deciders import Answer, Told, Word
from tests.faults.reconcile_approvals import reconcile_approvals
from tests.faults.records import ApprovalRow, CallRow, RefundRow, Rows, VoteRow

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ONE, OTHER = "one@example.com", "other@example.com"


def vote(email: str = ONE, verdict: str = "approve", *, is_of_this: bool = True) -> VoteRow:
    return VoteRow(approval_id="a", email=email, verdict=verdict, is_of_this=is_of_this)


def answer(person: str = ONE, word: Word = "approve", told: Told = "accepted") -> Answer:
    return Answer(approval_id="a", person=person, word=word, told=told, presses=1)


@pytest.fixture
def rows() -> Rows:
    """One refund of 130.00, asked for, said yes to, and made."""
    return Rows(
        calls=[
            CallRow(
                id="key",
                session_id="s",
                turn_id="t",
                tool_name="process_refund",
                state="confirmed",
                order_id="700001",
                result="{}",
            )
        ],
        refunds=[RefundRow(refund_id="RF-1", order_id="700001", amount=Decimal("130.00"), key="key")],
        approvals=[
            ApprovalRow(
                id="a",
                session_id="s",
                call_id="key",
                status="used",
                needed=1,
                amount=Decimal("130.00"),
                requested_at=NOON,
                decided_at=NOON + timedelta(seconds=2),
                used_at=NOON + timedelta(seconds=3),
            )
        ],
        votes=[vote()],
        counted={"key"},
        arrived={"key": NOON + timedelta(seconds=3)},
    )


def ends(rows: Rows, status: str, *, call: str = "refused") -> None:
    """The approval and its call so, and nothing of it at the shop."""
    rows.approvals = [replace(rows.approvals[0], status=status, used_at=None)]
    rows.calls = [replace(rows.calls[0], state=call)]
    rows.votes = [vote(verdict="reject")] if status == "rejected" else []
    rows.refunds, rows.counted, rows.arrived = [], set(), {}


def found(rows: Rows, *answers: Answer) -> dict[str, int]:
    return {name: len(findings) for name, findings in reconcile_approvals(rows, answers).items() if findings}


def test_a_clean_world_has_no_findings(rows: Rows) -> None:
    assert found(rows, answer(), answer(OTHER, told="late")) == {}


@pytest.mark.parametrize("status", ["rejected", "expired", "cancelled"])
def test_nothing_is_made_of_what_nobody_agreed_to(rows: Rows, status: str) -> None:
    ends(rows, status)
    assert found(rows) == {}


@pytest.mark.parametrize("status", ["pending", "approved"])
def test_one_that_does_not_end(rows: Rows, status: str) -> None:
    ends(rows, status)
    assert found(rows) == {"approvals in no final state": 1}


@pytest.mark.parametrize("status", ["rejected", "expired", "cancelled"])
def test_a_request_that_nobody_agreed_to(rows: Rows, status: str) -> None:
    """Also where nothing came of it."""
    ends(rows, status)
    rows.arrived = {"key": NOON + timedelta(seconds=3)}
    assert found(rows) == {"calls made without the yes that they wanted": 1}


def test_a_refund_that_nobody_agreed_to(rows: Rows) -> None:
    refunds = rows.refunds
    ends(rows, "expired", call="confirmed")
    rows.refunds, rows.counted = refunds, {"key"}
    assert found(rows) == {"calls made without the yes that they wanted": 2}, "by the approval, and by the amount"


def test_a_refund_that_nobody_was_asked_for(rows: Rows) -> None:
    rows.approvals, rows.votes = [], []
    assert found(rows) == {"calls made without the yes that they wanted": 1}
    rows.refunds = [replace(rows.refunds[0], amount=Decimal("100.00"))]
    assert found(rows) == {}
    rows.calls = [replace(rows.calls[0], tool_name="cancel_order")]
    rows.refunds = [replace(rows.refunds[0], amount=Decimal("250.01"))]
    assert found(rows) == {"calls made without the yes that they wanted": 1}


def test_a_request_that_left_before_the_yes(rows: Rows) -> None:
    rows.arrived = {"key": NOON + timedelta(seconds=1)}
    assert found(rows) == {"calls that left before the yes": 1}


def test_one_yes_where_two_are_needed(rows: Rows) -> None:
    rows.approvals = [replace(rows.approvals[0], needed=2)]
    assert found(rows) == {"calls made with too few yeses": 1}
    rows.votes.append(vote(OTHER))
    assert found(rows) == {}


def test_a_yes_to_other_arguments(rows: Rows) -> None:
    rows.votes = [vote(is_of_this=False)]
    assert found(rows) == {"calls made with too few yeses": 1}


def test_a_refund_that_was_made_twice(rows: Rows) -> None:
    rows.refunds.append(replace(rows.refunds[0], refund_id="RF-2"))
    assert found(rows) == {"approved calls not made once as approved": 1}


def test_a_refund_that_was_never_made(rows: Rows) -> None:
    rows.refunds = []
    assert found(rows) == {"approved calls not made once as approved": 1}


def test_another_amount_than_was_approved(rows: Rows) -> None:
    rows.refunds = [replace(rows.refunds[0], amount=Decimal("129.00"))]
    assert found(rows) == {"approved calls not made once as approved": 1}


@pytest.mark.parametrize("word", ["approve", "edit", "reject"])
def test_a_word_that_was_taken_and_lost(rows: Rows, word: Word) -> None:
    assert found(rows, answer(OTHER, word)) == {"decisions accepted and not kept": 1}
    assert found(rows, answer(OTHER, word, told="unsure")) == {}


def test_a_take_over_that_was_taken_and_lost(rows: Rows) -> None:
    assert found(rows, answer(word="take_over")) == {"decisions accepted and not kept": 1}
    ends(rows, "cancelled")
    assert found(rows, answer(word="take_over")) == {}


def test_a_no_that_did_not_count(rows: Rows) -> None:
    rows.votes.append(vote(OTHER, "reject"))
    assert found(rows) == {"approvals that are not what the people said": 1}


def test_a_no_that_nobody_said(rows: Rows) -> None:
    ends(rows, "rejected")
    rows.votes = []
    assert found(rows) == {"approvals that are not what the people said": 1}


@pytest.mark.parametrize("state", ["refused", "failed"])
def test_money_that_is_counted_and_was_not_moved(rows: Rows, state: str) -> None:
    ends(rows, "cancelled", call=state)
    rows.counted = {"key"}
    assert found(rows) == {"money limits that count otherwise than money moved": 1}


def test_money_that_was_moved_and_is_not_counted(rows: Rows) -> None:
    rows.counted = set()
    assert found(rows) == {"money limits that count otherwise than money moved": 1}
