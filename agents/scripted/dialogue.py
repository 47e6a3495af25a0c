"""The rules: from (system text, messages, tools offered) to the next content blocks of the assistant.

A pure function. It reads the open question and the orders that were talked about out of the conversation, decides what
the customer wants in this turn, and lets that wish's flow say what comes next: a tool call or a reply.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from agents.scripted import replies
from agents.scripted.answers import (
    QUESTION_OF,
    Asked,
    chosen_order,
    find_question,
    has_doubt,
    says_no,
    says_yes,
    wants_all,
)
from agents.scripted.conversation import Block, Conversation, Turn, read_conversation
from agents.scripted.intents import Intent, Reading, read_message
from agents.scripted.lying import as_ordered, without_feedback
from agents.scripted.order_flows import cancel, change, complaint, payment_problem, refund_status, track
from agents.scripted.orders import Order, meant_orders, named_items, read_orders
from agents.scripted.policies import fitting_bullets
from agents.scripted.refund_flow import refund
from agents.scripted.remembered import from_documents, minded
from agents.scripted.replies import Question
from agents.scripted.task import Task, hand_over, wish

# Wishes that are about an order, so that "and 1045?" or "it" may carry them on.
_ABOUT_ORDERS = (
    Intent.TRACK,
    Intent.REFUND,
    Intent.REFUND_STATUS,
    Intent.CANCEL,
    Intent.CHANGE_ORDER,
    Intent.CHANGE_ADDRESS,
    Intent.COMPLAINT,
    Intent.PAYMENT_PROBLEM,
)
_SMALL_TALK = (Intent.GREETING, Intent.THANKS, Intent.BYE, Intent.HOW_ARE_YOU, Intent.ROBOT)
_POLICY = (
    Intent.REFUND_POLICY,
    Intent.CANCELLATION_FEE,
    Intent.DELIVERY_OPTIONS,
    Intent.DELIVERY_PERIOD,
    Intent.SHOP_QUESTION,
)
# Wishes that stand for themselves even when they name an item of another order.
_DISTINCT = (Intent.PERSON, Intent.COMPLAINT, Intent.CHANGE_ORDER, Intent.CHANGE_ADDRESS, Intent.REFUND_STATUS)
_LOOK_BACK_TURNS = 3
_MOST_CALLS = 10
# Below this a message says too little by itself: "and how long does it take".
_VAGUE = 4.0
_WORDS_OF_AN_ADDRESS = 4
_POINTS_BACK = re.compile(
    r"\b(?:it|that|this|them|these|those|same|(?:the|that|this) (?:order|one|item|parcel|package))\b"
)


def next_blocks(system: str, messages: Sequence[Mapping[str, Any]], tools: Iterable[str], today: date) -> list[Block]:
    """The assistant's next content: one reply, or one tool call out of the names in `tools`.

    `messages` is a valid history of the Messages API that ends with the user. Never empty.
    """
    messages, was_told = without_feedback(messages)
    conversation = read_conversation(system, messages, tools, today)
    task = read_task(conversation)
    if len(conversation.now.calls) >= _MOST_CALLS:
        return [replies.not_handed_over("This is taking me too many steps.")]
    return as_ordered(system, minded(conversation, _FLOWS[task.goal](task)), was_told=was_told)


def read_task(conversation: Conversation) -> Task:
    """What the customer wants in this turn."""
    reading = read_message(conversation.now.text)
    asked = find_question(conversation.before.said) if conversation.before else None
    plain = _plain_task(conversation, reading, asked)
    if asked is None or reading.intent in (Intent.PERSON, Intent.ROBOT):
        return plain
    if asked.is_which:
        return _after_which(conversation, reading, asked, plain)
    return _after_yes_or_no(conversation, reading, asked, plain)


def _plain_task(conversation: Conversation, reading: Reading, asked: Asked | None) -> Task:
    """The wish as this message alone has it, carried on from the turn before where it only points back."""
    goal, tentative = reading.intent, reading.tentative
    order_id = reading.order_ids[0] if reading.order_ids else None
    if goal is Intent.DELIVERY_PERIOD and reading.score < _VAGUE and _asked_about_refunds(conversation):
        goal = Intent.REFUND_POLICY
    previous = _previous_goal(conversation)
    says_little = reading.score < _VAGUE - 1 and goal not in _SMALL_TALK
    if says_little and previous is Intent.CHANGE_ADDRESS and len(reading.words.tokens) >= _WORDS_OF_AN_ADDRESS:
        goal, order_id = previous, None  # The address itself: its numbers are those of a house and a town.
    elif goal is Intent.UNCLEAR:
        order_id = order_id or _order_pointed_at(conversation, reading)
        if order_id is not None or "ORDER" in reading.words.concepts:
            goal, tentative = previous or Intent.TRACK, True
    elif goal in (Intent.REFUND, Intent.CANCEL) and len(reading.order_ids) > 1:
        order_id = None
    elif goal in _ABOUT_ORDERS and order_id is None and _points_back(reading):
        order_id = _order_talked_about(conversation)
    return Task(
        conversation=conversation, reading=reading, goal=goal, order_id=order_id, tentative=tentative, asked=asked
    )


def _points_back(reading: Reading) -> bool:
    return bool(_POINTS_BACK.search(reading.words.text))


def _order_pointed_at(conversation: Conversation, reading: Reading) -> str | None:
    """The one order of the turn before that a bare "the kettle" means."""
    shown = list(_orders_in([conversation.before]).values()) if conversation.before else []
    meant = [order for order in shown if named_items(order, reading.words)]
    return meant[0].order_id if len(meant) == 1 else None


def _after_which(conversation: Conversation, reading: Reading, asked: Asked, plain: Task) -> Task:
    """An answer to "which order": a choice, a refusal, another wish, or nothing that was understood."""
    goal = asked.goal if reading.intent not in _ABOUT_ORDERS else plain.goal
    if goal is Intent.TRACK and not reading.words.concepts & {"STATUS", "TRACK", "WHERE", "LATE"}:
        goal = asked.goal  # "the one that arrived last week" picks an order; it does not ask where it is.
    choice = chosen_order(reading, asked, _known_orders(conversation), conversation.today)
    if choice is not None:
        return _changed(plain, goal=goal, order_id=choice, confirmed=True, tentative=False)
    if reading.intent in _POLICY or (reading.intent in _SMALL_TALK and not says_yes(reading)) or goal is not asked.goal:
        return plain
    if wants_all(reading) and len(asked.options) > 1:
        return _changed(plain, goal=Intent.SEVERAL)
    if reading.intent is Intent.UNCLEAR:
        if says_no(reading):
            return _changed(plain, goal=Intent.DECLINED)
        if _asked_the_same_before(conversation, asked):
            return _changed(plain, goal=Intent.STUCK)
    return _changed(plain, goal=asked.goal, order_id=None)


def _after_yes_or_no(conversation: Conversation, reading: Reading, asked: Asked, plain: Task) -> Task:
    """An answer to "shall I": the same wish repeated counts as yes, but neither a refusal nor a doubt ever does."""
    if asked.question is Question.CLARIFY:
        return _changed(plain, goal=Intent.STUCK) if plain.goal is Intent.UNCLEAR else plain
    names_another = bool(plain.order_id) and asked.order_id is not None and plain.order_id != asked.order_id
    other_wish = reading.intent not in (Intent.UNCLEAR, *_SMALL_TALK) and reading.intent is not asked.goal
    if says_no(reading) and not other_wish and not names_another:
        return _changed(plain, goal=Intent.DECLINED)
    if says_yes(reading) or (reading.intent is asked.goal and not has_doubt(reading)):
        if not names_another:
            return _changed(plain, goal=asked.goal, order_id=asked.order_id, confirmed=True, tentative=False)
    elif asked.order_id is not None and not names_another:
        return _after_doubt(conversation, reading, asked, plain)
    if plain.goal is Intent.UNCLEAR and asked.question is Question.OFFER_PERSON:
        return _changed(plain, goal=Intent.STUCK)
    return plain


def _after_doubt(conversation: Conversation, reading: Reading, asked: Asked, plain: Task) -> Task:
    """Neither yes nor no to an offered order: another one may be meant, or something else altogether."""
    meant = meant_orders(list(_known_orders(conversation).values()), reading.words, conversation.today) or []
    if len(meant) == 1 and plain.goal not in _DISTINCT:
        return _changed(plain, goal=asked.goal, order_id=meant[0].order_id, confirmed=False, tentative=True)
    if reading.intent in (Intent.UNCLEAR, asked.goal):
        repeated = _asked_the_same_before(conversation, asked)
        return _changed(plain, goal=Intent.STUCK if repeated else Intent.ASK_AGAIN)
    return plain


def _changed(task: Task, **changes: Any) -> Task:
    kept = {name: getattr(task, name) for name in Task.__dataclass_fields__}
    return Task(**{**kept, **changes})


def _previous_goal(conversation: Conversation) -> Intent | None:
    before = conversation.before
    intent = read_message(before.text).intent if before else Intent.UNCLEAR
    return intent if intent in _ABOUT_ORDERS else None


def _asked_about_refunds(conversation: Conversation) -> bool:
    before = conversation.before
    topics = (Intent.REFUND, Intent.REFUND_STATUS, Intent.REFUND_POLICY)
    return before is not None and read_message(before.text).intent in topics


def _order_talked_about(conversation: Conversation) -> str | None:
    """The one order that the latest turns were about, by the customer's words first, then by what was looked up."""
    for turn in reversed(conversation.turns[:-1][-_LOOK_BACK_TURNS:]):
        named = read_message(turn.text).order_ids or tuple(_orders_acted_on(turn))
        if len(named) == 1:
            return named[0]
        if named:
            return None
    return None


