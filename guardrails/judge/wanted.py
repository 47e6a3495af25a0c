"""When the judging model is asked: in doubt, where a rule wants more than patterns can give, and for a sample."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from guardrails.config import Config, Judge, Side
from guardrails.findings import Confidence, Direction, Finding, Policy

STRICT_TYPES = frozenset({"HATE", "INSULTS", "SEXUAL", "VIOLENCE", "MISCONDUCT"})
PARTS = 1_000_000


def is_wanted(config: Config, findings: Iterable[Finding], *, text: str, direction: Direction) -> bool:
    """Of a text in which the local tier saw `findings`, and which it did not block: what is blocked needs no judge.

    Asked again of the same text it says the same.
    """
    judge = config.judge
    if not is_on(judge) or not text.strip():
        return False
    sides: dict[str, Side] = {rule.type: rule.side(direction) for rule in config.filters}
    return (
        any(topic.side(direction).enabled for topic in config.topics)
        or any(is_strict(sides[name]) for name in STRICT_TYPES & sides.keys())
        or (judge.on_doubt and any(is_doubt(finding, sides) for finding in findings))
        or is_sampled(text, judge.sample_percent)
    )


def is_wanted_of_result(config: Config, findings: Sequence[Finding], *, text: str) -> bool:
    """The same of a tool's result; `findings` are what in it may speak to the agent."""
    judge, side = config.judge, config.tools.results
    if not is_on(judge) or not side.enabled or not text.strip():
        return False
    in_doubt = any(is_below(finding.confidence, side.strength) for finding in findings)
    return is_strict(side) or (judge.on_doubt and in_doubt) or is_sampled(text, judge.sample_percent)


def is_on(judge: Judge) -> bool:
    return judge.enabled and bool(judge.model)


def is_strict(side: Side) -> bool:
    return side.enabled and side.strength is Confidence.HIGH


def is_doubt(finding: Finding, filters: Mapping[str, Side]) -> bool:
    """Something was seen, and not clearly enough for its rule to act."""
    side = filters.get(finding.type) if finding.policy is Policy.CONTENT else None
    return side is not None and side.enabled and is_below(finding.confidence, side.strength)


def is_below(confidence: Confidence, strength: Confidence) -> bool:
    return confidence > Confidence.NONE and strength > Confidence.NONE and not confidence.reaches(strength)


def is_sampled(text: str, percent: float) -> bool:
    """By the text itself, so that a repeated turn and a back-test come to the same."""
    drawn = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big") % PARTS
    return drawn < percent / 100 * PARTS
