"""Whether a date or a span of time is known, or follows from one that is and the day of the conversation."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from datetime import date, timedelta

from guardrails.values.forms import Value, values_in
from guardrails.values.index import Index, Known
from guardrails.values.sentences import Sentence
from guardrails.values.words import SAME_SPAN

_FURTHEST = 400  # days from today that a worked-out date or span may lie
_NEAR = 14  # days within which a bare weekday is looked for
_DAYS = {"day": 1, "week": 7}

# What makes "tomorrow" or "on Monday" a statement, rather than a manner of speaking.
_STATES = re.compile(
    r"arriv|deliver|ship|reach|expect|refund|dispatch|receiv|\bget\b|return|due\b|expire|\bends?\b|ended|cancel|place[ds]|"
    r"order|charge|paid|process|contact you|call you|open|back to you",
    re.IGNORECASE,
)
_FROM_NOW = re.compile(r"\bago\b|\bin\b|\bsince\b|\bleft\b|remain|\bfor\b|another|\bmore\b", re.IGNORECASE)
_TODAY = re.compile(r"\btoday\b|\bas of\b|\bnow\b|\bcurrent", re.IGNORECASE)
# What a date is of: in a sentence, and by its name in a result.
_ROLES = {
    "delivered": re.compile(r"\b(?:delivered|arrived|received)\b", re.IGNORECASE),
    "placed": re.compile(r"\b(?:placed|ordered|bought|purchased)\b", re.IGNORECASE),
    "expected": re.compile(
        r"\b(?:expected|estimated|scheduled)\b|\b(?:will|should) (?:arrive|be delivered)\b", re.IGNORECASE
    ),
    "until": re.compile(r"\b(?:until|ended|ends|expire[ds]?|deadline|last day)\b", re.IGNORECASE),
}
_KEYS = {
    "delivered": re.compile(r"deliver(?:ed|y_?date)|arrived|received"),
    "placed": re.compile(r"placed|ordered|purchase|created"),
    "expected": re.compile(r"expected|estimat|scheduled|eta\b|delivery"),
    "until": re.compile(r"until|deadline|expir|ends?_|due"),
}
_AT_MOST = re.compile(
    r"\bup to\b|\bwithin\b|at most|maxim|no (?:more|later) than|at the latest|\binside\b|less than", re.IGNORECASE
)
_AT_LEAST = re.compile(r"\bat least\b|as little as|\bfrom\b|minim|as (?:early|soon) as|earliest", re.IGNORECASE)
_ASKS = re.compile(r"^(?:please|try|feel free|write|have a|enjoy|see you)|\btry again|\bplease\b", re.IGNORECASE)


def is_date_known(index: Index, value: Value, today: date, sentence: Sentence) -> tuple[list[Known], str] | None:
    """What knows it, and how it follows; None where nothing is stated."""
    if value.kind in {"weekday", "relative"}:
        if sentence.is_question or not _STATES.search(sentence.text) or _ASKS.search(sentence.text):
            return None
        known = index.find(value.kind, value.keys)
        days = _days_meant(value, today)
        known += [one for day in days for one in index.dates.get(day, ())]
    else:
        known = [one for key in value.keys for one in _at(index, key)]
        days = [day for key in value.keys for day in _days_of(key, today)]
    if not known and today in days and _TODAY.search(sentence.text):
        return [], "today"
    return known, "" if known else _worked_out(index, set(days), today, _spans_said(sentence))


def is_of_another_kind(known: list[Known], said_before: str) -> Known | None:
    """The date's own place, where a result has it for something else: "delivered on" of the day of the order."""
    asked = _role_of(said_before)
    named = [one for one in known if one.kind == "result"]
    if not asked or not named or any(_KEYS[asked].search(one.key) for one in named):
        return None
    return named[0] if all(any(pattern.search(one.key) for pattern in _KEYS.values()) for one in named) else None


def _role_of(words: str) -> str:
    """What the last words before a date speak of."""
    found = [(at.end(), role) for role, pattern in _ROLES.items() for at in pattern.finditer(words)]
    return max(found)[1] if found else ""