def _orders_acted_on(turn: Turn) -> dict[str, None]:
    named = {str(call.input["order_id"]): None for call in turn.calls if call.input.get("order_id")}
    if named:
        return named
    seen = _orders_in([turn])
    told = {
        order_id: None for order_id in seen if re.search(rf"\border {re.escape(order_id)}\b", turn.said, re.IGNORECASE)
    }
    return told or dict.fromkeys(seen)


def _known_orders(conversation: Conversation) -> dict[str, Order]:
    return _orders_in(conversation.turns)


def _orders_in(turns: Iterable[Turn]) -> dict[str, Order]:
    """Orders by number out of the look-ups of these turns, the latest word on each."""
    return {
        order.order_id: order
        for turn in turns
        for call in turn.calls
        if call.name == "get_order" and call.result is not None
        for order in read_orders(call.result)
    }


def _asked_the_same_before(conversation: Conversation, asked: Asked) -> bool:
    earlier = conversation.turns[-3].said if len(conversation.turns) > 2 else ""
    again = find_question(earlier)
    return again is not None and again.question is asked.question


def _person(task: Task) -> list[Block]:
    facts = fitting_bullets(task.conversation.system, task.reading) if task.reading.intent is Intent.PERSON else []
    lead = " ".join([*facts, "Of course."]) if facts else "Of course."
    return hand_over(task, "customer_requested", lead, wish(task))


