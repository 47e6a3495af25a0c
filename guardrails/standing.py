"""How the guardrails stand: what each saw in the last days, and how much of it people called a false alarm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Count, Q
from django.utils import timezone

from guardrails.models import Violation

DAYS = 7


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of the last `DAYS` days. `acted` leaves out what was only noted."""

    seen: int = 0
    acted: int = 0
    false_positives: int = 0


def figures_by_guardrail() -> dict[UUID, Figures]:
    """One query, over the days' violations alone (index `violation_newest`)."""
    recent = Violation.objects.filter(at__gte=timezone.now() - timedelta(days=DAYS))
    rows = recent.values("guardrail_id").annotate(
        seen=Count("id"),
        acted=Count("id", filter=~Q(action=Violation.Action.DETECTED)),
        wrong=Count("id", filter=Q(triage=Violation.Triage.FALSE_POSITIVE)),
    )
    return {
        row["guardrail_id"]: Figures(seen=row["seen"], acted=row["acted"], false_positives=row["wrong"]) for row in rows
    }
