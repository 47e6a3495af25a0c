"""What the desk knows of one customer beside their memories: who says so, what was talked about, and what tools saw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Min, Q, Sum

from agents.approval_words import currency_of, money_words
from agents.evidence import is_plain, record_of, words
from agents.inbox import Cursor
from agents.models import Customer, Session, Turn
from agents.models.sessions import Channel
from tools.catalog import catalog
from tools.models import MoneyUse, ToolCall

SESSIONS_SHOWN = 8
SESSIONS_ON_A_PAGE = 50
# Of the newest so many conversations the newest so many calls are read for what they saw.
SESSIONS_READ = 50
CALLS_READ = 300
THINGS_SHOWN = 24
MONEY_SHOWN = 12
FACTS_IN_A_LINE = 3
# Names of facts whose value says what it is.
SPEAKING = {"Status", "State", "Items", "Total", "Amount"}
# What a tool's result says of the result itself where a person had changed its arguments.
CHANGED = "changed_by_a_person"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """One way in which the address came to us: in how many conversations, and whether the channel vouches for it."""

    channel: str
    is_verified: bool
    first_at: datetime
    last_at: datetime
    sessions: int


@dataclass(frozen=True, kw_only=True)
class Talks:
    """The newest conversations, and how many there are in all and open."""

    sessions: list[Session]
    total: int
    open: int


@dataclass(frozen=True, kw_only=True)
class SessionPage:
    sessions: list[Session] = field(default_factory=list)
    next: Cursor | None = None


@dataclass(frozen=True, kw_only=True)
class Thing:
    """An order, a refund, whatever has an id, as the last call that returned it saw it."""

    noun: str
    title: str
    facts: list[tuple[str, str]]
    seen_at: datetime
    session_id: UUID | None

    @property
    def first_facts(self) -> list[str]:
        """For a line; what does not speak for itself bears its name."""
        return [value if name in SPEAKING else f"{name} {value}" for name, value in self.facts[:FACTS_IN_A_LINE]]


@dataclass(frozen=True, kw_only=True)
class ThingGroup:
    """Things of one noun, such as "Order". `is_cut`: only the newest are here."""

    noun: str
    things: list[Thing]
    is_cut: bool

    @property
    def name(self) -> str:
        return f"{self.noun}s"


@dataclass(frozen=True, kw_only=True)
class Moved:
    """Money that a call for this customer moved, or may have; the state says which."""

    words: str
    tool: str
    subject: str
    at: datetime
    session_id: UUID | None
    state: str

    @property
    def is_settled(self) -> bool:
        return self.state == ToolCall.State.CONFIRMED


@dataclass(frozen=True, kw_only=True)
class Money:
    """`in_all` is what confirmed calls moved; `unclear` what those may have, whose outcome is not known."""

    moved: list[Moved]
    in_all: str
    unclear: str


# -- who and where


def read_identities(customer: Customer) -> list[Identity]:
    """The verified ones first; one query."""
    rows = (
        Session.objects.filter(customer=customer)
        .order_by()
        .values("channel", "identity")
        .annotate(first_at=Min("opened_at"), last_at=Max("last_message_at"), sessions=Count("pk"))
    )
    found = [
        Identity(
            channel=str(Channel(row["channel"]).label),
            is_verified=row["identity"] == Session.Identity.VERIFIED,
            first_at=row["first_at"],
            last_at=row["last_at"],
            sessions=row["sessions"],
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (not one.is_verified, -one.last_at.timestamp()))


def read_talks(customer: Customer) -> Talks:
    """Two queries."""
    counts = Session.objects.filter(customer=customer).aggregate(
        total=Count("pk"), open=Count("pk", filter=Q(closed_at__isnull=True))
    )
    return Talks(sessions=list(sessions_of(customer)[:SESSIONS_SHOWN]), total=counts["total"], open=counts["open"])


def session_page(customer: Customer, *, after: Cursor | None = None) -> SessionPage:
    """All conversations, the newest first."""
    sessions = sessions_of(customer)
    if after is not None:
        sessions = sessions.filter(
            Q(last_message_at__lte=after.at) & (Q(last_message_at__lt=after.at) | Q(pk__lt=after.id))
        )
    found = list(sessions[: SESSIONS_ON_A_PAGE + 1])
    shown = found[:SESSIONS_ON_A_PAGE]
    last = shown[-1] if len(found) > SESSIONS_ON_A_PAGE else None
    return SessionPage(sessions=shown, next=Cursor(at=last.last_message_at, id=last.pk) if last else None)


def sessions_of(customer: Customer) -> Any:
    return (
        Session.objects.filter(customer=customer)
        .select_related("agent", "assignee")
        .order_by("-last_message_at", "-pk")
    )


# -- what tools saw


def read_things(customer: Customer) -> list[ThingGroup]:
    """What confirmed calls in this customer's verified conversations returned, each thing once; two queries.

    Nothing is asked of a backend: it is as old as the call that saw it.
    """
    verified = Session.objects.filter(customer=customer, identity=Session.Identity.VERIFIED)
    sessions = list(verified.order_by("-last_message_at").values_list("pk", flat=True)[:SESSIONS_READ])
    calls = ToolCall.objects.filter(
        # By the turn: a call is not indexed by its conversation.
        turn_id__in=Turn.objects.filter(session__in=sessions).values("pk"),
        state=ToolCall.State.CONFIRMED,
    )
    found: dict[tuple[str, str], Thing] = {}
    for call in calls.order_by("-created_at")[:CALLS_READ]:
        for thing in things_in(call):
            found.setdefault((thing.noun, thing.title), thing)
    nouns: dict[str, list[Thing]] = {}
    for thing in found.values():
        nouns.setdefault(thing.noun, []).append(thing)
    return [
        ThingGroup(noun=noun, things=things[:THINGS_SHOWN], is_cut=len(things) > THINGS_SHOWN)
        for noun, things in sorted(nouns.items())
    ]


def things_in(call: ToolCall) -> Iterator[Thing]:
    """Each with an id of its own in the call's result."""
    for noun, values in named_things(call.result):
        key = key_of(values, noun=noun, known=call.arguments)
        # The key first: `record_of` names the thing by the first that it finds.
        record = record_of({key: values[key], **values}, call.tool_name) if key else None
        if record is not None:
            yield Thing(
                noun=words(key.removesuffix("_id")),
                title=str(values[key]),
                facts=record.facts,
                seen_at=call.created_at,
                session_id=call.session_id,
            )


