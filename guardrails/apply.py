"""Bedrock's ApplyGuardrail: texts held against a guardrail, with neither a model nor a conversation.

Request and response have the form of `bedrock-runtime`, so a client that was written for it needs another address only.
What that form has no name for takes no part: values, claims, tools' traffic, secrets, the judge. Where its reference
says little, as measured on the service by others: a text that is blocked masks nothing, what a grounding is held
against is not screened, and a policy that is off in a direction costs no units.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guardrails.assessments import Checked, Report, Scored, is_named
from guardrails.checks import Taken, check_text, taken_of
from guardrails.compiled import Guard
from guardrails.config import Action
from guardrails.findings import Direction
from guardrails.grounding import grounding_of, relevance_of
from guardrails.pii import mask

UNIT_CHARACTERS = 1000
MOST_CHARACTERS = 100_000
SOURCE, QUERY, GUARDED = "grounding_source", "query", "guard_content"
QUALIFIERS = (SOURCE, QUERY, GUARDED)
INTERVENTIONS, FULL = "INTERVENTIONS", "FULL"
REASONS = {Taken.NONE: "No action.", Taken.MASKED: "Guardrail masked.", Taken.BLOCKED: "Guardrail blocked."}


class InvalidRequest(Exception):
    """What Bedrock refuses with status 400 under this code; the message says where and why."""

    code = "ValidationException"


@dataclass(frozen=True, kw_only=True)
class Block:
    text: str
    qualifiers: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Applied:
    """A request: whose words, in blocks, and whether the answer names what was not found too."""

    direction: Direction
    blocks: tuple[Block, ...]
    is_full: bool = False

    @property
    def guarded(self) -> list[str]:
        """The texts to be screened: the marked ones where any is marked, else all that are no grounding's."""
        marked = [block.text for block in self.blocks if GUARDED in block.qualifiers]
        return marked or [block.text for block in self.blocks if not block.qualifiers]

    def qualified(self, qualifier: str) -> list[str]:
        return [block.text for block in self.blocks if qualifier in block.qualifiers]


def apply_guardrail(guard: Guard, request: Mapping[str, Any]) -> dict[str, Any]:
    """The response, as JSON. `guard` is the one that the request names. Raises `InvalidRequest`."""
    began = time.perf_counter()
    asked = read_request(request)
    checked = [screened(guard, text, asked.direction) for text in asked.guarded]
    scored = scores_of(guard, asked)
    taken = taken_of([hit for one in checked for hit in one.hits])
    if any(score.blocks for score in scored):
        taken = Taken.BLOCKED
    report = Report(
        guard=guard,
        direction=asked.direction,
        checked=checked,
        scored=scored,
        is_blocked=taken is Taken.BLOCKED,
        is_full=asked.is_full,
    )
    usage, coverage = usage_of(guard, asked, scored), coverage_of(asked)
    metrics = {
        "guardrailProcessingLatency": round((time.perf_counter() - began) * 1000),
        "usage": usage,
        "guardrailCoverage": coverage,
    }
    return {
        "usage": usage,
        "action": "NONE" if taken is Taken.NONE else "GUARDRAIL_INTERVENED",
        "actionReason": REASONS[taken],
        "outputs": outputs_of(guard, asked.direction, taken, checked),
        "assessments": [{**report.form(), "invocationMetrics": metrics, "appliedGuardrailDetails": details_of(guard)}],
        "guardrailCoverage": coverage,
    }


# -- the request


def read_request(request: Mapping[str, Any]) -> Applied:
    """From the body of the request; the guardrail's name and version are the address's."""
    source = request.get("source")
    if source not in list(Direction):
        raise InvalidRequest("source: must be INPUT or OUTPUT")
    scope = request.get("outputScope", INTERVENTIONS)
    if scope not in (INTERVENTIONS, FULL):
        raise InvalidRequest("outputScope: must be INTERVENTIONS or FULL")
    content = request.get("content")
    if not isinstance(content, list) or not content:
        raise InvalidRequest("content: must be a list of at least one block")
    blocks = tuple(read_block(block, f"content[{place}]") for place, block in enumerate(content))
    if sum(len(block.text) for block in blocks) > MOST_CHARACTERS:
        raise InvalidRequest(f"content: must have at most {MOST_CHARACTERS:,} characters together")
    return Applied(direction=Direction(source), blocks=blocks, is_full=scope == FULL)