def is_span_known(index: Index, value: Value, today: date, sentence: Sentence) -> tuple[list[Known], str]:
    """Of the same unit; a day may be a working day."""
    known = [one for one in index.find("duration", value.keys) if one.unit == value.unit]
    low, high = _ends(value)
    if low == high and not known:
        known = [one for one in _as_bound(index, low, sentence) if one.unit == value.unit]
    if known:
        return known, ""
    for factor, unit in [SAME_SPAN[value.unit]] if value.unit in SAME_SPAN else []:
        same = index.find("duration", ((low * factor, high * factor),))
        known += [one for one in same if one.unit == unit]
    for unit, (factor, smaller) in SAME_SPAN.items():
        if smaller == value.unit and low % factor == 0 == high % factor:
            same = index.find("duration", ((low // factor, high // factor),))
            known += [one for one in same if one.unit == unit]
    if known:
        return known, ""
    if value.unit in _DAYS and low == high and _FROM_NOW.search(sentence.text):
        span = low * _DAYS[value.unit]
        for day in (today - timedelta(days=span), today + timedelta(days=span)):
            if span < _FURTHEST and day in index.dates:
                return [], f"{span} days from {index.dates[day][0].place}'s {day}"
    return [], ""


def _as_bound(index: Index, number: int, sentence: Sentence) -> list[Known]:
    """ "Within 5 days" of a source's "3 to 5 days"."""
    most = index.find("most", [number]) if _AT_MOST.search(sentence.text) else []
    return [*most, *(index.find("least", [number]) if _AT_LEAST.search(sentence.text) else [])]


def _at(index: Index, key: Hashable) -> list[Known]:
    """A day with its year is borne out by one that is given without, where none is given with it."""
    if isinstance(key, date):
        return list(index.dates.get(key, ())) or index.find("date", [("md", key.month, key.day)])
    return [*index.find("date", [key]), *index.find("dated", [key])]


def _days_meant(value: Value, today: date) -> list[date]:
    at = value.keys[0]
    if not isinstance(at, int):
        return []
    if value.kind == "relative":
        return [today + timedelta(days=at)]
    near = (today + timedelta(days=days) for days in range(-_NEAR, _NEAR + 1))
    return [day for day in near if day.weekday() == at]


def _worked_out(index: Index, wanted: set[date], today: date, spans_said: set[int]) -> str:
    """A known day and a span after it: one that the sentence names, or one of the same result."""
    for start, known in [(today, []), *index.dates.items()]:
        owners = {one.owners for one in known if one.owners}
        for span, whose in _spans(index):
            if start + timedelta(days=span) in wanted and (span in spans_said or whose in owners):
                return f"{span} days from {start}"
    return ""


def _days_of(key: object, today: date) -> Iterator[date]:
    if isinstance(key, date):
        yield key
    elif isinstance(key, tuple) and key[0] == "md":
        for year in (today.year - 1, today.year, today.year + 1):
            try:
                yield date(year, key[1], key[2])
            except ValueError:
                continue


def _spans(index: Index) -> Iterator[tuple[int, frozenset[str]]]:
    """In days, each with the orders whose it is."""
    for (kind, key), known in index.known.items():
        if kind == "duration" and isinstance(key, tuple) and key[0] == key[1]:
            for one in known:
                if one.is_firm and one.unit in _DAYS and key[0] * _DAYS[one.unit] < _FURTHEST:
                    yield key[0] * _DAYS[one.unit], one.owners


def _spans_said(sentence: Sentence) -> set[int]:
    ends = [(_ends(value)[1], value.unit) for value in values_in(sentence.text) if value.kind == "duration"]
    return {span * _DAYS[unit] for span, unit in ends if unit in _DAYS}


def _ends(value: Value) -> tuple[int, int]:
    low, high = value.keys[0] if isinstance(value.keys[0], tuple) else (0, 0)
    return int(low), int(high)
