"""Spans and charges of a turn, as parts of the turn's own writes: they cost no round trip of their own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, Sum
from django.utils import timezone

from observability.batch import Part, insert, update
from observability.ids import uuid7
from observability.masking import without_secrets
from observability.models import Charge, Span, Trace, UnitPrice
from observability.prices import Cost, Tokens, cost_of_tokens, cost_of_units

TEXT_LENGTH = 300
# Guardrail text units, as Bedrock counts them: a started one is a whole one.
UNIT_CHARACTERS = 1_000
# For an UPDATE of traces as `r` that ends them without their worker: what `Recorder.close` would say of them.
TOTALS_OF_SPANS = """(model_calls, tool_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
    cost_usd) = (SELECT count(*) FILTER (WHERE p.kind = 'model'), count(*) FILTER (WHERE p.kind = 'tool'),
    coalesce(sum(p.input_tokens), 0), coalesce(sum(p.output_tokens), 0), coalesce(sum(p.cache_read_tokens), 0),
    coalesce(sum(p.cache_write_tokens), 0), coalesce(sum(p.cost_usd), 0)
    FROM observability_span AS p WHERE p.trace_id = r.id)"""


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
    # The agent's slug.
    agent: str = ""
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
        """What the call cost, in US dollars; 0 where there is no price. One that failed may have been billed too."""
        cost = cost_of_tokens(model, tokens)
        span_id = self._span(
            kind=Span.Kind.MODEL,
            name=model[:120],
            status=status_of(error),
            error=error,
            started_at=started_at,
            tokens=tokens,
            cost_usd=cost.usd,
            attributes={**attributes, **told_apart(tokens)},
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
        is_sent: bool = True,
    ) -> None:
        """The span bears the id of the tool call, so the ledger's row and the trace lead to each other.

        `cost_usd` is what the backend takes; what a call costs by our prices is added, where it was sent.
        """
        cost = cost_of_units(UnitPrice.Kind.TOOL_CALL, name, int(is_sent))
        cost = replace(cost, usd=cost.usd + cost_usd)
        self._span(
            id=span_id,
            kind=Span.Kind.TOOL,
            name=name[:120],
            status=status_of(error),
            error=error,
            started_at=started_at,
            cost_usd=cost.usd,
            attributes=attributes,
        )
        self.totals.tool_calls += 1
        self._charge_units(span_id, Charge.Kind.TOOL, name, cost)

    def memory(self, name: str, *, started_at: datetime, attributes: Mapping[str, Any], error: str = "") -> None:
        """A search in the memory: what was recalled, with its scores."""
        cost = cost_of_units(UnitPrice.Kind.MEMORY_SEARCH, name, int(not error))
        span_id = self._span(
            kind=Span.Kind.MEMORY,
            name=name,
            status=status_of(error),
            error=error,
            started_at=started_at,
            cost_usd=cost.usd,
            attributes=attributes,
        )
        self._charge_units(span_id, Charge.Kind.MEMORY, name, cost)

    def guardrail(self, name: str, *, started_at: datetime, attributes: Mapping[str, Any], characters: int = 0) -> None:
        """A check of so many characters: what it saw and what was done about it."""
        cost = cost_of_units(UnitPrice.Kind.GUARDRAIL_UNIT, name, math.ceil(characters / UNIT_CHARACTERS))
        span_id = self._span(
            kind=Span.Kind.GUARDRAIL,
            name=name,
            status=Span.Status.OK,
            error="",
            started_at=started_at,
            cost_usd=cost.usd,
            attributes=attributes,
            action=str(attributes.get("guardrailAction", ""))[:20],
            category=str(attributes.get("violationCategory", ""))[:80],
        )
        self._charge_units(span_id, Charge.Kind.GUARDRAIL, name, cost)

    def waited(
        self,
        kind: Span.Kind,
        name: str,
        *,
        span_id: UUID,
        started_at: datetime,
        ended_at: datetime,
        attributes: Mapping[str, Any],
    ) -> None:
        """A stretch in which nothing ran: the turn was parked for a person, or waited for a worker."""
        self._span(
            id=span_id,
            kind=kind,
            name=name[:120],
            status=Span.Status.OK,
            error="",
            started_at=started_at,
            duration_ms=max(0, round((ended_at - started_at).total_seconds() * 1000)),
            cost_usd=Decimal(0),
            attributes=attributes,
        )

    def judge_call(
        self, model: str, *, started_at: datetime, tokens: Tokens, attributes: Mapping[str, Any], error: str = ""
    ) -> Decimal:
        """A language model asked by a guardrail; returns what it cost, in US dollars."""
        cost = cost_of_tokens(model, tokens)
        span_id = self._span(
            kind=Span.Kind.GUARDRAIL,
            name="judge",
            status=status_of(error),
            error=error,
            started_at=started_at,
            tokens=tokens,
            cost_usd=cost.usd,
            attributes={"model": model, **attributes, **told_apart(tokens)},
        )
        if tokens != Tokens():
            self._charge(span_id, Charge.Kind.MODEL, model, cost)
        return cost.usd

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
            "agent": self.agent,
            "action": "",
            "category": "",
            "started_at": started_at,
            "duration_ms": round(elapsed.total_seconds() * 1000),
            "input_tokens": tokens.input,
            "output_tokens": tokens.output,
            "cache_read_tokens": tokens.cache_read,
            "cache_write_tokens": tokens.cache_write,
            "cost_usd": cost_usd,
            **columns,
        }
        row |= {name: without_secrets(row[name]) for name in ("attributes", "error")}
        self._spans.append(row)
        self.totals.input_tokens += tokens.input
        self.totals.output_tokens += tokens.output
        self.totals.cache_read_tokens += tokens.cache_read
        self.totals.cache_write_tokens += tokens.cache_write
        self.totals.cost_usd += cost_usd
        return span_id

    def _charge_units(self, span_id: UUID, kind: Charge.Kind, subject: str, cost: Cost) -> None:
        """What costs nothing is not charged: a turn without unit prices writes no row more."""
        if cost.usd or cost.quantity:
            self._charge(span_id, kind, subject, cost)

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
                "unit_price_id": cost.unit_price_id,
                "quantity": cost.quantity,
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
        ended_at = timezone.now()
        elapsed = ended_at - self.started_at
        closing = update(
            Trace,
            self.trace_id,
            {
                "status": Trace.Status.ERROR if error else Trace.Status.OK,
                "outcome": outcome,
                "error": without_secrets(error),
                "output_text": without_secrets(output_text)[:TEXT_LENGTH],
                "ended_at": ended_at,
                "duration_ms": round(elapsed.total_seconds() * 1000),
                **vars(self.totals),
            },
            fence=fence,
        )
        return [*self.take(fence=fence), closing]


def told_apart(tokens: Tokens) -> dict[str, Any]:
    """What a span's own columns do not say of its tokens."""
    found = {"cacheWrite1hTokens": tokens.cache_write_1h, "tokensEstimated": tokens.is_estimated}
    return {name: value for name, value in found.items() if value}


def status_of(error: str) -> Span.Status:
    return Span.Status.ERROR if error else Span.Status.OK
