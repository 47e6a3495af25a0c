"""Finds the values in a text: amounts, dates, ids, addresses, by their form and their neighbours.

A text is gone through once per family of values, and then from numeral to numeral; nothing here grows faster than the
text. English and German words, ISO dates, numbers in both notations.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from guardrails.values.days import figures_at, month_at, word_at
from guardrails.values.words import (
    CODES,
    COUNTED,
    CURRENCY_WORDS,
    DOLLARS,
    MEASURES,
    MONTHS,
    NUMBERS,
    RELATIVE,
    SYMBOLS,
    UNITS,
    WEEKDAYS,
)

_LOOK = 32  # characters looked at on either side of a numeral
_TOKEN_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Value:
    """`keys`: what it may be read as ("1.250" is two numbers); `unit` a currency's code, or day, week, month, year."""

    kind: str
    said: str
    start: int
    end: int
    keys: tuple[Hashable, ...]
    unit: str = ""


@lru_cache(maxsize=512)
def values_in(text: str) -> tuple[Value, ...]:
    """In order of their places, none inside another."""
    found: list[Value] = []
    for family in (_addresses, _phones, _spoken):
        for value in family(text):
            if _is_free(value.start, value.end, found):
                found.append(value)
    found += list(_numerals(text, found))
    return tuple(sorted(found, key=lambda value: value.start))


def read_amounts(written: str) -> tuple[Decimal, ...]:
    """The numbers that "1,250.00", "12,50" or "1.250" may stand for."""
    plain = re.sub("[\\s'\u2019]", "", written)
    comma, dot = plain.rfind(","), plain.rfind(".")
    if comma < 0 and dot < 0:
        return (Decimal(plain),)
    if comma >= 0 and dot >= 0:
        thousands, point = (",", ".") if dot > comma else (".", ",")
        return _decimals(plain.replace(thousands, "").replace(point, "."))
    mark = "," if comma >= 0 else "."
    parts = plain.split(mark)
    if len(parts) > 2:
        return _decimals(plain.replace(mark, ""))
    if len(parts[1]) == 3 and mark == "," and parts[0] != "0":
        return _decimals("".join(parts))
    if len(parts[1]) == 3 and parts[0] != "0":
        return (*_decimals(".".join(parts)), *_decimals("".join(parts)))
    return _decimals(".".join(parts))


def id_key(written: str) -> str:
    return written.lstrip("#").casefold()


def same_currency(one: str, other: str) -> bool:
    return not one or not other or one == other or ("$" in {one, other} and {one, other} <= DOLLARS)


# -- addresses and telephones


def _addresses(text: str) -> Iterator[Value]:
    if "@" in text:
        for at in _EMAIL.finditer(text):
            yield Value("email", at[0], at.start(), at.end(), (at[0].casefold(),))
    if "://" in text or "www." in text.lower():
        for at in _LINK.finditer(text):
            said = at[0].rstrip(".,;:!?)]}>'\"*")
            yield Value("link", said, at.start(), at.start() + len(said), (said,))
    if _TOP_LEVEL.search(text):
        for at in _BARE_HOST.finditer(text):
            yield Value("link", at[0], at.start(), at.end(), (at[0],))


def _phones(text: str) -> Iterator[Value]:
    if "+" in text:
        for at in _INTERNATIONAL.finditer(text):
            digits = re.sub(r"\D", "", at[0])
            if 7 <= len(digits) <= 15:
                yield Value("phone", at[0], at.start(), at.end(), (digits,))


def _spoken(text: str) -> Iterator[Value]:
    """What a word begins or holds: "14 November", "Monday", "tomorrow", "five working days"."""
    for word in _WORD.finditer(text):
        match _TELLING.get(word[0].lower()):
            case "month":
                day = month_at(text, word)
            case "day":
                day = word_at(word)
            case "number":
                yield from _worded(text, word)
                continue
            case _:
                continue
        if day is not None:
            yield Value(day.kind, text[day.start : day.end], day.start, day.end, day.keys)


