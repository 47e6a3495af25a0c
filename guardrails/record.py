"""What a check saw, as rows of `Violation` and as the attributes of its span. No guarded value is in either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from guardrails.checks import Assessment, Hit, find_guarded
from guardrails.compiled import Guard
from guardrails.config import Action
from guardrails.findings import Finding, Policy
from guardrails.models import EXCERPT_LENGTH, Violation
from guardrails.pii import mask
from observability.ids import uuid7

AROUND = 140
MOST_ROWS = 20
# What is noted without anybody having asked for it: an answer that leaves out what was done.
QUIET = frozenset({"claim:unmentioned"})


def rows_of(
    assessment: Assessment,
    guard: Guard,
    *,
    stage: Violation.Stage,
    action: Violation.Action | None = None,
    whose: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """One row a hit, at most `MOST_ROWS`. `whose` are the columns that name agent, session, turn, message or call;
    `action` is what became of a blocked text, where that is not that it was blocked."""
    return [
        row_of(hit, assessment, guard, stage=stage, action=action, whose=whose)
        for hit in assessment.hits[:MOST_ROWS]
        if hit.finding.rule not in QUIET
    ]


def row_of(
    hit: Hit,
    assessment: Assessment,
    guard: Guard,
    *,
    stage: Violation.Stage,
    action: Violation.Action | None,
    whose: Mapping[str, Any],
) -> dict[str, Any]:
    finding = hit.finding
    excerpt, start, end = excerpt_of(assessment.seen, finding, guard)
    return {
        "id": uuid7(),
        "at": timezone.now(),
        "guardrail_id": guard.id or uuid7(),
        "guardrail_name": guard.name,
        "guardrail_number": guard.number,
        "agent_id": None,
        "agent_name": "",
        "session_id": None,
        "turn_id": None,
        "message_id": None,
        "call_id": None,
        **whose,
        "stage": stage,
        "policy": finding.policy,
        "rule": finding.rule[:140],
        "confidence": int(finding.confidence),
        "tier": finding.tier,
        "action": taken_by(hit, action),
        "excerpt": excerpt,
        "match_start": start,
        "match_end": end,
        "why": mask(finding.why, find_guarded(guard, finding.why))[:300],
        "score": finding.score,
        "triage": Violation.Triage.OPEN,
        "triage_note": "",
    }


def taken_by(hit: Hit, action: Violation.Action | None) -> Violation.Action:
    match hit.action:
        case Action.BLOCK:
            return action or Violation.Action.BLOCKED
        case Action.ANONYMIZE:
            return Violation.Action.MASKED
    return Violation.Action.DETECTED


def excerpt_of(text: str, finding: Finding, guard: Guard) -> tuple[str, int, int]:
    """The words around the match without any guarded value, and where the match is in them; (-1, -1) for the whole."""
    if finding.start < 0:
        return mask(text[:EXCERPT_LENGTH], find_guarded(guard, text[:EXCERPT_LENGTH]))[:EXCERPT_LENGTH], -1, -1
    begin = max(0, finding.start - AROUND)
    before = text[begin : finding.start]
    said = finding.text_of(text)[: EXCERPT_LENGTH - 2 * AROUND]
    is_secret = finding.policy is Policy.SECRET or finding.type in guard.guarded
    match = f"{{{finding.type}}}" if is_secret else mask(said, find_guarded(guard, said))
    after = text[finding.end : finding.end + AROUND]
    # The whole text knows best what is guarded in what stands around the match.
    around = mask(before, find_guarded(guard, before)), mask(after, find_guarded(guard, after))
    excerpt = f"{around[0]}{match}{around[1]}"[:EXCERPT_LENGTH]
    start = min(len(around[0]), EXCERPT_LENGTH)
    return excerpt, start, min(start + len(match), len(excerpt))


def attributes_of(
    assessment: Assessment, guard: Guard, *, stage: Violation.Stage, action: Violation.Action | None = None
) -> dict[str, Any]:
    """Of the check's span. `guardrailAction` and `violationCategory` are the source document's field names."""
    hits = [hit for hit in assessment.hits if hit.finding.rule not in QUIET]
    acting = [hit for hit in hits if hit.action is not Action.NONE]
    taken = next((taken_by(hit, action) for hit in acting if hit.blocks), None)
    found: dict[str, Any] = {
        "stage": stage,
        "guardrail": guard.name,
        "version": guard.label,
        "guardrailAction": str(taken or assessment.taken),
        "ms": round(assessment.ms, 3),
    }
    if hits:
        found["violationCategory"] = ", ".join(dict.fromkeys(hit.finding.rule for hit in acting or hits))
        found["findings"] = [finding_attributes(hit, assessment, guard, action) for hit in hits[:MOST_ROWS]]
    if assessment.statements:
        found["statements"] = [
            {
                "kind": statement.kind,
                "said": mask(statement.said, find_guarded(guard, statement.said)),
                "verdict": statement.verdict,
                "evidence": statement.evidence,
                "why": mask(statement.why, find_guarded(guard, statement.why)),
            }
            for statement in assessment.statements[:MOST_ROWS]
        ]
    return found


def finding_attributes(
    hit: Hit, assessment: Assessment, guard: Guard, action: Violation.Action | None
) -> dict[str, Any]:
    finding = hit.finding
    return {
        "rule": finding.rule,
        "confidence": finding.confidence.name,
        "why": mask(finding.why, find_guarded(guard, finding.why)),
        "start": finding.start,
        "end": finding.end,
        "action": taken_by(hit, action),
        "tier": finding.tier,
        "excerpt": f"{{{finding.type}}}"
        if finding.policy in {Policy.PII, Policy.SECRET}
        else excerpt_of(assessment.seen, finding, guard)[0],
    }
