"""Bank accounts: IBAN, BIC, and the routing and account numbers of the United States."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from string import ascii_uppercase, digits

from phonenumbers import SUPPORTED_REGIONS
from stdnum import iban
from stdnum.us import rtn

from guardrails.findings import Confidence
from guardrails.pii.candidates import CHECKED, NAMED, Candidate
from guardrails.pii.passage import Passage

IBAN, BIC = "INTERNATIONAL_BANK_ACCOUNT_NUMBER", "SWIFT_CODE"
ROUTING, ACCOUNT = "US_BANK_ROUTING_NUMBER", "US_BANK_ACCOUNT_NUMBER"
TYPES = frozenset({IBAN, BIC, ROUTING, ACCOUNT})
IBAN_START = re.compile(r"[A-Za-z]{2}[0-9]{2}[ -]?[A-Za-z0-9]{4}")
IBAN_SHORTEST, IBAN_LONGEST = 15, 34
ORDINALS = {sign: str(place) for place, sign in enumerate(digits + ascii_uppercase)}
GROUP = re.compile(r"[ -]?[A-Za-z0-9]{1,34}")
BIC_FORM = re.compile(r"(?<![A-Za-z0-9])[A-Z]{4}([A-Z]{2})[A-Z0-9]{2}(?:[A-Z0-9]{3})?(?![A-Za-z0-9])")
BIC_WORDS = re.compile(r"\b(?:swift|bic|bank|iban|wire|transfer)\b")
BIC_TRIGGERS = frozenset({"swift", "bic", "bank", "iban", "wire", "transfer"})
BIC_NAMES = re.compile(r"\b(?:swift|bic)\b(?:[ /]*\b(?:code|number|bic|swift)\b)*[ :=#(\"'-]*(?:is )?$")
ROUTING_WORDS = re.compile(r"\b(?:routing|aba|rtn|ach|transit|wire|bank)\b")
ACCOUNT_WORDS = re.compile(
    r"(?<!power )(?<!food )\b(?:bank(?:ing)?(?: account)?|(?:checking|cheque|chequing|current|savings?|deposit|debit)"
    r" (?:account|acct|a/c)|routing|aba|ach|wire transfer|direct deposit|sort code)\b[^.!?\n]{0,40}$"
)
NOT_ACCOUNT = re.compile(
    r"\b(?:items?|products?|article|sku|model|tracking|invoice|purchase|routing|aba|rtn|card|order|phone|call|transit|ssn|"
    r"iban|zip|ref|reference)\b[^,;]{0,15}$"
)


def find_bank(passage: Passage, types: Collection[str]) -> Iterator[Candidate]:
    if IBAN in types and passage.has_digits:
        yield from find_ibans(passage)
    if BIC in types and not passage.words.isdisjoint(BIC_TRIGGERS):
        yield from find_bics(passage)
    if ROUTING in types or ACCOUNT in types:
        yield from find_us_accounts(passage, types)


def find_ibans(passage: Passage) -> Iterator[Candidate]:
    for start, _ in passage.codes:
        if not IBAN_START.match(passage.text, start):
            continue
        for end in reversed(ends_of_groups(passage.text, start)):
            if is_iban(passage.text[start:end]):
                yield Candidate(IBAN, start, end, CHECKED + 5, "The country's form and the checksum are right.")
                break


def is_iban(written: str) -> bool:
    """The checksum of ISO 7064 (modulo 97) first: it is cheap, and what is tried is seldom one."""
    number = written.replace(" ", "").replace("-", "").upper()
    remainder = int("".join(ORDINALS[sign] for sign in number[4:] + number[:4])) % 97
    return remainder == 1 and iban.is_valid(number, check_country=False)


def ends_of_groups(text: str, start: int) -> list[int]:
    """Where an IBAN that begins here may end. Groups that are divided are in capitals: others are words."""
    ends, place, count = [], start, 0
    while count < IBAN_LONGEST and (match := GROUP.match(text, place)):
        group = match.group().lstrip(" -")
        if place > start and group != group.upper():
            break
        place, count = match.end(), count + len(group)
        if IBAN_SHORTEST <= count <= IBAN_LONGEST:
            ends.append(place)
    return ends


def find_bics(passage: Passage) -> Iterator[Candidate]:
    for match in BIC_FORM.finditer(passage.text, passage.base):
        # "DELIVERY" has the form too.
        is_word = match.group().isalpha() and not match.group().endswith("XXX")
        words = BIC_NAMES if is_word else BIC_WORDS
        if match.group(1) in SUPPORTED_REGIONS and words.search(passage.near(match.start())):
            why = "The form of a BIC, and a word for a bank stands before it."
            yield Candidate(BIC, match.start(), match.end(), NAMED, why, Confidence.MEDIUM)


def find_us_accounts(passage: Passage, types: Collection[str]) -> Iterator[Candidate]:
    for run in passage.runs:
        for index, group in enumerate(run.groups):
            if not 6 <= len(group.digits) <= 17 or not run.is_bounded(index, index):
                continue
            around = passage.near(group.start)
            is_routing = len(group.digits) == 9 and rtn.is_valid(group.digits)
            if ROUTING in types and is_routing and ROUTING_WORDS.search(around):
                why = "The checksum of a routing number, and a word for a bank stands before it."
                yield Candidate(ROUTING, group.start, group.end, NAMED + 2, why)
            if ACCOUNT in types and ACCOUNT_WORDS.search(around) and not NOT_ACCOUNT.search(around):
                why = "A word for a bank account stands before it."
                yield Candidate(ACCOUNT, group.start, group.end, NAMED, why, Confidence.MEDIUM)