def _worded(text: str, word: re.Match[str]) -> Iterator[Value]:
    at = _WORDED_SPAN.match(text, word.start())
    if at is not None:
        low = _number(at["low"])
        high = _number(at["high"]) if at["high"] else low
        yield Value("duration", at[0], at.start(), at.end(), ((low, high),), UNITS[at["unit"].lower()])


# -- numerals


def _numerals(text: str, taken: list[Value]) -> Iterator[Value]:
    free_from, before = 0, None
    for at in _NUMERAL.finditer(text):
        if at.start() < free_from or not _is_free(at.start(), at.end(), taken):
            continue
        value = _numeral(text, at, before)
        if value is not None:
            free_from, before = value.end, value
            yield value


def _numeral(text: str, at: re.Match[str], before: Value | None) -> Value | None:
    start, end = at.span()
    left, right = text[max(0, start - _LOOK) : start], text[end : end + _LOOK]
    is_joined = bool(left) and (left[-1].isalnum() or left[-1] in "_#")
    if not is_joined and (right[:1] in _IN_FIGURES or "." in at[0]) and (figures := _figures(text, start)):
        return figures
    if not is_joined or _CURRENCY_BEFORE.search(left[-6:]):
        for read in (_money, _percent, _span_of_time, _clock):
            value = read(text, at, left, right)
            if value is not None:
                return value
    return _id(text, at, left, before) or _bare(text, at, left, right)


def _figures(text: str, start: int) -> Value | None:
    """A date or a telephone number that begins there."""
    day = figures_at(text, start)
    if day is not None:
        return Value(day.kind, text[day.start : day.end], day.start, day.end, day.keys)
    phone = _AMERICAN.match(text, start)
    return Value("phone", phone[0], start, phone.end(), (re.sub(r"\D", "", phone[0]),)) if phone else None


def _money(text: str, at: re.Match[str], left: str, right: str) -> Value | None:
    before, after = _CURRENCY_BEFORE.search(left[-6:]), _CURRENCY_AFTER.match(right)
    if before is None and after is None:
        return None
    amounts = read_amounts(at[0])
    unit = ""
    for found in (after, before):
        unit = _currency(found["name"]) if found else unit
    if unit == "cent":
        amounts, unit = tuple(amount / 100 for amount in amounts), ""
    start = at.start() - (len(left[-6:]) - before.start("name")) if before else at.start()
    end = at.end() + (after.end("name") if after else 0)
    return Value("money", text[start:end], start, end, amounts, unit)


def _percent(text: str, at: re.Match[str], _left: str, right: str) -> Value | None:
    after = _PERCENT.match(right)
    if after is None:
        return None
    end = at.end() + after.end()
    return Value("percent", text[at.start() : end], at.start(), end, read_amounts(at[0]))


def _span_of_time(text: str, at: re.Match[str], left: str, right: str) -> Value | None:
    after = _SPAN.match(right)
    if after is None or not at[0].isdigit() or len(at[0]) > 4:
        return None
    low, start = int(at[0]), at.start()
    high = int(after["high"]) if after["high"] else low
    if after["high"] is None and (first := _RANGE_BEFORE.search(left)):
        low, start = int(first["low"]), at.start() - (len(left) - first.start())
    end = at.end() + after.end()
    return Value("duration", text[start:end], start, end, ((low, high),), UNITS[after["unit"].lower()])


def _clock(text: str, at: re.Match[str], _left: str, right: str) -> Value | None:
    after = _CLOCK.match(right)
    if after is None or not at[0].isdigit() or len(at[0]) > 2 or int(at[0]) > 23:
        return None
    half = (after["half"] or after["noon"] or "").lower().replace(".", "")
    hour = int(at[0]) % 12 + (12 if half == "pm" else 0) if half in {"am", "pm"} else int(at[0])
    end = at.end() + after.end()
    return Value("time", text[at.start() : end], at.start(), end, (hour * 60 + int(after["minutes"] or 0),))


