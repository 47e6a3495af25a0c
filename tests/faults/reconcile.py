"""Compares what customers sent, what the desk holds, what it told them, and what the shop did."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import pairwise

from tests.faults.customers import Record
from tests.faults.deciders import Answer
from tests.faults.reconcile_approvals import reconcile_approvals
from tests.faults.records import Finding, MessageRow, Rows, TurnRow

EFFECTS = {"process_refund", "cancel_order"}
# How the scripted model says that money has moved (`agents/scripted/replies.py`); the group `amount` may be missing.
CLAIMS = (
    re.compile(r"It is done: EUR (?P<amount>[\d.]+\d) for order (?P<order>\S+) is refunded"),
    re.compile(r"It is done: order (?P<order>\S+) is cancelled\. EUR (?P<amount>[\d.]+\d) goes back to you"),
    re.compile(r"Your refund of EUR (?P<amount>[\d.]+\d) for order (?P<order>\S+) (?:was made|is on record)"),
    re.compile(r"Order (?P<order>\S+)(?: \([^)]*\))? has already been refunded"),
)
# Turns that end with words to the customer.
ANSWERED = {"replied", "escalated", "failed"}


class Case:
    """Everything about one session."""

    def __init__(self, rows: Rows, session_id: str) -> None:
        self.session = next(row for row in rows.sessions if row.id == session_id)
        self.messages = [row for row in rows.messages if row.session_id == session_id]
        self.events = [row for row in rows.events if row.session_id == session_id]
        self.turns = [row for row in rows.turns if row.session_id == session_id]
        self.calls = [row for row in rows.calls if row.session_id == session_id]
        self.is_escalated = session_id in rows.escalated

    @property
    def was_taken_over(self) -> bool:
        return any(event.kind == "controller" and event.detail == "human" for event in self.events)

    def spoken_by_person(self) -> Iterator[tuple[int, int | None]]:
        """(number of the take-over, number of the hand-back or None) of each time that a person spoke."""
        since: int | None = None
        for event in self.events:
            if event.kind == "controller" and event.detail != "agent" and since is None:
                since = event.seq
            elif event.kind == "controller" and event.detail == "agent" and since is not None:
                yield since, event.seq
                since = None
        if since is not None:
            yield since, None

    def replies_of(self, turn: TurnRow) -> list[MessageRow]:
        return [
            row
            for row in self.messages
            if row.turn_id == turn.id and row.author == "agent" and row.visibility == "public"
        ]


def cases_of(rows: Rows) -> dict[str, Case]:
    """By session."""
    parts = {row.id: Rows(sessions=[row]) for row in rows.sessions}
    for name in ("messages", "events", "turns", "calls"):
        for row in getattr(rows, name):
            getattr(parts[row.session_id], name).append(row)
    for session_id in rows.escalated:
        parts[session_id].escalated.add(session_id)
    return {session_id: Case(part, session_id) for session_id, part in parts.items()}


# -- messages


def not_stored(rows: Rows, records: list[Record]) -> Iterator[Finding]:
    """What the desk said it had taken is not there."""
    for record, text, stored, fate in sent_and_stored(rows, records):
        if fate == "accepted" and not stored:
            yield Finding(session_id=record.session_id, text=f"accepted and not stored: {text!r}")


def stored_twice(rows: Rows, records: list[Record]) -> Iterator[Finding]:
    for record, text, stored, _ in sent_and_stored(rows, records):
        if stored > 1:
            yield Finding(session_id=record.session_id, text=f"one message stored {stored} times: {text!r}")


def sent_and_stored(rows: Rows, records: list[Record]) -> Iterator[tuple[Record, str, int, str]]:
    emails = {row.id: row.email for row in rows.sessions}
    stored = Counter((emails[row.session_id], row.text) for row in rows.messages if row.author == "customer")
    for record in records:
        for sent in record.sent:
            yield record, sent.text, stored[record.conversation.email, sent.text], sent.fate


def not_answered(case: Case) -> Iterator[str]:
    """A message whose turn has not ended, that has none although the agent spoke, or whose turn said nothing."""
    turns = {turn.seq: turn for turn in case.turns}
    persons = list(case.spoken_by_person())
    last_turn = max((turn.seq for turn in case.turns), default=0)
    for message in (row for row in case.messages if row.author == "customer"):
        turn = turns.get(message.seq)
        if turn is None:
            if not case.is_escalated and not any(since < message.seq for since, _ in persons):
                yield f"message {message.seq} has no turn, and no person spoke: {message.text!r}"
        elif turn.status == "silenced" and not persons:
            yield f"turn {turn.id} of message {message.seq} was silenced, and no person spoke"
        elif turn.status == "merged" and last_turn == turn.seq:
            yield f"turn {turn.id} of message {message.seq} was merged into nothing"
    for turn in case.turns:
        if turn.status in ANSWERED and not case.replies_of(turn):
            yield f"turn {turn.id} ended {turn.status} without a word to the customer"


def left_waiting(case: Case) -> Iterator[str]:
    """The agent speaks, nothing is under way, and the customer had the last word."""
    said = [row for row in case.messages if row.visibility == "public" and row.author != "system"]
    is_busy = any(turn.is_open for turn in case.turns)
    if said and said[-1].author == "customer" and case.session.controller == "agent" and not is_busy:
        yield f"the agent speaks and never answered message {said[-1].seq}: {said[-1].text!r}"


# -- effects


def doubled_effects(rows: Rows) -> Iterator[Finding]:
    of_order = defaultdict(list)
    for refund in rows.refunds:
        of_order[refund.order_id].append(refund)
    sessions = {call.id: call.session_id for call in rows.calls}
    for order_id, refunds in of_order.items():
        if len(refunds) > 1:
            made = ", ".join(f"{refund.refund_id} EUR {refund.amount} key {refund.key}" for refund in refunds)
            yield Finding(session_id=sessions.get(refunds[0].key, ""), text=f"order {order_id} refunded twice: {made}")
    for key, count in Counter(refund.key for refund in rows.refunds).items():
        if count > 1:
            yield Finding(session_id=sessions.get(key, ""), text=f"{count} refunds under one key {key}")


def not_in_our_ledger(rows: Rows) -> Iterator[Finding]:
    """The shop has refunded; our ledger must say so, or say that it is not known."""
    calls = {call.id: call for call in rows.calls}
    for refund in rows.refunds:
        call = calls.get(refund.key)
        made = f"{refund.refund_id} of order {refund.order_id} under {refund.key}"
        if call is None:
            yield Finding(session_id="", text=f"{made}: no such call in the ledger")
        elif call.state not in {"confirmed", "unknown"}:
            yield Finding(session_id=call.session_id, text=f"{made}: {call.state} in the ledger, {call.result}")


def unknown_to_all(case: Case) -> Iterator[str]:
    """What is not known has to be with a person: an escalation, or somebody who has taken over."""
    for call in case.calls:
        if call.state == "unknown" and not (case.is_escalated or case.was_taken_over):
            yield f"call {call.id} ({call.tool_name} of order {call.order_id}) is unknown, and no person has it"


def not_in_the_shop(rows: Rows) -> Iterator[Finding]:
    keys = {refund.key for refund in rows.refunds}
    for call in rows.calls:
        if call.tool_name in EFFECTS and call.state == "confirmed" and call.id not in keys:
            made = f"{call.tool_name} of order {call.order_id} under {call.id}"
            yield Finding(session_id=call.session_id, text=f"{made}: confirmed in the ledger, unknown to the shop")


def left_unsettled(case: Case) -> Iterator[str]:
    """A call outlives its turn without an outcome."""
    open_turns = {turn.id for turn in case.turns if turn.is_open}
    for call in case.calls:
        if call.state in {"reserved", "sent"} and call.turn_id not in open_turns:
            yield f"call {call.id} ({call.tool_name}) is {call.state} and its turn has ended"


def false_claims(rows: Rows, cases: dict[str, Case]) -> Iterator[Finding]:
    """What customers were told of refunds, sentences that were shown while a reply was written included."""
    amounts = defaultdict(set)
    for refund in rows.refunds:
        amounts[refund.order_id].add(refund.amount)
    for session_id, case in cases.items():
        for seq, text in words_of_agent(case):
            for claim in (found for pattern in CLAIMS for found in pattern.finditer(text)):
                order_id, amount = claim["order"], claim.groupdict().get("amount")
                made = amounts[order_id]
                if not made or (amount and Decimal(amount) not in made):
                    said = f"event {seq} says {claim[0]!r}; the shop has refunded {sorted(made) or 'nothing'}"
                    yield Finding(session_id=session_id, text=said)


def words_of_agent(case: Case) -> Iterator[tuple[int, str]]:
    """Everything that the customer could read of the agent."""
    for message in case.messages:
        if message.author == "agent" and message.visibility in {"public", "step"}:
            yield message.seq, message.text
    for event in case.events:
        if event.kind == "text":
            yield event.seq, event.detail


# -- turns


def stuck(case: Case) -> Iterator[str]:
    for turn in case.turns:
        if turn.status in {"running", "waiting"} or (turn.status == "queued" and case.session.controller == "agent"):
            yield f"turn {turn.id} of message {turn.seq} is {turn.status} after {turn.attempts} attempts"


def interleaved(case: Case) -> Iterator[str]:
    """The events of one turn stand together: none of another turn lies between its first and its last."""
    spans: dict[str, list[int]] = defaultdict(list)
    for event in case.events:
        if event.turn_id is not None:
            spans[event.turn_id].append(event.seq)
    ordered = sorted((min(seqs), max(seqs), turn_id) for turn_id, seqs in spans.items())
    for (_, last, earlier), (first, _, later) in pairwise(ordered):
        if first < last:
            yield f"turn {later} wrote event {first} before turn {earlier} wrote its last, {last}"


def overlapping(case: Case) -> Iterator[str]:
    """By their times. A claim's time is taken before the claim is made, so a moment's overlap is none of the turns."""
    begun = [turn for turn in case.turns if turn.started_at and turn.finished_at and turn.status != "merged"]
    for earlier, later in pairwise(sorted(begun, key=lambda turn: turn.seq)):
        seconds = (earlier.finished_at - later.started_at).total_seconds()
        if seconds > 0:
            yield f"turn {later.id} began {seconds * 1000:.0f} ms before turn {earlier.id} ended"


def numbering(case: Case) -> Iterator[str]:
    numbers = [event.seq for event in case.events]
    if numbers != list(range(1, case.session.event_seq + 1)):
        gaps = sorted(set(range(1, case.session.event_seq + 1)) - set(numbers))
        yield f"events are not numbered 1 to {case.session.event_seq}: {gaps or numbers}"
    known = set(numbers)
    for message in case.messages:
        if message.seq not in known:
            yield f"message {message.seq} has no event"


def two_replies(case: Case) -> Iterator[str]:
    for turn in case.turns:
        replies = case.replies_of(turn)
        if len(replies) > 1:
            yield f"turn {turn.id} replied {len(replies)} times: {[row.seq for row in replies]}"


def said_after_take_over(case: Case) -> Iterator[str]:
    """Words of the agent, in a reply or on the way to one, after a person has taken over."""
    for since, until in case.spoken_by_person():
        for message in case.messages:
            is_within = message.seq > since and (until is None or message.seq < until)
            if is_within and message.author == "agent" and message.visibility != "note" and message.text:
                yield f"{message.visibility} message {message.seq} after the take-over {since}: {message.text!r}"


def shown_after_take_over(case: Case) -> Iterator[str]:
    for since, until in case.spoken_by_person():
        for event in case.events:
            is_within = event.seq > since and (until is None or event.seq < until)
            if is_within and event.kind == "text" and event.detail.strip():
                yield f"text event {event.seq} after the take-over {since}: {event.detail!r}"


OF_A_CASE: dict[str, Callable[[Case], Iterator[str]]] = {
    "messages without an answer": not_answered,
    "customers left waiting by the agent": left_waiting,
    "calls left without an outcome": left_unsettled,
    "unknown outcomes that no person has": unknown_to_all,
    "turns stuck": stuck,
    "interleaved turns": interleaved,
    "gaps or doubles in the events' numbers": numbering,
    "turns with two replies": two_replies,
    "messages of the agent after a take-over": said_after_take_over,
    "sentences of the agent shown after a take-over": shown_after_take_over,
}


def reconcile(rows: Rows, records: list[Record], answers: Sequence[Answer] = ()) -> dict[str, list[Finding]]:
    """What must not be, by name; each name is there, most of them with nothing."""
    cases = cases_of(rows)
    found = {
        "messages accepted and not stored": list(not_stored(rows, records)),
        "messages stored twice": list(stored_twice(rows, records)),
        "doubled effects": list(doubled_effects(rows)),
        "shop's refunds that our ledger does not show": list(not_in_our_ledger(rows)),
        "our confirmed effects that the shop does not know": list(not_in_the_shop(rows)),
        "customers told of a refund that did not happen": list(false_claims(rows, cases)),
        "reservations left over": [Finding(session_id="", text=text) for text in rows.reservations],
    }
    for name, check in OF_A_CASE.items():
        found[name] = [
            Finding(session_id=session_id, text=text) for session_id, case in cases.items() for text in check(case)
        ]
    return {**found, **reconcile_approvals(rows, answers)}
