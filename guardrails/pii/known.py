"""Values that are known to be somebody's: found wherever they stand, however they are spaced, spelt or capitalised."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Mapping

from guardrails.findings import Finding, Policy
from guardrails.pii.folding import FOLDED, INVISIBLE

# What people leave out or put in: "(415) 555-0132", "Anne-Marie", "O'Neil".
LEFT_OUT = frozenset(" \t\r\n\v\f()+.-/'\u0085\u2028\u2029")
SHORTEST = 2


class KnownValues:
    """`values` from each value to the entity that it is. Values of fewer than two letters or digits are left out."""

    def __init__(self, values: Mapping[str, str]) -> None:
        bare = ((squeeze(value)[0], value, name) for value, name in values.items())
        known = [(key, value, name) for key, value, name in bare if len(key) >= SHORTEST]
        # The longest first: a full name before the first name in it.
        self._known = sorted(known, key=lambda one: (-len(one[0]), one[0]))

    def __bool__(self) -> bool:
        return bool(self._known)

    def find(self, text: str) -> list[Finding]:
        """Findings of policy PII, none over another, by place. A value inside a longer word is none."""
        bare, places = squeeze(text)
        taken: list[tuple[int, int]] = []
        found = []
        for key, _, name in self._known:
            for start, end in occurrences(bare, places, text, key):
                place = bisect_left(taken, (start, start))
                before_is_free = place == 0 or taken[place - 1][1] <= start
                after_is_free = place == len(taken) or taken[place][0] >= end
                if before_is_free and after_is_free:
                    taken.insert(place, (start, end))
                    found.append(Finding(policy=Policy.PII, type=name, start=start, end=end, why="A value on record."))
        return sorted(found, key=lambda finding: finding.start)


def occurrences(bare: str, places: list[int], text: str, key: str) -> Iterator[tuple[int, int]]:
    at = bare.find(key)
    while at >= 0:
        start, end = places[at], places[at + len(key) - 1] + 1
        if is_apart(text, start, end):
            yield with_sign(text, start, end), end
            at = bare.find(key, at + len(key))
        else:
            at = bare.find(key, at + 1)


def with_sign(text: str, start: int, end: int) -> int:
    """The start of a number with its plus, and with the bracket that closes in it."""
    if text[start - 1 : start] == "(" and ")" in text[start:end]:
        start -= 1
    return start - 1 if text[start - 1 : start] == "+" else start


def is_apart(text: str, start: int, end: int) -> bool:
    is_begun = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
    is_continued = end < len(text) and text[end].isalnum() and text[end - 1].isalnum()
    return not is_begun and not is_continued


def squeeze(text: str) -> tuple[str, list[int]]:
    """Letters and digits in one case and one script of digits, without accents or separators; each one's place."""
    letters: list[str] = []
    places: list[int] = []
    for place, sign in enumerate(text):
        for letter in plain(sign):
            letters.append(letter)
            places.append(place)
    return "".join(letters), places


def plain(sign: str) -> str:
    if sign in LEFT_OUT:
        return ""
    if sign.isascii():
        return sign.lower()
    if INVISIBLE.match(sign):
        return ""
    folded = unicodedata.normalize("NFKD", sign.translate(FOLDED)).casefold()
    return "".join(one for one in folded if one not in LEFT_OUT and not unicodedata.combining(one))
