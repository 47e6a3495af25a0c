"""The charges themselves: newest first, page by page, and all of a span of time one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from observability.cost_range import HOUR, Period, Wanted
from observability.models import Charge, Price, Span, Trace, UnitPrice
from observability.traces import read_instant, read_uuid

Row = TypeVar("Row")
PAGE_SIZE = 50
CHUNK = 2_000
# Charges lie in the order of time and have no index but a summary of it: they are sought in a short stretch of time,
# then in longer and longer ones.
FIRST_STRETCH, GROWTH = HOUR, 4


@dataclass(frozen=True, kw_only=True)
class Place:
    """A place in the list: the instant of a charge, and its span's id, which breaks ties."""

    at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{self.at.isoformat()}_{self.id.hex}"

    @classmethod
    def read(cls, text: str) -> Place:
        """Raises `BadQuery`."""
        at, _, span_id = text.rpartition("_")
        return cls(at=read_instant(at.replace(" ", "+")), id=read_uuid(span_id))

    @classmethod
    def of(cls, charge: Charge) -> Place:
        return cls(at=charge.at, id=charge.span_id)


def apply(wanted: Wanted, charges: QuerySet[Charge]) -> QuerySet[Charge]:
    """Those that it is narrowed to, whatever their time. Version and channel are those of the turn."""
    own = {"agent_id": wanted.agent, "kind": wanted.kind, "subject": wanted.subject, "basis": wanted.basis}
    charges = charges.filter(**{name: value for name, value in own.items() if value})
    of_turn: dict[str, object] = {"channel": wanted.channel} if wanted.channel else {}
    if wanted.version is not None:
        of_turn["agent_version"] = wanted.version
    if of_turn:
        charges = charges.filter(Exists(Trace.objects.filter(pk=OuterRef("trace_id"), **of_turn)))
    return charges


# -- a page


@dataclass(frozen=True, kw_only=True)
class ChargePage:
    """One page, and the places before and after it; None where there is nothing more."""

    charges: list[Charge]
    newer: Place | None
    older: Place | None


def list_charges(
    wanted: Wanted, period: Period, *, now: datetime, before: Place | None = None, after: Place | None = None
) -> ChargePage:
    """Up to `PAGE_SIZE`, newest first: the page below `before`, or the one above `after`."""
    found = apply(wanted, Charge.objects.all())
    if after is not None:
        above = found.filter(Q(at__gt=after.at) | Q(at=after.at, span_id__gt=after.id)).order_by("at", "span_id")
        rows = first_of(above, upwards(max(after.at, period.since), period.until))
        has_more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE][::-1]
        return ChargePage(
            charges=rows,
            newer=Place.of(rows[0]) if has_more else None,
            older=Place.of(rows[-1]) if rows else None,
        )
    # Of clocks that differ a little, one may have written ahead of this one.
    end = min(period.until, now + HOUR)
    if before is not None:
        found = found.filter(Q(at__lt=before.at) | Q(at=before.at, span_id__lt=before.id))
        # The stretches end before their end, and a charge of the same instant may be left.
        end = min(end, before.at + timedelta(microseconds=1))
    rows = first_of(found.order_by("-at", "-span_id"), downwards(period.since, end))
    has_more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    return ChargePage(
        charges=rows,
        newer=Place.of(rows[0]) if rows and before else None,
        older=Place.of(rows[-1]) if has_more else None,
    )


def first_of(ordered: QuerySet[Charge], stretches: Iterable[tuple[datetime, datetime]]) -> list[Charge]:
    """One more than a page, if there are so many."""
    rows: list[Charge] = []
    for begin, end in stretches:
        rows += ordered.filter(at__gte=begin, at__lt=end)[: PAGE_SIZE + 1 - len(rows)]
        if len(rows) > PAGE_SIZE:
            break
    return rows


def downwards(begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Stretches from the end to the beginning, each longer than the one before."""
    length = FIRST_STRETCH
    while end > begin:
        start = max(begin, end - length)
        yield start, end
        end, length = start, length * GROWTH


def upwards(begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    length = FIRST_STRETCH
    while begin < end:
        stop = min(end, begin + length)
        yield begin, stop
        begin, length = stop, length * GROWTH


def every_charge(wanted: Wanted, period: Period, *, now: datetime) -> Iterator[list[Charge]]:
    """All of them, newest first, some thousand at a time; no query is open between two of them."""
    found = apply(wanted, Charge.objects.all()).order_by("-at", "-span_id")
    end, length = min(period.until, now + HOUR), FIRST_STRETCH
    while end > period.since:
        start = max(period.since, end - length)
        stretch, count = found.filter(at__gte=start, at__lt=end), 0
        while rows := list(stretch[:CHUNK]):
            yield rows
            count += len(rows)
            last = Place.of(rows[-1])
            stretch = stretch.filter(Q(at__lt=last.at) | Q(at=last.at, span_id__lt=last.id))
            if len(rows) < CHUNK:
                break
        # As long as brings about a chunk at once.
        length = length * 2 if count < CHUNK else max(length / 2, timedelta(minutes=1))
        end = start


# -- what stands beside a charge


@dataclass(frozen=True, kw_only=True)
class ChargeLine:
    """A charge with its turn, its step and the price that it used, as far as they are still there."""

    charge: Charge
    trace: Trace | None
    span: Span | None
    price: Price | None
    unit_price: UnitPrice | None

    @property
    def is_by_token(self) -> bool:
        return self.charge.kind == Charge.Kind.MODEL


def lines_of(charges: Sequence[Charge]) -> list[ChargeLine]:
    """Four look-ups by primary key."""
    traces = Trace.objects.only("session_id", "agent_name", "agent_version", "channel", "customer").in_bulk(
        {charge.trace_id for charge in charges}
    )
    spans = Span.objects.defer("attributes", "error").in_bulk([charge.span_id for charge in charges])
    prices = Price.objects.in_bulk(ids(charge.price_id for charge in charges))
    unit_prices = UnitPrice.objects.in_bulk(ids(charge.unit_price_id for charge in charges))
    return [
        ChargeLine(
            charge=charge,
            trace=traces.get(charge.trace_id),
            span=spans.get(charge.span_id),
            price=known(prices, charge.price_id),
            unit_price=known(unit_prices, charge.unit_price_id),
        )
        for charge in charges
    ]


def ids(found: Iterable[int | None]) -> set[int]:
    return {each for each in found if each is not None}


def known(rows: Mapping[int, Row], pk: int | None) -> Row | None:
    return rows.get(pk) if pk is not None else None
