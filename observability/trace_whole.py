"""A trace as JSON: everything that was recorded of it, as far as its reader may see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from observability.models import Charge, Span, Trace

Mask = Callable[[Any], Any]
TRACE = (
    *("id", "session_id", "agent_id", "agent_slug", "agent_name", "agent_version", "model", "channel", "customer"),
    *("status", "outcome", "error", "input_text", "output_text", "started_at", "ended_at", "duration_ms"),
    *("model_calls", "tool_calls", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
    "cost_usd",
)
SPAN = (
    *("id", "parent_id", "kind", "name", "status", "error", "action", "category", "started_at", "duration_ms"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_usd", "attributes"),
)
# What was said, written or sent: as its reader may see it.
TEXTS = frozenset({"error", "input_text", "output_text", "attributes"})


def trace_as_json(trace: Trace, spans: list[Span], charges: Mapping[UUID, Charge], mask: Mask) -> dict[str, Any]:
    """`spans` with their attributes; decimals, ids and times are left to the encoder."""
    return {**columns_of(trace, TRACE, mask), "spans": [span_as_json(span, charges, mask) for span in spans]}


def span_as_json(span: Span, charges: Mapping[UUID, Charge], mask: Mask) -> dict[str, Any]:
    charge = charges.get(span.pk)
    found = columns_of(span, SPAN, mask)
    if charge is not None:
        names = ("kind", "subject", "basis", "price_id", "unit_price_id", "quantity", "usd", "at")
        found["charge"] = {name: getattr(charge, name) for name in names}
    return found


def columns_of(row: Trace | Span, names: tuple[str, ...], mask: Mask) -> dict[str, Any]:
    return {name: mask(getattr(row, name)) if name in TEXTS else getattr(row, name) for name in names}
