"""What measurements count: precision, recall, false alarms, curves over strengths and thresholds, and time.

Pure: labels and values in, numbers out. The workbench and `make quality` share it.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from guardrails.case_lines import Span
from guardrails.findings import Confidence, Finding

STRENGTHS = (Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH)
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
WORDS = 200
MOST_BLOCKS = 40
# A marked entity counts as found where this share of its letters and digits would be hidden.
HIDDEN_SHARE = 0.8
# What a set marks and no filter looks for, and which findings on it are neither right nor wrong.
NEUTRAL = {
    "NAME": {"TITLE", "NRP", "ORGANIZATION", "ORG"},
    "ADDRESS": {"GPE", "LOCATION", "LOC", "ZIP_CODE", "CITY", "STATE", "COUNTRY", "ORGANIZATION"},
    "URL": {"ORGANIZATION"},
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One case: what it should have been, and how far it was taken for one to act on.

    `value` is a confidence (0 to 3), or 1 less a grounding score (0 to 1): higher means more suspect.
    """

    id: str
    label: bool
    value: float


@dataclass(frozen=True, kw_only=True)
class Count:
    """`caught` of the `positives` were seen; `alarms` are harmless cases that were taken for one."""

    cases: int
    positives: int
    caught: int
    alarms: int

    @property
    def negatives(self) -> int:
        return self.cases - self.positives

    @property
    def precision(self) -> float | None:
        return share(self.caught, self.caught + self.alarms)

    @property
    def recall(self) -> float | None:
        return share(self.caught, self.positives)

    @property
    def alarms_per_thousand(self) -> float | None:
        found = share(self.alarms, self.negatives)
        return None if found is None else found * 1000

    def as_json(self) -> dict[str, float | int | None]:
        return {
            "cases": self.cases,
            "positives": self.positives,
            "caught": self.caught,
            "alarms": self.alarms,
            "precision": self.precision,
            "recall": self.recall,
            "alarmsPerThousand": self.alarms_per_thousand,
        }


def share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def count(outcomes: Iterable[Outcome], acts: Callable[[Outcome], bool]) -> Count:
    cases = positives = caught = alarms = 0
    for outcome in outcomes:
        does = acts(outcome)
        cases += 1
        positives += outcome.label
        caught += does and outcome.label
        alarms += does and not outcome.label
    return Count(cases=cases, positives=positives, caught=caught, alarms=alarms)


def by_strength(outcomes: Sequence[Outcome]) -> list[tuple[Confidence, Count]]:
    """What a filter of each strength would have done, by Bedrock's table."""
    return [
        (strength, count(outcomes, lambda outcome, of=strength: Confidence(int(outcome.value)).reaches(of)))  # type: ignore[misc]  # a default is how a loop's value is bound
        for strength in STRENGTHS
    ]


def by_threshold(outcomes: Sequence[Outcome], thresholds: Sequence[float] = THRESHOLDS) -> list[tuple[float, Count]]:
    """What a grounding filter of each threshold would have done: it acts where the score is below it."""
    return [
        (threshold, count(outcomes, lambda outcome, at=threshold: 1 - outcome.value < at))  # type: ignore[misc]  # as above
        for threshold in thresholds
    ]


def auc(outcomes: Sequence[Outcome]) -> float | None:
    """The chance that a case to act on has the higher value than a harmless one, ties counting half (Mann-Whitney)."""
    harmless = sorted(outcome.value for outcome in outcomes if not outcome.label)
    wanted = [outcome.value for outcome in outcomes if outcome.label]
    if not harmless or not wanted:
        return None
    wins = sum(bisect_left(harmless, value) + bisect_right(harmless, value) for value in wanted)
    return wins / 2 / len(wanted) / len(harmless)


# -- personal data


