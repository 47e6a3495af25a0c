"""Whether words state something of this case: or ask, offer, suppose, deny, tell a rule, or repeat the customer."""

from __future__ import annotations

import re
from functools import lru_cache

_I = re.IGNORECASE
_BOUNDARY = re.compile(
    r"[;:,()\u2013\u2014\n]\s|\s(?:but|so|however|because|since)\s|"
    r"\sand\s(?=(?:I|we|you|your|it|the|a|an|this|that|they|he|she|there|order|please)\b)|"
    r"\b(?:confirm|see|inform you|tell you|assure you|say|let you know|note|shows?|indicates?)(?:\sthat)?\s"
    r"(?=(?:I|we|your|it|the|a|both|this|that|order|all)\b)",
    _I,
)
# Before what is told of the past: "once it has been refunded", "should have been sent".
_SUPPOSED = re.compile(
    r"\b(?:if|once|when|whenever|as soon as|after|until|till|unless|before|whether|in case|provided|"
    r"assuming|would|could|"
    r"can|may(?!\s\d)|might|must|should|to be|to have|to get|wenn|sobald|falls|nachdem|ob|unless|in order)\b",
    _I,
)
_CONDITION = re.compile(
    r"\b(?:if|once|when|whenever|as soon as|after|until|till|unless|upon|provided|should you|in case|please|confirm|"
    r"would you|shall I|let me know|assuming|before|depending|in that case|then I|wenn|sobald|falls|"
    r"nachdem|otherwise|will then|"
    r"subject to|with your (?:approval|permission|confirmation)|on receipt)\b",
    _I,
)
_MODAL = re.compile(
    r"\b(?:can|could|would|may(?!\s\d)|might|able to|eligible|possible|want|wish|like|cannot|can't)\b", _I
)
_NEGATION = re.compile(
    r"\b(?:not|never|no|nothing|neither|nor|none|without|unable|cannot|nicht|kein\w*|noch nicht|"
    r"fail\w*)\b|n['\u2019]t\b",
)
_NOTHING_AFTER = re.compile(r"\s+(?:nothing|no|none|neither)\b", _I)
_NOT_WHOLLY = re.compile(
    r"\b(?:in full|fully|completely|entirely|only|no longer|no need|no further|no additional|no extra)\b", _I
)
_CUSTOMER = re.compile(
    r"\b(?:you|customer)(?:['\u2019]ve| have|['\u2019]d| had)?(?: just| also| already)? "
    r"(?:said|say|told|tell|mention\w*|wrote|write|report\w*|claim\w*|state[ds]?|describe[ds]?|expect\w*|"
    r"hoped?)\b|\baccording to you|\bas you (?:say|said|mentioned|wrote)|"
    r"\bsorry (?:to hear|that)\b|\bI understand (?:that )?(?:you|your)\b",
    _I,
)
_TO_BE_CHECKED = re.compile(
    r"\b(?:please|can you|could you|you (?:can|should|may)|to|and) (?:\w+ )?(?:confirm|check|make sure|"
    r"ensure|verify|see|"
    r"let me know|tell me)\b[^,;:]*$",
    _I,
)
# After a proposal: what was said of the future before it waits for the customer's word.
_ASKS_LEAVE = re.compile(
    r"\bplease (?:confirm|reply|respond|let me know|type|say)|\(yes|\byes or no|\byes/no|\b(?:reply|"
    r"answer|respond)(?: with)? \W?yes|"
    r"\b(?:do|would|could|can|may|shall|should) (?:you|I|we)\b[^.?!]{0,120}\b(?:confirm|proceed|like|want|"
    r"go ahead|agree|okay|ok)\b|"
    r"\bis (?:this|that|everything) (?:correct|okay|ok|right|all right|fine)|\b(?:shall|should|may) I\b|"
    r"\byour (?:confirmation|"
    r"approval|permission|go-ahead)\b|\b(?:to|I can|I'll|I will) (?:then )?(?:proceed|go ahead)\b|\blet me know if\b|"
    r"\bif you(?:['\u2019]d| would)? (?:like|agree|confirm|want|wish|are (?:happy|ok|okay|sure))\b|"
    r"\bdo you (?:want|confirm|agree)",
    _I,
)
_MAY_ASK = re.compile(r"\?|onfirm|roceed|o ahead|[Yy]es\b|YES|et me know|f you|lease|pproval|ermission")
_INTERROGATIVE = re.compile(
    r"^\W*(?:and |or |but |so |then )?(?:would|shall|should|do|does|did|can|could|may|is|are|was|were|has|"
    r"have|had|will|"
    r"what|which|when|how|why|where|who|whose|wollen|soll|möchten|darf|kann|ist|wurde)\b",
    _I,
)
_GENERAL_SUBJECT = re.compile(
    r"^\W*(?:(?:all|any|most|each|every|our|such|other|some)\s+)?(?:(?:a|an|each|every|any|"
    r"one)\s+(?:\w+\s+)?(?:order|item|"
    r"refund|return|parcel|package|exchange|cancell?ation|replacement|request|product|customer|article|delivery)|"
    r"(?:\w+\s+)?(?:refunds|returns|orders|items|exchanges|replacements|cancell?ations|products|parcels|"
    r"customers|defects|"
    r"articles|deliveries|requests|rückerstattungen|erstattungen|bestellungen))\b",
    _I,
)
_SPECIFIC = re.compile(
    r"\b(?:your|you|this|these|those|both|it|ihre?|dein\w*)\b|#\w|\d{3,}|[€$£]|\b(?:eur|usd|gbp)\b|"
    r"\bthe (?:order|item|refund|return|exchange)s?\b",
    _I,
)
_HABIT = re.compile(r"\b(?:usually|normally|generally|typically|always|as a rule|in general|customarily)\b", _I)
_NOW = re.compile(
    r"\b(?:has|have|had|was|were|wurde|wurden|now|already|being|currently|today|tomorrow|on (?:its|their|the) way)\b|"
    r"['\u2019]ve\b",
    _I,
)
_TAIL = 45  # characters before a verb in which a negation is of it
_FARTHEST = 300  # characters looked at on either side, in a sentence that has no end


