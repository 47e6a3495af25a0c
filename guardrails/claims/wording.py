"""Finds what a reply says was done, is being done or will be done.

A word of the lexicon says what, the words before and after it say whether: "has been refunded", "I refunded", "your
refund was issued", "we'll ship it". What is asked, offered, conditional, general ("refunds take five days") or the
customer's own account is no claim. A negation is told as one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from guardrails.claims.frames import ADVERB, AFTER_NOUN, AUXILIARY, BEFORE_NOUN, FRAMES, SUBJECT, Tense
from guardrails.claims.idioms import BY_WORD, Idiom
from guardrails.claims.lexicon import (
    ACCOUNT_THING,
    ASKED,
    CHANGED_THING,
    GERMAN,
    LEXICON,
    MONEY_THING,
    NOUN,
    PARTICIPLE,
    PERSON,
)
from guardrails.claims.moods import (
    asked_leave_at,
    is_conditional,
    is_general,
    is_negated,
    is_of_customer,
    is_only_asked,
)
from guardrails.values.sentences import Sentence, sentences_of

_LOOK = 90  # characters on either side of a word
_LOOK_BACK = 60  # before a verb: its auxiliaries and its subject
_LAST_WORD = 16
_NEIGHBOURS = 8


@dataclass(frozen=True, slots=True)
class Said:
    """`start` and `end` of its words in the text; `is_active` where somebody does it: to what, stands after."""

    claim: str
    tense: Tense
    start: int
    end: int
    sentence: Sentence
    is_active: bool = False


@dataclass(frozen=True, slots=True)
class _Frame:
    tense: Tense
    start: int  # in the sentence
    end: int
    is_active: bool = False


@lru_cache(maxsize=64)
def claims_in(text: str) -> tuple[Said, ...]:
    """In order; what is only proposed, since the customer is asked to agree afterwards, is left out."""
    found: list[Said] = []
    for sentence in sentences_of(text):
        found += _of_sentence(sentence)
    asked_at = asked_leave_at(text) if any(said.tense in _PROPOSED for said in found) else -1
    return tuple(said for said in found if not (said.tense in _PROPOSED and said.end <= asked_at))


def _of_sentence(sentence: Sentence) -> list[Said]:
    found: list[Said] = []
    words: set[str] = set()
    idioms: dict[Idiom, None] = {}
    for word in _WORD.finditer(sentence.text):
        name = word[0].lower()
        words.add(name)
        if name in BY_WORD:
            idioms.update(dict.fromkeys(BY_WORD[name]))
        for claim, form in LEXICON.get(name, ()):
            frame = _frame_of(sentence.text, word, form, has_claim=_has_done(found))
            if frame is not None:
                _take(found, sentence, _meant(claim, word, sentence.text, frame), frame)
    for idiom in idioms:
        if not any(words.isdisjoint(needed) for needed in idiom.needs[1:]):
            _take_idiom(found, sentence, idiom)
    return sorted(found, key=lambda said: said.start)


def _take_idiom(found: list[Said], sentence: Sentence, idiom: Idiom) -> None:
    for at in idiom.pattern.finditer(sentence.text):
        claim = idiom.claim
        if claim == "way":
            claim = "refund" if _is_money_before(sentence.text, at.start()) else "shipment"
        _take(found, sentence, claim, _Frame(idiom.tense, *at.span()))


def _take(found: list[Said], sentence: Sentence, claim: str, frame: _Frame) -> None:
    """Adds it, unless it is no statement, or the same as one that is there."""
    if not claim or _is_no_statement(sentence, frame):
        return
    tense = Tense.NOT if is_negated(sentence.text, frame.start, frame.end) else frame.tense
    start, end = sentence.start + frame.start, sentence.start + frame.end
    for other in found[-_NEIGHBOURS:]:
        if other.claim == claim and other.start < end + 3 and start < other.end + 3:
            return
    found.append(Said(claim, tense, start, end, sentence, frame.is_active))


def _is_no_statement(sentence: Sentence, frame: _Frame) -> bool:
    text = sentence.text
    if is_of_customer(text, frame.start) or (sentence.is_question and is_only_asked(text, frame.start, frame.end)):
        return True
    if frame.tense is Tense.NOT:
        return False
    is_future = frame.tense is Tense.FUTURE
    return is_conditional(text, frame.start, frame.end, is_future=is_future) or is_general(
        text, frame.start, frame.end, is_future=is_future
    )


def _meant(claim: str, word: re.Match[str], text: str, frame: _Frame) -> str:
    """Words that tell of several things are read by what stands with them; "" where they tell of none of ours."""
    around = text[max(0, frame.start - _LOOK) : frame.end + _LOOK]
    name, after = word[0].lower(), text[word.end() : word.end() + _LOOK]
    if frame.end <= word.end() and _COMPOUND.match(after) and claim in _COMPOUNDED:
        return ""
    if claim == "return" and name == "returned" and _is_money_before(text, word.start()):
        return "refund"
    if claim == "cancellation" and _SUBSCRIPTION.search(around):
        return "subscription"
    if claim == "escalation":
        return _escalation(name, around, after)
    if claim == "change":
        return _change(around, is_active=frame.is_active)
    is_other = (
        (claim == "account" and not ACCOUNT_THING.search(around))
        or (claim == "refund" and name in {"money", "funds"} and not _BACK.search(around))
        or (claim == "ticket" and _NO_TICKET.search(text[max(0, word.start() - 12) : word.end() + 12]) is not None)
    )
    return "" if is_other else claim


def _change(around: str, *, is_active: bool) -> str:
    if _ADDRESS.search(around):
        return "address"
    return "change" if is_active or CHANGED_THING.search(around) else ""


def _escalation(word: str, around: str, after: str) -> str:
    if PERSON.search(after) or word in {"escalated", "escalating", "escalate", "escalation", "callback"}:
        return "escalation"
    if word.startswith("transfer") and MONEY_THING.search(around):
        return "refund"
    return "escalation" if word.startswith("transfer") and re.search(r"\byou(?:r call| to|r chat)?\b", after) else ""


def _is_money_before(text: str, place: int) -> bool:
    """Whether what is told of is money rather than a parcel: the nearer of the two before it."""
    first = max(0, place - _LOOK)
    things = [(at.end(), "money") for at in MONEY_THING.finditer(text, first, place)]
    things += [(at.end(), "parcel") for at in _PARCEL.finditer(text, first, place)]
    return bool(things) and max(things)[1] == "money"


def _has_done(found: list[Said]) -> bool:
    return any(said.tense in {Tense.DONE, Tense.BEGUN} for said in found)


# -- frames


def _frame_of(text: str, word: re.Match[str], form: str, *, has_claim: bool) -> _Frame | None:
    left = text[max(0, word.start() - _LOOK_BACK) : word.start()]
    offset = word.start() - len(left)
    is_framed: bool = GERMAN in form or bool(_FRAME_END.search(left[-_LAST_WORD:]))
    for wanted, frames in FRAMES.items():
        if not is_framed or wanted not in form:
            continue
        for tense, is_active, pattern in frames:
            before = pattern.search(left)
            if before is not None:
                return _Frame(tense, offset + before.start(), word.end(), is_active)
    if PARTICIPLE in form:
        return _participle_alone(left, word, text, has_claim=has_claim)
    return _noun(text, word) if NOUN in form else None


def _participle_alone(left: str, word: re.Match[str], text: str, *, has_claim: bool) -> _Frame | None:
    if word[0].lower() in _INTRANSITIVE and (before := _HAS.search(left)):
        return _Frame(Tense.DONE, word.start() - len(left) + before.start(), word.end())
    if _AND.search(left) and (has_claim or _TOLD_BEFORE.search(left)):
        return _Frame(Tense.DONE, word.start(), word.end(), is_active=True)
    if _STATE_BEFORE.search(left) and _STATE_AFTER.match(text, word.end()):
        return _Frame(Tense.STATE, word.start(), word.end())
    return None


def _noun(text: str, word: re.Match[str]) -> _Frame | None:
    """ "Your refund of 42 EUR has been issued", "I have issued your refund", "you will receive a refund"."""
    left = text[max(0, word.start() - _LOOK) : word.start()]
    for tense, pattern in BEFORE_NOUN if SUBJECT.search(left) else ():
        before = pattern.search(left)
        if before is not None:
            is_asked = "verb" in before.groupdict() and ASKED.match(before["verb"] or "")
            start = word.start() - len(left) + before.start()
            return _Frame(Tense.BEGUN if is_asked else tense, start, word.end(), is_active=True)
    right = text[word.end() : word.end() + _LOOK + 20]
    for tense, pattern in AFTER_NOUN if AUXILIARY.search(right) else ():
        after = pattern.match(right)
        if after is not None:
            is_asked = "verb" in after.groupdict() and ASKED.match(after["verb"] or "")
            is_begun = is_asked or " being " in after[0]
            return _Frame(Tense.BEGUN if is_begun else tense, word.start(), word.end() + after.end())
    headline = _HEADLINE.match(right) if not text[: word.start()].strip(" \"'*") else None
    if headline is not None:
        return _Frame(Tense.DONE, word.start(), word.end() + headline.end())
    return None


_I = re.IGNORECASE
_WORD = re.compile(r"[A-Za-zÄÖÜäöüß]+(?:-[A-Za-z]+)?")
# How the words before a verb end, whatever its frame: an auxiliary, a subject, or an adverb.
_FRAME_END = re.compile(
    r"(?:\b(?:been|being|is|are|was|were|got|be|get|have|has|had|did|will|shall|should|to|i|we|they|am|"
    r"team|warehouse|shop|colleague|system|department|store|not|never|yet|now|already|just|also|all|both|"
    r"ahead and|away|\w+ly|"
    r"since|then|today|soon|still|only|either|indeed|hereby)|['\u2019](?:ve|d|m|re|s|ll|t))\s+$",
    _I,
)
_PROPOSED = frozenset({Tense.FUTURE, Tense.BEGUN})
_TOLD_BEFORE = re.compile(r"\b(?:was|were|has been|have been|I've|we've|(?:I|we) have)\b", _I)
_HEADLINE = re.compile(
    r"\s+(?:of\s+\S+(?:\s[A-Z]{3})?\s+)?(?:processed|completed|issued|approved|confirmed|sent|done)\b", _I
)
_INTRANSITIVE = frozenset({"shipped", "arrived"})
_HAS = re.compile(
    rf"(?:\b(?:has|have)|['\u2019]s|['\u2019]ve){ADVERB}\s+$|\b(?:order|parcel|package|it|items?){ADVERB}\s+$", _I
)
_AND = re.compile(rf"\band(?:\s+(?:have|has|also|then|now|was|were|been))*{ADVERB}\s+$", _I)
_STATE_BEFORE = re.compile(r"[,:(\u2013-]\s+$|\bstatus:?\s+(?:is\s+)?[\"'*]*$", _I)
_STATE_AFTER = re.compile(r"[\"'*]*\s*(?:$|[.,;!)\n]|on\s|and expected)", _I)
_PARCEL = re.compile(r"\b(?:orders?|parcels?|packages?|items?|replacement|shipment|product|it)\b", _I)
_COMPOUND = re.compile(
    r"\s+(?:fees?|polic(?:y|ies)|window|period|charges?|costs?|options?|rules|terms|deadline|conditions|address|code|"
    r"instructions|shipping|labels?)\b",
    _I,
)
_COMPOUNDED = frozenset({"refund", "return", "cancellation", "exchange", "replacement", "change", "credit"})
_SUBSCRIPTION = re.compile(r"subscription|membership|newsletter", _I)
_ADDRESS = re.compile(r"\baddress", _I)
_BACK = re.compile(r"\bback\b|\breturn|\brefund|on (?:its|the) way", _I)
_NO_TICKET = re.compile(
    r"\bin (?:that|this|your|any|such a|which) case|\bin case|\bcase of|\bthe case\b(?! was| has| is)", _I
)
