"""The traces of a list as a file, CSV or a JSON object a line: a line for each turn, no more of it than its
reader may see."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from observability.batch import encode
from observability.models import Trace
from observability.trace_filter import SORTS, Wanted
from observability.trace_list import edge_of

MOST_EXPORTED = 10_000
CHUNK = 500
COLUMNS = (
    *("id", "started_at", "agent", "agent_name", "agent_version", "conversation", "customer", "channel", "model"),
    *("status", "outcome", "error", "first_line_in", "last_line_out", "model_calls", "tool_calls", "duration_ms"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_usd"),
)
# A table program takes a text that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
Mask = Callable[[str], str]


def csv_lines(wanted: Wanted, mask: Mask) -> Iterator[str]:
    """A header and one line for each trace, in the order of the list; at most ten thousand."""
    yield csv_line(COLUMNS)
    for trace in traces_of(wanted):
        yield csv_line(harmless(value) for value in values_of(trace, mask))


def json_lines(wanted: Wanted, mask: Mask) -> Iterator[str]:
    for trace in traces_of(wanted):
        yield f"{encode(dict(zip(COLUMNS, values_of(trace, mask), strict=True)))}\n"


def traces_of(wanted: Wanted) -> Iterator[Trace]:
    if wanted.error:
        return iter(())
    if wanted.by_time:
        rows = wanted.apply(Trace.objects.all()).order_by("-started_at", "-id")
    else:
        # Sorted as the page sorts: among the newest.
        candidates = wanted.by_index(Trace.objects.all())
        edge = edge_of(wanted, candidates, is_sorted=True)
        found = wanted.by_reading(candidates.filter(started_at__gte=edge) if edge else candidates)
        rows = found.alias(value=SORTS[wanted.sort]).order_by("-value", "-id")
    return rows[:MOST_EXPORTED].iterator(chunk_size=CHUNK)


def values_of(trace: Trace, mask: Mask) -> tuple[Any, ...]:
    return (
        str(trace.pk),
        trace.started_at.isoformat(timespec="milliseconds"),
        trace.agent_slug,
        trace.agent_name,
        trace.agent_version,
        str(trace.session_id),
        trace.customer,
        trace.channel,
        trace.model,
        trace.status,
        trace.outcome,
        mask(trace.error),
        mask(trace.input_text),
        mask(trace.output_text),
        trace.model_calls,
        trace.tool_calls,
        trace.duration_ms,
        trace.input_tokens,
        trace.output_tokens,
        trace.cache_read_tokens,
        trace.cache_write_tokens,
        f"{trace.cost_usd:f}",
    )


def csv_line(values: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue()


def harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
