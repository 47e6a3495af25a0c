"""A trace drawn out in time: its spans as a tree of rows, the gaps between them, and what each of them cost alone and
with those below it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from math import inf
from typing import Any
from uuid import UUID

from observability.models import Span, Trace
from observability.traces import SpanNote

# Time in which no span ran is shown where it is long enough to ask about: both are needed.
SMALLEST_GAP_MS = 50
SMALLEST_GAP_SHARE = 0.02
DEEPEST = 4


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a kind of step looks: its word, its icon and its colour, which is a class of the style sheet."""

    word: str
    icon: str
    colour: str = ""


LOOKS = {
    "turn": Look(word="Turn", icon="activity", colour="series-1"),
    "model": Look(word="Model call", icon="sparkles", colour="series-1"),
    "tool": Look(word="Tool call", icon="wrench", colour="series-2"),
    "policy": Look(word="Policy", icon="key-round"),
    "guardrail": Look(word="Guardrail", icon="shield-check", colour="series-5"),
    "memory": Look(word="Memory", icon="book-open", colour="series-4"),
    "approval": Look(word="Approval", icon="user-check", colour="series-3"),
    "wait": Look(word="Wait", icon="clock", colour="series-wait"),
    "delivery": Look(word="Delivery", icon="send", colour="series-delivery"),
}
# A span's own name is a word of ours, said as people say it.
NAMES = {"recall": "Recall", "remember": "Remembering", "summarize": "Summing up", "write": "Memories written"}
# What the policies said to a call, by what was recorded with it.
VERDICTS = {"allow": "allowed", "deny": "denied", "approval": "wants a person's yes"}
# What a check of the guardrail is of, by the name of its span.
CHECKS = {
    "input": "Check of the message",
    "tool_call": "Check of a tool's input",
    "tool_result": "Check of a tool's result",
    "output": "Check of the reply",
    "judge": "Judge",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the waterfall. `kind` is turn, gap, policy, after, or that of the span; `ms` is None while it runs.
    `inner` is it with all that is below it. What `is_after` began when the turn had ended, and has no place in its
    time."""

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
    inner: Inner | None = None
    is_after: bool = False

    @property
    def look(self) -> Look:
        return LOOKS.get(self.kind) or Look(word=self.kind.capitalize(), icon="circle")


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A step with all that is below it: milliseconds from its beginning to the last end, tokens, US dollars."""

    ms: int
    tokens: int
    cost: Decimal
    steps: int = 0


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

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens + self.cache_read_tokens + self.cache_write_tokens


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
    """The turn's own row, then its spans depth first in the order of time, with the gaps that are worth showing. What
    followed the turn, as the memory written of it, stands at the end: in its time it would dwarf the rest."""
    is_running = trace.status == Trace.Status.RUNNING
    children = children_of(spans)
    above = children.pop(None, [])
    end = inf if is_running else elapsed_ms(trace, now=now)
    within = [span for span in above if start_of(trace, span) < end]
    after = [span for span in above if start_of(trace, span) >= end]
    branch = Branch(trace=trace, children=children, notes=notes)
    last = max((end_of(trace, span) for span in branch.with_below(within)), default=0)
    total = max(elapsed_ms(trace, now=now), last)
    figures = figures_of(trace, spans, now=now)
    turn = Row(
        kind="turn",
        name="Turn",
        id=trace.pk,
        detail=f"{trace.agent_name} {version_label(trace.agent_version)}",
        state=trace.status,
        ms=None if is_running else total,
        cost=figures.cost_usd,
        inner=Inner(
            ms=max([total, *(end_of(trace, span) for span in spans)]),
            tokens=figures.tokens,
            cost=figures.cost_usd,
            steps=len(spans),
        ),
    )
    rows = [turn, *branch.rows_of(within, smallest_gap=smallest_gap(total), depth=1, reached=0)]
    if is_running:
        rows.append(Row(kind="gap", name="Working", depth=1, state="running", start_ms=last, ms=None))
    elif within and total - last >= smallest_gap(total):
        rows.append(gap(last, total, depth=1))
    if after:
        rows.append(Row(kind="after", name="After the turn", depth=1, start_ms=total, is_after=True))
        rows += [replace(row, is_after=True) for row in branch.rows_of(after, smallest_gap=inf, depth=1)]
    return rows


def start_of(trace: Trace, span: Span) -> int:
    """Milliseconds from the turn's beginning."""
    return milliseconds(trace.started_at, span.started_at)


def end_of(trace: Trace, span: Span) -> int:
    return start_of(trace, span) + span.duration_ms


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

    def rows_of(
        self, spans: Iterable[Span], *, smallest_gap: float, depth: int, reached: int | None = None
    ) -> Iterator[Row]:
        """`reached` is when what is above them began, in milliseconds, where the time before the first matters."""
        for span in spans:
            start = start_of(self.trace, span)
            if reached is not None and start - reached >= smallest_gap:
                yield gap(reached, start, depth=depth)
            yield self.row_of(span, start, depth)
            if policy := policy_of(self.notes.get(span.pk)):
                yield Row(kind="policy", name="Policy", span=span, depth=depth + 1, start_ms=start, **policy)
            below = self.children.get(span.pk, ())
            yield from self.rows_of(below, smallest_gap=smallest_gap, depth=min(depth + 1, DEEPEST))
            reached = max(reached or 0, start + span.duration_ms)

    def row_of(self, span: Span, start_ms: int, depth: int) -> Row:
        return Row(
            kind=span.kind,
            name=name_of(span),
            id=span.pk,
            span=span,
            detail=detail_of(span, self.notes.get(span.pk)),
            depth=depth,
            state=span.status,
            start_ms=start_ms,
            ms=span.duration_ms,
            cost=span.cost_usd,
            inner=self.inner_of(span),
        )

    def inner_of(self, span: Span) -> Inner:
        every = list(self.with_below([span]))
        last = max(one.started_at + timedelta(milliseconds=one.duration_ms) for one in every)
        return Inner(
            ms=milliseconds(span.started_at, last),
            tokens=sum(tokens_of(one) for one in every),
            cost=sum((one.cost_usd for one in every), Decimal(0)),
            steps=len(every) - 1,
        )

    def with_below(self, spans: Iterable[Span]) -> Iterator[Span]:
        for span in spans:
            yield span
            yield from self.with_below(self.children.get(span.pk, ()))


def tokens_of(span: Span) -> int:
    return span.input_tokens + span.output_tokens + span.cache_read_tokens + span.cache_write_tokens


def name_of(span: Span) -> str:
    names = CHECKS if span.kind == Span.Kind.GUARDRAIL else NAMES if span.kind == Span.Kind.MEMORY else {}
    return names.get(span.name, span.name)


def policy_of(note: SpanNote | None) -> dict[str, Any]:
    """Of the row below a call about which the policies were asked: its detail and state. Empty for others."""
    if note is None or not note.policy:
        return {}
    decision = str(note.policy.get("decision") or "")
    would = str(note.policy.get("would") or "")
    said = VERDICTS.get(decision, decision) or (
        f"only watching: {VERDICTS.get(would, would)}" if would else "not asked"
    )
    rules = [str(rule) for rule in listed(note.policy.get("rules"))]
    by = f" by {', '.join(rules)}" if rules else ""
    return {"detail": f"{said}{by}", "state": decision or "ok"}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def gap(start_ms: int, end_ms: int, *, depth: int) -> Row:
    return Row(kind="gap", name="Between steps", depth=depth, start_ms=start_ms, ms=end_ms - start_ms)


def detail_of(span: Span, note: SpanNote | None) -> str:
    """A word beside the name: what a model call did, what became of a tool call."""
    if span.kind == Span.Kind.MODEL and span.status != Span.Status.ERROR:
        given = span.input_tokens + span.cache_read_tokens + span.cache_write_tokens
        return f"{given:,} in, {span.output_tokens:,} out"
    if note is None:
        return ""
    if span.kind in {Span.Kind.APPROVAL, Span.Kind.WAIT, Span.Kind.DELIVERY}:
        return note.summary
    if span.kind == Span.Kind.MODEL:
        return note.failure
    if span.kind == Span.Kind.GUARDRAIL:
        return check_words(note)
    tries = f"{note.attempts} attempts" if note.attempts > 1 else ""
    return ", ".join(filter(None, [note.state if note.state != "confirmed" else "", tries]))


def check_words(note: SpanNote) -> str:
    """What a check did, and by which rule: the first of those that it names."""
    rule, _, others = note.category.partition(", ")
    seen = f"{rule} and others" if others else rule
    done = note.action.replace("_", " ") if note.action != "none" else "noted" if rule else ""
    return ": ".join(filter(None, [done, seen]))
