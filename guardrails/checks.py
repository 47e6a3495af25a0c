"""What is done about what was found: the one place where a version's rules meet the detectors.

Every check is of one text in one direction and gives an `Assessment`: what was seen, what acts, and the text as it may
go on. Nothing here reads the database or the network.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from guardrails.attacks import find_attacks, find_attacks_in
from guardrails.claims import book_of
from guardrails.compiled import PROMPT_ATTACK, Guard
from guardrails.config import Action, Side
from guardrails.content import find_content
from guardrails.evidence import Evidence, Statement
from guardrails.findings import Confidence, Direction, Finding, Policy
from guardrails.grounding import grounding_of, relevance_of, sources_of
from guardrails.own_data import is_own
from guardrails.pii import SECRET_TYPES, find_pii, find_secrets, mask, mask_value
from guardrails.values import check_values

WITHHELD = "[withheld: this text reads like an instruction to the agent]"
PROSE = "prose"


class Taken(StrEnum):
    NONE = "none"
    MASKED = "masked"
    BLOCKED = "blocked"


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A finding that its rule acts on, or notes where the rule is in shadow."""

    finding: Finding
    action: Action

    @property
    def blocks(self) -> bool:
        return self.action is Action.BLOCK


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """`text` as it may go on (masked; where it is blocked it may not go on at all). `seen` is the text that the hits'
    places are in. `doubts` are findings below what their filter acts on."""

    direction: Direction
    seen: str
    text: str
    taken: Taken
    hits: tuple[Hit, ...] = ()
    statements: tuple[Statement, ...] = ()
    doubts: tuple[Finding, ...] = ()
    ms: float = 0.0

    @property
    def blocking(self) -> list[Hit]:
        return [hit for hit in self.hits if hit.blocks]

    @property
    def failed(self) -> list[Statement]:
        return [statement for statement in self.statements if not statement.is_borne_out]


def check_text(
    guard: Guard,
    text: str,
    direction: Direction,
    *,
    evidence: Evidence | None = None,
    more: Sequence[Finding] = (),
    before: str | None = None,
) -> Assessment:
    """All rules of the direction. `evidence` is what an answer may rest on: without it claims, values and grounding are
    not looked at. `more` are findings of the second tier.

    With `before`, which may be "", the text is a part of a reply, and that is what was said of it so far.
    """
    began = time.perf_counter()
    found = [*find_all(guard, text, direction, evidence, before or ""), *more]
    hits, doubts = rule_on(guard, found, direction)
    masked = [hit.finding for hit in hits if hit.action is Action.ANONYMIZE]
    statements = check_statements(guard, text, evidence, before) if evidence else []
    statements = [each for each in statements if not any(overlap(each, finding) for finding in masked)]
    failed = [as_finding(statement) for statement in statements if not statement.is_borne_out]
    # What is not borne out, or must not be said, tells more than a score of the same words could.
    if evidence and not failed and taken_of(hits) is not Taken.BLOCKED:
        graded, prose = check_grounding(guard, mask(text, masked), evidence, statements, is_whole=before is None)
        failed, statements = graded, [*statements, *prose]
    hits += rule_on(guard, failed, direction)[0]
    return Assessment(
        direction=direction,
        seen=text,
        text=mask(text, masked),
        taken=taken_of(hits),
        hits=tuple(hits),
        statements=tuple(statements),
        doubts=tuple(doubts),
        ms=(time.perf_counter() - began) * 1000,
    )


def overlap(statement: Statement, finding: Finding) -> bool:
    """What is masked is not stated."""
    return statement.start < finding.end and finding.start < statement.end


def find_all(guard: Guard, text: str, direction: Direction, evidence: Evidence | None, before: str) -> list[Finding]:
    way = guard.ways[direction]
    found = find_content(text, way.content_types) if way.content_types else []
    if PROMPT_ATTACK in way.filters:
        found += find_attacks(text)
    personal = find_pii(text, way.entities, before=before) if way.entities else []
    if evidence:
        personal = [finding for finding in personal if not is_own(finding, text, evidence.own)]
    return [*found, *personal, *way.topics.find(text), *way.words.find(text), *way.regexes.find(text)]


# -- what a rule makes of a finding


