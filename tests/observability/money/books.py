"""The books of a turn: what its trace, its spans and its charges say, which has to be the same to the last digit."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.db.models import Sum
from django.utils import timezone

from agents.conversation import read_turn
from agents.models import Session
from observability.figures import spending, turn_figures
from observability.models import Charge, Span, Trace

COUNTERS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
ZERO = Decimal(0)


def check_trace(trace: Trace) -> Decimal:
    """What the trace cost."""
    spans = {span.pk: span for span in Span.objects.filter(trace=trace)}
    charges = {charge.span_id: charge for charge in Charge.objects.filter(trace_id=trace.pk)}
    assert charges.keys() <= spans.keys()
    for pk, span in spans.items():
        assert span.cost_usd == (charges[pk].usd if pk in charges else 0), span
    assert sum((charge.usd for charge in charges.values()), ZERO) == trace.cost_usd
    for name in COUNTERS:
        assert sum(getattr(span, name) for span in spans.values()) == getattr(trace, name), name
    assert sum(span.kind == Span.Kind.MODEL for span in spans.values()) == trace.model_calls
    assert sum(span.kind == Span.Kind.TOOL for span in spans.values()) == trace.tool_calls
    return trace.cost_usd


def check_books() -> Decimal:
    """Every trace, every conversation and the whole; returns what all cost."""
    total = sum((check_trace(trace) for trace in Trace.objects.all()), ZERO)
    conversations = ZERO
    for session in Session.objects.all():
        facts = read_turn(session)
        conversations += facts.cost if facts else 0
    assert conversations == total
    now = timezone.now()
    times = {"since": now - timedelta(hours=1), "until": now + timedelta(hours=1)}
    assert sum((each.usd for each in spending(**times, by=["kind", "subject"])), ZERO) == total
    assert sum((each.cost_usd for each in turn_figures(**times, by=["model"])), ZERO) == total
    assert (Charge.objects.aggregate(usd=Sum("usd"))["usd"] or 0) == total
    return total