def _id(text: str, at: re.Match[str], left: str, before: Value | None) -> Value | None:
    """A number or a token that names something: "#W2378156", "RF-000001", "order 1042", "mei_kovacs_8020"."""
    start, end = _token(text, at.start(), at.end())
    said = text[start:end]
    if ("end" in left or "last" in left.lower()) and _ENDING.search(left):
        return Value("ending", at[0], at.start(), at.end(), (at[0],))
    named = _ID_WORD.search(text[max(0, start - _LOOK) : start])
    kind = named["what"].lower().rstrip("s").replace("bestellung", "order") if named else ""
    if before and before.kind == "order" and _LIST_GAP.fullmatch(text[before.end : start]):
        kind = "order"
    digits = sum(character.isdigit() for character in said)
    is_named = kind and digits >= (1 if not said.isdigit() else 3)
    if said.startswith("#") and digits >= 3:
        return Value(kind if kind in _KINDS else "order", said, start, end, (id_key(said),))
    if is_named and at[0].isdigit() and not (said[0].isdigit() and _MEASURED.fullmatch(said)):
        return Value(kind if kind in _KINDS else "id", said, start, end, (id_key(said),))
    if said.isdigit():
        return Value("id", said, start, end, (said,)) if digits >= 5 else None
    is_id = digits >= 3 and len(said) >= 5 and not _MEASURED.fullmatch(said) and at[0].isdigit()
    return Value("id", said, start, end, (id_key(said),)) if is_id else None


def _bare(text: str, at: re.Match[str], left: str, right: str) -> Value | None:
    """A number without a name: an amount by its two decimals, a count, or four digits that are no year."""
    said, (start, end) = at[0], at.span()
    if (left and (left[-1].isalnum() or left[-1] in "_-/.")) or (right and (right[0].isalpha() or right[0] in "_/")):
        return None
    if re.fullmatch(r"\d+(?:[.,]\d{3})*[.,]\d\d", said) and not _MEASURE_AFTER.match(right):
        return Value("money", said, start, end, read_amounts(said))
    counted = _COUNTED.match(right)
    if counted and said.isdigit() and len(said) < 4:
        return Value("count", said, start, end, (int(said),), counted["what"].lower())
    if re.fullmatch(r"\d{4}|\d{1,3}(?:,\d{3})+", said) and not _MEASURE_AFTER.match(right) and right[:1] != "-":
        number = read_amounts(said)[0]
        if not 1900 <= number <= 2100:
            return Value("number", said, start, end, (number,))
    return None


def _token(text: str, start: int, end: int) -> tuple[int, int]:
    """The word that a numeral is part of."""
    if not _JOINED.search(text[max(0, start - 1) : start] + " " + text[end : end + 1]):
        return start, end
    first, last = max(0, start - _TOKEN_LENGTH), min(len(text), end + _TOKEN_LENGTH)
    while start > first and (text[start - 1].isalnum() or text[start - 1] in "_-#"):
        start -= 1
    while end < last and (text[end].isalnum() or text[end] in "_-"):
        end += 1
    while text[start] == "-":
        start += 1
    while text[end - 1] in "_-":
        end -= 1
    return start, end


# -- small readings


def _is_free(start: int, end: int, taken: list[Value]) -> bool:
    return all(end <= value.start or start >= value.end for value in taken)


def _decimals(plain: str) -> tuple[Decimal, ...]:
    return (Decimal(plain),) if plain.count(".") < 2 else ()


def _currency(name: str) -> str:
    return SYMBOLS.get(name.upper()) or CURRENCY_WORDS.get(name.lower()) or name.upper()


def _number(word: str) -> int:
    return int(word) if word.isdigit() else NUMBERS[word.lower()]


_KINDS = frozenset({"order", "refund", "return", "ticket", "tracking", "invoice"})
_SIGNS = "|".join(re.escape(sign) for sign in sorted(SYMBOLS, key=len, reverse=True))
_CODE = "|".join(CODES)
_CURRENCY = "|".join(CURRENCY_WORDS)
_NUMBER_WORD = "|".join(NUMBERS)
_UNIT = "|".join(sorted(UNITS, key=len, reverse=True))
_TELLING = {
    **dict.fromkeys(MONTHS, "month"),
    **dict.fromkeys((*WEEKDAYS, *RELATIVE), "day"),
    **dict.fromkeys(NUMBERS, "number"),
}
_WORD = re.compile(r"[^\W\d_]{3,}")
_KIND_OF_DAY = r"(?:(?:working|business|calendar|full|more|consecutive|week)[\s-]?)?"

