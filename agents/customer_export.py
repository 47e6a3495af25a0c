"""Everything stored of one customer as one JSON file: what they said, what was done, and what is remembered.

It is read in small pieces, each in a transaction of its own, so that neither a long life nor a slow reader holds
anything. What is no one's but the machine's is left out: vectors, leases, digests, the keys of repeated requests.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from agents.channels.stream import in_thread
from agents.models import Customer, Escalation, Message, Session, Turn
from memory.models import Memory, SessionSummary
from memory.reach import bound_to
from observability.models import Span, Trace
from tools.models import Approval, ApprovalVote, MoneyUse, ToolCall

T = TypeVar("T")

FORMAT = 1
# Conversations read at a time; messages and spans come in pieces of their own.
SESSIONS_AT_ONCE = 20
ROWS_AT_ONCE = 500
TRACES_AT_ONCE = 50

MESSAGE = ("id", "seq", "turn_id", "author", "visibility", "channel", "text", "content", "created_at")
TURN = ("id", "seq", "status", "attempts", "queued_at", "started_at", "finished_at", "failure")
CALL = (
    "id", "turn_id", "tool_name", "effect", "arguments", "state", "attempts", "result", "created_at", "duration_ms",
    "decision", "policy_version", "decided",
)  # fmt: skip
APPROVAL = (
    "id", "number", "call_id", "tool_key", "asked", "arguments", "policy_version", "rules", "role", "needed", "amount",
    "seen", "status", "requested_at", "expires_at", "decided_at", "reason", "used_at",
)  # fmt: skip
ESCALATION = (
    "id", "number", "turn_id", "reason", "summary", "status", "opened_at", "claimed_at", "resolved_at", "resolution",
)  # fmt: skip
TRACE = (
    "id", "agent_name", "agent_version", "model", "channel", "customer", "status", "outcome", "error", "input_text",
    "output_text", "started_at", "duration_ms", "input_tokens", "output_tokens", "cost_usd",
)  # fmt: skip
SPAN = ("id", "trace_id", "parent_id", "kind", "name", "status", "error", "started_at", "duration_ms", "attributes")
MEMORY = (
    "id", "strategy", "topic", "text", "metadata", "session_id", "message_id", "author", "confidence", "times", "state",
    "reason", "superseded_by_id", "is_pinned", "embedding_model", "created_at", "updated_at", "expires_at",
)  # fmt: skip
SUMMARY = ("session_id", "upto_seq", "text", "model", "updated_at")
MONEY = ("call_id", "tool_key", "subject", "amount", "at")


async def streamed(customer: Customer) -> AsyncIterator[bytes]:
    """The file, piece by piece; each is read in a thread."""
    pieces = export_of(customer)
    while True:
        piece = await in_thread(next, pieces, None)
        if piece is None:
            return
        yield piece.encode()


def export_of(customer: Customer) -> Iterator[str]:
    """The text of one JSON object. Between two pieces nothing is open."""
    head = {"format": FORMAT, "exported_at": timezone.now(), "customer": customer_values(customer)}
    yield f"{written(head)[:-1]},"
    yield from array("conversations", conversations(customer))
    yield ","
    yield from array("outside_approvals", outside_approvals(customer))
    yield ","
    yield from array("money", rows_of(MoneyUse.objects.filter(customer_id=customer.pk), MONEY))
    yield ","
    yield from array("memories", memories(customer))
    yield ","
    yield from array("summaries", summaries(customer))
    yield "}\n"


def file_name(customer: Customer) -> str:
    """Without the name or the address: it ends in a list of downloads."""
    return f"customer-{customer.pk}-{timezone.now():%Y-%m-%d}.json"


def customer_values(customer: Customer) -> dict[str, Any]:
    return {"id": customer.pk, "email": customer.email, "name": customer.name, "created_at": customer.created_at}


# -- conversations


def conversations(customer: Customer) -> Iterator[dict[str, Any]]:
    """The oldest first. What belongs to a conversation is read with it."""
    sessions = Session.objects.filter(customer=customer).select_related("agent", "assignee").order_by("pk")
    last: UUID | None = None
    while found := list(sessions.filter(**({"pk__gt": last} if last else {}))[:SESSIONS_AT_ONCE]):
        yield from (conversation(session) for session in found)
        last = found[-1].pk


def conversation(session: Session) -> dict[str, Any]:
    turns = list(Turn.objects.filter(session=session).order_by("seq").values(*TURN))
    ids = [turn["id"] for turn in turns]
    return {
        "id": session.pk,
        "agent": session.agent.name,
        "channel": session.channel,
        "identity": session.identity,
        "controller": session.controller,
        "assignee": person(session.assignee),
        "opened_at": session.opened_at,
        "last_message_at": session.last_message_at,
        "closed_at": session.closed_at,
        "messages": list(messages(session)),
        "turns": turns,
        "tool_calls": list(calls(ids)),
        "approvals": list(approvals(Approval.objects.filter(session_id=session.pk))),
        "escalations": list(escalations(session)),
        "traces": list(traces(session)),
    }


def messages(session: Session) -> Iterator[dict[str, Any]]:
    """In their order, with the person's name where one wrote."""
    said = Message.objects.filter(session=session).select_related("user").order_by("seq")
    last = 0
    while found := list(said.filter(seq__gt=last)[:ROWS_AT_ONCE]):
        for message in found:
            values = {name: getattr(message, name) for name in MESSAGE}
            yield {**values, "person": person(message.user)}
        last = found[-1].seq


