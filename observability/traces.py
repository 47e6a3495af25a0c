"""Questions about traces: places in a list of them, one trace with its spans and charges, an agent's last day. The list
itself is in `trace_list.py`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.fields.json import KT, KeyTransform
from django.db.models.functions import TruncHour
from django.utils import timezone

from observability.models import Charge, Price, Span, Trace

PAGE_SIZE = 50
SLOW_MS = 5_000
# The agents and channels on offer are those of so many of the newest traces: reading all would be a scan.
FACET_SAMPLE = 1_000
MOST_USD = 10**8
# As the index of errors says it; that status and text agree is a constraint.
FAILED = Q(status=Trace.Status.ERROR) & ~Q(error="")
# Outcomes in which a person had to step in.
HANDED_OVER = ("escalated", "silenced", "failed")


class BadQuery(ValueError):
    """A filter or a cursor that no page of ours has written."""


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """A place in a list: the value that it is sorted by (an instant, or a number), and the id that breaks ties."""

    key: datetime | Decimal
    id: UUID

    def __str__(self) -> str:
        key = self.key.isoformat() if isinstance(self.key, datetime) else str(self.key)
        return f"{key}_{self.id.hex}"


def read_uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadQuery(f"{text!r} is no id") from error


def read_instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadQuery(f"{text!r} is no instant") from error
    if instant.tzinfo is None:
        raise BadQuery(f"{text!r} has no time zone")
    return instant


def read_usd(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise BadQuery(f"{text!r} is no amount") from error
    if not (amount.is_finite() and 0 <= amount < MOST_USD):
        raise BadQuery(f"{text!r} is no cost of a trace")
    return amount


def beyond(traces: QuerySet[Trace], name: str, cursor: Cursor, side: str) -> QuerySet[Trace]:
    """The rows on one side of a place. The first condition, which the second implies, is what the index is read by."""
    return traces.filter(
        Q(**{f"{name}__{side}e": cursor.key})
        & (Q(**{f"{name}__{side}": cursor.key}) | Q(**{name: cursor.key, f"id__{side}": cursor.id}))
    )


@dataclass(frozen=True, kw_only=True)
class TraceFilter:
    """What a select shows as chosen, so that it is on offer."""

    agent: UUID | None = None
    channel: str = ""


@dataclass(frozen=True, kw_only=True)
class Facets:
    """What the newest traces have in them, sorted by name; `agents` is id and name."""

    agents: list[tuple[UUID, str]]
    channels: list[str]


def read_facets(wanted: TraceFilter) -> Facets:
    """The values worth offering; what is chosen is always among them."""
    newest = Trace.objects.order_by("-started_at", "-id")
    rows = set(newest.values_list("agent_id", "agent_name", "channel")[:FACET_SAMPLE])
    agents = {row[0]: row[1] for row in rows}
    if wanted.agent and wanted.agent not in agents:
        named = newest.filter(agent_id=wanted.agent).values_list("agent_name", flat=True).first()
        agents[wanted.agent] = named or "This agent"
    return Facets(
        agents=sorted(agents.items(), key=lambda pair: pair[1].lower()),
        channels=sorted({row[2] for row in rows} | ({wanted.channel} if wanted.channel else set())),
    )


# -- one trace


@dataclass(frozen=True, kw_only=True)
class SpanNote:
    """The few recorded words that a row of the tree shows: a tool call's end, why a model call failed, what a check did
    and which rule it was, what the policies said, and a sentence about a wait."""

    state: str
    attempts: int
    failure: str
    action: str = ""
    category: str = ""
    summary: str = ""
    policy: dict[str, Any] = field(default_factory=dict)


def spans_of(trace: Trace) -> list[Span]:
    """In the order of time, without what each of them recorded: that may be megabytes, and is shown one at a time."""
    return list(trace.spans.order_by("started_at", "id").defer("attributes"))


def notes_of(trace: Trace) -> dict[UUID, SpanNote]:
    """By span, read out of what it recorded."""
    names = ("state", "attempts", "kind", "guardrailAction", "violationCategory", "summary")
    texts = [KT(f"attributes__{name}") for name in names]
    rows = trace.spans.values_list("pk", *texts, KeyTransform("policy", "attributes"))
    return {
        pk: SpanNote(
            state=state or "",
            attempts=int(attempts) if attempts and attempts.isdigit() else 0,
            failure=failure or "",
            action=action or "",
            category=category or "",
            summary=summary or "",
            policy=policy if isinstance(policy, dict) else {},
        )
        for pk, state, attempts, failure, action, category, summary, policy in rows
    }


def charges_of(spans: Iterable[Span]) -> dict[UUID, Charge]:
    """By span: a charge bears its span's id, so this is a look-up by primary key."""
    return Charge.objects.in_bulk([span.pk for span in spans])


