"""A trace drawn out in time: its spans as a tree of rows, the gaps between them, and what each of them cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from observability.models import Charge, Price, Span, Trace
from observability.traces import SpanNote

# Time in which no span ran is shown where it is long enough to ask about: both are needed.
SMALLEST_GAP_MS = 50
SMALLEST_GAP_SHARE = 0.02
DEEPEST = 4
MILLION = Decimal(1_000_000)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the waterfall. `kind` is turn, gap, or that of the span; `ms` is None while it runs."""

    kind: str
    name: str
    id: UUID | None = None
    span: Span | None = None
    detail: str = ""
    depth: int = 0
    state: str = "ok"
    start_ms: int = 0
    ms: int | None = 0
    cost: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The sums of a trace. A running one's own columns are still empty, so its spans are added up."""

    duration_ms: int
    model_calls: int
    tool_calls: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_usd: Decimal


def figures_of(trace: Trace, spans: Sequence[Span], *, now: datetime) -> Figures:
    if trace.status != Trace.Status.RUNNING:
        return Figures(
            duration_ms=trace.duration_ms or 0,
            model_calls=trace.model_calls,
            tool_calls=trace.tool_calls,
            input_tokens=trace.input_tokens,
            output_tokens=trace.output_tokens,
            cache_read_tokens=trace.cache_read_tokens,
            cache_write_tokens=trace.cache_write_tokens,
            cost_usd=trace.cost_usd,
        )
    return Figures(
        duration_ms=elapsed_ms(trace, now=now),
        model_calls=sum(span.kind == Span.Kind.MODEL for span in spans),
        tool_calls=sum(span.kind == Span.Kind.TOOL for span in spans),
        input_tokens=sum(span.input_tokens for span in spans),
        output_tokens=sum(span.output_tokens for span in spans),
        cache_read_tokens=sum(span.cache_read_tokens for span in spans),
        cache_write_tokens=sum(span.cache_write_tokens for span in spans),
        cost_usd=sum((span.cost_usd for span in spans), Decimal(0)),
    )


def elapsed_ms(trace: Trace, *, now: datetime) -> int:
    """How long the turn took, or has taken so far."""
    if trace.duration_ms is not None:
        return trace.duration_ms
    return max(0, milliseconds(trace.started_at, now))


def milliseconds(start: datetime, end: datetime) -> int:
    return round((end - start).total_seconds() * 1000)


def draw(trace: Trace, spans: Sequence[Span], notes: Mapping[UUID, SpanNote], *, now: datetime) -> list[Row]:
    """The turn's own row, then its spans depth first in the order of time, with the gaps that are worth showing."""
    is_running = trace.status == Trace.Status.RUNNING
    ends = [milliseconds(trace.started_at, span.started_at) + span.duration_ms for span in spans]
    total = max([elapsed_ms(trace, now=now), *ends])
    turn = Row(
        kind="turn",
        name="Turn",
        id=trace.pk,
        detail=f"{trace.agent_name} {version_label(trace.agent_version)}",
        state=trace.status,
        ms=None if is_running else total,
        cost=figures_of(trace, spans, now=now).cost_usd,
    )
    branch = Branch(trace=trace, children=children_of(spans), notes=notes, smallest_gap=smallest_gap(total))
    rows = [turn, *branch.rows_below(None, depth=1)]
    last = max(ends, default=0)
    if is_running:
        rows.append(Row(kind="gap", name="Working", depth=1, state="running", start_ms=last, ms=None))
    elif spans and total - last >= smallest_gap(total):
        rows.append(gap(last, total, depth=1))
    return rows


def version_label(number: int) -> str:
    return f"v{number}" if number else "draft"


def smallest_gap(total_ms: int) -> float:
    return max(SMALLEST_GAP_MS, total_ms * SMALLEST_GAP_SHARE)


def children_of(spans: Sequence[Span]) -> dict[UUID | None, list[Span]]:
    """Spans by their parent. One whose parent is missing, or is its own ancestor, hangs below the turn."""
    parents = {span.pk: span.parent_id for span in spans}
    children: dict[UUID | None, list[Span]] = defaultdict(list)
    for span in spans:
        seen, above = {span.pk}, span.parent_id
        while above in parents and above not in seen:
            seen.add(above)
            above = parents[above]
        children[span.parent_id if above is None else None].append(span)
    return children


