"""Numbers that a state gives to a person: social security, taxes, health, passports."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace

from stdnum import luhn
from stdnum.gb import nhs

from guardrails.findings import Confidence
from guardrails.pii.candidates import CHECKED, FORMED, LIKELY, NAMED, Candidate
from guardrails.pii.passage import Passage, Run

SSN, ITIN = "US_SOCIAL_SECURITY_NUMBER", "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER"
NHS, UTR = "UK_NATIONAL_HEALTH_SERVICE_NUMBER", "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER"
NINO = "UK_NATIONAL_INSURANCE_NUMBER"
SIN, CA_HEALTH = "CA_SOCIAL_INSURANCE_NUMBER", "CA_HEALTH_NUMBER"
PASSPORT = "US_PASSPORT_NUMBER"
TYPES = frozenset({SSN, ITIN, NHS, UTR, NINO, SIN, CA_HEALTH, PASSPORT})
NUMERIC = TYPES - {NINO, PASSPORT}
# Areas that are never given out, and three numbers of advertisements (Social Security Administration).
SSN_FORM = re.compile(r"(?!000|666|9)[0-9]{3}(?!00)[0-9]{2}(?!0000)[0-9]{4}")
SSN_VOID = frozenset({"078051120", "219099999", "457555462", "123456789", "987654320", "111111111"})
# IRS: the fourth and fifth digit are 50 to 65, 70 to 88, 90 to 92 or 94 to 99.
ITIN_FORM = re.compile(r"9[0-9]{2}(?:5[0-9]|6[0-5]|7[0-9]|8[0-8]|9[0-2]|9[4-9])[0-9]{4}")
NINO_FORM = re.compile(
    r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
    r"( ?)[0-9]{2}( ?)[0-9]{2}\2[0-9]{2}( ?)[A-D](?![A-Za-z0-9])",
    re.IGNORECASE,
)
PREFIX = re.compile(r"[A-Za-z]{2} (?=[0-9])")
PASSPORT_BESIDE = re.compile(r"\b(?:passports?|travel documents?)\b[^.,;!?]{0,25}$")
PASSPORT_FORM = re.compile(r"(?:[A-Za-z][0-9]{8}|[0-9]{9})(?![A-Za-z0-9]|[-.,][0-9])")
CARE_CARD = re.compile(r"(?<![A-Za-z0-9])[A-Z]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}(?![A-Za-z0-9])")
VERSION_CODE = re.compile(r"[ -]?[A-Z]{1,2}(?![A-Za-z0-9])")
WORDS = {
    SSN: re.compile(r"\b(?:ssns?|social security|soc(?:ial)? sec|my social|ss ?(?=#))"),
    ITIN: re.compile(r"\b(?:itin|individual taxpayer|tax ?(?:payer)? ?(?:id|number)(?:entification)?|taxpayer|tin)\b"),
    NHS: re.compile(r"\b(?:nhs|national health|health service|patient (?:number|id))\b"),
    UTR: re.compile(r"\b(?:utr|unique tax(?:payer)?|self[ -]assessment|hmrc)\b"),
    NINO: re.compile(r"\b(?:nino?|national insurance|ni)\b"),
    SIN: re.compile(r"\b(?:sin|social insurance)\b"),
    CA_HEALTH: re.compile(r"\b(?:ohip|health (?:card|number|insurance)|medicare|care ?card|ramq|phn|msp|ahcip)\b"),
    PASSPORT: re.compile(r"\b(?:passports?|travel documents?)\b"),
}
OTHER_WORDS = re.compile(
    r"\b(?:orders?|tracking|parcel|shipment|invoice|reference|ref|ticket|case|sku|items?|products?|part|model|serial|"
    r"imei|phone|mobile|call|tel|transaction|booking|confirmation|zip|postal)\b"
)


def find_national(passage: Passage, types: Collection[str]) -> Iterator[Candidate]:
    if not passage.has_digits:
        return
    if NINO in types:
        yield from find_ninos(passage)
    if PASSPORT in types and not passage.words.isdisjoint({"passport", "passports", "travel"}):
        yield from find_passports(passage)
    if CA_HEALTH in types and not passage.words.isdisjoint({"ramq", "health", "medicare"}):
        yield from find_care_cards(passage)
    if not NUMERIC.isdisjoint(types):
        for run in passage.runs:
            if run.end - run.start >= 9:
                yield from (with_version(passage, one) for one in find_in_run(passage, run) if one.type in types)


def find_in_run(passage: Passage, run: Run) -> Iterator[Candidate]:
    for first in range(len(run.groups)):
        for size in range(1, 5):
            window = run.groups[first : first + size]
            digits = "".join(group.digits for group in window)
            if len(window) < size or len(digits) > 10:
                break
            if len(digits) >= 9 and run.is_bounded(first, first + size - 1):
                gaps = run.gaps[first : first + size - 1]
                is_loose = " " in gaps and not run.is_whole(first, first + size - 1)
                shape = tuple(len(group.digits) for group in window)
                around = passage.near(window[0].start)
                place = window[0].start, window[-1].end
                gap = gaps[0] if gaps and is_alike(gaps) and not is_loose else ""
                yield from judge(place, digits, shape, around, gap=gap)


def with_version(passage: Passage, found: Candidate) -> Candidate:
    """Ontario prints one or two letters behind the number."""
    version = VERSION_CODE.match(passage.text, found.end) if found.type == CA_HEALTH else None
    return replace(found, end=version.end()) if version else found


def is_alike(gaps: tuple[str, ...]) -> bool:
    return all(gap == gaps[0] and gap in {" ", "-", "."} for gap in gaps)


def judge(place: tuple[int, int], digits: str, shape: tuple[int, ...], around: str, *, gap: str) -> Iterator[Candidate]:
    """What nine or ten digits may be. `gap` divides all their groups; "" where they are not divided, or unevenly."""
    start, end = place
    said = {name for name, words in WORDS.items() if words.search(around)}
    is_other = OTHER_WORDS.search(around[-24:]) is not None
    if len(digits) == 9:
        yield from judge_nine(place, digits, shape, said, gap=gap, is_other=is_other)
        return
    is_usual = shape == (3, 3, 4) and bool(gap)
    if nhs.is_valid(digits) and NHS in said and (is_usual or shape == (10,)):
        yield Candidate(NHS, start, end, CHECKED - 5, "The check digit is right, and a word for it stands before it.")
    elif nhs.is_valid(digits) and is_usual and not is_other:
        # Spaces are its own form; with dashes a telephone of North America looks the same.
        why = "Grouped as an NHS number, and the check digit is right."
        yield Candidate(NHS, start, end, LIKELY + (1 if gap == " " else -2), why, Confidence.MEDIUM)
    if UTR in said and shape in {(10,), (5, 5)}:
        yield Candidate(UTR, start, end, NAMED + 3, "A word for it stands before it.", Confidence.MEDIUM)
    if CA_HEALTH in said and shape in {(10,), (4, 3, 3), (3, 3, 4)}:
        yield Candidate(
            CA_HEALTH, start, end, NAMED + 1, "A word for a health card stands before it.", Confidence.MEDIUM
        )


def judge_nine(
    place: tuple[int, int], digits: str, shape: tuple[int, ...], said: set[str], *, gap: str, is_other: bool
) -> Iterator[Candidate]:
    start, end = place
    is_american = shape == (3, 2, 4) and bool(gap)
    is_ssn = SSN_FORM.fullmatch(digits) is not None and digits not in SSN_VOID
    if is_ssn and ((is_american and not is_other) or SSN in said):
        rank = FORMED if is_american else NAMED + 4
        yield Candidate(SSN, start, end, rank, "Its form and area are those of a social security number.")
    is_itin = ITIN_FORM.fullmatch(digits) is not None
    if is_itin and (is_american or ITIN in said or (shape in {(3, 6), (5, 4)} and not is_other)):
        rank = FORMED if is_american else NAMED + 4
        yield Candidate(ITIN, start, end, rank, "Its form and group are those of a taxpayer's number.")
    is_sin = digits[0] != "8" and luhn.is_valid(digits) and shape in {(3, 3, 3), (9,)}
    is_dashed = gap == "-" and shape == (3, 3, 3) and digits[0] != "0"
    if is_sin and (SIN in said or (is_dashed and not is_other and SSN not in said)):
        rank = CHECKED - 5 if SIN in said else LIKELY - 2
        confidence = Confidence.HIGH if SIN in said else Confidence.MEDIUM
        yield Candidate(SIN, start, end, rank, "The check digit of a social insurance number is right.", confidence)
    if CA_HEALTH in said and shape in {(9,), (3, 3, 3)}:
        yield Candidate(CA_HEALTH, start, end, NAMED, "A word for a health card stands before it.", Confidence.MEDIUM)


def find_ninos(passage: Passage) -> Iterator[Candidate]:
    for start, _ in passage.codes:
        # The letters may stand apart.
        apart = start - 3
        is_apart = (
            apart >= passage.base
            and PREFIX.match(passage.text, apart)
            and not (apart and passage.text[apart - 1].isalnum())
        )
        match = NINO_FORM.match(passage.text, apart if is_apart else start)
        if not match:
            continue
        around = passage.near(match.start())
        if WORDS[NINO].search(around) or not OTHER_WORDS.search(around[-24:]):
            yield Candidate(NINO, match.start(), match.end(), FORMED, "The form of a national insurance number.")


def find_passports(passage: Passage) -> Iterator[Candidate]:
    for start, _ in passage.codes:
        match = PASSPORT_FORM.match(passage.text, start)
        words = PASSPORT_BESIDE if match and match.group().isdigit() else WORDS[PASSPORT]
        around = passage.near(start)
        if match and words.search(around) and not OTHER_WORDS.search(around[-24:]):
            why = "A word for a passport stands before it."
            yield Candidate(PASSPORT, match.start(), match.end(), NAMED + 5, why, Confidence.MEDIUM)


def find_care_cards(passage: Passage) -> Iterator[Candidate]:
    for match in CARE_CARD.finditer(passage.text, passage.base):
        if WORDS[CA_HEALTH].search(passage.near(match.start())):
            why = "A word for a health card stands before it."
            yield Candidate(CA_HEALTH, match.start(), match.end(), NAMED + 2, why, Confidence.MEDIUM)
