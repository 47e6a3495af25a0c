"""What was seen, in the form of Bedrock's `assessments`: its names, its fields, its values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from guardrails.checks import Hit
from guardrails.compiled import Guard
from guardrails.config import PII_TYPES, Action, Grounding
from guardrails.findings import Confidence, Direction, Finding, Policy

Row = dict[str, Any]
PROFANITY = "PROFANITY"
NAMED = frozenset({Policy.CONTENT, Policy.TOPIC, Policy.WORD, Policy.PII, Policy.REGEX})
ACTIONS = {Action.BLOCK: "BLOCKED", Action.ANONYMIZE: "ANONYMIZED", Action.NONE: "NONE"}


@dataclass(frozen=True, kw_only=True)
class Checked:
    """One text, and what Bedrock has a name for of what was seen in it."""

    text: str
    hits: tuple[Hit, ...] = ()
    doubts: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Scored:
    rule: Grounding
    score: float

    @property
    def is_below(self) -> bool:
        return self.score < self.rule.threshold

    @property
    def blocks(self) -> bool:
        return self.is_below and self.rule.action is Action.BLOCK


def is_named(finding: Finding) -> bool:
    return finding.policy in NAMED and (finding.policy is not Policy.PII or finding.type in PII_TYPES)


def action_of(hit: Hit) -> str:
    return ACTIONS[hit.action]


def once(rows: Iterator[Row]) -> list[Row]:
    found: list[Row] = []
    for row in rows:
        if row not in found:
            found.append(row)
    return found


@dataclass(frozen=True, kw_only=True)
class Report:
    """With `is_full` it names what was looked for and not found too, except of words and regexes, as the service does.
    Where the request `is_blocked`, nothing is masked, whatever the rules of what was seen say."""

    guard: Guard
    direction: Direction
    checked: Sequence[Checked]
    scored: Sequence[Scored]
    is_blocked: bool
    is_full: bool

    def form(self) -> dict[str, Row]:
        """The policies that have something to say."""
        sections: dict[str, Row] = {
            "topicPolicy": {"topics": list(self._topics())},
            "contentPolicy": {"filters": list(self._filters())},
            "wordPolicy": {"customWords": self._words(), "managedWordLists": self._managed_words()},
            "sensitiveInformationPolicy": {
                "piiEntities": [*self._entities(), *self._entities_not_found()],
                "regexes": self._regexes(),
            },
            "contextualGroundingPolicy": {"filters": list(self._groundings())},
        }
        return {name: section for name, section in sections.items() if any(section.values())}

    def _hits(self, policy: Policy) -> Iterator[tuple[Hit, str]]:
        """With the words that each was seen in."""
        return (
            (hit, hit.finding.text_of(one.text))
            for one in self.checked
            for hit in one.hits
            if hit.finding.policy is policy
        )

    def _filters(self) -> Iterator[Row]:
        """One for each filter, with the highest confidence that was seen."""
        for name, side in self.guard.ways[self.direction].filters.items():
            seen = [hit for hit, _ in self._hits(Policy.CONTENT) if hit.finding.type == name]
            below = [finding.confidence for one in self.checked for finding in one.doubts if finding.type == name]
            if seen or self.is_full:
                yield {
                    "type": str(name),
                    "confidence": max([hit.finding.confidence for hit in seen] or [Confidence.NONE, *below]).name,
                    "filterStrength": side.strength.name,
                    "action": action_of(seen[0]) if seen else "NONE",
                    "detected": bool(seen),
                }

    def _topics(self) -> Iterator[Row]:
        for topic in self.guard.config.topics:
            seen = [hit for hit, _ in self._hits(Policy.TOPIC) if hit.finding.type == topic.name]
            if seen or (self.is_full and topic.side(self.direction).enabled):
                action = action_of(seen[0]) if seen else "NONE"
                yield {"name": topic.name, "type": "DENY", "action": action, "detected": bool(seen)}

    def _words(self) -> list[Row]:
        return once(
            {"match": match, "action": action_of(hit), "detected": True}
            for hit, match in self._hits(Policy.WORD)
            if hit.finding.type != PROFANITY
        )

    def _managed_words(self) -> list[Row]:
        return once(
            {"match": match, "type": PROFANITY, "action": action_of(hit), "detected": True}
            for hit, match in self._hits(Policy.WORD)
            if hit.finding.type == PROFANITY
        )

    def _entities(self) -> list[Row]:
        return once(
            {"match": match, "type": hit.finding.type, "action": self._done_about(hit), "detected": True}
            for hit, match in self._hits(Policy.PII)
        )

    def _entities_not_found(self) -> Iterator[Row]:
        found = {hit.finding.type for hit, _ in self._hits(Policy.PII)}
        for name in self.guard.ways[self.direction].entities if self.is_full else ():
            if name not in found:
                yield {"match": "", "type": name, "action": "NONE", "detected": False}

    def _regexes(self) -> list[Row]:
        patterns = {regex.name: regex.pattern for regex in self.guard.config.regexes}
        return once(
            {
                "name": hit.finding.type,
                "match": match,
                "regex": patterns[hit.finding.type],
                "action": self._done_about(hit),
                "detected": True,
            }
            for hit, match in self._hits(Policy.REGEX)
        )

    def _done_about(self, hit: Hit) -> str:
        return "NONE" if self.is_blocked and hit.action is Action.ANONYMIZE else action_of(hit)

    def _groundings(self) -> Iterator[Row]:
        for one in self.scored:
            if one.is_below or self.is_full:
                yield {
                    "type": one.rule.type,
                    "threshold": one.rule.threshold,
                    "score": one.score,
                    "action": "BLOCKED" if one.blocks else "NONE",
                    "detected": one.is_below,
                }