def rule_on(guard: Guard, found: Sequence[Finding], direction: Direction) -> tuple[list[Hit], list[Finding]]:
    hits, doubts = [], []
    for finding in found:
        side = side_of(guard, finding, direction)
        if side is None or not side.enabled:
            continue
        if is_below(finding, side):
            doubts.append(finding)
            continue
        is_noted = finding.policy is Policy.CLAIM and finding.confidence is Confidence.LOW
        hits.append(Hit(finding=finding, action=Action.NONE if is_noted else side.action))
    return hits, doubts


def is_below(finding: Finding, side: Side) -> bool:
    """Whether it was seen, and not clearly enough for its rule to act."""
    if finding.policy is Policy.CONTENT:
        return not finding.confidence.reaches(side.strength)
    return finding.policy is Policy.TOPIC and finding.confidence < Confidence.MEDIUM


def side_of(guard: Guard, finding: Finding, direction: Direction) -> Side | None:
    way, config = guard.ways[direction], guard.config
    found: Side | None
    match finding.policy:
        case Policy.CONTENT:
            found = way.filters.get(finding.type)
        case Policy.PII:
            found = way.entities.get(finding.type)
        case Policy.VALUE:
            found = config.claims.values
        case Policy.CLAIM:
            found = config.claims.claims
        case Policy.SECRET:
            found = Side(action=Action.ANONYMIZE)
        case Policy.GROUNDING:
            sides = {rule.type: Side(enabled=rule.enabled, action=rule.action) for rule in config.grounding}
            found = sides.get(finding.type)
        case _:
            found = way.sides.get(finding.rule)
    return found


def taken_of(hits: Sequence[Hit]) -> Taken:
    actions = {hit.action for hit in hits}
    if Action.BLOCK in actions:
        return Taken.BLOCKED
    return Taken.MASKED if Action.ANONYMIZE in actions else Taken.NONE


# -- what a reply states


def check_statements(guard: Guard, text: str, evidence: Evidence, before: str | None) -> list[Statement]:
    rules = guard.config.claims
    found = check_values(text, evidence, hosts=rules.hosts, before=before or "") if rules.values.enabled else []
    if rules.claims.enabled:
        book = book_of(evidence, rules.rules)
        found = [*found, *book.check(text, before or ""), *(book.unmentioned(text) if before is None else [])]
    return sorted(found, key=lambda statement: statement.start)


def as_finding(statement: Statement) -> Finding:
    kind, _, name = statement.kind.partition(":")
    is_noted = statement.score is not None
    return Finding(
        policy=Policy(kind),
        type=name,
        confidence=Confidence.LOW if is_noted else Confidence.HIGH,
        start=statement.start,
        end=statement.end,
        why=statement.why,
        score=statement.score,
    )


def check_grounding(
    guard: Guard, text: str, evidence: Evidence, statements: Sequence[Statement], *, is_whole: bool
) -> tuple[list[Finding], list[Statement]]:
    """Scores below their thresholds; and the sentences that have such a score, as statements."""
    found: list[Finding] = []
    prose: list[Statement] = []
    for rule in guard.config.grounding:
        if not rule.enabled:
            continue
        if rule.type == "GROUNDING":
            score = grounding_of(text, sources_of(evidence), values=statements)
            value = score.value
            prose = [each for each in score.sentences if (each.score or 0.0) < rule.threshold]
        else:
            value = relevance_of(text, evidence.query) if evidence.query and is_whole else 1.0
        if value < rule.threshold:
            why = f"{rule.type.capitalize()} {value:.2f} is below {rule.threshold:.2f}."
            found.append(Finding(policy=Policy.GROUNDING, type=rule.type, why=why, score=value))
    return found, prose


# -- what goes to tools and comes from them


def mask_incoming(guard: Guard, text: str) -> Assessment:
    """What a customer sends, before it is kept: whatever a rule masks or blocks on its way in is masked."""
    began = time.perf_counter()
    way = guard.ways[Direction.INPUT]
    marked = [finding for finding in way.regexes.find(text) if way.sides[finding.rule].action is not Action.NONE]
    found = [*find_guarded(guard, text), *marked]
    return Assessment(
        direction=Direction.INPUT,
        seen=text,
        text=mask(text, found),
        taken=Taken.MASKED if found else Taken.NONE,
        hits=tuple(Hit(finding=finding, action=Action.ANONYMIZE) for finding in found),
        ms=(time.perf_counter() - began) * 1000,
    )