def calls(turns: Sequence[UUID]) -> Iterator[dict[str, Any]]:
    for some in pieces_of(turns, ROWS_AT_ONCE):
        yield from ToolCall.objects.filter(turn_id__in=some).order_by("created_at", "pk").values(*CALL)


def approvals(found: Any) -> Iterator[dict[str, Any]]:
    rows = list(found.order_by("requested_at").values(*APPROVAL))
    votes = ApprovalVote.objects.filter(approval_id__in=[row["id"] for row in rows]).select_related("user")
    for row in rows:
        said = [vote for vote in votes if vote.approval_id == row["id"]]
        yield {
            **row,
            "votes": [{"person": person(vote.user), "verdict": vote.verdict, "at": vote.at} for vote in said],
        }


def outside_approvals(customer: Customer) -> Iterator[dict[str, Any]]:
    """What outside callers asked for in this customer's name, with their calls: they have no conversation."""
    outside = Approval.objects.filter(customer_id=customer.pk, session_id__isnull=True)
    found = list(approvals(outside))
    called = {row["id"]: row for row in ToolCall.objects.filter(pk__in=[row["call_id"] for row in found]).values(*CALL)}
    return ({**row, "tool_call": called.get(row["call_id"])} for row in found)


def escalations(session: Session) -> Iterator[dict[str, Any]]:
    rows = Escalation.objects.filter(session=session).select_related("assignee").order_by("opened_at")
    for row in rows:
        values = {name: getattr(row, name) for name in ESCALATION}
        yield {**values, "assignee": person(row.assignee)}


def traces(session: Session) -> Iterator[dict[str, Any]]:
    """Each turn's record with its steps, and what the model was given and said in them."""
    found = Trace.objects.filter(session_id=session.pk).order_by("started_at", "pk").values(*TRACE)
    for some in pieces_of(found, TRACES_AT_ONCE):
        steps: dict[UUID, list[dict[str, Any]]] = {row["id"]: [] for row in some}
        for span in Span.objects.filter(trace_id__in=list(steps)).order_by("started_at", "pk").values(*SPAN):
            steps[span.pop("trace_id")].append(span)
        yield from ({**row, "steps": steps[row["id"]]} for row in some)


# -- memory


def memories(customer: Customer) -> Iterator[dict[str, Any]]:
    """With what holds no longer; the oldest first."""
    last: UUID | None = None
    while True:
        with bound_to(customer.pk):
            mine = Memory.objects.filter(customer_id=customer.pk, **({"pk__gt": last} if last else {}))
            found = list(mine.order_by("pk").values(*MEMORY, "author_user_id")[:ROWS_AT_ONCE])
        if not found:
            return
        users = {row["author_user_id"] for row in found if row["author_user_id"]}
        people = {user.pk: person(user) for user in User.objects.filter(pk__in=users)}
        for row in found:
            yield {**row, "person": people.get(row.pop("author_user_id"), "")}
        last = found[-1]["id"]


def summaries(customer: Customer) -> Iterator[dict[str, Any]]:
    with bound_to(customer.pk):
        rows = list(SessionSummary.objects.filter(customer_id=customer.pk).order_by("session_id").values(*SUMMARY))
    yield from rows


# -- written


def rows_of(found: Any, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    yield from found.order_by("pk").values(*names)


def array(name: str, items: Iterator[dict[str, Any]]) -> Iterator[str]:
    """`"name": [...]`, one piece for each item."""
    yield f"\n{json.dumps(name)}: ["
    separator = "\n"
    for item in items:
        yield f"{separator}{written(item)}"
        separator = ",\n"
    yield "]"


def pieces_of(items: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(items)
    while piece := list(islice(left, size)):
        yield piece


def written(values: Any) -> str:
    return json.dumps(values, cls=DjangoJSONEncoder, ensure_ascii=False)


def person(user: User | None) -> str:
    """A colleague as the customer knows them: by name, never by address."""
    if user is None:
        return ""
    return user.get_full_name() or "A colleague"
