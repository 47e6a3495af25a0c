"""Reads one conversation as people follow it: what was said, the agent's steps, what it does now, what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import CharField, Count, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Cast, JSONObject
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString

from agents.budget_drafts import entry_fields, is_draft
from agents.models import Escalation, Message, Session, Turn, TurnEvent
from agents.sessions import label_of
from agents.thread_marks import marks_for
from guardrails.marks import Mark
from guardrails.markup import render_markdown
from observability.models import Span, Trace
from tools.models import Approval, ToolCall

# How many messages a page shows at once, steps and lines counted too.
THREAD_SIZE = 100
OTHERS_SHOWN = 6
SUMMARY_LENGTH = 90
# The look of a step that is a person's to decide, and what the agent does once they have.
WAITING = "waiting"
DECIDED = "Going on after the decision"
SPOKEN = (Message.Author.CUSTOMER, Message.Author.AGENT, Message.Author.PERSON)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One tool call of the agent, with what it cost in US dollars, and the approval that was asked for it."""

    call: ToolCall
    cost: Decimal | None
    approval: Approval | None = None

    @property
    def state(self) -> str:
        """The call's, or `waiting` while it is a person's to decide."""
        is_pending = self.approval is not None and self.approval.status == Approval.Status.PENDING
        return WAITING if is_pending and self.call.state == ToolCall.State.RESERVED else self.call.state

    @property
    def summary(self) -> str:
        """The arguments in a line, the shortest first: a number says more than a reason."""
        values = [str(value) for value in self.call.arguments.values() if isinstance(value, str | int | float)]
        line = ", ".join(sorted((" ".join(value.split()) for value in values if value), key=len))
        return line if len(line) <= SUMMARY_LENGTH else f"{line[: SUMMARY_LENGTH - 1]}…"

    @property
    def error(self) -> str:
        """What the model was told went wrong; empty for a call that did not fail."""
        if not self.call.is_error:
            return ""
        error = self.call.result.get("error") if isinstance(self.call.result, dict) else None
        if not isinstance(error, dict):
            return "The call failed."
        return str(error.get("message") or error.get("code") or "The call failed.")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing in the thread. `kind`: customer, agent, draft, past-draft, person, note, system, steps or day.

    `html` is what an agent or a person wrote, its markup rendered; a customer's `text` is text and nothing else.
    """

    kind: str
    key: str
    at: datetime
    name: str = ""
    label: str = ""
    text: str = ""
    html: SafeString = field(default_factory=SafeString)
    icon: str = ""
    turn_id: UUID | None = None
    agent_slug: str = ""
    version: int | None = None
    steps: list[Step] = field(default_factory=list)
    marks: Sequence[Mark] = ()


@dataclass(frozen=True, kw_only=True)
class Thread:
    """Entries in order. `first_seq` is where earlier ones end, `last_seq` the newest public message's number."""

    entries: list[Entry]
    first_seq: int = 0
    last_seq: int = 0
    has_earlier: bool = False


@dataclass(frozen=True, kw_only=True)
class LiveTurn:
    """A turn that is being worked on: the text released so far and what the agent does now."""

    status: str
    since: datetime
    progress: str
    html: SafeString = field(default_factory=SafeString)


@dataclass(frozen=True, kw_only=True)
class TurnFacts:
    """The newest turn and what it took; `trace` is the row of `Trace` with that id, or empty before one is opened."""

    id: UUID
    status: str
    failure: str
    trace: dict[str, Any]
    turns: int
    cost: Decimal
    tokens: int
    live: LiveTurn | None


# -- the thread


def read_thread(
    session: Session, *, reader: User, before: int | None = None, escalations: Sequence[Escalation]
) -> Thread:
    """The newest messages of a session, or those before a number; three queries, however long it is.

    It shows nothing newer than `session` itself, so a stream that goes on behind its `event_seq` repeats nothing.
    """
    messages = messages_of(session).filter(seq__lt=session.event_seq + 1 if before is None else before)
    newest = list(messages.order_by("-seq")[: THREAD_SIZE + 1])
    shown = newest[:THREAD_SIZE][::-1]
    has_earlier = len(newest) > THREAD_SIZE
    lines = escalation_lines(escalations)
    if shown:
        begin = shown[0].created_at if has_earlier else session.opened_at
        end = shown[-1].created_at if before is not None else timezone.now()
        lines = [line for line in lines if begin <= line.at <= end]
    entries = entries_of(shown, session=session, reader=reader)
    return Thread(
        entries=with_days(sorted([*entries, *lines], key=lambda entry: entry.at)),
        first_seq=shown[0].seq if shown else 0,
        last_seq=max((message.seq for message in shown if is_spoken(message)), default=0),
        has_earlier=has_earlier,
    )


def messages_of(session: Session) -> QuerySet[Message]:
    """`answered_by` is the turn that a customer's message opened: it bears the message's number."""
    opened = Turn.objects.filter(session=OuterRef("session"), seq=OuterRef("seq")).values("pk")
    found = Message.objects.filter(session=session).select_related("user", "agent_version")
    return found.annotate(answered_by=Subquery(opened[:1]))


