"""Where the sentences of a reply begin and end: what one of them says is judged by its own words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_END = re.compile(r"[.!?…]+[\"'”\u2019)\]]*(?=\s|$)|\n+")
_ABBREVIATIONS = (
    "no nr mr mrs ms dr st e.g i.e eg ie approx incl excl etc vs ca bzw z.b inc ltd co a.m p.m jan feb mar apr jun jul "
    "aug sep sept oct nov dec"
)
_NO_END = frozenset(_ABBREVIATIONS.split())
_LAST_WORD = re.compile(r"[\w.]+$")
_LEAD = re.compile(r"[\s*_>#]*(?:[-•\u2013]\s+|\d{1,2}[.)]\s+)?[\s*_]*")


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text` without the blanks around it; `start` in the whole. `is_item`: a line of a list."""

    text: str
    start: int
    is_item: bool = False

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_question(self) -> bool:
        return self.text.rstrip("\"'”\u2019)] ").endswith("?")


@lru_cache(maxsize=64)
def sentences_of(text: str) -> tuple[Sentence, ...]:
    """In order; what lies between them are blanks and marks of lists."""
    found, start = [], 0
    for end in _END.finditer(text):
        if text[end.start()] == "." and _goes_on(text, start, end.start()):
            continue
        found += _sentence(text, start, end.end())
        start = end.end()
    return (*found, *_sentence(text, start, len(text)))


def _goes_on(text: str, start: int, dot: int) -> bool:
    """Whether a full stop is that of an abbreviation, or of a list's number."""
    before = text[max(start, dot - 8) : dot]
    word = _LAST_WORD.search(before)
    if word is None:
        return False
    after = text[dot + 1 : dot + 4].lstrip()
    if word[0].lower() in _NO_END:
        return not (word[0] in {"no", "No"} and after[:1].isupper())
    return word[0].isdigit() and len(word[0]) < 3 and not text[start:dot].strip(" *\n").rstrip("0123456789")


def _sentence(text: str, start: int, end: int) -> list[Sentence]:
    lead = _LEAD.match(text, start, end)
    begin = lead.end() if lead else start
    said = text[begin:end].rstrip()
    if not said:
        return []
    is_item = bool(lead and lead[0].strip(" \n*_>#"))
    return [Sentence(said, begin, is_item=is_item)]
