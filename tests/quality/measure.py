"""The figures of one set under one filter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from guardrails.config import PII_TYPES
from guardrails.figures import (
    THRESHOLDS,
    Count,
    Entities,
    EntityCount,
    Outcome,
    auc,
    by_strength,
    by_threshold,
    ms_per_200_words,
)
from guardrails.findings import Confidence, Finding
from guardrails.grounding import grounding_of
from guardrails.measuring import Filter, compare_case, find_by, outcome_of
from guardrails.pii import GRADES, find_secrets
from tests.quality.sets import QualitySet

SHOWN_THRESHOLDS = (0.3, 0.5)
EXAMPLES = 5
# What no form tells; they are found by known values (GRADES), and left out of one of the two sums.
WITHOUT_FORM = frozenset({"NAME", "ADDRESS"})


@dataclass(kw_only=True)
class Report:
    """`rows` are by strength or threshold; `entities` of personal data alone. `kinds` counts the texts acted on at
    strength MEDIUM by what was seen there. `examples` are texts that were taken wrongly."""

    set_name: str
    filter: Filter
    cases: int
    is_ordinary: bool = False
    unlabelled: int = 0
    rows: list[tuple[str, Count]] = field(default_factory=list)
    auc: float | None = None
    entities: Entities | None = None
    unknown: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    ms: float | None = None
    examples: list[tuple[str, str]] = field(default_factory=list)

    def at(self, name: str) -> Count:
        return next(counted for row, counted in self.rows if row == name)

    def as_json(self) -> dict[str, Any]:
        data: dict[str, Any] = {
            "set": self.set_name,
            "filter": str(self.filter),
            "cases": self.cases,
            "ordinary": self.is_ordinary,
            "unlabelled": self.unlabelled,
            "rows": [{"at": name, **counted.as_json()} for name, counted in self.rows],
            "kinds": dict(self.kinds),
            "ms": self.ms,
        }
        if self.filter is Filter.GROUNDING:
            data["auc"] = self.auc
        if self.entities is not None:
            data |= {
                "entities": {name: counted.as_json() for name, counted in sorted(self.entities.counts.items())},
                "total": self.entities.total().as_json(),
                "alarmsPerThousand": self.entities.alarms_per_thousand,
                "notLookedFor": dict(self.unknown),
            }
        return data


def measure(measured: QualitySet) -> list[Report]:
    return [maker_of(measured, kind)(measured, kind) for kind in measured.filters]


def maker_of(measured: QualitySet, kind: Filter) -> Callable[[QualitySet, Filter], Report]:
    """Texts that are only said to hold personal data or not are counted as texts."""
    if kind is Filter.GROUNDING:
        return grounding_report
    has_spans = measured.is_ordinary or any(case.spans is not None for case in measured.cases)
    return entity_report if kind is Filter.PII and has_spans else text_report


def begin(measured: QualitySet, kind: Filter) -> Report:
    return Report(
        set_name=measured.name,
        filter=kind,
        cases=len(measured.cases),
        is_ordinary=measured.is_ordinary,
        unlabelled=measured.unlabelled,
    )


def text_report(measured: QualitySet, kind: Filter) -> Report:
    report = begin(measured, kind)
    outcomes = []
    for case in measured.cases:
        found = find_by(kind, case.text)
        acting = [finding for finding in found if finding.confidence.reaches(Confidence.MEDIUM)]
        value = max((finding.confidence for finding in found), default=Confidence.NONE)
        outcomes.append(Outcome(id=case.id, label=bool(case.label), value=float(value)))
        report.kinds.update({finding.type for finding in acting})
        if bool(acting) != bool(case.label):
            note(report, "false alarm" if acting else "missed", case.text, acting)
    report.rows = [(strength.name, counted) for strength, counted in by_strength(outcomes)]
    report.ms = ms_per_200_words((case.text for case in measured.cases), lambda text: find_by(kind, text))
    return report


def entity_report(measured: QualitySet, kind: Filter) -> Report:
    report = begin(measured, kind)
    report.entities = Entities()
    for case in measured.cases:
        compared = compare_case(case)
        report.entities.add(compared)
        report.unknown.update(span.entity for span in case.spans or () if not span.is_known)
        if compared.alarms:
            note(report, "false alarm", case.text, compared.alarms)
        elif compared.missed:
            note(report, f"missed {', '.join(span.entity for span in compared.missed)}", case.text, [])
    report.kinds.update({name: counted.alarms for name, counted in report.entities.counts.items() if counted.alarms})
    texts = (case.text for case in measured.cases)
    report.ms = ms_per_200_words(texts, lambda text: (find_by(Filter.PII, text), find_secrets(text)))
    return report


def grounding_report(measured: QualitySet, kind: Filter) -> Report:
    report = begin(measured, kind)
    outcomes = [outcome_of(kind, case) for case in measured.cases]
    rows = dict(by_threshold(outcomes, sorted({*THRESHOLDS, *SHOWN_THRESHOLDS})))
    report.rows = [(f"{threshold:.2f}", rows[threshold]) for threshold in SHOWN_THRESHOLDS]
    report.auc = auc(outcomes)
    source = next((case.source for case in measured.cases), "")
    report.ms = ms_per_200_words((case.text for case in measured.cases), lambda text: grounding_of(text, [source]))
    return report


def note(report: Report, what: str, text: str, found: list[Finding]) -> None:
    """At most five of each kind of mistake, as a line."""
    if sum(known.partition(" ")[0] == what.partition(" ")[0] for known, _ in report.examples) < EXAMPLES:
        seen = ", ".join(sorted({finding.type for finding in found}))
        report.examples.append((f"{what}{f' {seen}' if seen else ''}", " ".join(text.split())[:160]))


def by_form(entities: Entities) -> EntityCount:
    """Without the types that no form tells."""
    known = {name for name in PII_TYPES if str(getattr(GRADES.get(name), "value", "")) == "known"}
    return entities.total(leave_out=frozenset(known | WITHOUT_FORM))
