"""What people make of a violation: right, a false alarm, put right; and what they add to a labelled set."""

from __future__ import annotations

import logging

from django.contrib.auth.models import User
from django.utils import timezone

from guardrails.case_lines import Span
from guardrails.excerpts import excerpt_for
from guardrails.findings import Policy
from guardrails.labelled import ImportRefused, add_case
from guardrails.models import LabelledSet, Violation

logger = logging.getLogger(__name__)
Triage = Violation.Triage
Measures = LabelledSet.Measures
NOTE_LENGTH, REASON_LENGTH = 300, 300


class Conflict(Exception):
    """Somebody else has judged it meanwhile. Nothing was changed."""


def judge(violation: Violation, *, user: User, verdict: Triage, note: str, seen: str) -> Violation:
    """`seen` is the state that the form was made for; Triage.OPEN as `verdict` takes a judgement back. Returns the row
    as it is now. Raises Conflict."""
    is_open = verdict == Triage.OPEN
    changed = Violation.objects.filter(pk=violation.pk, triage=seen).update(
        triage=verdict,
        triaged_at=None if is_open else timezone.now(),
        triaged_by=None if is_open else user,
        triage_note=note[:NOTE_LENGTH],
    )
    fresh = Violation.objects.select_related("triaged_by").get(pk=violation.pk)
    if not changed:
        raise Conflict("Somebody else has judged it meanwhile. Nothing was changed.")
    return fresh


def reveal(violation: Violation, *, user: User, reason: str) -> None:
    """Noted before anything is shown. The value is not in the line."""
    logger.info(
        "Personal data of violation %s (%s) was shown to user %s: %s",
        *(violation.pk, violation.rule, user.pk, " ".join(reason.split())[:REASON_LENGTH]),
    )


# -- labelled sets


def measured_by(violation: Violation) -> Measures | None:
    """The kind of set that can hold it: none measures topics, words, patterns or secrets, and a case of grounding or of
    a claim needs its source, which a violation has not."""
    if violation.policy == Policy.CONTENT:
        is_attack = violation.rule == "content:PROMPT_ATTACK"
        return Measures.PROMPT_ATTACK if is_attack else Measures.CONTENT
    return Measures.PII if violation.policy == Policy.PII else None


def sets_for(violation: Violation) -> list[LabelledSet]:
    measures = measured_by(violation)
    return list(LabelledSet.objects.filter(measures=measures)) if measures else []


def add_to_set(violation: Violation, labelled_set: LabelledSet, *, label: bool) -> bool:
    """The excerpt as a case; whether it was new. Raises ImportRefused."""
    if measured_by(violation) != labelled_set.measures:
        raise ImportRefused(f"{labelled_set.name} measures something else.")
    spans = []
    if violation.policy == Policy.PII:
        kind = violation.rule.partition(":")[2]
        match = violation.excerpt[violation.match_start : violation.match_end]
        if violation.match_start < 0 or match == f"{{{kind}}}":
            raise ImportRefused("The value was masked before it was kept, so it makes no case.")
        if label:
            spans = [Span(entity=kind, start=violation.match_start, end=violation.match_end)]
    _, is_new = add_case(labelled_set, text=violation.excerpt, label=label, violation_id=violation.pk, spans=spans)
    return is_new


def shows_more_in_a_set(user: User, violation: Violation) -> bool:
    """Whether a case of it would show readers of the set what they may not see here."""
    return excerpt_for(user, violation).is_hidden
