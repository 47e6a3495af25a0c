"""Which rows are exported next: a window of time behind a mark, so that no backlog is read whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Q, QuerySet

from observability.models import Span, Trace
from observability.otlp_protobuf import Unit

FINISHED, LATE = "finished", "late"
SOURCES = (FINISHED, LATE)
# For rows that are committed late, and for clocks of several machines. Late steps are written when all of a
# conversation has been read, minutes after the first of them.
SETTLE = {FINISHED: timedelta(seconds=15), LATE: timedelta(minutes=10)}
FIRST_WINDOW, LONGEST_WINDOW = timedelta(minutes=10), timedelta(days=1)
BATCH = 50
LATE_BATCH = 200


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The last row that was exported; without an id, all up to this instant."""

    at: datetime
    id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Batch:
    """`mark` is where the next one begins. Of an empty stretch of time there are no units."""

    mark: Mark
    units: Sequence[Unit] = field(default_factory=list)


def read_batch(source: str, mark: Mark, *, now: datetime) -> Batch | None:
    """The next turns, or late steps; None where nothing has settled yet."""
    until = now - SETTLE[source]
    read = read_finished if source == FINISHED else read_late
    start, window = mark, FIRST_WINDOW
    while start.at < until:
        end = min(start.at + window, until)
        found = read(start, end)
        if found is not None:
            return found
        start, window = Mark(at=end), min(window * 2, LONGEST_WINDOW)
    return Batch(mark=start) if start.at > mark.at else None


def behind(column: str, mark: Mark, end: datetime) -> Q:
    """Beyond the mark and before the end of the window. The first condition, which the second implies, is what the
    index is read by."""
    later = Q(**{f"{column}__gt": mark.at})
    if mark.id is not None:
        later |= Q(**{column: mark.at, "id__gt": mark.id})
    else:
        later |= Q(**{column: mark.at})
    return Q(**{f"{column}__gte": mark.at, f"{column}__lt": end}) & later


def read_finished(mark: Mark, end: datetime) -> Batch | None:
    """Turns by their end, each with the steps that began before it."""
    traces = list(Trace.objects.filter(behind("ended_at", mark, end)).order_by("ended_at", "id")[:BATCH])
    if not traces:
        return None
    spans = spans_by_trace(Span.objects.filter(trace_id__in=[trace.pk for trace in traces]))
    units = [
        Unit(trace=trace, spans=[span for span in spans.get(trace.pk, []) if not is_late(span, trace)])
        for trace in traces
    ]
    last = traces[-1]
    assert last.ended_at is not None  # noqa: S101  it was read by it
    return Batch(mark=Mark(at=last.ended_at, id=last.pk), units=units)


def read_late(mark: Mark, end: datetime) -> Batch | None:
    """Steps that began when their turn had ended, by their beginning."""
    late = Span.objects.filter(behind("started_at", mark, end), trace__ended_at__lte=F("started_at"))
    spans = list(late.select_related("trace").order_by("started_at", "id")[:LATE_BATCH])
    if not spans:
        return None
    by_trace: dict[UUID, list[Span]] = {}
    for span in spans:
        by_trace.setdefault(span.trace_id, []).append(span)
    units = [Unit(trace=own[0].trace, spans=own, has_root=False) for own in by_trace.values()]
    return Batch(mark=Mark(at=spans[-1].started_at, id=spans[-1].pk), units=units)


def is_late(span: Span, trace: Trace) -> bool:
    return trace.ended_at is not None and span.started_at >= trace.ended_at


def spans_by_trace(spans: QuerySet[Span]) -> dict[UUID, list[Span]]:
    found: dict[UUID, list[Span]] = {}
    for span in spans.order_by("started_at", "id"):
        found.setdefault(span.trace_id, []).append(span)
    return found
