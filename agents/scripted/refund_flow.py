"""Return and refund: find the order, check the window, refund once, and say only what a tool has confirmed."""

import re
from decimal import Decimal

from agents.scripted import replies
from agents.scripted.conversation import Block, Call, Say, Use
from agents.scripted.orders import Order, meant_orders, named_items, read_refund, read_refunds, same_number
from agents.scripted.replies import Question
from agents.scripted.task import (
    Found,
    Task,
    after_failure,
    ask_for_number,
    call_of,
    facts_of,
    hand_over,
    is_identity,
    is_not_found,
    look_up,
    numbered_orders,
    wish,
)

# Failures after which nobody can say from here whether money has moved.
_UNCERTAIN = ("outcome_unknown", "unreadable")


def refund(task: Task) -> list[Block]:
    """The next blocks of a return or refund."""
    if task.order_id is not None:
        found = look_up(task, task.order_id)
        return list(found.blocks) or _settle(task, found.orders[0])
    found = look_up(task, None)
    if found.blocks:
        return list(found.blocks)
    if not found.orders:
        return [replies.no_orders(Question.WHICH_RETURN)]
    return _choose(task, found)


def _choose(task: Task, found: Found) -> list[Block]:
    """Which order is meant, when the customer gave no number."""
    orders = list(found.orders)
    meant = numbered_orders(task, orders) or meant_orders(orders, task.reading.words, task.conversation.today)
    if meant is None and task.reading.amounts:
        meant = [order for order in orders if order.total in task.reading.amounts] or None
    if meant and len(meant) > 1:
        meant = [order for order in meant if order.is_returnable] or meant
    if meant and len(meant) == 1:
        return _settle(task, meant[0])
    if meant:
        return [replies.which(meant, Question.WHICH_RETURN, "More than one order fits:")]
    if len(orders) == 1:
        return _settle(task, orders[0])
    returnable = [order for order in orders if order.is_returnable]
    if meant is None and len(returnable) == 1:
        order = returnable[0]
        return _confirm(task, order, _amount(task, order) or order.left)
    lead = "No order fits what you describe. These are your orders:" if meant == [] else "You have several orders:"
    shown = returnable if meant is None and len(returnable) > 1 else orders
    return [replies.which(shown, Question.WHICH_RETURN, lead)]


def _settle(task: Task, order: Order) -> list[Block]:
    """One order is known: refund it, or say why not."""
    attempt = call_of(task, "process_refund", order.order_id)
    if attempt is not None:
        return _after_attempt(task, order, attempt)
    if _is_uncertain_from_before(task, order):
        lead = f"An earlier refund attempt for order {order.order_id} is still unclear, so I will not try it again."
        note = "An earlier refund attempt has an unknown outcome; check before refunding."
        return hand_over(task, "tool_failure", lead, f"{wish(task)} {note} {facts_of([order])}")
    if order.is_refunded:
        return _tell_refund(task, order)
    return _return_delivered(task, order) if order.status == "delivered" else [_not_yet(task, order)]


def _return_delivered(task: Task, order: Order) -> list[Block]:
    if not order.within_window:
        return _refuse(task, order)
    if not task.offers("process_refund"):
        lead = f"Order {order.order_id} is inside its return window, but I cannot refund it from here."
        return hand_over(task, "unsupported_request", lead, f"{wish(task)} {facts_of([order])}")
    return _refund_or_ask(task, order)


def _not_yet(task: Task, order: Order) -> Say:
    """What is not delivered cannot come back; what is still being prepared can be cancelled instead."""
    if order.status == "processing" and task.offers("cancel_order"):
        lead = (
            f"Order {order.order_id} is {replies.state(order)}, so it cannot be returned yet, but it can be cancelled."
        )
        return replies.confirm_cancel(order, lead)
    if order.status in ("processing", "shipped"):
        return replies.not_delivered(order)
    return replies.order_closed(order)


def _refund_or_ask(task: Task, order: Order) -> list[Block]:
    """Refund at once what was plainly asked for; ask first about a part of an order or a sum that does not fit."""
    arguments = {"order_id": order.order_id, "reason": _reason(task)}
    if task.confirmed and task.asked is not None and task.asked.question is Question.CONFIRM_REFUND:
        offered = task.asked.amount
        if offered is not None and offered != order.left:
            arguments["amount"] = f"{offered:.2f}"
        return [Use("process_refund", arguments)]
    part = _amount(task, order)
    stated = [amount for amount in task.reading.amounts if amount not in (order.left, order.total)]
    if part is not None or (not task.confirmed and (task.tentative or stated)):
        return _confirm(task, order, part or order.left)
    return [Use("process_refund", arguments)]


