"""What a customer's message asks for: weighted cues over the concepts in its words.

Each cue names the concepts that must be there (and those that must not); an intent's score is its strongest cue
plus a quarter for every further one. The highest score wins; ties go to the intent that is listed first.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from agents.scripted.words import READ_CHARACTERS, Words, plain_text, read_words


class Intent(StrEnum):
    """What the customer wants. The order decides ties."""

    PERSON = "person"
    ROBOT = "robot"
    REFUND_POLICY = "refund_policy"
    CANCELLATION_FEE = "cancellation_fee"
    REFUND_STATUS = "refund_status"
    PAYMENT_PROBLEM = "payment_problem"
    CHANGE_ADDRESS = "change_address"
    REFUND = "refund"
    CANCEL = "cancel"
    COMPLAINT = "complaint"
    CHANGE_ORDER = "change_order"
    TRACK = "track"
    DELIVERY_OPTIONS = "delivery_options"
    DELIVERY_PERIOD = "delivery_period"
    SHOP_QUESTION = "shop_question"
    HOW_ARE_YOU = "how_are_you"
    BYE = "bye"
    THANKS = "thanks"
    GREETING = "greeting"
    UNCLEAR = "unclear"
    # Not read from a message alone: what an answer to an open question comes to.
    DECLINED = "declined"
    SEVERAL = "several"
    ASK_AGAIN = "ask_again"
    STUCK = "stuck"


@dataclass(frozen=True)
class Cue:
    """One reason to believe in an intent; `needs` and `lacks` are concepts, `A|B` means either."""

    intent: Intent
    weight: float
    needs: str
    lacks: str = ""

    def fits(self, concepts: frozenset[str]) -> bool:
        return all(not concepts.isdisjoint(need.split("|")) for need in self.needs.split()) and concepts.isdisjoint(
            self.lacks.split()
        )


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One customer message, understood."""

    intent: Intent
    score: float
    words: Words
    order_ids: tuple[str, ...]
    """Order numbers as typed, without '#', in order of appearance."""
    amounts: tuple[Decimal, ...]
    """Sums of money that the customer names, without their currency."""
    tentative: bool
    """The customer asks whether it could be done rather than for it to be done."""


ENOUGH = 2.0

