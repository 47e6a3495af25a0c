"""A text that is masked, and cut into sentences, while it is still being written."""

from __future__ import annotations

import re
from collections.abc import Callable

from guardrails.findings import Finding
from guardrails.pii import mask
from guardrails.pii.passage import BEFORE, words_of
from guardrails.pii.runs import start_of_run

# What may still turn out to be another thing: the end of the text, and the run of a number or an address that reaches
# into it. What a detector reads to the right of a hit lies within it too.
HELD = 40
# A longer run is no number. What is found in it stays masked however long it grows.
LONGEST_RUN = 400
HEAD_OF_RUN = 200


class Redactor:
    """`find` gives the findings in a text (its first argument) for what was written before it (its second).

    What `feed` and `close` return, put together, is what masking the whole text at once would have given. It rests on
    three properties of the detectors: nothing that is found depends on more than `BEFORE` characters to its left or
    `HELD` to its right; what is longer than `HELD` lies within one run, or is recognised by its first `HELD`
    characters and grows by no more at a time; and which of two hits stands is decided by standing hits alone.
    """

    def __init__(self, find: Callable[[str, str], list[Finding]]) -> None:
        self._find = find
        self._before = ""
        self._waiting = ""

    def feed(self, chunk: str) -> str:
        self._waiting += chunk
        certain = len(self._waiting) - HELD
        if certain <= 0:
            return ""
        cut = start_of_run(self._waiting, certain)
        if cut <= 0 and len(self._waiting) <= LONGEST_RUN:
            return ""
        findings = self._find(self._waiting, self._before)
        cut = self._before_hits(cut, findings)
        if cut <= 0 and len(self._waiting) > LONGEST_RUN:
            cut = self._within_run(findings)
        return self._release(cut, findings)

    def close(self) -> str:
        """The rest. The next text begins anew."""
        rest = mask(self._waiting, self._find(self._waiting, self._before)) if self._waiting else ""
        self._waiting = self._before = ""
        return rest

    def _before_hits(self, cut: int, findings: list[Finding]) -> int:
        """The cut moved before every hit and every run that it would divide."""
        while straddled := [one.start for one in findings if one.start < cut < one.end]:
            cut = start_of_run(self._waiting, min(straddled))
        return cut

    def _within_run(self, findings: list[Finding]) -> int:
        """A cut in a run of more than `LONGEST_RUN` characters: what is no hit by now is none. Where all of it is one
        hit, its middle is forgotten: its ends are what it is known by."""
        cut = len(self._waiting) - BEFORE
        while straddled := [one.start for one in findings if one.start < cut < one.end]:
            cut = min(straddled)
        if cut <= 0:
            self._waiting = self._waiting[:HEAD_OF_RUN] + self._waiting[-BEFORE:]
        return cut

    def _release(self, cut: int, findings: list[Finding]) -> str:
        if cut <= 0:
            return ""
        text, self._waiting = self._waiting[:cut], self._waiting[cut:]
        self._before = (self._before + text)[-BEFORE:]
        return mask(text, [one for one in findings if one.end <= cut])


# -- sentences

# A space between two words, or the place behind the full stop of a script that has no spaces.
GAP = re.compile(
    r"(?<!\s)\s+(?=\S)|(?<=[。\uff01\uff1f｡」』\u201d\u2019\uff09])(?=[^\s。\uff01\uff1f｡」』\u201d\u2019\uff09])"
)
MARKS = ".!?؟।。\uff01\uff1f｡"
CLOSING = "\"'\u201d\u2019»)]}*_`」』\uff09"
OPENING = "\"'\u201c\u2018«([{*_`#>-"
# Behind these a sentence goes on.
TITLES = words_of(
    "mr mrs ms mx dr prof st rev hon gen col capt lt sgt messrs mme mlle hr fr e.g i.e eg ie cf vs viz approx appr "
    "incl excl z.b d.h u.a bzw ca resp"
)
# Behind these it goes on with a small letter or a digit, and may end before a capital.
SHORTENED = words_of(
    "etc inc ltd co corp llc plc bros dept tel ext fax est min max avg sr jr jan feb mar apr jun jul aug sep sept oct "
    "nov dec mon tue tues wed thu thur thurs fri sat sun ave blvd rd hrs hr mins sec secs qty amt usw"
)
# Behind these it goes on with a digit: "No. 12".
NUMBERED = words_of("no nos nr num p pp vol fig figs art ch sect par para pos")
ORDINAL_BEFORE = words_of("am zum vom bis den dem der des seit ab und")
INITIALS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
MARKER = re.compile(r"\d{1,3}")


class Sentences:
    """Whole sentences with the white space behind them; put together they are the text. A line's end ends one."""

    def __init__(self) -> None:
        self._waiting = ""
        self._looked = 0

    def feed(self, chunk: str) -> list[str]:
        """The sentences that are complete: a sentence is when the first character of the next one is there."""
        self._waiting += chunk
        if not chunk.strip():
            return []
        found, start = [], 0
        for gap in GAP.finditer(self._waiting, self._looked):
            sentence = self._waiting[start : gap.start()]
            if "\n" in gap.group() or is_ended(sentence, self._waiting[gap.end()]):
                found.append(self._waiting[start : gap.end()])
                start = gap.end()
        self._waiting = self._waiting[start:]
        # White space at the end may go on.
        self._looked = len(self._waiting.rstrip())
        return found

    def close(self) -> list[str]:
        rest, self._waiting, self._looked = self._waiting, "", 0
        return [rest] if rest else []


def is_ended(sentence: str, following: str) -> bool:
    """Whether it ends here; `following` is the first character of what comes next."""
    bare = sentence.rstrip(CLOSING)
    if not bare or bare[-1] not in MARKS:
        return False
    if bare[-1] != ".":
        return True
    # Three points, also with spaces between them, are a pause.
    if following == "." or bare.endswith("..") or not bare[:-1].strip():
        return False
    head, _, word = bare[:-1].rpartition(" ")
    word = word.rpartition("\n")[2].lstrip(OPENING)
    if MARKER.fullmatch(word):
        return not (following.islower() or is_marker(head, word))
    return ends_with(word, following)


def ends_with(word: str, following: str) -> bool:
    lower = word.lower()
    is_capital = following.isupper() or following in OPENING
    if not lower or lower in TITLES:
        return False
    if lower in NUMBERED:
        return not following.isdigit()
    if len(word) == 1 and word.isupper():
        return word == "I"
    if lower in SHORTENED or INITIALS.fullmatch(word):
        return is_capital
    return True


def is_marker(head: str, number: str) -> bool:
    """Whether "2." numbers what follows: at the front, behind a colon, in a list that was begun, or as a German day."""
    before = head.strip()
    if not before.strip(OPENING) or before.endswith((":", ";")):
        return True
    if before.split()[-1].lower() in ORDINAL_BEFORE:
        return True
    return re.search(rf"(?<!\d){int(number) - 1}\. ", head) is not None
