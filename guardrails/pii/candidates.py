"""What detectors propose, and which of two proposals for the same characters stands."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass

from guardrails.findings import Confidence

# Whose claim to the same characters is better: the one that holds others in it, then a checksum, then a strict form,
# then a word beside it. Equal claims go to the longer one.
WHOLE, CHECKED, FORMED, NAMED, LIKELY, WEAK = 90, 70, 60, 50, 40, 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """`start` to `end` in the folded passage; `rank` is one of the numbers above, or lies between two of them."""

    type: str
    start: int
    end: int
    rank: int
    why: str
    confidence: Confidence = Confidence.HIGH


def resolve(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The best claims, none over another, by place.

    A claim falls to better ones that stand, never to one that has itself fallen. So what is decided on one side of a
    place that no standing claim crosses does not depend on the other side, which `guardrails/stream.py` builds upon.
    """
    standing: list[tuple[int, int, Candidate]] = []
    for candidate in sorted(candidates, key=lambda one: (-one.rank, one.start - one.end, one.start, one.type)):
        place = bisect_left(standing, candidate.end, key=lambda one: one[0])
        if place == 0 or standing[place - 1][1] <= candidate.start:
            insort(standing, (candidate.start, candidate.end, candidate), key=lambda one: one[0])
    return [candidate for _, _, candidate in standing]