@lru_cache(maxsize=256)
def clause_start(text: str, place: int) -> int:
    """Where the clause begins that a place is in: after the last mark or conjunction before it."""
    start = max(0, place - _FARTHEST)
    for at in _BOUNDARY.finditer(text, start, place):
        start = at.end()
    return start


@lru_cache(maxsize=256)
def clause_end(text: str, place: int) -> int:
    last = min(len(text), place + _FARTHEST)
    at = _BOUNDARY.search(text, place, last)
    return at.start() if at else last


def is_conditional(text: str, start: int, end: int, *, is_future: bool) -> bool:
    """Of the past only what supposes it in its own clause; of the future any condition of the sentence."""
    first = clause_start(text, start)
    if not is_future:
        return bool(_SUPPOSED.search(text, first, end))
    if _CONDITION.search(text, max(0, start - _FARTHEST), end + _FARTHEST):
        return True
    return bool(_MODAL.search(text, first, clause_end(text, end)))


def is_only_asked(text: str, start: int, end: int) -> bool:
    """In a question: what its last clause says, or a clause that begins as questions do."""
    first = clause_start(text, start)
    return clause_end(text, end) == len(text) or bool(_INTERROGATIVE.match(text[first:]))


def is_negated(text: str, start: int, end: int) -> bool:
    first = max(clause_start(text, start), start - _TAIL)
    said = text[first:end].lower()
    return bool(_NEGATION.search(said) or _NOTHING_AFTER.match(text, end)) and not re.search(r"\bnot only\b", said, _I)


def is_not_wholly(text: str) -> bool:
    """ "Not refunded in full", "no further refund": no denial of the thing itself."""
    return bool(_NOT_WHOLLY.search(text))


def is_of_customer(text: str, start: int) -> bool:
    """Whether it repeats what the customer says, wants, or is asked to look at."""
    is_told = _CUSTOMER.search(text, clause_start(text, start), start)
    return bool(is_told or _TO_BE_CHECKED.search(text[max(0, start - _FARTHEST) : start]))


def asked_leave_at(text: str) -> int:
    """Where the customer is last asked to agree: what is told of the future before it is a proposal. -1 for nowhere."""
    if not _MAY_ASK.search(text):
        return -1
    return max((at.start() for at in _ASKS_LEAVE.finditer(text)), default=-1)


def is_general(text: str, start: int, end: int, *, is_future: bool) -> bool:
    first = clause_start(text, start)
    clause = text[first : clause_end(text, end)]
    if _HABIT.search(clause):
        return True
    is_rule = bool(_GENERAL_SUBJECT.match(clause)) and not _SPECIFIC.search(clause)
    return is_rule and (is_future or not _NOW.search(clause))