def is_spoken(message: Message) -> bool:
    return message.visibility == Message.Visibility.PUBLIC and message.author in SPOKEN


def messages_after(session: Session, seq: int) -> list[Message]:
    """What was said to or by the customer after a number: what a person who answers ought to have read."""
    said = messages_of(session).filter(seq__gt=seq, visibility=Message.Visibility.PUBLIC, author__in=SPOKEN)
    return list(said.order_by("seq"))


def entries_of(messages: Sequence[Message], *, session: Session, reader: User) -> list[Entry]:
    """Messages as entries; the tool calls of their steps in one query, what the guardrail saw in them in another."""
    turns = {message.turn_id for message in messages if message.visibility == Message.Visibility.STEP}
    calls = calls_of(turn for turn in turns if turn is not None)
    marks = marks_for(session.pk, messages)
    entries: list[Entry] = []
    for message in messages:
        if message.visibility != Message.Visibility.STEP or message.text.strip():
            entry = entry_of(message, session=session, reader=reader)
            entries.append(replace(entry, marks=marks.of_messages.get(message.pk, ())))
        if message.visibility != Message.Visibility.STEP:
            continue
        uses = [block["id"] for block in message.content if block.get("type") == "tool_use"]
        steps = [calls[(message.turn_id, use)] for use in uses if (message.turn_id, use) in calls]
        if steps:
            seen = marks.of_any(step.call.pk for step in steps)
            common: dict[str, Any] = {"key": f"s-{message.seq}", "at": message.created_at, "turn_id": message.turn_id}
            entries.append(Entry(kind="steps", steps=steps, marks=seen, **common))
    return entries


def calls_of(turns: Iterable[UUID]) -> dict[tuple[UUID | None, str], Step]:
    asked = list(turns)
    if not asked:
        return {}
    return {(step.call.turn_id, step.call.tool_use_id): step for step in steps_of(Q(turn_id__in=asked))}


def steps_of(condition: Q) -> list[Step]:
    """Tool calls with the cost of their spans, which bear their ids, and with their approvals: one query."""
    cost = Subquery(Span.objects.filter(pk=OuterRef("pk")).values("cost_usd")[:1])
    calls = ToolCall.objects.filter(condition).select_related("approval").annotate(cost=cost)
    return [Step(call=call, cost=call.cost, approval=getattr(call, "approval", None)) for call in calls]


def entry_of(message: Message, *, session: Session, reader: User) -> Entry:
    common: dict[str, Any] = {"key": f"m-{message.seq}", "at": message.created_at, "text": message.text}
    match message.author:
        case Message.Author.CUSTOMER:
            return Entry(kind="customer", name=str(session.customer), label=customer_label(session), **common)
        case Message.Author.SYSTEM:
            return Entry(kind="system", **common)
        case Message.Author.AGENT if is_draft(message):
            return Entry(name=session.agent.name, agent_slug=session.agent.slug, **{**common, **entry_fields(message)})
        case Message.Author.AGENT:
            version = message.agent_version
            return Entry(
                kind="agent",
                name=session.agent.name,
                label=f"Agent, version {version.number}" if version else "Agent",
                html=render_markdown(message.text),
                turn_id=message.turn_id,
                agent_slug=session.agent.slug,
                version=version.number if version else None,
                **common,
            )
    common["html"] = render_markdown(message.text)
    name = label_of(message.user) if message.user else "A former colleague"
    who = "You" if message.user_id == reader.pk else "Team"
    if message.visibility == Message.Visibility.NOTE:
        return Entry(kind="note", name=name, label="Note, only the team sees this", **common)
    return Entry(kind="person", name=name, label=who, **common)


def customer_label(session: Session) -> str:
    return session.customer.email if session.customer.name else "Customer"


def escalation_lines(escalations: Sequence[Escalation]) -> list[Entry]:
    """When each escalation was opened, claimed and resolved, as lines of the thread."""
    lines: list[Entry] = []
    for escalation in escalations:
        label, who = escalation.label, label_of(escalation.assignee) if escalation.assignee else "A person"
        moments = (
            ("opened", escalation.opened_at, "hand", f"{label} opened: {escalation.get_reason_display().lower()}"),
            ("claimed", escalation.claimed_at, "user-check", f"{who} claimed {label}"),
            ("resolved", escalation.resolved_at, "circle-check", f"{who} resolved {label}"),
        )
        lines.extend(
            Entry(kind="system", key=f"e-{escalation.number}-{name}", at=at, icon=icon, text=text)
            for name, at, icon, text in moments
            if at is not None
        )
    return lines


def with_days(entries: Sequence[Entry], *, last: date | None = None) -> list[Entry]:
    """The entries with a separator before the first of each day; `last` is the day of what stands above them."""
    result: list[Entry] = []
    for entry in entries:
        day = entry.at.date()
        if day != last:
            result.append(Entry(kind="day", key=f"d-{day.isoformat()}", at=entry.at, text=words_for(day)))
            last = day
        result.append(entry)
    return result


