"""Ways of saying it that have no word of their own: "your money is on its way", "a colleague will get back to you"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from guardrails.claims.frames import ADVERB, HAVE, WHO, WILL, Tense


@dataclass(frozen=True, slots=True, eq=False)
class Idiom:
    """Looked for only in a sentence that has a word of each set of `needs`."""

    claim: str
    tense: Tense
    needs: tuple[frozenset[str], ...]
    pattern: re.Pattern[str]


def _idiom(claim: str, tense: Tense, needs: str, *parts: str) -> Idiom:
    return Idiom(
        claim,
        tense,
        tuple(frozenset(words.split()) for words in needs.split(" + ")),
        re.compile("".join(parts), re.IGNORECASE),
    )


_FAR = r"[^.;?!]{0,40}?"
_NEAR = r"[^.;?!]{0,24}?"
_AMOUNT = r"(?:(?:EUR|USD|GBP|CHF|[€$£])\s?[\d.,]{0,12}\d|\d[\d.,]{0,12}\s?(?:EUR|USD|GBP|CHF|€|\$|euros?|dollars?))"
_SUM = rf"(?:\b(?:money|amount|funds|payment|sum|price|difference|it)\b|{_AMOUNT})"
_PEOPLE = "colleague specialist agent representative team someone manager supervisor expert colleagues specialists"
_WILL_ANSWER = (
    r"(?:get back|contact|reply|answer|reach|look|take|be in touch|call|e-?mail|review|handle|assist|help|"
    r"follow|write|"
    r"respond|decide|check|continue|be with you|join|deal|investigate|process|sort)"
)

IDIOMS = (
    _idiom(
        "escalation",
        Tense.FUTURE,
        f"{_PEOPLE} + will ll is",
        rf"\b(?:{'|'.join(_PEOPLE.split())})\b",
        _FAR,
        r"(?:\bwill|['\u2019]ll|\bis going to)\s+(?:\w+\s+)?",
        _WILL_ANSWER,
        r"\b",
    ),
    _idiom(
        "escalation",
        Tense.FUTURE,
        "hear contacted",
        r"\byou(?:['\u2019]ll| will) (?:soon |shortly )?(?:hear from|be contacted)\b",
    ),
    # Of a parcel or of money: whoever stands before it (`guardrails/claims/wording.py`).
    _idiom(
        "way",
        Tense.STATE,
        "way",
        r"(?:\b(?:is|are)|['\u2019]s)(?:\s+(?:now|already|currently|also))*\s+on (?:its|the|their) way\b",
    ),
    _idiom(
        "shipment",
        Tense.STATE,
        "transit out left",
        r"\b(?:in transit|out for delivery|left (?:our|the) (?:warehouse|shop|store))\b",
    ),
    _idiom(
        "refund",
        Tense.STATE,
        "back + is are goes go went",
        _SUM,
        _FAR,
        r"\b(?:goes|go|is going|are going|is coming|went|is|are)(?:\s+(?:now|already|all))*\s+back\s+(?:to|on|"
        r"in|into|with)\b",
    ),
    _idiom(
        "refund",
        Tense.DONE,
        "back + sent transferred returned paid given put wired moved",
        WHO,
        HAVE,
        ADVERB,
        r"\s+(?:sent|transferred|returned|paid|given|put|wired|moved)\s",
        _FAR,
        _SUM,
        _NEAR,
        r"\bback\b",
    ),
    _idiom(
        "refund",
        Tense.DONE,
        "back + sent transferred returned paid given put wired moved",
        WHO,
        HAVE,
        ADVERB,
        r"\s+(?:sent|transferred|paid|given|wired)\s+(?:you\s+)?back\s",
        _NEAR,
        _SUM,
    ),
    _idiom(
        "refund",
        Tense.FUTURE,
        "back account bank card + you + will ll should",
        r"\byou(?:['\u2019]ll| will| should)(?:\s+(?:soon|shortly))?\s+(?:see|have|get|receive|"
        r"find)\s+(?:\w+\s+){0,4}?",
        _SUM,
        r"\s+(?:\w+\s+){0,3}?(?:back|in your (?:account|bank)|on your)",
    ),
    _idiom(
        "refund",
        Tense.FUTURE,
        "back account bank card + will ll shall going + i we they team shop",
        WHO,
        WILL,
        ADVERB,
        r"\s+(?:send|transfer|return|pay|give|put|wire|credit)\s",
        _FAR,
        _SUM,
        _NEAR,
        r"(?:\bback\b|to your (?:card|account|bank))",
    ),
    _idiom(
        "refund",
        Tense.FUTURE,
        "back returned transferred credited account card bank + will should",
        _SUM,
        _FAR,
        r"\b(?:will|should)\s+(?:be (?:back|returned|sent back|paid back|transferred|credited|on your)|"
        r"go back|come back|",
        r"reach your|arrive (?:on|in) your)",
    ),
    _idiom(
        "refund",
        Tense.DONE,
        "reversed",
        WHO,
        HAVE,
        ADVERB,
        r"\s+reversed\s",
        _NEAR,
        r"\b(?:charge|payment)|",
        r"\b(?:charge|payment)",
        _NEAR,
        r"\b(?:has been|was|is)\s+reversed\b",
    ),
    _idiom(
        "replacement",
        Tense.FUTURE,
        "new another replacement + will ll going",
        WHO,
        WILL,
        ADVERB,
        r"\s+(?:send|ship|get|mail|order)\s+(?:you\s+)?(?:out\s+)?(?:an?|the|your)\s+(?:\w+\s+)?(?:new|"
        r"another|replacement)\b",
    ),
    _idiom(
        "replacement",
        Tense.DONE,
        "new another replacement + shipped sent dispatched ordered placed way",
        r"\b(?:an?|the|your)\s+(?:new|replacement)\b(?:\s+\w+){0,3}?\s+(?:(?:has|have)\s+(?:already\s+|"
        r"just\s+)?been|is|was|are)\s+",
        r"(?:now\s+|already\s+)?(?:shipped|sent|dispatched|ordered|on (?:its|the) way)|",
        WHO,
        HAVE,
        ADVERB,
        r"\s+(?:placed|ordered|sent|shipped|dispatched)\s+(?:you\s+)?(?:an?|the|your)\s+(?:new|replacement)\b",
    ),
    _idiom(
        "cancellation",
        Tense.DONE,
        "consider + cancelled canceled",
        r"\bconsider (?:it|that|the order|your order)\s+cancell?ed\b",
    ),
    _idiom("refund", Tense.DONE, "consider + refunded", r"\bconsider (?:it|that|the order|your order)\s+refunded\b"),
    _idiom(
        "escalation",
        Tense.DONE,
        "let + know",
        WHO,
        HAVE,
        ADVERB,
        r"\s+let\s+(?:my|our|the|a)\s+(?:\w+\s+)?(?:supervisor|manager|team|colleagues?|specialists?|"
        r"department)\s+know\b",
    ),
    _idiom(
        "approval",
        Tense.STATE,
        "approval approved approve agree confirm sign",
        r"\b(?:wait\w{0,5}|pending|await\w{0,5}|needs?|requires?|submitted|sent|asked|requested)\b",
        _FAR,
        r"\bapprov(?:al\b|ed\b)|\b(?:colleague|person|manager|reviewer|supervisor|team)\s+(?:still\s+)?(?:has|"
        r"needs|must)\s+",
        r"(?:to\s+)?(?:first\s+)?(?:approve|agree|confirm|sign)",
    ),
)

# By the words of their first set: a sentence without them is never looked at.
BY_WORD: dict[str, tuple[Idiom, ...]] = {}
for _each in IDIOMS:
    for _word in _each.needs[0]:
        BY_WORD[_word] = (*BY_WORD.get(_word, ()), _each)
