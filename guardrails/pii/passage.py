"""A text to be searched, with what was said before it; its numbers and codes are taken apart once for all detectors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from guardrails.pii.folding import fold

# How far back a word speaks for a number, and how much of what was said before is looked at.
NEAR, BEFORE = 40, 96
DIGIT = re.compile(r"[0-9]")
DIGITS = re.compile(r"[0-9]+")
ALNUM = re.compile(r"[A-Za-z0-9]+")
WORD = re.compile(r"[a-z]{2,}")
# Groups of digits with up to three signs or spaces between them: "41 (0)71 526 99 04", "905 - 674 - 3793".
RUN = re.compile(r"[0-9]+(?:[ .\-/()]{1,3}[0-9]+)*")
OPENING = re.compile(r"(?:\+ ?)?\(?\+?\Z")
SHORTEST_RUN = 6


def words_of(line: str) -> frozenset[str]:
    """A list of words as it is written in a detector."""
    return frozenset(line.split())


@dataclass(frozen=True, slots=True)
class Group:
    start: int
    end: int
    digits: str


@dataclass(frozen=True, slots=True)
class Run:
    """`gaps[i]` is what stands between the groups `i` and `i + 1`; `lead` and `tail` the characters around the run."""

    start: int
    end: int
    groups: tuple[Group, ...]
    gaps: tuple[str, ...]
    lead: str
    tail: str

    def is_bounded(self, first: int, last: int) -> bool:
        """Whether the groups `first` to `last` stand alone: neither in a word or an amount nor in a longer number."""
        if first and is_tight(self.gaps[first - 1]):
            return False
        if last + 1 < len(self.groups):
            return not (is_tight(self.gaps[last]) or (first == 0 and ATTACHED_LEFT.search(self.lead)))
        if TAIL_OF_SHORT.match(self.tail) and len(self.groups[last].digits) <= 3:
            return False
        return not (ATTACHED_RIGHT.match(self.tail) or (first == 0 and ATTACHED_LEFT.search(self.lead)))

    def is_whole(self, first: int, last: int) -> bool:
        return first == 0 and last + 1 == len(self.groups)


def is_tight(gap: str) -> bool:
    """Whether it joins two groups to one number whatever they are: a dash, not a space."""
    return " " not in gap and "(" not in gap and ")" not in gap


# A letter, a currency, "SKU-" or the "0," of a fraction before the digits; a letter, per cent or a decimal after them.
# `$` would also stand before a line's end: a number at the beginning of a line is attached to nothing.
ATTACHED_LEFT = re.compile(r"(?:[A-Za-z_\u00c0-\u024f$€£¥]|[A-Z0-9]-|(?:^|[^0-9])0,)\Z")
ATTACHED_RIGHT = re.compile(r"[A-Za-z_\u00c0-\u024f%€£°]")
TAIL_OF_SHORT = re.compile(r"[,:][0-9]")


class Passage:
    """`text` is folded; what is found has to begin at `base` or behind it, and what precedes `base` is context alone.

    Nothing in a detector may depend on more than `BEFORE` characters to the left of what it finds.
    """

    def __init__(self, text: str, before: str = "") -> None:
        said, _ = fold(before[-BEFORE:])
        folded, self._places = fold(text)
        self.base = len(said)
        self.text = said + folded

    def place_of(self, index: int) -> int:
        """The place in the text as it was given."""
        index -= self.base
        return self._places[index] if self._places else index

    def end_of(self, index: int) -> int:
        """Where what ends at `index` ends in the given text: before anything invisible that follows it."""
        return self.place_of(index - 1) + 1 if self._places else index - self.base

    @cached_property
    def lower(self) -> str:
        """Of the same length as `text`."""
        lower = self.text.lower()
        return lower if len(lower) == len(self.text) else "".join(one.lower()[:1] or one for one in self.text)

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(WORD.findall(self.lower))

    @cached_property
    def has_digits(self) -> bool:
        return DIGIT.search(self.text, self.base) is not None

    @cached_property
    def runs(self) -> list[Run]:
        if not self.has_digits:
            return []
        found = RUN.finditer(self.text, self.base)
        return [self._run(match) for match in found if match.end() - match.start() >= SHORTEST_RUN]

    @cached_property
    def codes(self) -> list[tuple[int, int]]:
        """Where the words of letters and digits stand that have a digit in them."""
        text, found, done = self.text, list[tuple[int, int]](), self.base
        for match in DIGITS.finditer(text, self.base):
            start, end = match.span()
            if start < done:
                continue
            while start > done and text[start - 1].isascii() and text[start - 1].isalpha():
                start -= 1
            rest = ALNUM.match(text, end)
            done = rest.end() if rest else end
            found.append((start, done))
        return found

    def _run(self, match: re.Match[str]) -> Run:
        start, end = match.span()
        sign = OPENING.search(self.text, max(self.base, start - 4), start)
        start = sign.start() if sign else start
        found = DIGITS.finditer(self.text, start, end)
        groups = tuple(Group(one.start(), one.end(), one.group()) for one in found)
        return Run(
            start=start,
            end=end,
            groups=groups,
            gaps=tuple(self.text[one.end : behind.start] for one, behind in pairwise(groups)),
            lead=self.text[max(0, start - 3) : start],
            tail=self.text[end : end + 2],
        )

    def near(self, start: int, width: int = NEAR) -> str:
        """The words before `start`, in lower case. A word that the width cuts is left out."""
        begin = max(0, start - width)
        around = self.lower[begin:start]
        if begin and self.lower[begin - 1].isalnum():
            around = around.lstrip("abcdefghijklmnopqrstuvwxyz0123456789")
        return around.replace("_", " ")