@dataclass(frozen=True, kw_only=True)
class Branch:
    """What the rows below any span are drawn from."""

    trace: Trace
    children: Mapping[UUID | None, list[Span]]
    notes: Mapping[UUID, SpanNote]
    smallest_gap: float

    def rows_below(self, parent: UUID | None, *, depth: int) -> Iterator[Row]:
        reached = None if parent else 0
        for span in self.children.get(parent, ()):
            start = milliseconds(self.trace.started_at, span.started_at)
            if reached is not None and start - reached >= self.smallest_gap:
                yield gap(reached, start, depth=depth)
            yield self.row_of(span, start, depth)
            yield from self.rows_below(span.pk, depth=min(depth + 1, DEEPEST))
            reached = max(reached or 0, start + span.duration_ms)

    def row_of(self, span: Span, start_ms: int, depth: int) -> Row:
        return Row(
            kind=span.kind,
            name=span.name,
            id=span.pk,
            span=span,
            detail=detail_of(span, self.notes.get(span.pk)),
            depth=depth,
            state=span.status,
            start_ms=start_ms,
            ms=span.duration_ms,
            cost=span.cost_usd,
        )


def gap(start_ms: int, end_ms: int, *, depth: int) -> Row:
    return Row(kind="gap", name="Between steps", depth=depth, start_ms=start_ms, ms=end_ms - start_ms)


def detail_of(span: Span, note: SpanNote | None) -> str:
    """A word beside the name: what a model call did, what became of a tool call."""
    if span.kind == Span.Kind.MODEL and span.status != Span.Status.ERROR:
        given = span.input_tokens + span.cache_read_tokens + span.cache_write_tokens
        return f"{given:,} in, {span.output_tokens:,} out"
    if note is None:
        return ""
    if span.kind == Span.Kind.MODEL:
        return note.failure
    tries = f"{note.attempts} attempts" if note.attempts > 1 else ""
    return ", ".join(filter(None, [note.state if note.state != "confirmed" else "", tries]))


def mapping_of(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


# -- the panel of one span


@dataclass(frozen=True, kw_only=True)
class PriceLine:
    """One of the four counters, priced: tokens, US dollars per million, US dollars."""

    counter: str
    tokens: int
    per_million: Decimal | None
    usd: Decimal | None


def output_blocks(span: Span) -> list[dict[str, Any]]:
    """The content blocks that the model gave, each a dict with a `type`; anything else becomes an `other` block."""
    output = mapping_of(span.attributes).get("output")
    blocks = output if isinstance(output, list) else [] if output is None else [output]
    return [
        block if isinstance(block, dict) and isinstance(block.get("type"), str) else {"type": "other", "value": block}
        for block in blocks
    ]


def price_lines(span: Span, price: Price | None) -> list[PriceLine]:
    return [
        price_line("Input", span.input_tokens, price.input_usd if price else None),
        price_line("Cache write", span.cache_write_tokens, price.cache_write_usd if price else None),
        price_line("Cache read", span.cache_read_tokens, price.cache_read_usd if price else None),
        price_line("Output", span.output_tokens, price.output_usd if price else None),
    ]


def price_line(counter: str, tokens: int, per_million: Decimal | None) -> PriceLine:
    usd = None if per_million is None else tokens * per_million / MILLION
    return PriceLine(counter=counter, tokens=tokens, per_million=per_million, usd=usd)


@dataclass(kw_only=True)
class CostLine:
    """The charges of a trace with one subject and one price, added up."""

    subject: str
    kind: str
    basis: str
    price: Price | None
    calls: int = 0
    tokens: int = 0
    usd: Decimal = Decimal(0)


def cost_lines(spans: Sequence[Span], charges: Mapping[UUID, Charge], prices: Mapping[int, Price]) -> list[CostLine]:
    lines: dict[tuple[str, str, str, int | None], CostLine] = {}
    for span in spans:
        charge = charges.get(span.pk)
        if charge is None:
            continue
        key = (charge.kind, charge.subject, charge.basis, charge.price_id)
        if key not in lines:
            price = prices.get(charge.price_id) if charge.price_id is not None else None
            lines[key] = CostLine(subject=charge.subject, kind=charge.kind, basis=charge.basis, price=price)
        line = lines[key]
        line.calls += 1
        line.tokens += span.input_tokens + span.output_tokens + span.cache_read_tokens + span.cache_write_tokens
        line.usd += charge.usd
    return list(lines.values())
