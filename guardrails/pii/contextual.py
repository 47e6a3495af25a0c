"""What only the words beside it tell apart: a card's code and expiry, PIN, password, name of an account."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from guardrails.findings import Confidence
from guardrails.pii.candidates import NAMED, WHOLE, Candidate
from guardrails.pii.passage import Passage, words_of

CVV, EXPIRY, PIN = "CREDIT_DEBIT_CARD_CVV", "CREDIT_DEBIT_CARD_EXPIRY", "PIN"
PASSWORD, USERNAME = "PASSWORD", "USERNAME"
TYPES = frozenset({CVV, EXPIRY, PIN, PASSWORD, USERNAME})
# What may stand between the word and the value: "PIN for the card is", "CVV: ", "code on the back - ".
FILLER = (
    r"(?:[ \t:=#\"'*`(\-]|\b(?:is|was|are|as|on|of|for|the|my|your|his|her|our|this|that|a|back|card|code|number|no|"
    r"num|value|account|login|new|old|current|temporary|temp|set|to|now|it|it's|debit|credit|visa|mastercard|amex)\b\.?){0,12}"
)
REACH = 60  # characters from the word to the value
CVV_WORD = re.compile(
    r"\b(?:cvv2?|cvc2?|cv2|csc|cid|security code|card verification(?: value| code| number)?|verification value)\b"
)
CVV_VALUE = re.compile(rf"{FILLER}(?<![a-z0-9.])([0-9]{{3,4}})(?![a-z0-9%]|[.,:/\-][0-9])")
PIN_WORD = re.compile(r"\b(?:pins?|p\.i\.n|pin ?codes?|pin ?numbers?)\b")
PIN_VALUE = re.compile(rf"{FILLER}(?<![a-z0-9.$€£])([0-9]{{4,8}})(?![a-z0-9%]|[.,:/\-][0-9])")
MONTH_YEAR = re.compile(r"(?<![0-9/\-.])(?:0?[1-9]|1[0-2]) ?[/\-] ?(?:20)?[2-4][0-9](?![0-9]|[/\-.][0-9])")
EXPIRY_WORD = re.compile(r"\b(?:exp|expir[a-z]*|valid (?:thru|through|until|till|to)|good thru)\b")
EXPIRY_LABEL = re.compile(
    r"\b(?:exp|expiry|expiration|exp(?:iry|iration)? date|valid thru|good thru)\b[ .:=]*(?:is )?$"
)
CARD_WORD = re.compile(r"\b(?:cards?|visa|master ?card|amex|debit|credit|cvv|cvc)\b")
COUPON_WORD = re.compile(
    r"\b(?:vouchers?|coupons?|promo[a-z]*|offers?|codes?|discounts?|warrant[a-z]+|guarantee|milk|food|batch)\b"
)
CARD_NUMBER = re.compile(r"(?:[0-9][ \-]?){12,19}[ ,;|]{1,3}(?:[a-z.]{1,8}[ :]{0,2})?$")
CODE_BEHIND = re.compile(r"[ ,;|]{1,3}([0-9]{3,4})(?![A-Za-z0-9%]|[.,:/\-][0-9])")
PASSWORD_WORD = re.compile(r"\b(?:passwords?|passwd|pwd|pass ?phrase|pass ?code|pw)\b")
PASSWORD_VALUE = re.compile(
    r"(?: (?:for|of|on|to) (?:the |my |your |this )?[a-z]{2,20}(?=[ \t:=]))?"
    r"([ \t]*(?:is now|is|was|are|set to|changed to|reset to|to)?[ \t]*[:=]?[ \t]*(?:is )?)([\"'`*]{0,3})([!-~]{4,})"
)
USERNAME_WORD = re.compile(
    r"\b(?:user ?-?_?names?|login(?: name| id)?|log-?in|screen ?name|handle|nick(?:name)?|account name)\b"
)
USERNAME_VALUE = re.compile(r"([ \t]*(?:is|was|are|as|=|:)[ \t]*)([\"'`*@]{0,3})([a-z0-9][a-z0-9._\-]{2,})")
# What follows "password is" or "username is" when nothing is told.
PLAIN = words_of(
    "not no now also still always already never being been required needed incorrect wrong invalid correct valid right "
    "expired reset changed updated forgotten forgot lost missing empty blank same different new old weak strong secure "
    "safe unsafe unknown known compromised leaked stolen accepted rejected refused denied locked blocked disabled "
    "working broken protected saved stored hidden shown displayed visible sent emailed mailed created set stuck "
    "case-sensitive case too very really just only your my mine his her our the this that these there here what which "
    "who how when where why because and or but for from with without via through after before above below please "
    "help issue problem problems error failed fails failing link links page button field manager screen option options "
    "must should can cannot can't could would will won't may might have has had does doesn't don't isn't wasn't "
    "at least minimum maximum between characters letters digits numbers available unavailable taken used unique "
    "exactly something someone anything it its it's yours theirs any all optional successful successfully recognized "
    "recognised found matching mismatched ok okay fine good bad long short easy hard simple complicated confirmed "
    "verified unverified pending active inactive temporary permanent asked asking entered typed you they we them us me"
)
TRIGGERS = words_of(
    "cvv cvc cv csc cid security verification pin pins passwords password passwd pwd passphrase passcode pass pw user "
    "username usernames userid login log screenname screen handle nick nickname account"
)


def find_contextual(passage: Passage, types: Collection[str]) -> Iterator[Candidate]:
    if passage.has_digits and EXPIRY in types:
        yield from find_expiries(passage)
    if passage.words.isdisjoint(TRIGGERS) and "p.i.n" not in passage.lower:
        return
    if passage.has_digits and CVV in types:
        yield from find_values(passage, CVV, (CVV_WORD, CVV_VALUE), "A word for a card's code stands before it.")
    if passage.has_digits and PIN in types:
        yield from find_values(passage, PIN, (PIN_WORD, PIN_VALUE), "The word PIN stands before it.")
    if PASSWORD in types:
        yield from find_told(passage, PASSWORD, (PASSWORD_WORD, PASSWORD_VALUE))
    if USERNAME in types:
        yield from find_told(passage, USERNAME, (USERNAME_WORD, USERNAME_VALUE))


def values_behind(
    passage: Passage, forms: tuple[re.Pattern[str], re.Pattern[str]]
) -> Iterator[tuple[re.Match[str], int, int]]:
    """(the match of the value's form, the value's start and end) behind each word; the value is its last group."""
    word, value = forms
    for found in word.finditer(passage.lower):
        match = value.match(passage.lower, found.end())
        if match:
            start, end = match.span(match.re.groups)
            if start >= passage.base and start - found.start() <= REACH:
                yield match, start, end


def find_values(
    passage: Passage, name: str, forms: tuple[re.Pattern[str], re.Pattern[str]], why: str
) -> Iterator[Candidate]:
    for _, start, end in values_behind(passage, forms):
        yield Candidate(name, start, end, NAMED + 5, why, Confidence.MEDIUM)


def find_expiries(passage: Passage) -> Iterator[Candidate]:
    if "/" not in passage.text and "-" not in passage.text:
        return
    for match in MONTH_YEAR.finditer(passage.text, passage.base):
        around = passage.near(match.start(), 80)
        is_behind_card = CARD_NUMBER.search(around[-40:]) is not None
        is_named = EXPIRY_WORD.search(around[-40:]) is not None and not COUPON_WORD.search(around[-40:])
        if is_behind_card or (is_named and (CARD_WORD.search(around) or EXPIRY_LABEL.search(around))):
            why = "A month and a year, beside a card or a word for its expiry."
            yield Candidate(EXPIRY, match.start(), match.end(), NAMED + 3, why, Confidence.MEDIUM)
            yield from find_code_behind(passage, match.end(), is_behind_card=is_behind_card)


def find_code_behind(passage: Passage, end: int, *, is_behind_card: bool) -> Iterator[Candidate]:
    """Three or four digits behind a card's number and expiry."""
    match = CODE_BEHIND.match(passage.text, end) if is_behind_card else None
    if match:
        why = "It stands behind a card's number and expiry."
        yield Candidate(CVV, match.start(1), match.end(1), NAMED + 3, why, Confidence.MEDIUM)


def find_told(passage: Passage, name: str, forms: tuple[re.Pattern[str], re.Pattern[str]]) -> Iterator[Candidate]:
    for match, start, end in values_behind(passage, forms):
        value = passage.text[start:end].rstrip(".,;:!?)\"'`*")
        is_marked = any(sign in match.group(1) for sign in ":=") or bool(match.group(2))
        if is_told(name, value, match.group(1), is_marked=is_marked):
            why = f"It is told as a {name.lower()}."
            yield Candidate(name, start, start + len(value), WHOLE - 10, why, Confidence.MEDIUM)


def is_told(name: str, value: str, link: str, *, is_marked: bool) -> bool:
    """A plain word after "password is" tells something of the password; one with digits or signs in it is one."""
    lower = value.lower()
    if len(value) < 3 or lower in PLAIN or lower.startswith(("http", "{")) or lower.strip("*x•.") == "":
        return False
    is_odd = re.search(r"[0-9]|[^A-Za-z'\-]|[a-z][A-Z]", value) is not None
    if is_odd:
        return is_marked or bool(link.strip())
    if name == USERNAME:
        return bool(link.strip()) and lower.isascii() and not lower.endswith(("ed", "ing"))
    return is_marked and not lower.endswith(("ed", "ing"))
