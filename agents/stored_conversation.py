"""A conversation as its rows have it, for whoever reads it for memories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone

from agents.models import AgentVersion, Escalation, Message, Session, Turn
from memory import window
from memory.extract import Conversation, Done, HandedOver, Said
from memory.summarize import Exchange
from tools.models import Tool, ToolCall

# Of a longer conversation the newest: what is older was read before.
MOST_MESSAGES = 600
OWN_TOOLS = frozenset({"escalate_to_human"})
SUBJECTS = ("order_id", "order", "order_number", "id")
AMOUNTS = ("amount", "refunded", "total")


@dataclass(frozen=True, kw_only=True)
class Stored:
    """`seq` is the number of its newest message. `fallen` are the exchanges outside the version's window; those within
    have all left it by their age at `falls_at`, None where there are none."""

    conversation: Conversation
    seq: int
    fallen: list[Exchange]
    falls_at: datetime | None
    tool_names: frozenset[str]


def newest_ended_turn(session_id: UUID) -> Turn | None:
    ended = Turn.objects.filter(session_id=session_id, finished_at__isnull=False, agent_version__isnull=False)
    return ended.select_related("agent_version").order_by("-seq").first()


def load_stored(session: Session, version: AgentVersion, *, after: int) -> Stored:
    rows = list(
        Message.objects.filter(session=session, visibility__in=["public", "step"])
        .exclude(author=Message.Author.SYSTEM)
        .order_by("-seq")[:MOST_MESSAGES]
    )[::-1]
    turns = list(Turn.objects.filter(session=session).order_by("-seq")[:MOST_MESSAGES])
    calls = list(ToolCall.objects.filter(turn_id__in=[turn.pk for turn in turns]).order_by("id"))
    exchanges = exchanges_of(rows, calls)
    kept = window.fit(
        [as_given(exchange) for exchange in exchanges],
        exchanges=version.window_exchanges,
        tokens=version.window_tokens,
        hours=version.window_hours,
        now=timezone.now(),
    )
    spoken = [row for row in rows if row.visibility == Message.Visibility.PUBLIC]
    return Stored(
        conversation=Conversation(
            session_id=session.pk,
            messages=[
                Said(id=row.pk, author=row.author, text=row.text, at=row.created_at, is_new=row.seq > after)
                for row in spoken
            ],
            has_ended=has_ended(session, spoken, turns),
            calls=done_of(calls),
            handed_over=handed_over(session),
        ),
        seq=rows[-1].seq if rows else after,
        fallen=[exchange.told for exchange in exchanges[: kept.dropped]],
        falls_at=exchanges[-1].at + timedelta(hours=version.window_hours, seconds=1) if kept.kept else None,
        tool_names=frozenset({call.tool_name for call in calls} | set(version.tools)),
    )


def has_ended(session: Session, spoken: Sequence[Message], turns: Sequence[Turn]) -> bool:
    """Closed; or the last word is ours, nothing is under way, and nobody is to answer."""
    if session.is_closed:
        return True
    is_answered = bool(spoken) and spoken[-1].author != Message.Author.CUSTOMER
    is_quiet = not any(turn.status in Turn.OPEN for turn in turns)
    return is_answered and is_quiet and session.waiting_since is None


def handed_over(session: Session) -> list[HandedOver]:
    return [
        HandedOver(
            reason=Escalation.Reason(row.reason).label.lower(), is_resolved=row.status == Escalation.Status.RESOLVED
        )
        for row in Escalation.objects.filter(session=session).order_by("opened_at")
    ]


# -- exchanges


@dataclass(frozen=True, kw_only=True)
class Rows:
    """One exchange: a turn's messages and calls, or a message of a person that stands for itself."""

    messages: list[Message]
    calls: list[ToolCall]

    @property
    def at(self) -> datetime:
        return self.messages[0].created_at

    @property
    def told(self) -> Exchange:
        lines = [
            (str(row.author), row.text)
            for row in self.messages
            if row.visibility == Message.Visibility.PUBLIC and row.text
        ]
        return Exchange(seq=self.messages[-1].seq, at=self.at, lines=lines, done=done_of(self.calls))


def exchanges_of(rows: Sequence[Message], calls: Sequence[ToolCall]) -> list[Rows]:
    """In the order of their first messages."""
    of_turn: defaultdict[UUID, list[ToolCall]] = defaultdict(list)
    for call in calls:
        if call.turn_id is not None:
            of_turn[call.turn_id].append(call)
    grouped: dict[UUID, list[Message]] = {}
    for row in rows:
        grouped.setdefault(row.turn_id or row.pk, []).append(row)
    return [Rows(messages=members, calls=of_turn[key]) for key, members in grouped.items()]


def as_given(exchange: Rows) -> window.Exchange:
    """About as long as what the model is given."""
    messages: list[dict[str, Any]] = [{"role": row.author, "content": row.content} for row in exchange.messages]
    results = [{"type": "tool_result", "content": call.result} for call in exchange.calls if call.result is not None]
    return window.Exchange(messages=[*messages, {"role": "user", "content": results}], at=exchange.at)


# -- what was done


def done_of(calls: Sequence[ToolCall]) -> list[Done]:
    """The calls that change something, whatever became of them."""
    return [
        Done(
            tool=call.tool_name,
            is_confirmed=call.state == ToolCall.State.CONFIRMED,
            subject=subject_of(call),
            amount=amount_of(call),
        )
        for call in calls
        if call.effect not in ("", Tool.Effect.READ) and call.tool_name not in OWN_TOOLS
    ]


def subject_of(call: ToolCall) -> str:
    return next((str(call.arguments[name])[:40] for name in SUBJECTS if call.arguments.get(name)), "")


def amount_of(call: ToolCall) -> str:
    """By the backend's answer, which says what was moved, not by what was asked."""
    answer = call.result if isinstance(call.result, dict) else {}
    found = next((answer[name] for name in AMOUNTS if is_amount(answer.get(name))), None)
    return f"{found} {answer.get('currency', '')}".strip()[:40] if found is not None else ""


def is_amount(value: object) -> bool:
    if isinstance(value, str):
        return value.replace(".", "", 1).isdigit()
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
