"""Dates as people write them: "2026-11-14", "14 November 2026", "May 3rd", "03.05.2026", "Monday", "tomorrow"."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date

from guardrails.values.words import MONTHS, RELATIVE, WEEKDAYS

_CENTURY = 2000


@dataclass(frozen=True, slots=True)
class Day:
    """`kind` date: `keys` are dates, `(month, day)` or `(year, month)` as tuples that begin with "md" or "my";
    weekday: its number from Monday, 0; relative: days from today."""

    kind: str
    start: int
    end: int
    keys: tuple[Hashable, ...]


def figures_at(text: str, start: int) -> Day | None:
    """A date in figures that begins there."""
    if at := _ISO.match(text, start):
        return _day(at, [(int(at["y"]), int(at["m"]), int(at["d"]))], is_sure=True)
    at = _DOTTED.match(text, start)
    if at is None:
        return None
    year = int(at["y"]) + (_CENTURY if len(at["y"]) == 2 else 0)
    one, other = int(at["a"]), int(at["b"])
    # With dots the day stands first; with slashes it depends on the country.
    return _day(at, [(year, other, one)] if at["mark"] == "." else [(year, other, one), (year, one, other)])


def month_at(text: str, word: re.Match[str]) -> Day | None:
    """The date that a month's name is in: "14 November 2026", "November 14th", "November 2026"."""
    month = MONTHS[word[0].lower()]
    before = _DAY_BEFORE.search(text[max(0, word.start() - _LOOK) : word.start()])
    if before is not None:
        start = word.start() - len(before[0])
        after = _YEAR_AFTER.match(text, word.end())
        day = int(before["d"])
        end = after.end() if after else word.end()
        keys = _keys(int(after["y"]), month, day) if after else (("md", month, day),)
        return Day("date", start, end, keys)
    after = _DAY_AFTER.match(text, word.end())
    if after is not None:
        keys = _keys(int(after["y"]), month, int(after["d"])) if after["y"] else (("md", month, int(after["d"])),)
        return Day("date", word.start(), after.end(), keys)
    after = _YEAR_AFTER.match(text, word.end())
    return Day("date", word.start(), after.end(), (("my", int(after["y"]), month),)) if after else None


def word_at(word: re.Match[str]) -> Day | None:
    """A weekday, which is written with a capital, or a day told from today."""
    name = word[0].lower()
    if name in RELATIVE:
        return Day("relative", *word.span(), (RELATIVE[name],))
    return Day("weekday", *word.span(), (WEEKDAYS[name],)) if word[0][0].isupper() else None


def _keys(year: int, month: int, day: int) -> tuple[Hashable, ...]:
    """None for a day that no calendar has: it is a date all the same, and nothing will know it."""
    try:
        return (date(year, month, day),)
    except ValueError:
        return ()


def _day(at: re.Match[str], orders: list[tuple[int, int, int]], *, is_sure: bool = False) -> Day | None:
    keys = tuple(key for year, month, day in orders for key in _keys(year, month, day))
    return Day("date", *at.span(), keys) if keys or is_sure else None


_LOOK = 12
_ISO = re.compile(r"(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)(?!\d)(?:T\d\d:\d\d[\d:.+Z]{0,20})?")
_DOTTED = re.compile(r"(?P<a>\d{1,2})(?P<mark>[./])(?P<b>\d{1,2})(?P=mark)(?P<y>\d{4}|\d\d)(?!\d)")
_DAY_BEFORE = re.compile(r"(?<!\d)(?P<d>\d{1,2})(?:st|nd|rd|th|\.)?(?: of)?[ \u00a0-]$", re.IGNORECASE)
_YEAR_AFTER = re.compile(r"\.?,?[ \u00a0-](?P<y>\d{4})(?!\d)")
_DAY_AFTER = re.compile(
    r"\.?[ \u00a0](?:the )?(?P<d>\d{1,2})(?:st|nd|rd|th)?\b(?:,? (?P<y>\d{4})(?!\d))?", re.IGNORECASE
)
