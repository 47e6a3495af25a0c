"""Spans and charges of a turn, as parts of the turn's own writes: they cost no round trip of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, Sum
from django.utils import timezone

from observability.batch import Part, insert, update
from observability.ids import uuid7
from observability.models import Charge, Span, Trace
from observability.prices import Cost, Tokens, cost_of_tokens

TEXT_LENGTH = 300


@dataclass(kw_only=True)
class Totals:
    model_calls: int = 0
    tool_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: Decimal = Decimal(0)

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens + self.cache_read_tokens + self.cache_write_tokens


@dataclass(kw_only=True)
class Recorder:
    """Records the steps of one turn. `take` gives what was recorded since, for the next write."""

    trace_id: UUID
    agent_id: UUID
    started_at: datetime
    totals: Totals = field(default_factory=Totals)
    _resumed: bool = False
    _spans: list[dict[str, object]] = field(default_factory=list)
    _charges: list[dict[str, object]] = field(default_factory=list)

    def resume(self) -> None:
        """Count what earlier attempts at this turn recorded, and keep their record of a step that is done again."""
        self._resumed = True
        sums = Span.objects.filter(trace_id=self.trace_id).aggregate(
            model_calls=Count("pk", filter=Q(kind=Span.Kind.MODEL)),
            tool_calls=Count("pk", filter=Q(kind=Span.Kind.TOOL)),
            **{name: Sum(name, default=0) for name in ("input_tokens", "output_tokens")},
            **{name: Sum(name, default=0) for name in ("cache_read_tokens", "cache_write_tokens", "cost_usd")},
        )
        self.totals = Totals(**sums)

    def model_call(
        self,
        model: str,
        *,
        started_at: datetime,
        tokens: Tokens,
        attributes: Mapping[str, Any],
        error: str = "",
    ) -> Decimal:
        """What the call cost, in US dollars; 0 where there is no price."""
        cost = cost_of_tokens(model, tokens)
        span_id = self._span(
            kind=Span.Kind.MODEL,
            name=model[:120],
            status=status_of(error),
            error=error,
            started_at=started_at,
            tokens=tokens,
            cost_usd=cost.usd,
            attributes=attributes,
        )
        self.totals.model_calls += 1
        if tokens != Tokens():
            self._charge(span_id, Charge.Kind.MODEL, model, cost)
        return cost.usd

    def tool_call(
        self,
        name: str,
        *,
        span_id: UUID,
        started_at: datetime,
        cost_usd: Decimal,
        attributes: Mapping[str, Any],
        error: str = "",
    ) -> None:
        """The span bears the id of the tool call, so the ledger's row and the trace lead to each other."""
        self._span(
            id=span_id,
            kind=Span.Kind.TOOL,
            name=name[:120],
            status=status_of(error),
            error=error,
            started_at=started_at,
            cost_usd=cost_usd,
            attributes=attributes,
        )
        self.totals.tool_calls += 1
        if cost_usd:
            cost = Cost(usd=cost_usd, basis=Charge.Basis.EXACT, price_id=None)
            self._charge(span_id, Charge.Kind.TOOL, name, cost)

    def _span(
        self, *, tokens: Tokens | None = None, started_at: datetime, cost_usd: Decimal, **columns: object
    ) -> UUID:
        """A row of `Span`; its duration ends now."""
        tokens = tokens or Tokens()
        span_id = uuid7()
        elapsed = timezone.now() - started_at
        row = {
            "id": span_id,
            "trace_id": self.trace_id,
            "started_at": started_at,
            "duration_ms": round(elapsed.total_seconds() * 1000),
            "input_tokens": tokens.input,
            "output_tokens": tokens.output,
            "cache_read_tokens": tokens.cache_read,
            "cache_write_tokens": tokens.cache_write,
            "cost_usd": cost_usd,
            **columns,
        }
        self._spans.append(row)
        self.totals.input_tokens += tokens.input
        self.totals.output_tokens += tokens.output
        self.totals.cache_read_tokens += tokens.cache_read
        self.totals.cache_write_tokens += tokens.cache_write
        self.totals.cost_usd += cost_usd
        return span_id

    def _charge(self, span_id: UUID, kind: Charge.Kind, subject: str, cost: Cost) -> None:
        self._charges.append(
            {
                "span_id": span_id,
                "trace_id": self.trace_id,
                "agent_id": self.agent_id,
                "kind": kind,
                "subject": subject[:120],
                "basis": cost.basis,
                "price_id": cost.price_id,
                "usd": cost.usd,
                "at": timezone.now(),
            }
        )

    def take(self, *, fence: str) -> list[Part]:
        """The parts of everything recorded since the last `take`."""
        parts = []
        if self._spans:
            parts.append(insert(Span, self._spans, fence=fence, skip_conflicts=self._resumed))
        if self._charges:
            parts.append(insert(Charge, self._charges, fence=fence, skip_conflicts=self._resumed))
        self._spans, self._charges = [], []
        return parts

    def close(self, *, outcome: str, error: str, output_text: str, fence: str) -> list[Part]:
        elapsed = timezone.now() - self.started_at
        closing = update(
            Trace,
            self.trace_id,
            {
                "status": Trace.Status.ERROR if error else Trace.Status.OK,
                "outcome": outcome,
                "error": error,
                "output_text": output_text[:TEXT_LENGTH],
                "duration_ms": round(elapsed.total_seconds() * 1000),
                **vars(self.totals),
            },
            fence=fence,
        )
        return [*self.take(fence=fence), closing]


def status_of(error: str) -> Span.Status:
    return Span.Status.ERROR if error else Span.Status.OK