@dataclass(kw_only=True)
class EntityCount:
    """`marked` in the set, `caught` of them, and `alarms`: findings of this type where nothing of it is marked."""

    marked: int = 0
    caught: int = 0
    alarms: int = 0

    @property
    def precision(self) -> float | None:
        return share(self.caught, self.caught + self.alarms)

    @property
    def recall(self) -> float | None:
        return share(self.caught, self.marked)

    def as_json(self) -> dict[str, float | int | None]:
        return {
            "marked": self.marked,
            "caught": self.caught,
            "alarms": self.alarms,
            "precision": self.precision,
            "recall": self.recall,
        }

    def add(self, other: EntityCount) -> None:
        self.marked += other.marked
        self.caught += other.caught
        self.alarms += other.alarms


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One text's findings beside what is marked in it."""

    caught: list[Span]
    missed: list[Span]
    alarms: list[Finding]

    @property
    def is_right(self) -> bool:
        return not self.missed and not self.alarms


def compare_spans(text: str, marked: Sequence[Span], found: Sequence[Finding]) -> Compared:
    """A marked entity is caught where findings of its type hide nearly all of it."""
    known = [span for span in marked if span.is_known]
    caught = [span for span in known if is_caught(text, span, found)]
    return Compared(
        caught=caught,
        missed=[span for span in known if span not in caught],
        alarms=[finding for finding in found if is_alarm(finding, marked)],
    )


def is_caught(text: str, span: Span, found: Sequence[Finding]) -> bool:
    same = [finding for finding in found if finding.type == span.entity]
    if span.start < 0:
        return bool(same)
    places = [place for place in range(span.start, span.end) if text[place].isalnum()]
    hidden = sum(any(finding.start <= place < finding.end for finding in same) for place in places)
    return bool(same) and hidden >= HIDDEN_SHARE * len(places)


def is_alarm(finding: Finding, marked: Sequence[Span]) -> bool:
    for span in marked:
        if span.start >= 0 and not (finding.start < span.end and span.start < finding.end):
            continue
        if span.entity == finding.type or span.entity in NEUTRAL.get(finding.type, ()):
            return False
    return True


@dataclass(kw_only=True)
class Entities:
    """Counts by entity over many texts. `texts` with an alarm are counted once, however many alarms there are."""

    counts: dict[str, EntityCount] = field(default_factory=dict)
    texts: int = 0
    texts_with_alarm: int = 0

    def add(self, compared: Compared) -> None:
        self.texts += 1
        self.texts_with_alarm += bool(compared.alarms)
        for span in compared.caught:
            self.of(span.entity).caught += 1
        for span in [*compared.caught, *compared.missed]:
            self.of(span.entity).marked += 1
        for finding in compared.alarms:
            self.of(finding.type).alarms += 1

    def of(self, entity: str) -> EntityCount:
        return self.counts.setdefault(entity, EntityCount())

    def total(self, leave_out: frozenset[str] = frozenset()) -> EntityCount:
        total = EntityCount()
        for entity, counted in self.counts.items():
            if entity not in leave_out:
                total.add(counted)
        return total

    @property
    def alarms_per_thousand(self) -> float | None:
        found = share(self.texts_with_alarm, self.texts)
        return None if found is None else found * 1000


# -- time


def ms_per_200_words(texts: Iterable[str], run: Callable[[str], object]) -> float | None:
    """The median over blocks of about 200 words; a single short text would measure the clock. None without a word."""
    took = []
    for place, block in enumerate(blocks_of(texts)):
        if not place:
            run(block)  # what is loaded with the first text is no matter of a text
        began = time.perf_counter()
        run(block)
        took.append((time.perf_counter() - began) * 1000 * WORDS / len(block.split()))
    return median(took) if took else None


def blocks_of(texts: Iterable[str]) -> Iterable[str]:
    """Texts joined, or a long one cut, to about 200 words; what is left over at the end only where it is all."""
    words: list[str] = []
    made = 0
    for text in texts:
        words += text.split(" ")
        while len(words) >= WORDS and made < MOST_BLOCKS:
            block, words = " ".join(words[:WORDS]), words[WORDS:]
            if block.strip():
                made += 1
                yield block
        if made >= MOST_BLOCKS:
            return
    if not made and any(word.strip() for word in words):
        yield " ".join(words)
