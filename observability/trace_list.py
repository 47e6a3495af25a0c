"""The list of traces, page by page, and what there is to choose from. Whatever no index answers is bounded: a page
reads so many of the newest traces, says so, and leads on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from observability.models import Span, Trace
from observability.trace_filter import SORTS, Wanted
from observability.trace_words import chosen
from observability.traces import PAGE_SIZE, BadQuery, Cursor, beyond, read_instant, read_usd, read_uuid

# "99+ new" says enough; counting further would read rows that nobody looks at.
MOST_NEW = 100
# So many traces one page reads for words that no index answers, or sorts; with steps of each looked up, so many.
MOST_READ, MOST_READ_WITH_STEPS = 20_000, 2_000
# Counts are of so many of the newest that fit; where steps are looked up, and of steps themselves, of so many.
SAMPLE, SAMPLE_WITH_STEPS, SAMPLE_OF_STEPS = 500, 150, 100
MOST_NUMBER = 10**12
FIRST_ID, LAST_ID = UUID(int=0), UUID(int=2**128 - 1)


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of a list, and the places before and after it; None where there is nothing more. `read_back_to` is the
    instant at which reading was stopped with more behind it, `on` the place from which to go on."""

    traces: list[Trace]
    newer: Cursor | None = None
    older: Cursor | None = None
    read_back_to: datetime | None = None
    on: Cursor | None = None


def list_page(wanted: Wanted, *, before: Cursor | None = None, after: Cursor | None = None) -> Page:
    """Up to `PAGE_SIZE` traces, the newest (or greatest) first: the page below `before`, or the one above `after`."""
    if wanted.error:
        return Page(traces=[])
    return by_time(wanted, before, after) if wanted.by_time else by_value(wanted, before, after)


def by_time(wanted: Wanted, before: Cursor | None, after: Cursor | None) -> Page:
    candidates = wanted.by_index(Trace.objects.all())
    if after is not None:
        above = beyond(candidates, "started_at", after, "gt")
        edge = edge_of(wanted, above, is_upwards=True)
        found = wanted.by_reading(above.filter(started_at__lte=edge) if edge else above)
        rows = list(found.order_by("started_at", "id")[: PAGE_SIZE + 1])
        has_more, rows = len(rows) > PAGE_SIZE or edge is not None, rows[:PAGE_SIZE][::-1]
        first = place_of(wanted, rows[0]) if rows else Cursor(key=edge, id=LAST_ID) if edge else None
        newer = first if has_more else None
        return Page(traces=rows, newer=newer, older=place_of(wanted, rows[-1]) if rows else None)
    below = candidates if before is None else beyond(candidates, "started_at", before, "lt")
    edge = edge_of(wanted, below)
    found = wanted.by_reading(below.filter(started_at__gte=edge) if edge else below)
    rows = list(found.order_by("-started_at", "-id")[: PAGE_SIZE + 1])
    is_full, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    stopped = edge if edge and not is_full else None
    return Page(
        traces=rows,
        newer=(place_of(wanted, rows[0]) if rows else before) if before else None,
        older=place_of(wanted, rows[-1]) if is_full else None,
        read_back_to=stopped,
        # All that began at that very instant were read.
        on=Cursor(key=stopped, id=FIRST_ID) if stopped else None,
    )


def by_value(wanted: Wanted, before: Cursor | None, after: Cursor | None) -> Page:
    """Sorted by what no index is of: among the newest."""
    candidates = wanted.by_index(Trace.objects.all())
    edge = edge_of(wanted, candidates, is_sorted=True)
    in_range = wanted.by_reading(candidates.filter(started_at__gte=edge) if edge else candidates)
    found: QuerySet[Any] = in_range.annotate(value=SORTS[wanted.sort])
    if after is not None:
        above: QuerySet[Any] = beyond(found, "value", after, "gt")
        rows = list(above.order_by("value", "id")[: PAGE_SIZE + 1])
        has_more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE][::-1]
        newer, older = (place_of(wanted, rows[0]) if has_more else None), (place_of(wanted, rows[-1]) if rows else None)
        return Page(traces=rows, newer=newer, older=older, read_back_to=edge)
    if before is not None:
        found = beyond(found, "value", before, "lt")
    rows = list(found.order_by("-value", "-id")[: PAGE_SIZE + 1])
    is_full, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    return Page(
        traces=rows,
        newer=place_of(wanted, rows[0]) if rows and before else None,
        older=place_of(wanted, rows[-1]) if is_full else None,
        read_back_to=edge,
    )


def edge_of(
    wanted: Wanted, candidates: QuerySet[Trace], *, is_sorted: bool = False, is_upwards: bool = False
) -> datetime | None:
    """Where reading stops: the instant of the last of so many candidates; None where an index gives the page by itself,
    or there are not so many. Reads nothing but an index."""
    if not (wanted.reads_rows or is_sorted):
        return None
    order = ("started_at", "id") if is_upwards else ("-started_at", "-id")
    most = most_read(wanted)
    return candidates.order_by(*order).values_list("started_at", flat=True)[most - 1 : most].first()


