"""Every customer, page by page, and the memories of all of them that wait for a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Max, Q

from agents.customer_memories import Source, holds, sources_of
from agents.inbox import Cursor
from agents.models import Customer, Session
from memory.models import Memory
from memory.reach import everyone

PAGE_SIZE = 50
# Beyond this the number of held ones says "999+".
COUNT_LIMIT = 999
LAST = UUID(int=2**128 - 1)
# Behind every character, so behind all that begins with what stands before it.
GREATEST = "\U0010ffff"
# Both conditions are indexes of `Customer`; the first by bounds, as a prepared LIKE finds no index. Materialized: asked
# for the newest of those found, the planner would read everybody until it has found enough, which may be never.
SEARCH = """
WITH found AS MATERIALIZED (
  SELECT id FROM agents_customer WHERE lower(email) ~>=~ %s AND lower(email) ~<~ %s
  UNION
  SELECT id FROM agents_customer WHERE to_tsvector('simple', coalesce(name, '')) @@ to_tsquery('simple', %s)
)
SELECT id FROM found WHERE id < %s ORDER BY id DESC LIMIT %s
"""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A customer as the list shows them; `memories` are those that hold."""

    customer: Customer
    last_at: datetime | None
    open_sessions: int
    memories: int
    held: int


@dataclass(frozen=True, kw_only=True)
class Page:
    """`next` is the last customer shown, behind whom the next page begins."""

    lines: list[Line] = field(default_factory=list)
    next: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Held:
    """A proposal with what it would take the place of."""

    memory: Memory
    customer: Customer | None
    replaces: Memory | None
    source: Source


@dataclass(frozen=True, kw_only=True)
class HeldPage:
    rows: list[Held] = field(default_factory=list)
    next: Cursor | None = None


# -- the list


def page_of(q: str = "", *, after: UUID | None = None, size: int = PAGE_SIZE) -> Page:
    """The newest customers first; three queries, and one more for a search, however many there are."""
    customers = Customer.objects.order_by("-pk")
    if q:
        customers = customers.filter(pk__in=search(q, after=after, most=size + 1))
    elif after is not None:
        customers = customers.filter(pk__lt=after)
    found = list(customers[: size + 1])
    shown = found[:size]
    return Page(lines=lines_of(shown), next=shown[-1].pk if len(found) > size else None)


def search(q: str, *, after: UUID | None, most: int) -> list[UUID]:
    """The newest with each word of `q` at the beginning of a word of their name, or whose address begins with it, or
    whose id it is."""
    try:
        return [UUID(q)] if after is None else []
    except ValueError:
        words = " & ".join(f"{word}:*" for word in re.findall(r"\w+", q))
        with connection.cursor() as cursor:
            cursor.execute(SEARCH, [q.lower(), q.lower() + GREATEST, words, after or LAST, most])
            return [row[0] for row in cursor.fetchall()]


def lines_of(customers: Sequence[Customer]) -> list[Line]:
    ids = [customer.pk for customer in customers]
    sessions, memories = count_sessions(ids), count_memories(ids)
    return [
        Line(
            customer=customer,
            last_at=sessions.get(customer.pk, {}).get("last_at"),
            open_sessions=sessions.get(customer.pk, {}).get("open_sessions", 0),
            memories=memories.get(customer.pk, {}).get("active", 0),
            held=memories.get(customer.pk, {}).get("held", 0),
        )
        for customer in customers
    ]


def count_sessions(customers: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    rows = (
        Session.objects.filter(customer__in=list(customers))
        .order_by()
        .values("customer_id")
        .annotate(last_at=Max("last_message_at"), open_sessions=Count("pk", filter=Q(closed_at__isnull=True)))
    )
    return {row["customer_id"]: dict(row) for row in rows}


def count_memories(customers: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """How many hold, and how many wait for a person, of these customers only; nothing of what they say."""
    with everyone():
        rows = (
            Memory.objects.filter(
                customer_id__in=list(customers), state__in=[Memory.State.ACTIVE, Memory.State.PROPOSED]
            )
            .order_by()
            .values("customer_id")
            .annotate(active=Count("pk", filter=holds()), held=Count("pk", filter=Q(state=Memory.State.PROPOSED)))
        )
        return {row["customer_id"]: dict(row) for row in rows}


# -- what waits for a person


def held_page(*, after: Cursor | None = None, size: int = PAGE_SIZE) -> HeldPage:
    """The longest waiting first."""
    with everyone():
        held = Memory.objects.filter(state=Memory.State.PROPOSED)
        if after is not None:
            # The first condition alone is what the index can begin at; the second breaks ties.
            held = held.filter(Q(created_at__gte=after.at) & (Q(created_at__gt=after.at) | Q(pk__gt=after.id)))
        found = list(held.defer("embedding").order_by("created_at", "pk")[: size + 1])
        shown = found[:size]
        standing = standing_beside(shown)
    customers = Customer.objects.in_bulk({memory.customer_id for memory in shown})
    sources = sources_of(shown)
    rows = [
        Held(
            memory=memory,
            customer=customers.get(memory.customer_id),
            replaces=standing.get((memory.customer_id, memory.strategy, memory.topic)),
            source=sources[memory.pk],
        )
        for memory in shown
    ]
    last = shown[-1] if len(found) > size else None
    return HeldPage(rows=rows, next=Cursor(at=last.created_at, id=last.pk) if last else None)


def standing_beside(held: Sequence[Memory]) -> dict[tuple[UUID, str, str], Memory]:
    """What holds on the topics of these, by customer, strategy and topic."""
    named = [memory for memory in held if memory.topic]
    if not named:
        return {}
    active = Memory.objects.filter(
        state=Memory.State.ACTIVE,
        customer_id__in={memory.customer_id for memory in named},
        topic__in={memory.topic for memory in named},
    )
    return {(memory.customer_id, memory.strategy, memory.topic): memory for memory in active.defer("embedding")}


def count_held() -> int:
    """Up to one more than `COUNT_LIMIT`."""
    with everyone():
        return Memory.objects.filter(state=Memory.State.PROPOSED)[: COUNT_LIMIT + 1].count()


def customer_of(memory_id: UUID) -> UUID | None:
    """Whose memory that is; a trace names the memory only."""
    with everyone():
        return Memory.objects.filter(pk=memory_id).values_list("customer_id", flat=True).first()
