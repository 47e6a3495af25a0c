"""The check that a violation comes from, as the trace of its turn recorded it: what was held against what."""

from __future__ import annotations

from typing import Any

from guardrails.models import Violation
from observability.models import Span


def span_of(violation: Violation) -> Span | None:
    """The newest check of this stage, in this turn, that found the rule before the violation was written."""
    if violation.turn_id is None:
        return None
    spans = Span.objects.filter(
        trace_id=violation.turn_id,
        kind=Span.Kind.GUARDRAIL,
        started_at__lte=violation.at,
        attributes__stage=violation.stage,
        attributes__findings__contains=[{"rule": violation.rule}],
    )
    return spans.order_by("-started_at").first()


def statements_of(span: Span | None) -> list[dict[str, Any]]:
    """Statements and what bears them out: `kind`, `said`, `verdict`, `evidence`, `why`."""
    found = span.attributes.get("statements") if span and isinstance(span.attributes, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