def most_read(wanted: Wanted) -> int:
    return MOST_READ_WITH_STEPS if wanted.reads_spans else MOST_READ


# -- places


def place_of(wanted: Wanted, trace: Trace) -> Cursor:
    return Cursor(key=trace.started_at if wanted.by_time else trace.value, id=trace.pk)  # type: ignore[attr-defined]


def read_place(wanted: Wanted, text: str) -> Cursor:
    """Raises `BadQuery`."""
    key, _, trace_id = text.rpartition("_")
    if wanted.by_time:
        return Cursor(key=read_instant(key), id=read_uuid(trace_id))
    return Cursor(key=read_usd(key) if wanted.sort == "cost" else read_count(key), id=read_uuid(trace_id))


def read_count(text: str) -> Decimal:
    if not text.isdecimal() or int(text) > MOST_NUMBER:
        raise BadQuery(f"{text!r} is no number.")
    return Decimal(text)


def count_new(wanted: Wanted, *, than: Cursor) -> int:
    """How many have come since, up to `MOST_NEW`."""
    if wanted.error:
        return 0
    return beyond(wanted.apply(Trace.objects.all()), "started_at", than, "gt")[:MOST_NEW].count()


def neighbours(wanted: Wanted, trace: Trace) -> tuple[UUID | None, UUID | None]:
    """The ids above and below one in the list, by time."""
    place = Cursor(key=trace.started_at, id=trace.pk)
    found = Trace.objects.none() if wanted.error else wanted.apply(Trace.objects.all())
    above = beyond(found, "started_at", place, "gt").order_by("started_at", "id")
    below = beyond(found, "started_at", place, "lt").order_by("-started_at", "-id")
    return above.values_list("pk", flat=True).first(), below.values_list("pk", flat=True).first()


# -- facets


@dataclass(frozen=True, kw_only=True)
class Facet:
    """A field that can be chosen: (value, name, how many of the sample) of each value, the most frequent first."""

    field: str
    label: str
    everything: str
    chosen: str
    options: list[tuple[str, str, int]]

    @property
    def is_rare(self) -> bool:
        """Left out where there is little room, unless it is chosen."""
        return self.field in {"model", "tool", "guardrail"}


def facets_of(wanted: Wanted) -> tuple[list[Facet], int]:
    """What the newest traces that fit have in them, and how many were counted; what is chosen is always on offer."""
    rows = [] if wanted.error else sample_of(wanted)
    tools, actions = steps_of([row[0] for row in rows[:SAMPLE_OF_STEPS]])
    chosen_agent = chosen(wanted.terms, "agent")
    # An agent that was chosen by its id is counted under that.
    agent_of = [str(row[2]) if str(row[2]) == chosen_agent else row[3] or str(row[2]) for row in rows]
    agents = dict(zip(reversed(agent_of), (row[4] for row in reversed(rows)), strict=True))
    counted = [
        ("status", "Status", "All statuses", Counter(row[1] for row in rows)),
        ("outcome", "Outcome", "All outcomes", Counter(row[5] for row in rows if row[5])),
        ("agent", "Agent", "All agents", Counter(agent_of)),
        ("channel", "Channel", "All channels", Counter(row[6] for row in rows)),
        ("model", "Model", "All models", Counter(row[7] for row in rows)),
        ("tool", "Tool", "Any tool", tools),
        ("guardrail", "Guardrail", "Any check", actions),
    ]
    facets = []
    for name, label, everything, counts in counted:
        value = chosen(wanted.terms, name)
        if value and value not in counts:
            counts[value] = 0
        options = [(each, agents.get(each, each) if name == "agent" else each, n) for each, n in counts.most_common(50)]
        facets.append(Facet(field=name, label=label, everything=everything, chosen=value, options=options))
    return facets, len(rows)


def sample_of(wanted: Wanted) -> list[tuple[Any, ...]]:
    candidates = wanted.by_index(Trace.objects.all())
    edge = edge_of(wanted, candidates)
    found = wanted.by_reading(candidates.filter(started_at__gte=edge) if edge else candidates)
    columns = ("pk", "status", "agent_id", "agent_slug", "agent_name", "outcome", "channel", "model")
    most = SAMPLE_WITH_STEPS if wanted.reads_spans else SAMPLE
    return list(found.order_by("-started_at", "-id").values_list(*columns)[:most])


def steps_of(traces: list[UUID]) -> tuple[Counter[str], Counter[str]]:
    """In how many of these traces each tool was called, and each thing was done by a check."""
    wanted = Q(kind=Span.Kind.TOOL) | (Q(kind=Span.Kind.GUARDRAIL) & ~Q(action__in=["", "none"]))
    rows = Span.objects.filter(wanted, trace_id__in=traces).values_list("kind", "name", "action")
    tools: Counter[str] = Counter()
    actions: Counter[str] = Counter()
    for kind, name, action, count in rows.annotate(traces=Count("trace_id", distinct=True)).order_by():
        (tools if kind == Span.Kind.TOOL else actions)[name if kind == Span.Kind.TOOL else action] += count
    return tools, actions