def blocked_by_placeholders(guard: Guard, text: str) -> list[Finding]:
    """What stands masked in a message that was kept, of rules that block it."""
    way = guard.ways[Direction.INPUT]
    blocking = [rule for rule, side in way.sides.items() if rule.startswith("regex:") and side.action is Action.BLOCK]
    blocking += [f"pii:{name}" for name, side in way.entities.items() if side.action is Action.BLOCK]
    return [
        Finding(policy=Policy(policy), type=name, why="It was sent, and masked.")
        for policy, _, name in (rule.partition(":") for rule in blocking)
        if f"{{{name}}}" in text
    ]


def check_result(guard: Guard, value: Any) -> tuple[Any, Assessment]:
    """A tool's result as the model may read it: guarded entities and secrets masked, instructions to it withheld.

    Its form stays: keys, lists and numbers as they were, so the exchange that it belongs to stays valid.
    """
    began = time.perf_counter()
    hits: list[Hit] = []
    doubts: list[Finding] = []
    side = guard.config.tools.results
    for path, finding in find_attacks_in(value) if side.enabled else []:
        if not finding.confidence.reaches(side.strength):
            doubts.append(finding)
            continue
        place = replace(finding, start=-1, end=-1, why=f"{finding.why} In {written(path)}.")
        hits.append(Hit(finding=place, action=side.action))
        value = withheld(value, path) if side.action is Action.BLOCK else value
    masked = mask_value(value, lambda text: noted(find_guarded(guard, text), hits))
    is_changed = any(hit.action is not Action.NONE for hit in hits)
    return masked, Assessment(
        direction=Direction.INPUT,
        seen="",
        text="",
        taken=Taken.MASKED if is_changed else Taken.NONE,
        hits=tuple(hits),
        doubts=tuple(doubts),
        ms=(time.perf_counter() - began) * 1000,
    )


def written(path: Sequence[str | int]) -> str:
    """A place in a result, for a person: `orders[2].note`."""
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(parts).lstrip(".") or "the whole text"


def find_guarded(guard: Guard, text: str) -> list[Finding]:
    return [*find_pii(text, guard.guarded), *find_secrets(text)] if len(text) > 3 else []


def noted(found: list[Finding], hits: list[Hit]) -> list[Finding]:
    hits.extend(Hit(finding=replace(finding, start=-1, end=-1), action=Action.ANONYMIZE) for finding in found)
    return found


def mask_guarded(guard: Guard, text: str) -> str:
    """Without what may stand in no prompt, no trace and no row."""
    return mask(text, find_guarded(guard, text))


def mask_arguments(guard: Guard, arguments: Any) -> Any:
    """What a tool is sent, as it is recorded; where anything was masked, the call is not to be made."""
    return mask_value(arguments, lambda text: find_guarded(guard, text))


def check_arguments(guard: Guard, arguments: Any, *, tool: str) -> Assessment:
    """Of masked arguments for the tool of this name: what was masked in them, whoever masked it, may be passed on to
    none."""
    began = time.perf_counter()
    side = guard.config.tools.arguments
    names = sorted(guard.guarded | SECRET_TYPES) if side.enabled else []
    seen = "\n".join(text for text in leaves_of(arguments) if any(f"{{{name}}}" in text for name in names))
    places = {name: seen.find(f"{{{name}}}") for name in names}
    hits = tuple(
        Hit(
            finding=Finding(
                policy=Policy.PII if name in guard.guarded else Policy.SECRET,
                type=name,
                start=start,
                end=start + len(f"{{{name}}}"),
                why=f"It was to be sent to {tool}.",
            ),
            action=side.action,
        )
        for name, start in places.items()
        if start >= 0
    )
    return Assessment(
        direction=Direction.OUTPUT,
        seen=seen,
        text=seen,
        taken=taken_of(hits),
        hits=hits,
        ms=(time.perf_counter() - began) * 1000,
    )


def leaves_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from leaves_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves_of(inner)


def withheld_leaf(value: Any, text: str) -> Any:
    """The value with each such text in it replaced."""
    if isinstance(value, str):
        return WITHHELD if value == text else value
    if isinstance(value, dict):
        return {key: withheld_leaf(inner, text) for key, inner in value.items()}
    return [withheld_leaf(inner, text) for inner in value] if isinstance(value, list) else value


def withheld(value: Any, path: Sequence[str | int]) -> Any:
    """The value with the text at `path` replaced."""
    if not path:
        return WITHHELD
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {**value, step: withheld(value[step], rest)} if step in value else value
    if isinstance(value, list) and isinstance(step, int):
        return [withheld(inner, rest) if place == step else inner for place, inner in enumerate(value)]
    return value
