"""Compares what people decided, what the desk holds of it, and what reached the shop."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from tests.faults.deciders import Answer
from tests.faults.records import ApprovalRow, CallRow, Finding, Rows, VoteRow

FINAL = {"used", "rejected", "expired", "cancelled"}
# What the demo's policies let the agent do by itself (`agents/demo_policies.py`).
ALONE = {"process_refund": Decimal("100.00"), "cancel_order": Decimal("250.00")}
WORDS = {"approve": "approve", "edit": "approve", "reject": "reject"}


def not_final(rows: Rows) -> Iterator[Finding]:
    for approval in rows.approvals:
        if approval.status not in FINAL:
            yield of(approval, f"is {approval.status} when all is over")


def without_a_yes(rows: Rows) -> Iterator[Finding]:
    """Refused, run out or withdrawn, and yet something left for the shop."""
    refunds = Counter(refund.key for refund in rows.refunds)
    for approval in rows.approvals:
        if approval.status != "used" and (approval.call_id in rows.arrived or refunds[approval.call_id]):
            made = f"{refunds[approval.call_id]} refunds" if refunds[approval.call_id] else "a request"
            yield of(approval, f"is {approval.status}, and {made} reached the shop")


def before_the_yes(rows: Rows) -> Iterator[Finding]:
    for approval in rows.approvals:
        arrived = rows.arrived.get(approval.call_id)
        if arrived and (approval.decided_at is None or arrived < approval.decided_at):
            yield of(approval, f"reached the shop at {arrived:%H:%M:%S.%f}, decided at {approval.decided_at}")


def too_few(rows: Rows) -> Iterator[Finding]:
    """Used without the yeses of as many people as it needs, to what was executed."""
    votes = votes_of(rows)
    for approval in rows.approvals:
        people = {vote.email for vote in votes[approval.id] if vote.verdict == "approve" and vote.is_of_this}
        if approval.status == "used" and len(people) < approval.needed:
            yield of(approval, f"was used with the yes of {len(people)} people; it needs {approval.needed}")


def not_once(rows: Rows) -> Iterator[Finding]:
    """Said yes to and carried out: one refund, of as much money as was agreed to."""
    of_key = defaultdict(list)
    for refund in rows.refunds:
        of_key[refund.key].append(refund)
    calls = {call.id: call for call in rows.calls}
    for approval in (row for row in rows.approvals if row.status == "used"):
        call, refunds = calls[approval.call_id], of_key[approval.call_id]
        if len(refunds) > 1 or (call.state == "confirmed" and not refunds):
            yield of(approval, f"was used, its call is {call.state}, and the shop has {len(refunds)} refunds of it")
        for refund in refunds:
            if refund.amount != approval.amount:
                yield of(approval, f"was for {approval.amount}, and the shop refunded {refund.amount}")


def unasked(rows: Rows) -> Iterator[Finding]:
    """By the shop's books alone: more money than the agent may move by itself, and no approval that was used."""
    used = {approval.call_id for approval in rows.approvals if approval.status == "used"}
    calls = {call.id: call for call in rows.calls}
    for refund in rows.refunds:
        call = calls.get(refund.key)
        if call and refund.amount > ALONE.get(call.tool_name, Decimal(0)) and call.id not in used:
            made = f"{refund.refund_id}, EUR {refund.amount} by {call.tool_name}"
            yield Finding(session_id=call.session_id, text=f"{made}: nobody was asked")


def not_kept(rows: Rows, answers: Sequence[Answer]) -> Iterator[Finding]:
    """A word that the desk said it had taken is not there."""
    approvals = {approval.id: approval for approval in rows.approvals}
    votes = votes_of(rows)
    for answer in (answer for answer in answers if answer.told == "accepted"):
        approval = approvals[answer.approval_id]
        if answer.word == "take_over":
            is_kept = approval.status == "cancelled"
        else:
            said = {(vote.email, vote.verdict) for vote in votes[approval.id]}
            is_kept = (answer.person, WORDS[answer.word]) in said
        if not is_kept:
            yield of(approval, f"is {approval.status}; the {answer.word} of {answer.person} was accepted and is lost")


def against_the_word(rows: Rows) -> Iterator[Finding]:
    """A no among the words, and yet not rejected; or a no of nobody."""
    votes = votes_of(rows)
    for approval in rows.approvals:
        is_refused = any(vote.verdict == "reject" for vote in votes[approval.id])
        if is_refused != (approval.status == "rejected"):
            said = ", ".join(f"{vote.verdict} by {vote.email}" for vote in votes[approval.id]) or "nothing"
            yield of(approval, f"is {approval.status}; the people said: {said}")


def miscounted(rows: Rows) -> Iterator[Finding]:
    """The money limits count what was moved or may have been, and nothing else."""
    moved = {refund.key for refund in rows.refunds}
    for call in rows.calls:
        if call.id in moved and call.id not in rows.counted:
            yield Finding(session_id=call.session_id, text=f"{named(call)} moved money that the limits do not count")
        if call.state in {"refused", "failed"} and call.id in rows.counted:
            yield Finding(session_id=call.session_id, text=f"{named(call)} moved nothing, and the limits count it")


def reconcile_approvals(rows: Rows, answers: Sequence[Answer]) -> dict[str, list[Finding]]:
    """What must not be, by name."""
    return {
        "approvals in no final state": list(not_final(rows)),
        "calls made without the yes that they wanted": [*without_a_yes(rows), *unasked(rows)],
        "calls that left before the yes": list(before_the_yes(rows)),
        "calls made with too few yeses": list(too_few(rows)),
        "approved calls not made once as approved": list(not_once(rows)),
        "decisions accepted and not kept": list(not_kept(rows, answers)),
        "approvals that are not what the people said": list(against_the_word(rows)),
        "money limits that count otherwise than money moved": list(miscounted(rows)),
    }


# -- words


def votes_of(rows: Rows) -> dict[str, list[VoteRow]]:
    found = defaultdict(list)
    for vote in rows.votes:
        found[vote.approval_id].append(vote)
    return found


def of(approval: ApprovalRow, text: str) -> Finding:
    return Finding(session_id=approval.session_id, text=f"approval {approval.id} of call {approval.call_id} {text}")


def named(call: CallRow) -> str:
    return f"call {call.id} ({call.tool_name} of order {call.order_id}, {call.state})"


def outcomes(rows: Rows) -> Counter[str]:
    """What became of the approvals, for the table."""
    moved = {refund.key for refund in rows.refunds}
    calls = {call.id: call for call in rows.calls}
    found: Counter[str] = Counter()
    for approval in rows.approvals:
        call = calls[approval.call_id]
        done = "refunded" if call.id in moved else f"call {call.state}"
        found[f"{approval.status} ({done})" if approval.status == "used" else approval.status] += 1
    return found
