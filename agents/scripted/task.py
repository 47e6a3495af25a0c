"""What a turn is about, and the steps that all flows share: call a tool once, look an order up, hand over."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agents.scripted import replies
from agents.scripted.answers import QUESTION_OF, Asked
from agents.scripted.conversation import Block, Call, Conversation, Use
from agents.scripted.intents import Intent, Reading
from agents.scripted.orders import Order, read_orders, same_number
from agents.scripted.replies import Question
from agents.scripted.words import Words, read_words

_QUOTED_CHARACTERS = 240
_QUOTED_TURNS = 3


@dataclass(frozen=True, kw_only=True)
class Task:
    """The customer's wish in this turn, after earlier turns and the open question were taken into account."""

    conversation: Conversation
    reading: Reading
    goal: Intent
    order_id: str | None = None
    """The order that the customer named, now or by an answer; never taken from free text in a tool result."""
    confirmed: bool = False
    """The customer said yes to exactly this, or picked the order when asked which."""
    tentative: bool = False
    asked: Asked | None = None

    @property
    def question(self) -> Question:
        return QUESTION_OF.get(self.goal, Question.WHICH_TRACK)

    @property
    def voices(self) -> tuple[Words, ...]:
        """The customer's words on this wish: those of now, and those that led to the open question."""
        before = self.conversation.before
        return (self.reading.words, *([read_words(before.text)] if self.asked and before else []))

    def offers(self, tool: str) -> bool:
        return tool in self.conversation.tools


@dataclass(frozen=True, kw_only=True)
class Found:
    """The outcome of a look-up: orders to go on with, or blocks to answer with."""

    orders: tuple[Order, ...] = ()
    blocks: tuple[Block, ...] = ()


def call_of(task: Task, tool: str, order_id: str | None = None) -> Call | None:
    """The latest call of a tool in this turn for that order (None: for no particular order)."""
    for call in reversed(task.conversation.now.calls):
        if call.name == tool and call.input.get("order_id") == order_id:
            return call
    return None


def look_up(task: Task, order_id: str | None) -> Found:
    """One order, or the recent ones without a number. Empty `blocks` means that `orders` can be worked with."""
    if not task.offers("get_order"):
        lead = "I cannot look into orders here."
        return Found(blocks=tuple(hand_over(task, "unsupported_request", lead, wish(task))))
    call = call_of(task, "get_order", order_id)
    if call is None:
        return Found(blocks=(Use("get_order", {"order_id": order_id} if order_id else {}),))
    if call.error is not None:
        return Found(blocks=tuple(after_failure(task, call)))
    orders = read_orders(call.result or {})
    if order_id is not None:
        orders = [order for order in orders if same_number(order.order_id, order_id)]
        if not orders:
            # An answer about some other order than the one that was asked for is not to be acted upon.
            return Found(
                blocks=tuple(after_failure(task, Call(name="get_order", input=call.input, error="unreadable")))
            )
    elif not isinstance((call.result or {}).get("orders"), list):
        return Found(blocks=tuple(after_failure(task, Call(name="get_order", input={}, error="unreadable"))))
    return Found(orders=tuple(orders))


def numbered_orders(task: Task, orders: Sequence[Order]) -> list[Order]:
    """Those whose numbers the customer names, where several are named at once."""
    return [order for order in orders if any(same_number(order.order_id, named) for named in task.reading.order_ids)]


def after_failure(task: Task, call: Call) -> list[Block]:
    """What to do when a look-up or an action failed: ask for a number, ask to sign in, or hand over."""
    code = (call.error or "failed").lower()
    if is_identity(code):
        return [replies.sign_in()]
    if is_not_found(code):
        return ask_for_number(task, str(call.input.get("order_id") or task.order_id or ""))
    if "limit" in code or "throttl" in code:
        return hand_over(task, "usage_limit", "I cannot do more of this today.", f"{wish(task)} {call.name}: {code}.")
    if re.search(r"denied|refused|not_permitted|forbidden|policy|approval", code):
        lead = "I am not allowed to do this myself."
        return hand_over(task, "policy_restriction", lead, f"{wish(task)} {call.name} was not permitted: {code}.")
    lead = "I cannot get an answer from our order system at the moment."
    return hand_over(task, "tool_failure", lead, f"{wish(task)} {call.name} failed: {code}.")


def is_not_found(code: str) -> bool:
    return "not_found" in code or code == "404"


def is_identity(code: str) -> bool:
    return bool(re.search(r"customer|verif|sign|auth|identity|anonymous", code))


def ask_for_number(task: Task, order_id: str) -> list[Block]:
    before = task.conversation.before
    if before is not None and task.asked is not None and task.asked.is_which and replies.NOT_FOUND in before.said:
        return [replies.not_found_again(order_id)]
    return [replies.not_found(order_id, task.question)]


def hand_over(task: Task, reason: str, lead: str, summary: str) -> list[Block]:
    """Escalate, then say so; `lead` is the first sentence to the customer, `summary` the facts for the colleague."""
    if not task.offers("escalate_to_human"):
        return [replies.not_handed_over(lead)]
    for call in reversed(task.conversation.now.calls):
        if call.name == "escalate_to_human":
            if call.error is not None:
                return [replies.not_handed_over(lead)]
            reference = (call.result or {}).get("escalation")
            return [replies.handed_over(lead, reference[:40] if isinstance(reference, str) else "")]
    words = f' Customer\'s words: "{quoted(task)}"'
    return [Use("escalate_to_human", {"reason": reason, "summary": " ".join(summary.split()) + words})]


def quoted(task: Task) -> str:
    """The customer's words now, after those that led to the open question."""
    turns = task.conversation.turns[-_QUOTED_TURNS:] if task.asked else [task.conversation.now]
    text = " / ".join(" ".join(turn.text.split()) for turn in turns)
    return text if len(text) <= _QUOTED_CHARACTERS else text[:_QUOTED_CHARACTERS] + "…"


def facts_of(orders: Sequence[Order]) -> str:
    """Orders for a colleague's eye, in one line."""
    return " ".join(f"{replies.headline(order)}." for order in orders[: replies.MOST_LISTED])


def wish(task: Task) -> str:
    """The customer's wish as a sentence, for a summary."""
    about = f" (order {task.order_id})" if task.order_id else ""
    return f"{_WISHES.get(task.goal, 'The customer needs help')}{about}."


_WISHES = {
    Intent.TRACK: "The customer asks where an order is",
    Intent.REFUND: "The customer asks for a return or refund",
    Intent.REFUND_STATUS: "The customer asks about a refund",
    Intent.CANCEL: "The customer asks to cancel an order",
    Intent.CHANGE_ORDER: "The customer asks to change an order",
    Intent.CHANGE_ADDRESS: "The customer asks to change the delivery address",
    Intent.PAYMENT_PROBLEM: "The customer reports a problem with a payment",
    Intent.COMPLAINT: "The customer complains",
    Intent.PERSON: "The customer asks for a person",
}
