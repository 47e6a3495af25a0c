"""Finds tools by words, for gateways that offer more of them than a model should be shown at once.

A word counts the more, the fewer tools have it (inverse document frequency: Spärck Jones, 1972), and more in a name
than in a description.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

WORD = re.compile(r"[^\W\d_]+|\d+")
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# "a", "of", "to": in every other description, and about nothing.
SHORTEST_WORD = 3
NAME_COUNTS = 3.0
# Forms of one word are nearly as good as the same word: one begins with the other ("refund", "refunds"), or both begin
# alike and differ in their endings ("shipping", "shipped").
ALIKE_COUNTS = 0.7
SHORTEST_BEGINNING, SHORTEST_STEM, LONGEST_ENDING = 4, 5, 3


@dataclass(frozen=True)
class Entry:
    definition: dict[str, Any]
    name: frozenset[str]
    description: frozenset[str]

    @classmethod
    def of(cls, definition: dict[str, Any]) -> Entry:
        return cls(definition, words_of(str(definition["name"])), words_of(str(definition["description"])))

    def points(self, word: str) -> float:
        return NAME_COUNTS * overlap(word, self.name) + overlap(word, self.description)

    def covered(self, words: frozenset[str]) -> float:
        """How much of its name is asked for: of two that match as well, the one about nothing else is meant."""
        return sum(overlap(word, words) for word in self.name) / max(len(self.name), 1)


def best_matches(definitions: Sequence[dict[str, Any]], query: str, *, most: int) -> list[dict[str, Any]]:
    """The definitions (`name`, `description`) that share words with the query, best first."""
    entries = [Entry.of(definition) for definition in definitions]
    wanted = words_of(query)
    weights = {word: rarity(sum(entry.points(word) > 0 for entry in entries), len(entries)) for word in wanted}
    scored = [(sum(weights[word] * entry.points(word) for word in wanted), entry) for entry in entries]
    found = [
        (-points, -entry.covered(wanted), str(entry.definition["name"]), entry) for points, entry in scored if points
    ]
    return [entry.definition for *_, entry in sorted(found, key=lambda one: one[:3])[:most]]


def rarity(having: int, of: int) -> float:
    return math.log(1 + of / (1 + having))


def overlap(word: str, words: frozenset[str]) -> float:
    if word in words:
        return 1.0
    return ALIKE_COUNTS if any(are_alike(word, other) for other in words) else 0.0


def are_alike(word: str, other: str) -> bool:
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(word, other, strict=False)))
    if same == min(len(word), len(other)):
        return same >= SHORTEST_BEGINNING
    return same >= SHORTEST_STEM and max(len(word), len(other)) - same <= LONGEST_ENDING


def words_of(text: str) -> frozenset[str]:
    """In small letters: `getOrder_status` is get, order, status."""
    return frozenset(word.lower() for word in WORD.findall(HUMP.sub(" ", text)) if len(word) >= SHORTEST_WORD)