def named_things(result: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The result itself, or the things in its lists, each with the list's name in the singular (`orders`: "order")."""
    if isinstance(result, Mapping) and CHANGED in result:
        result = result.get("result")
    if not isinstance(result, Mapping):
        return
    lists = {name: value for name, value in result.items() if isinstance(value, list)}
    if result and len(lists) == len(result):
        for name, values in lists.items():
            yield from ((name.removesuffix("s"), value) for value in values if isinstance(value, Mapping))
    else:
        yield "", result


def key_of(values: Mapping[str, Any], *, noun: str, known: Mapping[str, Any]) -> str:
    """Which id names it: a refund's answer bears the order's too, which the call named already. "" for none."""
    keys = [name for name, value in values.items() if name.endswith("_id") and is_plain(value)]
    named = [name for name in keys if name == f"{noun}_id"]
    new = [name for name in keys if name not in known]
    return next(iter([*named, *new, *keys]), "")


# -- money


def read_money(customer: Customer) -> Money:
    """What was moved for this customer, newest first, and the sums by currency; three queries."""
    uses = MoneyUse.objects.filter(customer_id=customer.pk)
    newest = uses.select_related("call").order_by("-at")[:MONEY_SHOWN]
    return Money(
        moved=[moved(use) for use in newest],
        in_all=sum_words(uses.filter(call__state=ToolCall.State.CONFIRMED)),
        unclear=sum_words(uses.filter(call__state=ToolCall.State.UNKNOWN)),
    )


def moved(use: MoneyUse) -> Moved:
    return Moved(
        words=money_words(use.amount, currency_of(catalog.find(use.tool_key))),
        tool=use.tool_key.rpartition("___")[2].replace("_", " "),
        subject=use.subject.partition(":")[2],
        at=use.at,
        session_id=use.call.session_id,
        state=use.call.state,
    )


def sum_words(uses: Any) -> str:
    sums: dict[str, Decimal] = {}
    for row in uses.order_by().values("tool_key").annotate(amount=Sum("amount")):
        currency = currency_of(catalog.find(row["tool_key"]))
        sums[currency] = sums.get(currency, Decimal(0)) + row["amount"]
    return ", ".join(money_words(amount, currency) for currency, amount in sorted(sums.items()))
