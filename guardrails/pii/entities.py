"""Bedrock's 31 entities: who looks for each, and how far that is to be trusted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from guardrails.findings import Finding, Policy
from guardrails.pii import (
    addresses,
    ages,
    bank,
    cards,
    contextual,
    names,
    national,
    network,
    phones,
    secrets,
    vehicles,
)
from guardrails.pii.candidates import Candidate, resolve
from guardrails.pii.passage import Passage

Find = Callable[[Passage, Collection[str]], Iterator[Candidate]]
DETECTORS: tuple[tuple[frozenset[str], Find], ...] = (
    (network.TYPES, network.find_network),
    (cards.TYPES, cards.find_cards),
    (bank.TYPES, bank.find_bank),
    (national.TYPES, national.find_national),
    (phones.TYPES, phones.find_phones),
    (contextual.TYPES, contextual.find_contextual),
    (vehicles.TYPES, vehicles.find_vehicles),
    (secrets.TYPES, secrets.find_aws_keys),
    (ages.TYPES, ages.find_ages),
    (names.TYPES, names.find_names),
    (addresses.TYPES, addresses.find_addresses),
)


def find_pii(text: str, types: Collection[str], before: str = "") -> list[Finding]:
    """Entities of these types in `text`, none over another, by place.

    `before` is the raw text that came earlier: its words count as context, and nothing is found in it.
    """
    if len(text) < 2 or not types:
        return []
    passage = Passage(text, before)
    found: list[Candidate] = []
    for theirs, find in DETECTORS:
        if not theirs.isdisjoint(types):
            found += find(passage, types)
    return [
        Finding(
            policy=Policy.PII,
            type=candidate.type,
            confidence=candidate.confidence,
            start=passage.place_of(candidate.start),
            end=passage.end_of(candidate.end),
            why=candidate.why,
        )
        for candidate in (resolve(found) if found else ())
    ]


class Strength(StrEnum):
    STRONG = "strong"
    CONTEXT = "context"
    KNOWN = "known"


@dataclass(frozen=True, kw_only=True)
class Grade:
    """`words` are for the screen where the entity is switched on."""

    strength: Strength
    words: str


def _strong(words: str) -> Grade:
    return Grade(strength=Strength.STRONG, words=words)


def _context(words: str) -> Grade:
    return Grade(strength=Strength.CONTEXT, words=words)


def _known(words: str) -> Grade:
    return Grade(strength=Strength.KNOWN, words=words)


GRADES: dict[str, Grade] = {
    "ADDRESS": _known("Sure for addresses on record; in free text only a street with its number, and not every one."),
    "AGE": _context("A number beside words such as “years old” or “turned”."),
    "AWS_ACCESS_KEY": _strong("The published prefix and length."),
    "AWS_SECRET_KEY": _strong("Forty characters of its form behind a word such as “secret”, or behind an access key."),
    "CA_HEALTH_NUMBER": _context("Nine, ten or twelve characters behind a word such as “health card” or “OHIP”."),
    "CA_SOCIAL_INSURANCE_NUMBER": _strong("The check digit, and the usual grouping or a word such as “SIN”."),
    "CREDIT_DEBIT_CARD_CVV": _context("Three or four digits behind “CVV”, “security code”, or a card and its expiry."),
    "CREDIT_DEBIT_CARD_EXPIRY": _context("A month and a year behind a card's number, or a word for its expiry."),
    "CREDIT_DEBIT_CARD_NUMBER": _strong("The brand's prefix, its length and the check digit."),
    "DRIVER_ID": _context("Behind a word such as “driver's license”; the British form also alone."),
    "EMAIL": _strong("The form of an e-mail address."),
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": _strong("The country's form and the checksum."),
    "IP_ADDRESS": _strong("A valid IPv4 or IPv6 address that is no version number."),
    "LICENSE_PLATE": _context("Capitals and digits behind a word such as “plate” or “registration”."),
    "MAC_ADDRESS": _strong("Six pairs of hexadecimal digits."),
    "NAME": _known("Sure for names on record; in free text only behind a title, a greeting or “my name is”."),
    "PASSWORD": _context("What “password:” or “password is” tells."),
    "PHONE": _strong(
        "International, or grouped as in North America, Britain, France; else behind a word such as “call”."
    ),
    "PIN": _context("Four to eight digits behind the word PIN."),
    "SWIFT_CODE": _context("The form of a BIC behind a word for a bank."),
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER": _strong("The check digit, and the usual grouping or a word such as “NHS”."),
    "UK_NATIONAL_INSURANCE_NUMBER": _strong("Its form, with the prefixes that are given out."),
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER": _context("Ten digits behind a word such as “UTR”."),
    "URL": _strong("A scheme, “www.”, or a name with the ending of a domain."),
    "USERNAME": _context("What “username:” or “username is” tells."),
    "US_BANK_ACCOUNT_NUMBER": _context("Six to seventeen digits behind a word for a bank account."),
    "US_BANK_ROUTING_NUMBER": _context("The checksum, behind a word such as “routing”."),
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER": _strong("Its form and group, divided as usual or behind “ITIN”."),
    "US_PASSPORT_NUMBER": _context("Nine characters behind the word “passport”."),
    "US_SOCIAL_SECURITY_NUMBER": _strong("Areas that are given out, divided as usual or behind “SSN”."),
    "VEHICLE_IDENTIFICATION_NUMBER": _strong("The check digit; without it behind a word such as “VIN”."),
}
