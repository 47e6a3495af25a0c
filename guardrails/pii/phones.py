"""Telephone numbers. A bare run of digits is an order's number in a shop: it needs a plus, the grouping of a country,
or a word that says what it is."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneMetadata

from guardrails.findings import Confidence
from guardrails.pii.candidates import FORMED, LIKELY, NAMED, Candidate
from guardrails.pii.passage import Passage, Run

PHONE = "PHONE"
TYPES = frozenset({PHONE})
SHORTEST, LONGEST = 7, 15  # E.164 has at most 15 digits
# Whose numbers are known in the form that they have at home, where a word says that it is a telephone's.
REGIONS = (
    *("US", "GB", "DE", "FR", "IL", "IN", "CA", "BR", "IE", "AU", "NZ", "ZA", "SG", "HK", "AT", "CH", "BE", "NL", "LU"),
    *("IT", "ES", "PT", "DK", "SE", "NO", "FI", "PL", "CZ", "AE", "MX", "AR", "CL", "CO", "JP", "KR", "CN", "TR", "GR"),
)
KINDS = ("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "uan", "pager")
NOUNS = (
    r"(?:tele)?phones?|tel|mobile|mob|cell(?:phone|ular)?|fax|desk|landline|whats ?app|hotline|helpline|sms|handy|"
    r"telefon"
)
VERBS = r"call|calling|ring|text|dial|phone|reach|contact|message|fax"
PHONE_WORDS = re.compile(rf"\b(?:{NOUNS}|{VERBS}|called|rang|registered|numbers?)\b")
# Directly before the number: "call me back on", "Mobile:", "phone number is", "my number is".
LABEL = re.compile(
    rf"(?:\b(?:{NOUNS})[ .:#=*|-]*(?:(?:numbers?|no|nr|num)\b[ .:#=*|-]*)?(?:is|was|at|on|to|:)?"
    rf"|\b(?:{VERBS})(?: (?:me|us|him|her|them|back|up|you|customer service))* ?(?:on|at|back|via|under|to)?:?"
    r"|\bregistered(?: (?:number|no|mobile|phone))?:?|\b(?:home|work|office|desk|direct)\.?:)[ (\"'*]*$"
)
NUMBER_STATED = re.compile(r"\b(?:numbers?|no|nr)\b\.?(?: ?[:=]| is| was)[ (\"'*]*$")
NUMBER_LABEL = re.compile(r"\b(?:number|no|nr)\b\.?[ :=]*(?:is|was)?[ :=]*[(\"']*$")
STATED = re.compile(r"(?:numbers?|no|nr|num|#|is|:|=|on|at|to|under|via|me|us)[ .:(\"'*]*$")
OTHER_NUMBERS = re.compile(
    r"\b(?:orders?|tracking|track|account|acct|card|customer|client|member(?:ship)?|policy|passport|id|ids|licen[cs]e|"
    r"routing|serial|model|part|items?|sku|invoice|ref|reference|case|ticket|confirmation|security|insurance|booking|"
    r"loyalty|voucher|vat|tax|nhs|sin|ssn|itin|iban|bank|parcel|shipment|transaction|product|article|isbn|ean|upc|imei|"
    r"version|batch|lot|p\.?o|return|rma|postal|zip)\b"
)
EXTENSION = re.compile(r" ?(?:x|ext\.?|extension)[ .:]?[0-9]{1,6}(?![A-Za-z0-9])", re.IGNORECASE)
FRENCH = re.compile(r"0[1-9](?:[0-9]{2}){4}")
BRITISH_MOBILE = re.compile(r"07[0-9]{9}")  # also those that Ofcom keeps for plays
US_SHAPES = {(3, 3, 4), (1, 3, 3, 4)}


def find_phones(passage: Passage, types: Collection[str]) -> Iterator[Candidate]:
    for run in passage.runs:
        if run.end - run.start >= SHORTEST and not has_letter_around(run):
            found = find_international(passage, run) or find_stated(passage, run)
            yield from [found] if found else find_by_shape(passage, run)


def has_letter_around(run: Run) -> bool:
    """Inside a word; an extension may follow."""
    return not run.is_bounded(0, len(run.groups) - 1) and run.tail[:1] not in {"x", "e", "X", "E"}


def find_international(passage: Passage, run: Run) -> Candidate | None:
    written = passage.text[run.start : run.end]
    plus = written.find("+")
    is_zeros = run.groups[0].digits.startswith("00") and run.groups[0].digits[2:3] != "0"
    if plus < 0 and not is_zeros:
        return None
    for last, digits in prefixes(run):
        number = digits if plus >= 0 else digits[2:]
        if len(number) >= SHORTEST and is_international(number, is_sure=plus >= 0):
            start = run.start + max(plus, 0) if plus >= 0 else run.groups[0].start
            why = "A country's code and a number that is possible there."
            return candidate(passage, start, run.groups[last].end, rank=FORMED + 5, why=why)
    return None


def prefixes(run: Run) -> Iterator[tuple[int, str]]:
    """The run's first groups as (the last group's index, digits), the longest first."""
    digits, found = "", []
    for index, group in enumerate(run.groups):
        digits += group.digits
        if len(digits) > LONGEST + 3:
            break
        if len(digits) >= SHORTEST:
            found.append((index, digits))
    return reversed(found)


def is_international(digits: str, *, is_sure: bool) -> bool:
    try:
        # "+41 (0)71": the zero is dialled at home alone.
        number = phonenumbers.parse(f"+{digits}", None)
    except phonenumbers.NumberParseException:
        return False
    if phonenumbers.is_valid_number(number):
        return True
    is_trunk_zero = digits[2:3] == "0" and phonenumbers.is_possible_number(
        phonenumbers.PhoneNumber(country_code=number.country_code, national_number=int(digits[3:] or "0"))
    )
    return is_sure and len(digits) >= 10 and (is_trunk_zero or phonenumbers.is_possible_number(number))


def find_stated(passage: Passage, run: Run) -> Candidate | None:
    """What a word before it calls a telephone: right beside it in any form, farther off in the form of a country."""
    around = passage.near(run.start)
    if not PHONE_WORDS.search(around) or is_date(run):
        return None
    is_other = OTHER_NUMBERS.search(around) is not None
    is_grouped = len(run.groups) > 1
    number_label = NUMBER_LABEL if is_grouped else NUMBER_STATED
    is_labelled = LABEL.search(around) is not None or (number_label.search(around) is not None and not is_other)
    if not is_labelled and is_other:
        return None
    first = run.groups[0].start
    start = run.start if passage.text[run.start] == "(" else first
    if not is_grouped and not (is_labelled and STATED.search(around)):
        return None
    for last, digits in prefixes(run):
        if is_national(digits) and run.is_bounded(0, last):
            why = "A word for a telephone stands before it, and a country has such numbers."
            return candidate(passage, start, run.groups[last].end, rank=NAMED, why=why)
    if is_labelled and (reach := next(prefixes(run), None)):
        last, digits = reach
        if len(digits) <= LONGEST and run.is_whole(0, last):
            why = "It is called a telephone number."
            return candidate(passage, start, run.end, rank=NAMED, why=why, confidence=Confidence.MEDIUM)
    return None


def is_date(run: Run) -> bool:
    sizes = tuple(len(group.digits) for group in run.groups[:3])
    first, last = run.groups[0].digits, run.groups[min(2, len(run.groups) - 1)].digits
    if sizes in {(4, 2, 2), (4, 1, 2), (4, 2, 1), (4, 1, 1)}:
        return first.startswith(("19", "20"))
    if len(sizes) == 3 and max(sizes[:2]) <= 2 and sizes[2] == 4:
        return last.startswith(("19", "20")) and run.gaps[0] in {".", "/", "-"}
    return sizes == (4, 4) and first.startswith(("19", "20")) and last.startswith(("19", "20"))


def find_by_shape(passage: Passage, run: Run) -> Iterator[Candidate]:
    """Groupings that are a telephone's and nothing else's: North America, Britain, France."""
    if is_date(run):
        return
    for first in range(len(run.groups)):
        for size in (4, 3):
            window = run.groups[first : first + size]
            shape = tuple(len(group.digits) for group in window)
            if shape in US_SHAPES and is_american(run, first, size) and not says_other(passage, window[0].start):
                start = opening(passage.text, run, window[0].start)
                why = "Grouped as in North America, and valid there."
                yield candidate(passage, start, window[-1].end, rank=LIKELY, why=why)
    digits = "".join(group.digits for group in run.groups[:8])
    start, end = opening(passage.text, run, run.groups[0].start), run.end
    if not 2 <= len(run.groups) <= 6 or digits[0] != "0" or says_other(passage, start):
        return
    if len(run.groups) == 5 and FRENCH.fullmatch(digits) and len(set(run.gaps)) == 1:
        yield candidate(passage, start, end, rank=LIKELY, why="Grouped as in France.")
    elif (
        set(run.gaps) <= {" ", ") ", "-"}
        and len(digits) in {10, 11}
        and (BRITISH_MOBILE.fullmatch(digits) or forms_of("GB").fullmatch(digits))
    ):
        yield candidate(passage, start, end, rank=LIKELY, why="Grouped and valid as in Britain.")


def opening(text: str, run: Run, start: int) -> int:
    return start - 1 if start > run.start and text[start - 1] == "(" else start


def is_american(run: Run, first: int, size: int) -> bool:
    digits = "".join(group.digits for group in run.groups[first : first + size])
    gaps = run.gaps[first : first + size - 1]
    is_even = gaps[-1] in {"-", ".", " ", " - "} and all(gap == gaps[-1] or ")" in gap for gap in gaps[-2:])
    is_mixed = gaps[-1] == "-" and gaps[-2] in {" ", ") ", ")", ")-"}
    is_free = run.is_bounded(first, first + size - 1) or run.tail[:1] in {"x", "e"}
    if " " in gaps and not any(mark in gap for gap in gaps for mark in "-)"):
        is_free = is_free and run.is_whole(first, first + size - 1)
    return (is_even or is_mixed) and is_free and forms_of("US").fullmatch(digits) is not None


def says_other(passage: Passage, start: int) -> bool:
    return OTHER_NUMBERS.search(passage.near(start, 24)) is not None


def is_national(digits: str) -> bool:
    return any(forms_of(region).fullmatch(digits) for region in REGIONS)


@lru_cache(maxsize=len(REGIONS))
def forms_of(region: str) -> re.Pattern[str]:
    """A region's valid numbers as they are dialled inside it, from the library's own table."""
    table = PhoneMetadata.metadata_for_region(region)
    if table is None:
        raise LookupError(f"no table of telephone numbers for {region!r}")
    kinds = [getattr(table, kind) for kind in KINDS]
    forms = {kind.national_number_pattern for kind in kinds if kind and kind.national_number_pattern}
    prefix = f"(?:{table.national_prefix})" + ("?" if region == "US" else "") if table.national_prefix else ""
    return re.compile(f"{prefix}(?:{'|'.join(sorted(forms))})")


def candidate(
    passage: Passage, start: int, end: int, *, rank: int, why: str, confidence: Confidence = Confidence.HIGH
) -> Candidate:
    """With the extension that may follow."""
    extension = EXTENSION.match(passage.text, end)
    return Candidate(PHONE, start, extension.end() if extension else end, rank, why, confidence)
