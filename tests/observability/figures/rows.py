"""Charges, turns and steps with a time of their own, and their plain sums in Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from observability.ids import uuid7
from observability.models import (
    Charge,
    RolledUp,
    Span,
    SpendingDay,
    SpendingHour,
    StepDay,
    StepHour,
    Trace,
    TurnDay,
    TurnHour,
)

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
AGENTS = tuple(UUID(int=number) for number in (1, 2))
DIMENSIONS = ("agent_id", "agent_version", "channel", "kind", "subject", "basis")


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def make_turn(ended_at: datetime, **fields: Any) -> Trace:
    defaults: dict[str, Any] = {
        "session_id": uuid7(),
        "agent_id": AGENTS[0],
        "agent_name": "Support",
        "agent_version": 1,
        "model": "claude-sonnet-5-5",
        "channel": "chat",
        "customer": "ada@example.com",
        "status": Trace.Status.OK,
        "outcome": "replied",
        "duration_ms": 1000,
        "started_at": ended_at - timedelta(seconds=1),
        "ended_at": ended_at,
    }
    return Trace.objects.create(id=uuid7(), **{**defaults, **fields})


def make_step(trace: Trace, started_at: datetime, **fields: Any) -> Span:
    defaults: dict[str, Any] = {"kind": Span.Kind.TOOL, "name": "get_order", "agent": "support", "duration_ms": 100}
    return Span.objects.create(trace=trace, started_at=started_at, **{**defaults, **fields})


def make_charge(trace: Trace | None, when: datetime, usd: str | Decimal = "0.1", **fields: Any) -> Charge:
    defaults: dict[str, Any] = {"kind": Charge.Kind.MODEL, "subject": "claude-sonnet-5-5", "agent_id": AGENTS[0]}
    trace_id = trace.pk if trace else uuid7()
    return Charge.objects.create(
        span_id=uuid7(), trace_id=trace_id, at=when, usd=Decimal(usd), **{**defaults, **fields}
    )


def plain_sums(
    charges: Iterable[Charge], traces: Iterable[Trace], since: datetime, until: datetime, by: Sequence[str]
) -> dict[tuple[Any, ...], tuple[int, Decimal]]:
    """What `spending` has to say, added up one by one."""
    by_id = {trace.pk: trace for trace in traces}
    sums: dict[tuple[Any, ...], tuple[int, Decimal]] = {}
    for charge in charges:
        if since <= charge.at < until:
            trace = by_id.get(charge.trace_id)
            values = {
                "agent_id": charge.agent_id,
                "agent_version": trace.agent_version if trace else 0,
                "channel": trace.channel if trace else "",
                "kind": charge.kind,
                "subject": charge.subject,
                "basis": charge.basis,
                "hour": charge.at.replace(minute=0, second=0, microsecond=0),
                "day": charge.at.replace(hour=0, minute=0, second=0, microsecond=0),
            }
            key = tuple(values[name] for name in by)
            number, usd = sums.get(key, (0, Decimal(0)))
            sums[key] = number + 1, usd + charge.usd
    return sums


def forget_sums() -> None:
    for model in (RolledUp, SpendingHour, TurnHour, StepHour, SpendingDay, TurnDay, StepDay):
        model.objects.all().delete()
