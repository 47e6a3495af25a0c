"""Understands a customer's answer to the question that the last reply ended with."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from agents.scripted.intents import Intent, Reading
from agents.scripted.orders import Order, meant_orders, same_number
from agents.scripted.replies import Question

GOAL_OF: dict[Question, Intent] = {
    Question.WHICH_RETURN: Intent.REFUND,
    Question.WHICH_CANCEL: Intent.CANCEL,
    Question.WHICH_TRACK: Intent.TRACK,
    Question.WHICH_REFUND_STATUS: Intent.REFUND_STATUS,
    Question.WHICH_CHANGE: Intent.CHANGE_ORDER,
    Question.WHICH_ADDRESS: Intent.CHANGE_ADDRESS,
    Question.WHICH_COMPLAINT: Intent.COMPLAINT,
    Question.CONFIRM_REFUND: Intent.REFUND,
    Question.CONFIRM_CANCEL: Intent.CANCEL,
    Question.OFFER_PERSON: Intent.PERSON,
    Question.CLARIFY: Intent.UNCLEAR,
}
QUESTION_OF: dict[Intent, Question] = {
    goal: question for question, goal in GOAL_OF.items() if question.name.startswith("WHICH")
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The open question: the order it names, or the numbers it lists, in their order on the screen."""

    question: Question
    order_id: str | None
    options: tuple[str, ...]
    listing: str
    amount: Decimal | None = None
    """The sum that a refund was offered of."""

    @property
    def goal(self) -> Intent:
        return GOAL_OF[self.question]

    @property
    def is_which(self) -> bool:
        return self.question.name.startswith("WHICH")


def find_question(said: str) -> Asked | None:
    """The question at the very end of a reply; text inside it (an item's name, say) cannot pass for one."""
    for question, pattern in _QUESTIONS.items():
        found = pattern.search(said)
        if found:
            lines = _OPTION.findall(said)
            amount = found.groupdict().get("amount")
            return Asked(
                question=question,
                order_id=found.groupdict().get("order_id"),
                options=tuple(number for _, number in lines),
                listing="\n".join(line for line, _ in lines),
                amount=Decimal(amount) if amount else None,
            )
    return None


def says_yes(reading: Reading) -> bool:
    """A plain yes; one with a "but" or a "not" in it is none."""
    return not says_no(reading) and not has_doubt(reading) and bool(_YES.search(reading.words.text))


def says_no(reading: Reading) -> bool:
    return bool(_NO.search(reading.words.text))


def has_doubt(reading: Reading) -> bool:
    """Whether an answer takes something back, so that nothing may be done on the strength of it."""
    return bool(_DOUBT.search(_NO_DOUBT.sub("", reading.words.text)))


def wants_all(reading: Reading) -> bool:
    return bool(_ALL.search(reading.words.text))


def chosen_order(reading: Reading, asked: Asked, known: Mapping[str, Order], today: date) -> str | None:
    """The one order that the answer picks, or None when it picks none or leaves it open."""
    if reading.order_ids:
        named = reading.order_ids[0]
        return next((option for option in asked.options if same_number(option, named)), named)
    at = _position(reading, len(asked.options))
    if at is not None:
        return asked.options[at]
    for number in reading.words.tokens:
        ending = [option for option in asked.options if number.isdigit() and option.endswith(number)]
        if len(ending) == 1:
            return ending[0]
    shown: Sequence[Order] = [known[option] for option in asked.options if option in known]
    meant = meant_orders(shown, reading.words, today)
    if meant is not None and len(meant) == 1:
        return meant[0].order_id
    if len(asked.options) == 1 and says_yes(reading):
        return asked.options[0]
    return None


def _position(reading: Reading, count: int) -> int | None:
    """Place in the list of options, from 0, of "the second one", "2nd", "number 2", "2", "the last one"."""
    text = reading.words.text
    if not count or _TIME_WORDS.search(text):
        return None
    for at, pattern in enumerate(_ORDINALS[:count]):
        if pattern.search(text):
            return at
    return count - 1 if _LAST.search(text) else None


_QUESTIONS = {
    question: re.compile(
        r"(?:^|[\s])"
        + re.escape(question.value)
        .replace(r"\{amount\}", r"[A-Z]{3} (?P<amount>\d+\.\d\d)")
        .replace(r"\{order_id\}", r"(?P<order_id>\S{1,40})")
        + r"\s*$"
    )
    for question in Question
}
_OPTION = re.compile(r"^(\d+\. Order (\S+):.*)$", re.MULTILINE)
_ORDINALS = tuple(
    re.compile(
        rf"\b(?:{words})\b(?! (?:day|week|month|item|piece)s?)|^(?:(?:number|no|nr|option|the|order|choice) "
        rf")*{at}(?: please)?$"
    )
    for at, words in enumerate(
        ("first|1 st|top one", "second|2 nd", "third|3 rd", "fourth|4 th", "fifth|5 th", "sixth|6 th"), 1
    )
)
_LAST = re.compile(r"\b(?:last one|the last|bottom one)$|\blast in the list\b|^last$")
_TIME_WORDS = re.compile(
    r"\b(?:last|this|past) (?:week|month|year|monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b"
)
_YES = re.compile(
    r"^(?:yes|yeah|yep|yup|y|sure|ok|okay|correct|right|exactly|please|of course|absolutely|definitely|fine"
    r"|alright|agreed|"
    r"confirm|confirmed|why not|great|perfect|i do(?! not)|that one|that is (?:right|correct|fine|it|the "
    r"one)|sounds good|all right|"
    r"no (?:problem|worries)|go on)\b|\b(?:go ahead|please do|do it|do that|yes please|yes)\b"
)
_NO = re.compile(
    r"^(?:no(?! (?:problem|worries|idea|clue|number|\d))|nope|nah|n|never mind|nevermind|not (?:now|yet"
    r"|really|necessary|needed|that)|do not(?! (?:know|have|remember|see|recall|find))|stop|"
    r"leave it|forget it|forget about it|cancel that|keep it|none|neither|i changed my mind|rather not"
    r"|better not|please do not)\b"
    r"|\b(?:never mind|forget it|leave it|do not (?:bother|do (?:it|that)))\b"
)
_DOUBT = re.compile(r"\b(?:not|never|but|instead|wrong|other|another|different|wait|which|what|why|how)\b")
_NO_DOUBT = re.compile(r"\b(?:why not|no (?:problem|worries)|if you do not mind)\b")
_ALL = re.compile(r"\b(?:both|all of (?:them|these|it)|all three|all orders|every one|everything|all)\b")
