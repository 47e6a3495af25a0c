"""A text as patterns read it: one width, small letters, nothing invisible; and where in the original each part was."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

# Invisible, or turning what is seen: soft hyphens, zero-width and directional marks, tags (Unicode 15, "Cf").
HIDDEN = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\U000e0000-\U000e007f]"
)
TAG = re.compile("[\U000e0000-\U000e007f]")
QUOTES = {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u00a0": " "}
# Letters of other alphabets that pass for Latin ones.
LOOKALIKES = str.maketrans("аеорсухікմոѕԁӏνο", "aeopcyxikmosdlvo")


@dataclass(frozen=True, slots=True)
class Normal:
    """`hidden` invisible characters were left out; `tags` of them can only be there to hide words."""

    text: str
    places: tuple[int, ...] | None
    length: int
    hidden: int = 0
    tags: int = 0

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The place in the original of what is between two places of the text."""
        if self.places is None or start >= end:
            return start, end
        return self.places[start], self.places[end - 1] + 1


@lru_cache(maxsize=64)
def normal(text: str) -> Normal:
    if text.isascii():
        return Normal(text.lower(), None, len(text))
    parts: list[str] = []
    places: list[int] = []
    hidden = 0
    for place, character in enumerate(text):
        if HIDDEN.match(character):
            hidden += 1
            continue
        plain = QUOTES.get(character) or unicodedata.normalize("NFKC", character).casefold().translate(LOOKALIKES)
        parts.append(plain)
        places.extend([place] * len(plain))
    return Normal("".join(parts), tuple(places), len(text), hidden, len(TAG.findall(text)))
