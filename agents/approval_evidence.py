"""What a person needs to decide on an approval: why it was asked, what was said and found, and what was done before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.utils import timezone

from agents.approval_list import Line, lines_of
from agents.approval_words import currency_of, label_of, money_words
from agents.conversation import Entry, Step, entries_of, messages_of, steps_of, with_days
from agents.evidence import LAST_MESSAGES, Record, plain, records_in
from agents.models import Message, Session, Turn
from observability.models import Trace
from tools.catalog import catalog
from tools.models import Approval, MoneyUse, PolicyRule, ToolCall

SIMILAR_DAYS = 90
SHOWN_BEFORE = 6
APPROVED = Q(status__in=[Approval.Status.APPROVED, Approval.Status.USED])
REJECTED = Q(status=Approval.Status.REJECTED)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The newest of the conversation, what its tools found, and what the customer got before."""

    entries: list[Entry]
    records: list[Record]
    has_earlier: bool
    customer_wrote: bool


@dataclass(frozen=True, kw_only=True)
class Similar:
    """How such requests were decided in the last ninety days."""

    of: str
    approved: int
    rejected: int


@dataclass(frozen=True, kw_only=True)
class Moved:
    """Money that an earlier call of this customer moved."""

    words: str
    tool: str
    subject: str
    at: Any
    session_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of the call after the decision. `tone`: good, bad, warn, or empty while it is under way."""

    call: ToolCall
    tone: str
    words: str
    error: str
    provider: list[tuple[str, str]]
    told: Message | None
    turn_status: str

    @property
    def is_under_way(self) -> bool:
        """Whether the page asks again: the call is not made, or the customer is not told yet."""
        return self.call.state in ToolCall.OPEN or self.turn_status in Turn.OPEN


def evidence_of(approval: Approval, session: Session, *, reader: User) -> Evidence:
    """Three queries: the newest messages, the tool calls of their turns, and those of the waiting turn."""
    newest = list(messages_of(session).order_by("-seq")[: LAST_MESSAGES + 1])
    shown = newest[:LAST_MESSAGES][::-1]
    entries = entries_of(shown, session=session, reader=reader)
    steps: list[Step] = [step for entry in entries for step in entry.steps]
    if not any(step.call.turn_id == approval.call.turn_id for step in steps):
        of_turn = steps_of(Q(turn_id=approval.call.turn_id))
        steps = [*sorted(of_turn, key=lambda step: step.call.created_at), *steps]
    return Evidence(
        entries=with_days(entries),
        records=records_in([step.call for step in steps]),
        has_earlier=len(newest) > LAST_MESSAGES,
        customer_wrote=any(
            message.author == Message.Author.CUSTOMER and message.created_at > approval.requested_at
            for message in shown
        ),
    )


def facts_of(approval: Approval) -> list[tuple[str, str]]:
    """What the gateway had looked up before it asked, in words; money with its currency."""
    tool = catalog.find(approval.tool_key)
    facts: Mapping[str, Any] = approval.seen.get("facts", {})
    said = [(label_of(name), plain(value)) for name, value in facts.items() if name != "amount"]
    if approval.amount is not None:
        said.append(("Amount", money_words(approval.amount, currency_of(tool))))
    return said


def rules_of(approval: Approval) -> list[PolicyRule]:
    """The rules that asked for a person, in the version that was in force then."""
    found = PolicyRule.objects.filter(version__number=approval.policy_version, name__in=approval.rules)
    return list(found.order_by("position"))


def similar_to(approval: Approval) -> list[Similar]:
    """Of the tool, and of each rule that asked: one query."""
    since = timezone.now() - timedelta(days=SIMILAR_DAYS)
    rules = [str(rule) for rule in approval.rules]
    counts: dict[str, Any] = {}
    for number, rule in enumerate(rules):
        of_rule = Q(rules__contains=[rule])
        counts[f"approved_{number}"] = Count("pk", filter=of_rule & APPROVED)
        counts[f"rejected_{number}"] = Count("pk", filter=of_rule & REJECTED)
    row = (
        Approval.objects.filter(tool_key=approval.tool_key, decided_at__gte=since)
        .exclude(status=Approval.Status.PENDING)
        .exclude(pk=approval.pk)
        .aggregate(approved=Count("pk", filter=APPROVED), rejected=Count("pk", filter=REJECTED), **counts)
    )
    tool = approval.tool_key.rpartition("___")[2]
    return [
        Similar(of=tool, approved=row["approved"], rejected=row["rejected"]),
        *(
            Similar(of=rule, approved=row[f"approved_{number}"], rejected=row[f"rejected_{number}"])
            for number, rule in enumerate(rules)
        ),
    ]


def earlier_approvals(approval: Approval, session: Session) -> list[Line]:
    """What was asked for this customer before, newest first."""
    sessions = Session.objects.filter(customer_id=session.customer_id).values("pk")
    found = Approval.objects.filter(session_id__in=sessions).exclude(pk=approval.pk).select_related("call")
    return lines_of(list(found.order_by("-requested_at")[:SHOWN_BEFORE]))


def money_moved(session: Session) -> list[Moved]:
    """What this customer got before, newest first."""
    uses = MoneyUse.objects.filter(customer_id=session.customer_id).select_related("call")
    found = []
    for use in uses.order_by("-at")[:SHOWN_BEFORE]:
        tool = catalog.find(use.tool_key)
        found.append(
            Moved(
                words=money_words(use.amount, currency_of(tool)),
                tool=use.tool_key.rpartition("___")[2].replace("_", " "),
                subject=use.subject.partition(":")[2],
                at=use.at,
                session_id=use.call.session_id,
            )
        )
    return found


def money_in_all(session: Session, *, days: int = 30) -> str:
    """What this customer got within so many days, in words, each currency apart."""
    since = timezone.now() - timedelta(days=days)
    uses = MoneyUse.objects.filter(customer_id=session.customer_id, at__gte=since)
    sums: dict[str, Decimal] = {}
    for key, amount in uses.values_list("tool_key", "amount"):
        currency = currency_of(catalog.find(key))
        sums[currency] = sums.get(currency, Decimal(0)) + amount
    return ", ".join(money_words(amount, currency) for currency, amount in sorted(sums.items()))


# -- after the decision

STATES = {
    ToolCall.State.RESERVED: ("", "On its way: the agent goes on with it in a moment."),
    ToolCall.State.SENT: ("", "Sent. The answer is not here yet."),
    ToolCall.State.CONFIRMED: ("good", "Carried out."),
    ToolCall.State.FAILED: ("bad", "It failed. Nothing was done."),
    ToolCall.State.REFUSED: ("bad", "It was not carried out."),
    ToolCall.State.UNKNOWN: ("warn", "Nobody knows whether it was carried out. Check it in the backend."),
}


def result_of(approval: Approval) -> Result | None:
    """None while nobody has decided."""
    if approval.status == Approval.Status.PENDING:
        return None
    call = ToolCall.objects.get(pk=approval.call_id)
    tone, words = STATES[ToolCall.State(call.state)]
    if approval.status not in {Approval.Status.APPROVED, Approval.Status.USED}:
        # A no is carried out by doing nothing.
        tone, words = "", "Nothing was done."
    turn = Turn.objects.filter(pk=call.turn_id).values_list("status", flat=True).first() if call.turn_id else ""
    return Result(
        call=call,
        tone=tone,
        words=words,
        error=error_of(call) if tone in {"bad", "warn"} else "",
        provider=provider_ids(call) if call.state == ToolCall.State.CONFIRMED else [],
        told=reply_of(call),
        turn_status=turn or "",
    )


def error_of(call: ToolCall) -> str:
    error = call.result.get("error") if isinstance(call.result, dict) else None
    return str(error.get("message", "")) if isinstance(error, dict) else ""


def provider_ids(call: ToolCall) -> list[tuple[str, str]]:
    """The ids in the backend's answer that the call did not name itself: the number of the refund, say."""
    result = call.result
    if isinstance(result, dict) and "changed_by_a_person" in result:
        result = result.get("result")
    if not isinstance(result, dict):
        return []
    return [
        (label_of(name), str(value)[:80])
        for name, value in result.items()
        if (name == "id" or name.endswith(("_id", "Id")))
        and name not in call.arguments
        and isinstance(value, str | int)
    ]


def reply_of(call: ToolCall) -> Message | None:
    """What the customer was told at the end of the turn."""
    if call.turn_id is None or call.session_id is None:
        return None
    said = Message.objects.filter(
        session_id=call.session_id,
        turn_id=call.turn_id,
        author=Message.Author.AGENT,
        visibility=Message.Visibility.PUBLIC,
    )
    return said.order_by("-seq").first()


def trace_of(approval: Approval) -> Trace | None:
    return Trace.objects.filter(pk=approval.call.turn_id).first() if approval.call.turn_id else None
