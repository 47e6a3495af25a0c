"""The frames that a word may stand in, and how they make it a statement.

Each is looked for in the few words before (or after) the word itself, never in a whole text.
"""

from __future__ import annotations

import re
from enum import StrEnum

from guardrails.claims.lexicon import BASE, GERMAN, GERUND, PARTICIPLE, PROCESS, PROCESSED, PROCESSING


class Tense(StrEnum):
    DONE = "done"
    STATE = "state"  # "Order 1048: refunded", or "is on its way": as a result says it
    BEGUN = "begun"  # under way, or asked for
    FUTURE = "future"
    NOT = "not"


_I = re.IGNORECASE
ADVERB = (
    r"(?:\s+(?:now|already|just|also|all|both|successfully|fully|partially|officially|immediately|"
    r"automatically|since|"
    r"recently|then|not|never|yet|today|soon|shortly|gone ahead and|went ahead and|hereby|indeed|finally|"
    r"still|only|safely|either|"
    r"personally|gladly|happily|right away))*"
)
WHO = r"\b(?:I|we|they|(?:our|the|my|a)\s+(?:\w+\s+)?(?:team|warehouse|colleague|system|department|shop|store))"
HAVE = r"(?:['\u2019]ve|['\u2019]d|\s+have|\s+has|\s+had|\s+did)?"
WILL = r"(?:['\u2019]ll|\s+will|\s+shall|\s+(?:am|are|is)\s+going\s+to|['\u2019](?:m|re|s)\s+going\s+to)"
_BE_DONE = (
    r"(?:(?:has|have|had|['\u2019]s|['\u2019]ve|hasn't|haven't)"
    + ADVERB
    + r"\s+been|\b(?:was|were|is|are|got|isn't|wasn't|weren't|aren't))"
)
_BE_DOING = r"\b(?:is|are|was|were|['\u2019]re)" + ADVERB + r"\s+being|\b(?:in the process of|am|['\u2019]m) being"
_BE_FUTURE = r"(?:\b(?:will|shall|should)|['\u2019]ll|\bgoing\s+to)" + ADVERB + r"\s+(?:be|get|have been)"
# What may stand between "issued" and "refund": no other thing, and no subordinate clause.
_GAP = (
    r"(?:\s+for)?"
    r"(?:\s+(?!(?:to|how|about|regarding|on|for|with|by|from|if|once|when|that|which|and|so|but|because|"
    r"after)\b)[^\s.?!;:]+)"
    r"{0,8}?\s+$"
)