def words_for(day: date) -> str:
    distance = (timezone.now().date() - day).days
    if distance in {0, 1}:
        return "Today" if distance == 0 else "Yesterday"
    return f"{day:%A}, {day.day} {day:%B %Y}"


# -- what the agent does, and what it took


def read_turn(session: Session) -> TurnFacts | None:
    """The turn that runs, or else the newest, with its trace, the session's totals and its live state: one query."""
    trace = Trace.objects.filter(pk=OuterRef("pk")).values(
        json=JSONObject(
            status="status",
            model="model",
            duration_ms="duration_ms",
            model_calls="model_calls",
            tool_calls="tool_calls",
            input_tokens="input_tokens",
            output_tokens="output_tokens",
            cache_read_tokens="cache_read_tokens",
            cache_write_tokens="cache_write_tokens",
            cost=Cast("cost_usd", CharField()),
        )
    )
    events = TurnEvent.objects.filter(
        session=session, turn_id=OuterRef("pk"), seq__gt=OuterRef("seq"), turn__status__in=Turn.OPEN
    ).order_by("seq")
    row = (
        Turn.objects.filter(session=session)
        .annotate(
            is_running=Q(status=Turn.Status.RUNNING),
            trace=Subquery(trace[:1]),
            totals=Subquery(totals_of(session)),
            live=ArraySubquery(events.values(json=JSONObject(kind="kind", data="data", at="at"))),
        )
        .order_by("-is_running", "-seq")
        .values("id", "status", "failure", "queued_at", "trace", "totals", "live")
        .first()
    )
    return turn_facts(row) if row else None


def totals_of(session: Session) -> QuerySet[Trace, Any]:
    return (
        Trace.objects.filter(session_id=session.pk)
        .order_by()
        .values("session_id")
        .annotate(
            json=JSONObject(
                turns=Count("pk"),
                cost=Cast(Sum("cost_usd"), CharField()),
                tokens=Sum("input_tokens")
                + Sum("output_tokens")
                + Sum("cache_read_tokens")
                + Sum("cache_write_tokens"),
            )
        )
        .values("json")
    )


def turn_facts(row: Mapping[str, Any]) -> TurnFacts:
    trace, totals = row["trace"] or {}, row["totals"] or {}
    if trace:
        trace["cost"] = Decimal(trace["cost"])
        trace["tokens_in"] = trace["input_tokens"] + trace["cache_read_tokens"] + trace["cache_write_tokens"]
    return TurnFacts(
        id=row["id"],
        status=row["status"],
        failure=row["failure"],
        trace=trace,
        turns=totals.get("turns", 0),
        cost=Decimal(totals.get("cost", 0)),
        tokens=totals.get("tokens", 0),
        live=live_turn(row) if row["status"] in Turn.OPEN else None,
    )


def live_turn(row: Mapping[str, Any]) -> LiveTurn:
    text, progress, since = follow(row["live"])
    return LiveTurn(
        status=row["status"], since=since or row["queued_at"], progress=progress, html=render_markdown(text)
    )


def follow(events: Iterable[Mapping[str, Any]]) -> tuple[str, str, datetime | None]:
    """What the events (kind, data, at) of an open turn add up to: the text so far, what is done now, since when.

    Text is void once its message is stored; of one model call the text of the latest attempt counts.
    """
    progress, since = "Working on an answer", None
    text, best = "", (0, 0)
    steps: dict[str, tuple[str, datetime | None]] = {}
    for event in events:
        data, at = event["data"], parse_datetime(event["at"])
        match event["kind"]:
            case TurnEvent.Kind.MESSAGE:
                text = ""
            case TurnEvent.Kind.TEXT:
                attempt = (data["call"], data["attempt"])
                text = text + data["text"] if attempt == best else data["text"]
                best = attempt
            case TurnEvent.Kind.STEP if "progress" in data:
                text = ""
                steps[data["tool_call_id"]] = (data["progress"], at)
            case TurnEvent.Kind.STEP if data["state"] == ToolCall.State.RESERVED:
                # A person has decided on it, and the agent goes on.
                steps[data["tool_call_id"]] = (DECIDED, at)
            case TurnEvent.Kind.STEP:
                steps.pop(data["tool_call_id"], None)
                progress, since = "Reading the result", at
    if text:
        progress = "Writing"
    elif steps:
        progress, since = next(iter(steps.values()))
    return text, progress, since


def read_escalations(session: Session) -> list[Escalation]:
    """All of the session's escalations, newest first."""
    return list(Escalation.objects.filter(session=session).select_related("assignee").order_by("-opened_at"))


def other_sessions(session: Session) -> list[Session]:
    """The customer's other conversations, newest first."""
    others = Session.objects.filter(customer=session.customer_id).exclude(pk=session.pk)
    return list(others.select_related("agent").order_by("-last_message_at")[:OTHERS_SHOWN])