def _confirm(task: Task, order: Order, amount: Decimal | None) -> list[Block]:
    if amount is None:
        return [replies.which([order], Question.WHICH_RETURN, "Is it this order?")]
    return [replies.confirm_refund(order, amount)]


def _refuse(task: Task, order: Order) -> list[Block]:
    lead = replies.outside_window(order)
    ended = f" The return window ended on {replies.day(order.returnable_until)}." if order.returnable_until else ""
    summary = f"{wish(task)} {facts_of([order])}{ended} Outside the return window; nothing was refunded."
    return hand_over(task, "policy_restriction", lead, summary)


def _after_attempt(task: Task, order: Order, attempt: Call) -> list[Block]:
    """Success is told with the result's own figures; any doubt goes to a person and is called a doubt."""
    if attempt.error is None:
        made = read_refund(attempt.result)
        if made is not None and same_number(made.order_id, order.order_id):
            return [replies.refunded(made)]
        attempt = Call(name=attempt.name, input=attempt.input, error="unreadable")
    return _after_refusal(task, order, attempt)


def _after_refusal(task: Task, order: Order, attempt: Call) -> list[Block]:
    code = (attempt.error or "failed").lower()
    if code in ("already_refunded", "outside_return_window"):
        return _tell_refund(task, order) if code == "already_refunded" else _refuse(task, order)
    if code == "not_delivered":
        return [replies.not_delivered(order)]
    if is_not_found(code):
        return ask_for_number(task, order.order_id)
    if is_identity(code) or re.search(r"denied|refused|not_permitted|forbidden|policy|approval|limit", code):
        return after_failure(task, attempt)
    return _leave_to_person(task, order, code, unclear=code in _UNCERTAIN or "timeout" in code)


def _leave_to_person(task: Task, order: Order, code: str, *, unclear: bool) -> list[Block]:
    lead = (
        f"I cannot tell yet whether the refund for order {order.order_id} went through, so I will not try again."
        if unclear
        else f"The refund for order {order.order_id} did not go through."
    )
    state = "with an unknown outcome; check before refunding again" if unclear else "without success"
    summary = f"{wish(task)} process_refund ended {state} ({code}). {facts_of([order])}"
    return hand_over(task, "tool_failure", lead, summary)


def _tell_refund(task: Task, order: Order) -> list[Block]:
    lead = replies.already_refunded(order)
    if not task.offers("get_refund_status"):
        return [Say("refund_status", lead)]
    call = call_of(task, "get_refund_status", order.order_id)
    if call is None:
        return [Use("get_refund_status", {"order_id": order.order_id})]
    refunds = [r for r in read_refunds(call.result or {}) if same_number(r.order_id, order.order_id)]
    return [replies.refund_status(refunds, lead)]


def _is_uncertain_from_before(task: Task, order: Order) -> bool:
    """Whether an earlier turn's refund of this order ended in doubt."""
    attempts = [
        call
        for call in task.conversation.earlier_calls
        if call.name == "process_refund" and same_number(str(call.input.get("order_id")), order.order_id)
    ]
    return bool(attempts) and attempts[-1].error is not None and (attempts[-1].error or "").lower() in _UNCERTAIN


def _amount(task: Task, order: Order) -> Decimal | None:
    """The part of the order to refund when the customer names some of its items only; None for the whole."""
    if len(order.items) < 2:
        return None
    named = next((found for words in task.voices if (found := named_items(order, words))), [])
    if not named or len(named) == len(order.items):
        return None
    part = sum((item.price * item.quantity for item in named), Decimal(0))
    return part if order.left is not None and 0 < part <= order.left else None


def _reason(task: Task) -> str:
    """Why, in the customer's sense, as far as their words tell it."""
    said = "\n".join(words.text for words in task.voices)
    for pattern, reason in _REASONS:
        if pattern.search(said):
            return reason
    return "The customer asked to return the order"


_REASONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(?:broken|damaged?|cracked|torn|scratched|smashed|leaking)\b"), "The item arrived damaged"),
    (re.compile(r"\b(?:defect\w*|faulty|(?:not|stopped) work\w*)\b"), "The item is faulty"),
    (re.compile(r"\bwrong (?:item|product|article|thing|one|colou?r)\b"), "The wrong item was sent"),
    (re.compile(r"\b(?:too (?:small|big|large|tight|loose|short|long)|not fit|wrong size)\b"), "The item does not fit"),
    (re.compile(r"\bnot as (?:described|expected|shown)|different from\b"), "The item is not as described"),
    (
        re.compile(r"\b(?:changed my mind|no longer (?:want|need)|do not (?:want|need|like))\b"),
        "The customer changed their mind",
    ),
    (re.compile(r"\b(?:late|delayed)\b"), "The order arrived late"),
)
