"""Vehicles and who drives them: identification number, plate, driving licence."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from guardrails.findings import Confidence
from guardrails.pii.candidates import CHECKED, FORMED, NAMED, Candidate
from guardrails.pii.passage import Passage, words_of

VIN, PLATE, DRIVER = "VEHICLE_IDENTIFICATION_NUMBER", "LICENSE_PLATE", "DRIVER_ID"
TYPES = frozenset({VIN, PLATE, DRIVER})
VIN_FORM = re.compile(r"[A-HJ-NPR-Za-hj-npr-z0-9]{17}(?![A-Za-z0-9])")
VIN_WORDS = re.compile(r"\b(?:vin|chassis|vehicle|car|frame number)\b")
VIN_LENGTH = 17
# ISO 3779 with the check digit of 49 CFR 565.15: letters as digits, and each place's weight.
VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", map(int, "123456781234579234567890123456789"), strict=True))
WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
CHECK_PLACE = 8
REACH = 60  # characters from the word to the value
GAP = re.compile(r"(?:[ \t:=#\"'(\-]|\b(?:is|was|are|number|no|num|nr|my|the|of|for|car|plate|card)\b\.?){0,10}")
PLATE_START = re.compile(
    r"\b(?:licen[cs]e plates?|number ?plates?|plates?(?= ?(?:numbers?|no|is|:|#))|registration(?= ?(?:numbers?|no|"
    r"plate|is|:|#))|(?:vehicle|car) reg(?:istration)?|reg(?= ?(?:numbers?|no|plate|:|#))|tag number|kennzeichen)\b"
)
PLATE_FORM = re.compile(
    r"(?<![A-Za-z0-9])(?=[A-Z0-9 \-]{0,8}[0-9])(?=[A-Z0-9 \-]{0,8}[A-Z])[A-Z0-9]{1,8}"
    r"(?:[ \-][A-Z0-9]{1,5}){0,3}(?![A-Za-z0-9])"
)
PLATE_LENGTHS = range(4, 11)
DRIVER_START = re.compile(
    r"(?:\bdriv(?:er'?s?|ers'|ing)[ \-]?(?:licen[cs]e|permit|id)|\blicen[cs]e (?=number|no|nr|#|is|:|id)|"
    r"\bd\.?l\.? ?(?=number|no|nr|#|is|:)|\bdvla|\bf[uü]hrerschein)"
)
DRIVER_FORM = re.compile(r"(?=[A-Z0-9*\-]{0,18}[0-9])[A-Za-z0-9][A-Za-z0-9*\-]{4,19}(?![A-Za-z0-9])")
DVLA = re.compile(
    r"(?=[A-Z])[A-Z9]{5} ?[0-9][0156][0-9](?:0[1-9]|[12][0-9]|3[01])[0-9] ?[A-Z9]{2}[A-Z0-9][A-Z]{2}(?![A-Za-z0-9])"
)


def find_vehicles(passage: Passage, types: Collection[str]) -> Iterator[Candidate]:
    if not passage.has_digits:
        return
    if VIN in types:
        yield from find_vins(passage)
    if PLATE in types and not passage.words.isdisjoint(PLATE_TRIGGERS):
        yield from find_named(passage, PLATE, PLATE_START, PLATE_FORM)
    if DRIVER in types:
        yield from find_british(passage)
        if not passage.words.isdisjoint(DRIVER_TRIGGERS):
            yield from find_named(passage, DRIVER, DRIVER_START, DRIVER_FORM)


PLATE_TRIGGERS = words_of("plate plates numberplate numberplates registration reg tag kennzeichen")
DRIVER_TRIGGERS = words_of("driver drivers driving licence license dl dvla permit führerschein hrerschein")


def find_british(passage: Passage) -> Iterator[Candidate]:
    for start, _ in passage.codes:
        match = DVLA.match(passage.text, start) or (
            DVLA.match(passage.text, start - 6) if start >= passage.base + 6 else None
        )
        if match and not (match.start() and passage.text[match.start() - 1].isalnum()):
            yield Candidate(DRIVER, match.start(), match.end(), FORMED, "The form of a British driving licence.")


def find_vins(passage: Passage) -> Iterator[Candidate]:
    for start, end in passage.codes:
        match = VIN_FORM.match(passage.text, start) if end - start == VIN_LENGTH else None
        if not match:
            continue
        written = match.group().upper()
        if written.isdigit() or written.isalpha():
            continue
        if check_digit(written) == written[CHECK_PLACE]:
            yield Candidate(VIN, match.start(), match.end(), CHECKED, "The check digit of a vehicle's number is right.")
        elif VIN_WORDS.search(passage.near(match.start())):
            why = "The form of a vehicle's number, and a word for it stands before it."
            yield Candidate(VIN, match.start(), match.end(), NAMED, why, Confidence.MEDIUM)


def check_digit(vin: str) -> str:
    rest = sum(VALUES[sign] * weight for sign, weight in zip(vin, WEIGHTS, strict=True)) % 11
    return "X" if rest == 10 else str(rest)


def find_named(passage: Passage, name: str, start: re.Pattern[str], form: re.Pattern[str]) -> Iterator[Candidate]:
    for word in start.finditer(passage.lower):
        gap = GAP.match(passage.lower, word.end())
        match = form.match(passage.text, gap.end() if gap else word.end())
        if match and match.start() >= passage.base and match.start() - word.start() <= REACH:
            written = re.sub(r"[ \-*]", "", match.group())
            if name == DRIVER or (len(written) in PLATE_LENGTHS and not written.isdigit() and not written.isalpha()):
                yield Candidate(
                    name, match.start(), match.end(), NAMED + 1, "A word for it stands before it.", Confidence.MEDIUM
                )