def read_block(block: Any, path: str) -> Block:
    if isinstance(block, Mapping) and "image" in block:
        raise InvalidRequest(f"{path}.image: images cannot be screened, only text")
    if not isinstance(block, Mapping) or set(block) != {"text"} or not isinstance(block["text"], Mapping):
        raise InvalidRequest(f'{path}: must be {{"text": {{"text": …, "qualifiers": […]}}}}')
    text, qualifiers = block["text"].get("text"), block["text"].get("qualifiers", [])
    if not isinstance(text, str):
        raise InvalidRequest(f"{path}.text.text: must be a text")
    if not isinstance(qualifiers, list) or not all(name in QUALIFIERS for name in qualifiers):
        raise InvalidRequest(f"{path}.text.qualifiers: must be of {', '.join(QUALIFIERS)}")
    return Block(text=text, qualifiers=frozenset(qualifiers))


# -- what is seen and done


def screened(guard: Guard, text: str, direction: Direction) -> Checked:
    seen = check_text(guard, text, direction)
    return Checked(
        text=text,
        hits=tuple(hit for hit in seen.hits if is_named(hit.finding)),
        doubts=tuple(finding for finding in seen.doubts if is_named(finding)),
    )


def scores_of(guard: Guard, asked: Applied) -> list[Scored]:
    """Of an answer, by each rule that has what it needs: sources, or a query."""
    if asked.direction is Direction.INPUT or not asked.guarded:
        return []
    text, sources, query = "\n\n".join(asked.guarded), asked.qualified(SOURCE), "\n\n".join(asked.qualified(QUERY))
    scored = []
    for rule in guard.config.grounding:
        if rule.enabled and rule.type == "GROUNDING" and sources:
            scored.append(Scored(rule=rule, score=grounding_of(text, sources).value))
        elif rule.enabled and rule.type == "RELEVANCE" and query:
            scored.append(Scored(rule=rule, score=relevance_of(text, query)))
    return scored


def outputs_of(guard: Guard, direction: Direction, taken: Taken, checked: list[Checked]) -> list[dict[str, str]]:
    """Nothing where nothing is done; the guardrail's own message; or each screened text, masked."""
    if taken is Taken.NONE:
        return []
    if taken is Taken.BLOCKED:
        config = guard.config
        return [{"text": config.blocked_input if direction is Direction.INPUT else config.blocked_output}]
    return [
        {"text": mask(one.text, [hit.finding for hit in one.hits if hit.action is Action.ANONYMIZE])} for one in checked
    ]


# -- what it comes to


def usage_of(guard: Guard, asked: Applied, scored: list[Scored]) -> dict[str, int]:
    """Units of 1,000 characters, rounded up, for each policy that has a rule in the direction. A grounding is held
    against its sources and query, which count."""
    config, way, direction = guard.config, guard.ways[asked.direction], asked.direction
    guarded = units_of(asked.guarded)
    has_words = any(rule.side(direction).enabled for rule in (*config.words, *config.word_lists))
    has_topics = any(topic.side(direction).enabled for topic in config.topics)
    has_regexes = any(regex.side(direction).enabled for regex in config.regexes)
    held = [*asked.guarded, *asked.qualified(SOURCE), *asked.qualified(QUERY)]
    return {
        "topicPolicyUnits": guarded if has_topics else 0,
        "contentPolicyUnits": guarded if way.filters else 0,
        "wordPolicyUnits": guarded if has_words else 0,
        "sensitiveInformationPolicyUnits": guarded if way.entities else 0,
        "sensitiveInformationPolicyFreeUnits": guarded if has_regexes else 0,
        "contextualGroundingPolicyUnits": units_of(held) if scored else 0,
        "contentPolicyImageUnits": 0,
        "automatedReasoningPolicyUnits": 0,
        "automatedReasoningPolicies": 0,
    }


def units_of(texts: list[str]) -> int:
    return math.ceil(sum(map(len, texts)) / UNIT_CHARACTERS)


def coverage_of(asked: Applied) -> dict[str, Any]:
    total = sum(len(block.text) for block in asked.blocks)
    return {"textCharacters": {"guarded": sum(map(len, asked.guarded)), "total": total}}


def details_of(guard: Guard) -> dict[str, Any]:
    """Bedrock's ids are small letters and digits; there is no ARN."""
    named = {"guardrailId": guard.id.hex} if guard.id else {}
    return {
        **named,
        "guardrailVersion": guard.label,
        "guardrailOrigin": ["REQUEST"],
        "guardrailOwnership": "SELF",
    }