FRAMES: dict[str, tuple[tuple[Tense, bool, re.Pattern[str]], ...]] = {
    PARTICIPLE: (
        (Tense.BEGUN, False, re.compile(rf"(?:{_BE_DOING}){ADVERB}\s+$", _I)),
        (Tense.FUTURE, False, re.compile(rf"(?:{_BE_FUTURE}){ADVERB}\s+$", _I)),
        (Tense.DONE, False, re.compile(rf"(?:{_BE_DONE}){ADVERB}\s+$", _I)),
        (Tense.DONE, True, re.compile(rf"{WHO}{HAVE}{ADVERB}\s+$", _I)),
        (Tense.NOT, True, re.compile(rf"{WHO}\s+(?:haven't|hasn't|had not|have not|has not){ADVERB}\s+$", _I)),
    ),
    GERUND: (
        (Tense.BEGUN, True, re.compile(rf"{WHO}(?:['\u2019](?:m|re)|\s+(?:am|are)){ADVERB}\s+$", _I)),
        (Tense.FUTURE, True, re.compile(rf"{WHO}(?:['\u2019]ll|\s+will)\s+be{ADVERB}\s+$", _I)),
    ),
    BASE: (
        (Tense.FUTURE, True, re.compile(rf"{WHO}{WILL}{ADVERB}\s+$", _I)),
        (
            Tense.FUTURE,
            False,
            re.compile(r"\b(?:it|order|parcel|package|items?|replacement)(?:\s+\S+){0,3}?\s+(?:will|should)\s+$", _I),
        ),
        (Tense.NOT, True, re.compile(rf"{WHO}\s+(?:did not|didn't){ADVERB}\s+$", _I)),
        (
            Tense.NOT,
            True,
            re.compile(
                rf"{WHO}\s+(?:could not|couldn't|was unable to|were unable to|was not able to){ADVERB}\s+$",
                _I,
            ),
        ),
    ),
    GERMAN: (
        (Tense.FUTURE, False, re.compile(r"\b(?:wird|werden|werde)\b[^.?!;,]*$", _I)),
        (Tense.DONE, False, re.compile(r"\b(?:wurde|wurden|ist|sind|habe|haben|hat)\b[^.?!;,]*$", _I)),
    ),
}
BEFORE_NOUN = (
    (Tense.DONE, re.compile(rf"{WHO}{HAVE}{ADVERB}\s+(?P<verb>{PROCESSED}){_GAP}", _I)),
    (Tense.FUTURE, re.compile(rf"{WHO}{WILL}{ADVERB}\s+(?:{PROCESS}){_GAP}", _I)),
    (Tense.FUTURE, re.compile(rf"{WHO}(?:['\u2019]ll|\s+will)\s+be\s+(?:{PROCESSING}){_GAP}", _I)),
    (Tense.BEGUN, re.compile(rf"{WHO}(?:['\u2019](?:m|re)|\s+(?:am|are)){ADVERB}\s+(?:{PROCESSING}){_GAP}", _I)),
    (
        Tense.FUTURE,
        re.compile(
            rf"\byou(?:['\u2019]ll|\s+will|\s+should){ADVERB}\s+(?:receive|get|see|have|find|be\s+(?:getting|"
            rf"receiving|given|sent))"
            rf"{_GAP}",
            _I,
        ),
    ),
    (
        Tense.FUTURE,
        re.compile(
            rf"\byou(?:['\u2019]re|\s+are){ADVERB}\s+(?:going\s+to\s+(?:get|receive|see)|getting|receiving){_GAP}", _I
        ),
    ),
    (Tense.NOT, re.compile(r"\b(?:see|find|is|are|have|was|there's)\s+no\s+(?:\w+\s+)?$", _I)),
)
_BETWEEN = r"(?:\s+(?!(?:if|once|when|which|who|after|can|could|may|would|and|but)\b)[^\s?!;]+){0,14}?"
AFTER_NOUN = (
    (Tense.DONE, re.compile(rf"{_BETWEEN}(?:\s+(?:has|have))?{ADVERB}\s+(?:gone|went)\s+through\b", _I)),
    (
        Tense.DONE,
        re.compile(
            rf"{_BETWEEN}(?:\s+(?:{_BE_DONE}))(?:{ADVERB}\s+being)?{ADVERB}\s+"
            rf"(?P<verb>{PROCESSED}|complete|successful|done|through|under\s?way|in progress|in place|effective)\b",
            _I,
        ),
    ),
    (
        Tense.FUTURE,
        re.compile(rf"{_BETWEEN}\s*(?:{_BE_FUTURE}){ADVERB}\s+(?:{PROCESSED}|with you|on your|in your|back)\b", _I),
    ),
    (
        Tense.FUTURE,
        re.compile(
            rf"{_BETWEEN}\s+(?:will|should){ADVERB}\s+(?:arrive|reach|appear|show|go|come|follow|take|post|land|"
            rf"ship|leave)\b",
            _I,
        ),
    ),
)

# Cheap looks before the frames: nothing can match without one of these.
SUBJECT = re.compile(r"\b(?:i|we|you|they|no|our|the|my|a)\b", _I)
AUXILIARY = re.compile(
    r"\b(?:is|are|was|were|has|have|had|will|shall|should|got|going|went)\b|['\u2019](?:s|ve|ll)\b",
    _I,
)