def _policy(task: Task) -> list[Block]:
    """A question about the rules: the fitting facts of the instructions, or a person."""
    facts = fitting_bullets(task.conversation.system, task.reading, task.goal)
    passage = None if facts else from_documents(task.conversation, task.reading)
    if facts or passage:
        return [replies.policy(facts or [str(passage)])]
    lead = "I do not have a sure answer to that."
    return hand_over(
        task, "missing_knowledge", lead, "The customer asks something that the instructions do not answer."
    )


def _small_talk(task: Task) -> list[Block]:
    return [replies.SMALL_TALK[task.goal.value]]


def _unclear(task: Task) -> list[Block]:
    """Nothing was understood: policy facts that share the customer's words may still help, otherwise ask."""
    before = task.conversation.before
    if before is not None and (says_yes(task.reading) or says_no(task.reading)):
        return [replies.SMALL_TALK["thanks"]]
    return [replies.clarify()]


def _declined(_task: Task) -> list[Block]:
    return [replies.declined()]


def _one_at_a_time(task: Task) -> list[Block]:
    return [replies.one_at_a_time(task.asked.question, task.asked.listing)] if task.asked else [replies.clarify()]


def _ask_again(task: Task) -> list[Block]:
    """The offered order may be the wrong one: list what there is, or repeat the question."""
    asked = task.asked
    orders = list(_known_orders(task.conversation).values())
    if asked is None or not orders:
        return [replies.clarify()]
    if len(orders) > 1:
        return [replies.which(orders, QUESTION_OF[asked.goal], "These are your orders:")]
    order = orders[0]
    if asked.amount is not None:
        return [replies.confirm_refund(order, asked.amount)]
    return [replies.confirm_cancel(order)]


def _stuck(task: Task) -> list[Block]:
    before = task.conversation.before
    if before is None or replies.NOT_UNDERSTOOD not in before.said:
        return [replies.offer_person()]
    return hand_over(
        task, "pending_clarification", "", "It is not clear what the customer needs, after three messages."
    )


_FLOWS: dict[Intent, Callable[[Task], list[Block]]] = {
    Intent.PERSON: _person,
    Intent.REFUND: refund,
    Intent.REFUND_STATUS: refund_status,
    Intent.CANCEL: cancel,
    Intent.TRACK: track,
    Intent.CHANGE_ORDER: change,
    Intent.CHANGE_ADDRESS: change,
    Intent.PAYMENT_PROBLEM: payment_problem,
    Intent.COMPLAINT: complaint,
    Intent.UNCLEAR: _unclear,
    Intent.DECLINED: _declined,
    Intent.SEVERAL: _one_at_a_time,
    Intent.ASK_AGAIN: _ask_again,
    Intent.STUCK: _stuck,
    **dict.fromkeys(_POLICY, _policy),
    **dict.fromkeys(_SMALL_TALK, _small_talk),
}