def prices_of(charges: Iterable[Charge]) -> dict[int, Price]:
    return Price.objects.in_bulk({charge.price_id for charge in charges if charge.price_id is not None})


def neighbours(trace: Trace) -> tuple[UUID | None, UUID | None]:
    """The traces before and after this one in its conversation."""
    siblings = Trace.objects.filter(session_id=trace.session_id)
    place = Cursor(key=trace.started_at, id=trace.pk)
    before = beyond(siblings, "started_at", place, "lt").order_by("-started_at", "-id")
    after = beyond(siblings, "started_at", place, "gt").order_by("started_at", "id")
    return before.values_list("pk", flat=True).first(), after.values_list("pk", flat=True).first()


# -- agents


@dataclass(frozen=True, kw_only=True)
class AgentFigures:
    """What an agent did in a span of time; a conversation is resolved when no turn of it needed a person."""

    turns: int = 0
    conversations: int = 0
    handed_over: int = 0
    errors: int = 0
    cost_usd: Decimal = Decimal(0)

    @property
    def resolved_percent(self) -> int | None:
        if not self.conversations:
            return None
        return round(100 * (self.conversations - self.handed_over) / self.conversations)

    @property
    def cost_per_conversation(self) -> Decimal | None:
        return self.cost_usd / self.conversations if self.conversations else None


def figures_by_agent(*, since: datetime, agent_id: UUID | None = None) -> dict[UUID, AgentFigures]:
    """Turns that ended since then, by agent. A range of `trace_newest`."""
    ended = since_then(since, agent_id).exclude(status=Trace.Status.RUNNING)
    needed_person = Q(outcome__in=HANDED_OVER) | Q(status=Trace.Status.ERROR)
    rows = ended.values("agent_id").annotate(
        turns=Count("pk"),
        conversations=Count("session_id", distinct=True),
        handed_over=Count("session_id", distinct=True, filter=needed_person),
        errors=Count("pk", filter=Q(status=Trace.Status.ERROR)),
        cost_usd=Sum("cost_usd"),
    )
    return {
        row["agent_id"]: AgentFigures(
            turns=row["turns"],
            conversations=row["conversations"],
            handed_over=row["handed_over"],
            errors=row["errors"],
            cost_usd=row["cost_usd"],
        )
        for row in rows
    }


def turns_by_hour(*, hours: int, agent_id: UUID | None = None) -> dict[UUID, list[int]]:
    """Turns begun in each of the last `hours` hours, oldest first, by agent."""
    last = timezone.now().replace(minute=0, second=0, microsecond=0)
    first = last - timedelta(hours=hours - 1)
    rows = since_then(first, agent_id).annotate(hour=TruncHour("started_at")).values("agent_id", "hour")
    counts: dict[UUID, list[int]] = {}
    for row in rows.annotate(turns=Count("pk")):
        place = int((row["hour"] - first).total_seconds() // 3600)
        if place < hours:
            counts.setdefault(row["agent_id"], [0] * hours)[place] = row["turns"]
    return counts


def since_then(since: datetime, agent_id: UUID | None) -> QuerySet[Trace]:
    traces = Trace.objects.filter(started_at__gte=since)
    return traces.filter(agent_id=agent_id) if agent_id else traces


def turns_by_version(agent_id: UUID, *, since: datetime) -> dict[int, int]:
    """Turns begun since then with each version of an agent, by the version's number."""
    rows = since_then(since, agent_id).values_list("agent_version").annotate(turns=Count("pk"))
    return dict(rows.order_by())


def newest_of_agent(agent_id: UUID, *, limit: int) -> list[Trace]:
    return list(Trace.objects.filter(agent_id=agent_id).order_by("-started_at", "-id")[:limit])
