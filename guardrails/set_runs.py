"""A version measured on a labelled set: case by case, then everything that the page shows of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from guardrails.case_lines import Case
from guardrails.checks import Assessment, check_text
from guardrails.compiled import Guard
from guardrails.figures import (
    Count,
    Entities,
    Outcome,
    auc,
    by_strength,
    by_threshold,
    count,
    ms_per_200_words,
)
from guardrails.findings import Direction, Policy
from guardrails.measuring import Filter, compare_case, outcome_of

DEFAULT_THRESHOLD = 0.3
# Wrong cases by id: enough to filter a set's list by them.
MOST_WRONG = 2_000
TIMED_TEXTS = 400
OF_TEXTS = frozenset({Policy.CONTENT, Policy.TOPIC, Policy.WORD, Policy.REGEX})


@dataclass(kw_only=True)
class SetRun:
    """What is gathered while the cases go by; `result` makes the figures of it."""

    kind: Filter
    guard: Guard
    outcomes: list[Outcome] = field(default_factory=list)
    acted: set[str] = field(default_factory=set)
    entities: Entities = field(default_factory=Entities)
    rules: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[dict[str, Any]] = field(default_factory=list)
    wrong_count: int = 0
    skipped: int = 0
    timed: list[str] = field(default_factory=list)
    # Entities that are marked in the set and that the version does not look for, or that no filter knows.
    left_out: Counter[str] = field(default_factory=Counter)
    looked_for: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.looked_for = entities_of(self.guard)

    def take(self, case: Case) -> None:
        if case.label is None:
            self.skipped += 1
            return
        if len(self.timed) < TIMED_TEXTS:
            self.timed.append(case.text)
        if self.kind is Filter.PII:
            self.take_entities(case)
        elif self.kind is Filter.GROUNDING:
            self.take_answer(case)
        else:
            self.take_text(case)

    def take_text(self, case: Case) -> None:
        """The curve is that of the filters themselves; whether it acted is what this version's rules made of it."""
        outcome = outcome_of(self.kind, case)
        self.outcomes.append(outcome)
        seen = [
            hit.finding.rule
            for hit in check_text(self.guard, case.text, Direction.INPUT).hits
            if hit.finding.policy in OF_TEXTS and self.is_asked(hit.finding.policy, hit.finding.type)
        ]
        self.note(case, is_caught=bool(seen), rules=seen, value=outcome.value)

    def is_asked(self, policy: Policy, name: str) -> bool:
        """A set of attacks asks about one filter; one of content about all others, and about words and topics."""
        is_attack = policy is Policy.CONTENT and name == "PROMPT_ATTACK"
        return is_attack if self.kind is Filter.PROMPT_ATTACK else not is_attack

    def take_answer(self, case: Case) -> None:
        outcome = outcome_of(self.kind, case)
        self.outcomes.append(outcome)
        is_caught = 1 - outcome.value < threshold_of(self.guard)
        self.note(case, is_caught=is_caught, rules=["grounding:GROUNDING"] if is_caught else [], value=outcome.value)

    def take_entities(self, case: Case) -> None:
        compared = compare_case(case, self.looked_for)
        self.entities.add(compared)
        self.left_out.update(span.entity for span in case.spans or () if span.entity not in self.looked_for)
        for span in compared.caught:
            self.rules.setdefault(f"pii:{span.entity}", Counter())["right"] += 1
        for finding in compared.alarms:
            self.rules.setdefault(finding.rule, Counter())["wrong"] += 1
        if not compared.is_right:
            missed, alarms = [span.entity for span in compared.missed], [finding.type for finding in compared.alarms]
            self.note_wrong(case, "missed" if missed else "alarm", missed=missed, seen=alarms)

    def note(self, case: Case, *, is_caught: bool, rules: list[str], value: float) -> None:
        if is_caught:
            self.acted.add(case.id)
        for rule in dict.fromkeys(rules):
            self.rules.setdefault(rule, Counter())["right" if case.label else "wrong"] += 1
        if is_caught != case.label:
            self.note_wrong(case, "missed" if case.label else "alarm", seen=rules, value=value)

    def note_wrong(self, case: Case, how: str, **more: Any) -> None:
        self.wrong_count += 1
        if len(self.wrong) < MOST_WRONG:
            self.wrong.append({"id": case.id, "how": how, **more})

    # -- the figures

    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "measures": str(self.kind),
            "skipped": self.skipped,
            "rules": [
                {"rule": rule, "right": counted["right"], "wrong": counted["wrong"]}
                for rule, counted in sorted(self.rules.items(), key=lambda item: -item[1].total())
            ],
            "wrong": self.wrong,
            "wrongCount": self.wrong_count,
            "ms": ms_per_200_words(self.timed, self.check),
        }
        return found | (self.entity_figures() if self.kind is Filter.PII else self.outcome_figures())

    def check(self, text: str) -> Assessment:
        return check_text(self.guard, text, Direction.INPUT)

    def outcome_figures(self) -> dict[str, Any]:
        """`curve` has one point for each strength, or for each threshold."""
        if self.kind is Filter.GROUNDING:
            points: list[tuple[object, Count]] = [*by_threshold(self.outcomes)]
        else:
            points = [(strength.name, counted) for strength, counted in by_strength(self.outcomes)]
        found: dict[str, Any] = {
            "configured": count(self.outcomes, lambda outcome: outcome.id in self.acted).as_json(),
            "curve": [{"at": at, **counted.as_json()} for at, counted in points],
        }
        if self.kind is Filter.GROUNDING:
            found |= {"auc": auc(self.outcomes), "threshold": threshold_of(self.guard)}
        return found

    def entity_figures(self) -> dict[str, Any]:
        return {
            "configured": {
                **self.entities.total().as_json(),
                "cases": self.entities.texts,
                "alarmsPerThousand": self.entities.alarms_per_thousand,
            },
            "entities": [
                {"entity": entity, **counted.as_json()} for entity, counted in sorted(self.entities.counts.items())
            ],
            "lookedFor": sorted(self.looked_for),
            "leftOut": dict(self.left_out),
        }


def entities_of(guard: Guard) -> frozenset[str]:
    """The types that the version looks for, in either direction."""
    return frozenset(name for way in guard.ways.values() for name in way.entities)


def threshold_of(guard: Guard) -> float:
    found = [rule.threshold for rule in guard.config.grounding if rule.type == "GROUNDING" and rule.enabled]
    return found[0] if found else DEFAULT_THRESHOLD