_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"'`]{1,2000}", re.IGNORECASE)
_DOMAINS = "com|net|org|io|de|eu|shop|store|co|info|biz|uk|fr|at|ch|app|dev|link|example"
_TOP_LEVEL = re.compile(rf"\.(?:{_DOMAINS})\b", re.IGNORECASE)
_BARE_HOST = re.compile(
    rf"(?<![\w@./-])(?:[a-z0-9-]{{1,63}}\.){{1,4}}(?:{_DOMAINS})(?:/[^\s<>\"'`),.;]{{0,500}})?(?![\w@])",
    re.IGNORECASE,
)
_INTERNATIONAL = re.compile(r"\+\d[\d\s()./-]{6,22}\d")
_AMERICAN = re.compile(r"\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}\b")
_NUMERAL = re.compile(r"\d{1,3}(?:[ \u00a0\u202f]\d{3})+,\d\d(?=\s?(?:€|EUR))|\d+(?:[.,'\u2019]\d+)*")
_CURRENCY_BEFORE = re.compile(rf"(?P<name>{_SIGNS}|(?<![A-Za-z])(?:{_CODE}))\s?[-\u2212]?$")
_CURRENCY_AFTER = re.compile(rf"\s?(?P<name>[€$£¥₹]|(?:{_CODE})\b|(?i:{_CURRENCY})\b)")
_IN_FIGURES = frozenset({"-", "/", " ", "."})
_JOINED = re.compile(r"[\w#-]")
_PERCENT = re.compile(r"\s?(?:%|percent\b|per cent\b|prozent\b)", re.IGNORECASE)
_SPAN = re.compile(
    rf"(?:\s?(?:-|\u2013|to|or|bis)\s?(?P<high>\d{{1,3}}))?[\s-]?{_KIND_OF_DAY}(?P<unit>{_UNIT})\b", re.IGNORECASE
)
_RANGE_BEFORE = re.compile(r"\b(?P<low>\d{1,3})\s?(?:-|\u2013|to|or|bis)\s?$")
_CLOCK = re.compile(
    r":(?P<minutes>[0-5]\d)(?::[0-5]\d)?\s?(?P<half>[ap]\.?m\b)?|\s?(?P<noon>[ap]\.?m\b)", re.IGNORECASE
)
_WORDED_SPAN = re.compile(
    rf"(?P<low>{_NUMBER_WORD})(?:\s?(?:-|\u2013|to|or|bis)\s?(?P<high>{_NUMBER_WORD}|\d{{1,3}}))?[\s-]{_KIND_OF_DAY}"
    rf"(?P<unit>{_UNIT})\b",
    re.IGNORECASE,
)
_ID_WORD = re.compile(
    r"\b(?P<what>orders?|bestellung|refunds?|returns?|tickets?|cases?|references?|ref|confirmation|tracking|invoices?|"
    r"accounts?|parcel|package|shipment|number|code|id|sku)"
    r"(?:[\s:.#]|number|code|id|no\b|nr\b|is\b|are\b|reference)*[\s:#(\"'*-]*$",
    re.IGNORECASE,
)
_LIST_GAP = re.compile(r"(?:,|, and|and| and| or|, or| und| &)? ?\s{0,2}")
_ENDING = re.compile(r"(?:ending|ends|last (?:four|4)(?: digits)?)(?: in| with| on| are)?:?[\s*•x]*$", re.IGNORECASE)
_MEASURED = re.compile(
    rf"\d+-?{MEASURES}(?:-[a-z]+)?|\d+[x\u00d7]\d+\w{{0,4}}|\d+(?:st|nd|rd|th|s|p)|\d+-[a-z]+|[a-z]{{1,6}}-?\d{{1,2}}",
    re.IGNORECASE,
)
_MEASURE_AFTER = re.compile(rf"[\s-]?{MEASURES}\b", re.IGNORECASE)
_COUNTED = re.compile(rf"\s(?:\w+\s)?(?P<what>{'|'.join(sorted(COUNTED, key=len, reverse=True))})\b", re.IGNORECASE)
