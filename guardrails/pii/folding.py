"""A text as detectors read it: digits and separators of other scripts as ASCII, and nothing invisible in it."""

from __future__ import annotations

import re
from collections.abc import Sequence

# The zeros of the decimal digits of Unicode that a customer's keyboard has, and of the mathematical alphabets.
ZEROS = (
    *(0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xE50, 0xED0, 0xF20, 0x1040),
    *(0x17E0, 0x1810, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6),
)
SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63"
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e007f]"
)
FOLDED: dict[int, str] = {
    **{zero + digit: str(digit) for zero in ZEROS for digit in range(10)},
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys(map(ord, SPACES), " "),
    **dict.fromkeys(map(ord, DASHES), "-"),
    0x2018: "'",
    0x2019: "'",
    0x201C: '"',
    0x201D: '"',
}


def fold(text: str) -> tuple[str, Sequence[int]]:
    """The folded text, and for each of its characters (and its end) the place in `text`.

    The places are empty where they are the same, which is the rule.
    """
    if text.isascii():
        return text, ()
    folded = text.translate(FOLDED)
    if not INVISIBLE.search(folded):
        return folded, ()
    places = [place for place, character in enumerate(folded) if not INVISIBLE.match(character)]
    return "".join(folded[place] for place in places), [*places, len(text)]


def fold_in_place(text: str) -> str:
    """The same, of the same length: what is invisible counts as a part of the word that it stands in."""
    return text if text.isascii() else INVISIBLE.sub("_", text.translate(FOLDED))