_I = Intent
CUES: tuple[Cue, ...] = (
    Cue(_I.PERSON, 9, "SERVICE"),
    Cue(_I.PERSON, 8, "CONTACT HUMAN|SOMEONE"),
    Cue(_I.PERSON, 8, "HOURS CONTACT", "PARCEL ORDER DELIVERY"),
    Cue(_I.PERSON, 5, "HUMAN WANT", "ORDER PARCEL CLAIM"),
    Cue(_I.PERSON, 5, "SOMEONE WANT", "ORDER PARCEL REFUND RETURN DELIVERY PAYMENT ADDRESS CANCEL"),
    Cue(_I.PERSON, 3, "HUMAN", "ORDER PARCEL CLAIM ANGER"),
    Cue(_I.ROBOT, 12, "ASKROBOT"),
    Cue(_I.ROBOT, 4, "ROBOT", "WANT CONTACT HUMAN"),
    Cue(_I.REFUND_POLICY, 8, "REFUND|RETURN POLICY", "NUMBER"),
    Cue(_I.REFUND_POLICY, 8, "REFUND|RETURN HOWLONG", "MINE LATE EXPECT"),
    Cue(_I.REFUND_POLICY, 7, "REFUND|RETURN FEE", "PAYMENT EXPECT"),
    Cue(_I.CANCELLATION_FEE, 9, "CANCEL|TERMINATION FEE", "PROBLEM"),
    Cue(_I.CANCELLATION_FEE, 7, "CANCEL|TERMINATION POLICY"),
    Cue(_I.REFUND_STATUS, 7.5, "REFUND EXPECT|STATUS|TRACK|WHERE|LATE"),
    Cue(_I.REFUND_STATUS, 7.5, "REFUND WHEN|HOWLONG MINE", "POLICY"),
    Cue(_I.REFUND_STATUS, 6, "REFUND WHEN", "POLICY"),
    Cue(_I.REFUND_STATUS, 5, "REFUND ARRIVE LATE"),
    Cue(_I.PAYMENT_PROBLEM, 8, "TWICE"),
    Cue(_I.PAYMENT_PROBLEM, 7, "PAYMENT PROBLEM", "REFUND"),
    Cue(_I.PAYMENT_PROBLEM, 5, "PAYMENT REPORT|MISTAKE"),
    Cue(_I.CHANGE_ADDRESS, 8, "ADDRESS CHANGE|MISTAKE|PROBLEM"),
    Cue(_I.CHANGE_ADDRESS, 4, "ADDRESS", "CONTACT"),
    Cue(_I.REFUND, 5, "REFUND", "CLAIM"),
    Cue(_I.REFUND, 5, "RETURN"),
    Cue(_I.REFUND, 4.5, "UNWANTED"),
    Cue(_I.REFUND, 3, "REFUND"),
    Cue(_I.CANCEL, 6, "CANCEL ORDER|PARCEL", "REFUND"),
    Cue(_I.CANCEL, 6, "TERMINATION ORDER"),
    Cue(_I.CANCEL, 5.5, "CANCEL", "TOPIC"),
    Cue(_I.COMPLAINT, 5.5, "CLAIM LODGE|WANT"),
    Cue(_I.COMPLAINT, 5, "CLAIM"),
    Cue(_I.COMPLAINT, 6.6, "SHORT", "CHANGE"),
    Cue(_I.COMPLAINT, 4, "FAULT"),
    Cue(_I.COMPLAINT, 3, "ANGER"),
    Cue(_I.CHANGE_ORDER, 5.5, "CHANGE ORDER|PARCEL"),
    Cue(_I.CHANGE_ORDER, 5, "EXCHANGE"),
    Cue(_I.CHANGE_ORDER, 3, "CHANGE"),
    Cue(_I.TRACK, 6, "ORDER|PARCEL STATUS|TRACK|WHERE|LATE"),
    Cue(_I.TRACK, 6, "HISTORY", "REFUND CANCEL RETURN"),
    Cue(_I.TRACK, 5.8, "DELIVERY STATUS|TRACK|WHERE|LATE", "OPTION POLICY PLACE"),
    Cue(_I.TRACK, 6.5, "MINE ORDER|PARCEL WHEN|HOWLONG|ARRIVE|EXPECT", "REFUND RETURN CANCEL FEE"),
    Cue(_I.TRACK, 4, "ORDER CHECK"),
    Cue(_I.TRACK, 4, "LATE"),
    Cue(_I.TRACK, 3, "STATUS|TRACK", "OPTION POLICY FEE"),
    Cue(_I.TRACK, 3, "WHERE MINE"),
    Cue(_I.TRACK, 3.5, "WHENIT", "REFUND RETURN"),
    Cue(_I.DELIVERY_OPTIONS, 6, "DELIVERY OPTION"),
    Cue(_I.DELIVERY_OPTIONS, 7, "DELIVERY FEE", "REFUND RETURN"),
    Cue(_I.DELIVERY_OPTIONS, 7, "PLACE", "CHANGE STATUS TRACK"),
    Cue(_I.DELIVERY_OPTIONS, 4, "DELIVERY POLICY"),
    Cue(_I.DELIVERY_PERIOD, 6, "HOWLONG|WHEN DELIVERY|ARRIVE|PARCEL|ORDER", "REFUND RETURN"),
    Cue(_I.DELIVERY_PERIOD, 6, "DELIVERY TAKE"),
    Cue(_I.DELIVERY_PERIOD, 3, "ARRIVE"),
    Cue(_I.DELIVERY_PERIOD, 3, "HOWLONG"),
    Cue(_I.SHOP_QUESTION, 6, "PAYMENT OPTION", "PROBLEM"),
    Cue(_I.SHOP_QUESTION, 3.5, "TOPIC"),
    Cue(_I.SHOP_QUESTION, 2.5, "POLICY"),
    Cue(_I.SHOP_QUESTION, 2, "FEE"),
    Cue(_I.SHOP_QUESTION, 2, "PAYMENT"),
    Cue(_I.SHOP_QUESTION, 2, "DELIVERY", "ORDER"),
    Cue(_I.HOW_ARE_YOU, 4, "HOWAREYOU"),
    Cue(_I.BYE, 2.7, "BYE"),
    Cue(_I.THANKS, 2.4, "THANKS"),
    Cue(_I.GREETING, 2.2, "GREETING"),
)

