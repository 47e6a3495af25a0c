"""Numbers of payment cards: the brand's prefix, its length and the check digit, all three."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from stdnum import luhn

from guardrails.findings import Confidence
from guardrails.pii.candidates import CHECKED, NAMED, Candidate
from guardrails.pii.passage import Passage, Run

CARD = "CREDIT_DEBIT_CARD_NUMBER"
TYPES = frozenset({CARD})
SHORTEST, LONGEST = 12, 19
# ISO/IEC 7812 prefixes with the lengths that each brand issues. What is left out here (13 digits of Visa, Maestro of
# unusual length, UATP) is as often an article's or an order's number and counts beside a word for a card alone.
BRANDS = (
    ("Visa", re.compile(r"4(?:[0-9]{15}|[0-9]{18})")),
    ("Mastercard", re.compile(r"(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}")),
    ("American Express", re.compile(r"3[47][0-9]{13}")),
    ("Diners Club", re.compile(r"3(?:0[0-5]|09|[68][0-9])[0-9]{11}|36[0-9]{14}")),
    ("Discover", re.compile(r"(?:6011|64[4-9][0-9]|65[0-9]{2})[0-9]{12}")),
    ("JCB", re.compile(r"(?:352[89]|35[3-8][0-9])[0-9]{12}|(?:1800|2131)[0-9]{11}")),
    ("UnionPay", re.compile(r"62[0-9]{14}(?:[0-9]{3})?")),
    ("Maestro", re.compile(r"(?:50[0-9]{2}|5[68][0-9]{2}|6304|6390|67[0-9]{2})[0-9]{12}")),
    ("Mir", re.compile(r"220[0-4][0-9]{12}")),
)
GROUPINGS = frozenset({(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (6, 13), (8, 8), (4, 4, 4, 1), (4, 4, 5)})
CARD_WORDS = re.compile(
    r"\b(?:(?:credit|debit|bank|payment|atm|gift)?[ -]?cards?|visa|master ?card|maestro|amex|american express|diners|"
    r"discover|jcb|union ?pay|ccn?|pan|(?:credit|debit) ?karte|kreditkarte|carte|tarjeta|paid with|charged?)\b"
)
# What a long number is far more often in a shop. Speaks only where no word for a card is nearer.
OTHER_WORDS = re.compile(
    r"\b(?:orders?|tracking|track|parcel|shipment|invoice|reference|ref|ticket|case|sku|items?|products?|articles?|"
    r"imei|serial|ean|gtin|upc|isbn|barcode|transaction|booking|confirmation|consignment|waybill|iccid|uuid|guid|ids?)\b"
)
NEARER = 30


def find_cards(passage: Passage, types: Collection[str]) -> Iterator[Candidate]:
    for run in passage.runs:
        if run.end - run.start >= SHORTEST:
            yield from find_in_run(passage, run)


def find_in_run(passage: Passage, run: Run) -> Iterator[Candidate]:
    for first in range(len(run.groups)):
        digits = ""
        for last in range(first, min(len(run.groups), first + LONGEST)):
            if last > first and not is_separator(run.gaps[last - 1]):
                break
            digits += run.groups[last].digits
            if len(digits) > LONGEST:
                break
            if len(digits) >= SHORTEST and run.is_bounded(first, last):
                found = judge(passage, run, first, last, digits)
                if found:
                    yield found


def is_separator(gap: str) -> bool:
    """A point is none: floating-point numbers would be cards."""
    return gap in {" ", "-", "  ", " - "}


def judge(passage: Passage, run: Run, first: int, last: int, digits: str) -> Candidate | None:
    is_grouped = last > first
    is_usual = not is_grouped or tuple(len(group.digits) for group in run.groups[first : last + 1]) in GROUPINGS
    # Most of what is seen is no card: the cheapest tests come first.
    if not (is_usual or run.is_whole(first, last)) or len(set(digits)) == 1 or not luhn.is_valid(digits):
        return None
    brand = next((name for name, form in BRANDS if form.fullmatch(digits)), "") if is_usual else ""
    start, end = run.groups[first].start, run.groups[last].end
    around = passage.near(start)
    is_named = CARD_WORDS.search(around) is not None and not names_other(around)
    if brand and (is_named or is_grouped or not OTHER_WORDS.search(line_of(around[-NEARER:]))):
        return Candidate(CARD, start, end, CHECKED, f"{brand}, length and check digit are right.")
    if is_named:
        why = "The check digit is right, and a word for a card stands before it."
        return Candidate(CARD, start, end, NAMED + 5, why, Confidence.MEDIUM)
    return None


def line_of(around: str) -> str:
    """What of it stands on the number's own line."""
    return around.rpartition("\n")[2]


def names_other(around: str) -> bool:
    """Whether something other than a card is named last: "paid by card, order 630427373398"."""
    card = max((match.end() for match in CARD_WORDS.finditer(around)), default=-1)
    return any(match.start() >= card for match in OTHER_WORDS.finditer(around))
