"""The reconciliation finds what it is there for: one clean world, and each wrong done to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.faults.customers import Record, Sent
from tests.faults.plan import make_plan
from tests.faults.reconcile import cases_of, overlapping, reconcile
from tests.faults.records import CallRow, EventRow, MessageRow, RefundRow, Rows, SessionRow, TurnRow

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CONVERSATION = make_plan(seed=1, conversations=1).conversations[0]
ORDER = CONVERSATION.order_id
DONE = f"It is done: EUR 14.50 for order {ORDER} is refunded. It should reach you within 5 days."


def message(seq: int, author: str, text: str, *, turn: str | None = None, visibility: str = "public") -> MessageRow:
    return MessageRow(session_id="s", seq=seq, turn_id=turn, author=author, visibility=visibility, text=text, at=NOON)


def event(seq: int, kind: str = "message", *, turn: str | None = None, detail: str = "") -> EventRow:
    return EventRow(session_id="s", seq=seq, kind=kind, turn_id=turn, detail=detail)


def turn(name: str, seq: int, *, status: str = "replied", begins: int = 0, ends: int = 5) -> TurnRow:
    return TurnRow(
        id=name,
        session_id="s",
        seq=seq,
        status=status,
        attempts=1,
        queued_at=NOON,
        started_at=NOON + timedelta(seconds=begins),
        finished_at=None if status in {"queued", "running", "waiting"} else NOON + timedelta(seconds=ends),
        failure="",
    )


def call(state: str = "confirmed") -> CallRow:
    return CallRow(
        id="key", session_id="s", turn_id="t1", tool_name="process_refund", state=state, order_id=ORDER, result="{}"
    )


def refund(number: int = 1, key: str = "key") -> RefundRow:
    return RefundRow(refund_id=f"RF-{number}", order_id=ORDER, amount=Decimal("14.50"), key=key)


@pytest.fixture
def rows() -> Rows:
    """Two messages, a refund, two replies."""
    return Rows(
        sessions=[SessionRow(id="s", email=CONVERSATION.email, controller="agent", event_seq=6)],
        messages=[
            message(1, "customer", "Refund it."),
            message(2, "agent", "", turn="t1", visibility="step"),
            message(4, "agent", DONE, turn="t1"),
            message(5, "customer", "Thank you."),
            message(6, "agent", "You are welcome.", turn="t2"),
        ],
        events=[
            event(1),
            event(2, "step", turn="t1"),
            event(3, "step", turn="t1"),
            event(4, turn="t1"),
            event(5),
            event(6, turn="t2"),
        ],
        turns=[turn("t1", 1), turn("t2", 5, begins=6, ends=8)],
        calls=[call()],
        refunds=[refund()],
        counted={"key"},
    )


@pytest.fixture
def records() -> list[Record]:
    sent = [Sent(text=text, fate="accepted") for text in ("Refund it.", "Thank you.")]
    return [Record(conversation=CONVERSATION, began_at=0, session_id="s", sent=sent)]


def found(rows: Rows, records: list[Record]) -> dict[str, int]:
    """How many of each kind, without those of which there are none."""
    return {name: len(findings) for name, findings in reconcile(rows, records).items() if findings}


def take_over(rows: Rows, seq: int) -> None:
    """A person takes over instead of what this event was."""
    rows.events = [event(seq, "controller", detail="human") if row.seq == seq else row for row in rows.events]
    rows.messages = [row for row in rows.messages if row.seq != seq]


def test_a_clean_world_has_no_findings(rows: Rows, records: list[Record]) -> None:
    assert found(rows, records) == {}


# -- messages


def test_an_accepted_message_that_is_not_there(rows: Rows, records: list[Record]) -> None:
    records[0].sent.append(Sent(text="And this?", fate="accepted"))
    records[0].sent.append(Sent(text="Perhaps.", fate="unsure"))
    assert found(rows, records) == {"messages accepted and not stored": 1}


def test_a_message_stored_twice(rows: Rows, records: list[Record]) -> None:
    rows.messages[3] = replace(rows.messages[3], text="Refund it.")
    records[0].sent.pop()
    assert found(rows, records) == {"messages stored twice": 1}


def test_a_message_without_a_turn(rows: Rows, records: list[Record]) -> None:
    rows.turns.pop()
    assert found(rows, records) == {"messages without an answer": 1}


def test_a_message_without_a_turn_is_a_persons_matter(rows: Rows, records: list[Record]) -> None:
    rows.turns.pop()
    rows.escalated.add("s")
    assert found(rows, records) == {}


def test_a_turn_that_ended_without_a_word(rows: Rows, records: list[Record]) -> None:
    rows.messages[4] = replace(rows.messages[4], turn_id=None)
    assert found(rows, records) == {"messages without an answer": 1}


def test_a_turn_that_was_silenced_by_nobody(rows: Rows, records: list[Record]) -> None:
    rows.turns[1] = replace(rows.turns[1], status="silenced")
    assert found(rows, records) == {"messages without an answer": 1}


def test_a_turn_merged_into_nothing_leaves_the_customer_waiting(rows: Rows, records: list[Record]) -> None:
    rows.turns[1] = replace(rows.turns[1], status="merged")
    rows.messages.pop()
    assert found(rows, records) == {"messages without an answer": 1, "customers left waiting by the agent": 1}


# -- effects


def test_one_order_refunded_twice(rows: Rows, records: list[Record]) -> None:
    rows.refunds.append(refund(2, key="other"))
    rows.calls.append(replace(call(), id="other"))
    rows.counted.add("other")
    assert found(rows, records) == {"doubled effects": 1}


def test_two_refunds_under_one_key(rows: Rows, records: list[Record]) -> None:
    rows.refunds.append(replace(refund(2), order_id="other"))
    assert found(rows, records) == {"doubled effects": 1}


@pytest.mark.parametrize("state", ["failed", "refused"])
def test_a_refund_that_the_ledger_denies(rows: Rows, records: list[Record], state: str) -> None:
    rows.calls = [call(state)]
    assert found(rows, records) == {
        "shop's refunds that our ledger does not show": 1,
        "money limits that count otherwise than money moved": 1,
    }


def test_a_refund_that_is_unknown_has_to_be_with_a_person(rows: Rows, records: list[Record]) -> None:
    rows.calls = [call("unknown")]
    assert found(rows, records) == {"unknown outcomes that no person has": 1}
    rows.escalated.add("s")
    assert found(rows, records) == {}


def test_a_refund_that_nobody_asked_for(rows: Rows, records: list[Record]) -> None:
    rows.calls = []
    assert found(rows, records) == {"shop's refunds that our ledger does not show": 1}


def test_a_refund_that_was_never_made_and_was_told(rows: Rows, records: list[Record]) -> None:
    rows.refunds = []
    assert found(rows, records) == {
        "our confirmed effects that the shop does not know": 1,
        "customers told of a refund that did not happen": 1,
    }


@pytest.mark.parametrize(
    "words",
    [
        DONE.replace("14.50", "56.50"),
        f"Your refund of EUR 56.50 for order {ORDER} was made on 22 November 2026.",
        f"It is done: order {ORDER} is cancelled. EUR 56.50 goes back to you.",
        "Order 999999 (Stoneware mug, red, Merino scarf, grey) has already been refunded.",
    ],
)
def test_another_refund_than_was_made(rows: Rows, records: list[Record], words: str) -> None:
    """Also where the customer read it only while the reply was written."""
    rows.events[2] = event(3, "text", turn="t1", detail=words)
    assert found(rows, records) == {"customers told of a refund that did not happen": 1}


def test_a_call_that_outlives_its_turn(rows: Rows, records: list[Record]) -> None:
    rows.calls.append(replace(call("sent"), id="other"))
    assert found(rows, records) == {"calls left without an outcome": 1}


def test_a_reservation_that_is_left(rows: Rows, records: list[Record]) -> None:
    rows.reservations.append("t1")
    assert found(rows, records) == {"reservations left over": 1}


# -- turns


@pytest.mark.parametrize("status", ["queued", "running", "waiting"])
def test_a_turn_that_does_not_end(rows: Rows, records: list[Record], status: str) -> None:
    rows.turns[1] = turn("t2", 5, status=status)
    assert found(rows, records) == {"turns stuck": 1}


def test_a_queued_turn_waits_while_a_person_speaks(rows: Rows, records: list[Record]) -> None:
    rows.turns[1] = turn("t2", 5, status="queued")
    rows.sessions = [replace(rows.sessions[0], controller="human")]
    assert found(rows, records) == {}


def test_turns_that_write_into_one_another(rows: Rows, records: list[Record]) -> None:
    rows.events[2] = event(3, "step", turn="t2")
    assert found(rows, records) == {"interleaved turns": 1}


def test_turns_whose_times_overlap(rows: Rows, records: list[Record]) -> None:
    rows.turns[1] = turn("t2", 5, begins=4, ends=8)
    assert found(rows, records) == {}
    assert len(list(overlapping(cases_of(rows)["s"]))) == 1


def test_a_number_that_is_missing(rows: Rows, records: list[Record]) -> None:
    rows.events = [row for row in rows.events if row.seq != 3]
    assert found(rows, records) == {"gaps or doubles in the events' numbers": 1}


def test_two_replies_of_one_turn(rows: Rows, records: list[Record]) -> None:
    rows.messages[4] = replace(rows.messages[4], turn_id="t1")
    assert found(rows, records) == {"turns with two replies": 1, "messages without an answer": 1}


# -- after a take-over


def test_a_reply_after_a_take_over(rows: Rows, records: list[Record]) -> None:
    take_over(rows, 3)
    assert found(rows, records) == {"messages of the agent after a take-over": 2}


def test_a_sentence_shown_after_a_take_over(rows: Rows, records: list[Record]) -> None:
    take_over(rows, 2)
    rows.events[2] = event(3, "text", turn="t1", detail="I am about to")
    rows.messages = [row for row in rows.messages if row.author == "customer"]
    rows.turns = [replace(row, status="silenced") for row in rows.turns]
    rows.sessions = [replace(rows.sessions[0], controller="human")]
    assert found(rows, records) == {"sentences of the agent shown after a take-over": 1}


def test_after_a_hand_back_the_agent_may_speak(rows: Rows, records: list[Record]) -> None:
    rows.events[1] = event(2, "controller", detail="human")
    rows.events[2] = event(3, "controller", detail="agent")
    rows.messages.pop(1)
    assert found(rows, records) == {}