_RANK = {intent: at for at, intent in enumerate(Intent)}

_MONEY = re.compile(
    r"(?:[$€£]|\b(?:eur|usd|gbp|euros?|dollars?)\s*)\s*(\d+(?:[.,]\d{1,2})?)\b"
    r"|\b(\d+(?:[.,]\d{1,2})?)\s*(?:[$€£]|(?:eur|usd|gbp|euros?|dollars?|bucks|pounds?|quid)\b)"
)
# Numbers of three digits and more that name something else than an order.
_NOT_AN_ORDER = re.compile(
    r"\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\+\d[\d ()-]{5,}|\brf-?\d+|"
    r"\b(?:zip|postcode|postal code|room|apartment|flat)\s*:?\s*\d+|"
    r"\b(?:in|since|january|february|march|april|may|june|july|august|september|october|november"
    r"|december),? (?:19|20)\d\d\b|"
    r"\b\d+\s*(?:days?|hours?|minutes?|weeks?|months?|years?|times|pieces|items|km|kg|cm|mm|ml|%)(?![a-z])"
)
_ORDER_ID = re.compile(r"(?<![\d.,])#?(\d{3,32})(?![\d])")
# Money moves on a plain request; whoever only asks about it is asked back first.
_TENTATIVE = re.compile(
    r"\b(?:can|could|may|am|would) i (?:still |also |just |even |be able to |able to )*(?:return|send|give"
    r"|bring|cancel)"
    r"|\bis it (?:still )?possible to (?:return|send|cancel)|\beligible\b|\btoo late\b|\bstill (?:return|cancel|send)"
    r"|\babout (?:my|the|a|an) (?:refund|return|cancellation|reimbursement|rebate)|\bwhether\b|\bwhy\b|\bif "
    r"(?:i|you|we|it)\b"
    r"|\b(?:did|have|has|was|were|is|will) (?:you|i|it|the|my) (?:\w+ ){0,2}(?:refund|return|cancel|reimburs)"
)


@lru_cache(maxsize=2_048)
def read_message(text: str) -> Reading:
    """Understand one customer message. Any text is allowed, also none."""
    words = read_words(text)
    order_ids, amounts = find_numbers(text)
    concepts = words.concepts | ({"NUMBER"} if order_ids else set())
    scores: dict[Intent, tuple[float, int]] = {}
    for cue in CUES:
        if cue.fits(concepts):
            best, count = scores.get(cue.intent, (0.0, 0))
            scores[cue.intent] = (max(best, cue.weight), count + 1)
    intent, score = Intent.UNCLEAR, 0.0
    if scores:
        totals = {found: best + (count - 1) / 4 for found, (best, count) in scores.items()}
        intent = min(totals, key=lambda found: (-totals[found], _RANK[found]))
        score = totals[intent]
    if score < ENOUGH:
        intent = Intent.UNCLEAR
    return Reading(
        intent=intent,
        score=score,
        words=words,
        order_ids=order_ids,
        amounts=amounts,
        tentative=_is_tentative(words, order_ids),
    )


def _is_tentative(words: Words, order_ids: tuple[str, ...]) -> bool:
    only_unwanted = "UNWANTED" in words.concepts and not words.concepts & {"REFUND", "RETURN"}
    return only_unwanted or len(order_ids) > 1 or "POLICY" in words.concepts or bool(_TENTATIVE.search(words.text))


def find_numbers(text: str) -> tuple[tuple[str, ...], tuple[Decimal, ...]]:
    """(order numbers, sums of money) in a message; dates, years, phone numbers and measures are neither."""
    plain = plain_text(text[:READ_CHARACTERS])
    amounts = tuple(Decimal((left or right).replace(",", ".")) for left, right in _MONEY.findall(plain))
    rest = _NOT_AN_ORDER.sub(" ", _MONEY.sub(" ", plain))
    return tuple(dict.fromkeys(_ORDER_ID.findall(rest))), amounts
