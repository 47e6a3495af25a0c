"""One text through one filter, as measurements put the question: whatever a version says, what would it see?"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Any

from guardrails.attacks import find_attacks, find_attacks_in
from guardrails.case_lines import Case
from guardrails.config import PII_TYPES, ContentType
from guardrails.content import find_content
from guardrails.figures import Compared, Outcome, compare_spans
from guardrails.findings import Confidence, Finding
from guardrails.grounding import grounding_of
from guardrails.pii import find_pii

CONTENT_TYPES = tuple(str(kind) for kind in ContentType if kind is not ContentType.PROMPT_ATTACK)


class Filter(StrEnum):
    """What a labelled set can measure."""

    CONTENT = "content"
    PROMPT_ATTACK = "prompt_attack"
    PII = "pii"
    GROUNDING = "grounding"


def find_by(kind: Filter, text: str) -> list[Finding]:
    """What the content filters or the one of prompt attacks see in it; of a JSON value, in its texts."""
    if kind is Filter.CONTENT:
        return find_content(text, CONTENT_TYPES)
    if kind is Filter.PII:
        return find_pii(text, PII_TYPES)
    value = json_of(text)
    return find_attacks(text) if value is None else [finding for _, finding in find_attacks_in(value)]


def json_of(text: str) -> Any:
    """The object or the list that a text is, as a tool's result is; None for any other text."""
    if text[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def confidence_of(found: Sequence[Finding]) -> Confidence:
    return max((finding.confidence for finding in found), default=Confidence.NONE)


def outcome_of(kind: Filter, case: Case) -> Outcome:
    """Of a case with a label; a grounding score as 1 less the score, so that higher is more suspect."""
    if kind is Filter.GROUNDING:
        value = 1 - grounding_of(case.text, [case.source]).value
    else:
        value = float(confidence_of(find_by(kind, case.text)))
    return Outcome(id=case.id, label=bool(case.label), value=value)


def compare_case(case: Case, types: Collection[str] = PII_TYPES) -> Compared:
    """Of a case with spans; entities of other types than these are neither looked for nor missed."""
    marked = [span for span in case.spans or () if not span.is_known or span.entity in types]
    return compare_spans(case.text, marked, find_pii(case.text, types))
