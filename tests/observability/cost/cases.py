"""Turns with charges, at instants of one's choice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from observability.ids import uuid7
from observability.models import Charge, Span, Trace
from tests.factories import make_trace

# A Tuesday, in the middle of a month and of an hour.
NOW = datetime(2026, 6, 16, 14, 35, 12, tzinfo=UTC)
AGENT, OTHER = UUID(int=0xA1 << 100), UUID(int=0xB2 << 100)


def make_charged(
    *usd: str, at: datetime = NOW - timedelta(hours=3), charge: dict[str, Any] | None = None, **trace: Any
) -> list[Charge]:
    """One turn that ended then, with a model call for each amount."""
    whole = sum((Decimal(each) for each in usd), Decimal(0))
    defaults: dict[str, Any] = {
        "agent_id": AGENT,
        "started_at": at - timedelta(seconds=2),
        "ended_at": at,
        "cost_usd": whole,
        "input_tokens": 100,
        "cache_read_tokens": 300,
        "cache_write_tokens": 0,
        "output_tokens": 50,
    }
    made = make_trace(spans=0, **{**defaults, **trace})
    return [charge_step(made, Decimal(each), at, charge or {}) for each in usd]


def charge_step(trace: Trace, usd: Decimal, at: datetime, values: dict[str, Any]) -> Charge:
    kind = values.get("kind", Charge.Kind.MODEL)
    span = Span.objects.create(
        id=uuid7(),
        trace=trace,
        kind=Span.Kind.TOOL if kind == Charge.Kind.TOOL else Span.Kind.MODEL,
        name=values.get("subject", trace.model),
        started_at=at,
        input_tokens=100,
        output_tokens=50,
        cost_usd=usd,
    )
    defaults = {"kind": kind, "subject": trace.model, "basis": Charge.Basis.EXACT, "at": at}
    return Charge.objects.create(
        span_id=span.pk, trace_id=trace.pk, agent_id=trace.agent_id, usd=usd, **{**defaults, **values}
    )


def spent_on_this() -> Decimal:
    return sum(Charge.objects.values_list("usd", flat=True), Decimal(0))
