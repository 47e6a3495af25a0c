"""The texts of the scripted model: short, plain, in the second person.

Questions are fixed sentences at the end of a reply, so that the next turn can tell from the conversation alone what was
asked (see `answers.py`). Orders are listed as numbered lines that begin with "Order <number>:".
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum

from agents.scripted.conversation import Say
from agents.scripted.orders import Order, Refund

MOST_LISTED = 6


class Question(StrEnum):
    """What a reply may end with; `{…}` are filled in."""

    WHICH_RETURN = "Which order would you like to return?"
    WHICH_CANCEL = "Which order would you like to cancel?"
    WHICH_TRACK = "Which order shall I look up?"
    WHICH_REFUND_STATUS = "Which order is the refund for?"
    WHICH_CHANGE = "Which order would you like to change?"
    WHICH_ADDRESS = "Which order should go to another address?"
    WHICH_COMPLAINT = "Which order is the complaint about?"
    CONFIRM_REFUND = "Shall I refund {amount} for order {order_id}?"
    CONFIRM_CANCEL = "Shall I cancel order {order_id}?"
    OFFER_PERSON = "Shall I pass this to a colleague?"
    CLARIFY = "Could you tell me in a few words what you need?"


NOT_FOUND = "I cannot find order"
NOT_UNDERSTOOD = "I have not understood what you need."


def money(amount: Decimal, currency: str) -> str:
    return f"{currency} {amount:.2f}"


def day(value: date) -> str:
    return f"{value.day} {value:%B %Y}"


def listed(orders: Sequence[Order]) -> str:
    """Numbered lines, newest first; what is beyond the first few is counted, not shown."""
    lines = [f"{at}. {headline(order)}" for at, order in enumerate(orders[:MOST_LISTED], 1)]
    if len(orders) > MOST_LISTED:
        lines.append(f"and {len(orders) - MOST_LISTED} older ones.")
    return "\n".join(lines)


def headline(order: Order) -> str:
    """One line on an order, for lists and summaries."""
    parts = [order.names or "no items listed"]
    if order.total is not None:
        parts.append(money(order.total, order.currency))
    return f"Order {order.order_id}: {', '.join(parts)}, {state(order)}"


def state(order: Order) -> str:
    """Where an order stands, as a clause: "delivered on 14 November 2026"."""
    if order.is_refunded:
        return "refunded"
    if order.status == "delivered":
        return f"delivered on {day(order.delivered_on)}" if order.delivered_on else "delivered"
    if order.status == "shipped":
        return f"on its way, expected on {day(order.expected_on)}" if order.expected_on else "on its way"
    if order.status == "processing":
        return f"being prepared, expected on {day(order.expected_on)}" if order.expected_on else "being prepared"
    return order.status or "in an unknown state"


def order_status(order: Order) -> Say:
    text = f"Your order {order.order_id}{_of(order)} is {state(order)}."
    if order.status == "delivered":
        text = text.replace(" is delivered", " was delivered")
    if order.status == "shipped" and order.tracking_number:
        carrier = f" with {order.carrier}" if order.carrier else ""
        text += f" It travels{carrier} under the tracking number {order.tracking_number}."
    if order.is_returnable and order.returnable_until:
        text += f" You can return it until {day(order.returnable_until)}."
    return Say("order_status", text)


def order_list(orders: Sequence[Order]) -> Say:
    return Say("order_status", f"These are your recent orders:\n{listed(orders)}\nTell me a number for the details.")


def no_orders(question: Question, facts: Sequence[str] = ()) -> Say:
    text = "I see no orders on your account yet. If you have an order number, send it to me and I will check it."
    return Say("no_orders", "\n\n".join([*([_facts(facts)] if facts else []), f"{text} {question}"]))


def not_found(order_id: str, question: Question) -> Say:
    return Say(
        "not_found",
        f"{NOT_FOUND} {order_id} on your account. Please check the number in your confirmation e-mail. {question}",
    )


def which(orders: Sequence[Order], question: Question, lead: str = "You have several orders:") -> Say:
    return Say("which", f"{lead}\n{listed(orders)}\n{question}")


def one_at_a_time(question: Question, options: str) -> Say:
    return Say("which", f"I take one order at a time. Tell me the first one:\n{options}\n{question}")


def confirm_refund(order: Order, amount: Decimal, lead: str = "") -> Say:
    asked = Question.CONFIRM_REFUND.format(amount=money(amount, order.currency), order_id=order.order_id)
    until = f" and can be returned until {day(order.returnable_until)}" if order.returnable_until else ""
    about = lead or f"Order {order.order_id}{_of(order)} was {state(order)}{until}."
    return Say("confirm_refund", f"{about} {asked}")


def confirm_cancel(order: Order, lead: str = "") -> Say:
    about = lead or f"Order {order.order_id}{_of(order)} is still being prepared, so it can be cancelled."
    return Say("confirm_cancel", f"{about} {Question.CONFIRM_CANCEL.format(order_id=order.order_id)}")


def refunded(refund: Refund) -> Say:
    reference = f" The reference is {refund.refund_id}." if refund.refund_id else ""
    return Say(
        "refunded",
        f"It is done: {money(refund.amount, refund.currency)} for order {refund.order_id} is refunded."
        f"{_arrives(refund)}{reference}",
    )


def refund_status(refunds: Sequence[Refund], lead: str = "") -> Say:
    lines = []
    for refund in refunds[:MOST_LISTED]:
        made = f" was made on {day(refund.created_on)}" if refund.created_on else " is on record"
        reference = f" (reference {refund.refund_id})" if refund.refund_id else ""
        lines.append(
            f"Your refund of {money(refund.amount, refund.currency)} for order {refund.order_id}{made}{reference}."
            f"{_arrives(refund)}"
        )
    return Say("refund_status", "\n".join([*([lead] if lead else []), *lines]))


def no_refund(order_id: str | None) -> Say:
    if order_id:
        text = f"I see no refund for order {order_id} yet. {Question.OFFER_PERSON}"
    else:
        text = f"I see no refund on your account yet. {Question.WHICH_REFUND_STATUS}"
    return Say("no_refund", text)


def already_refunded(order: Order) -> str:
    return f"Order {order.order_id}{_of(order)} has already been refunded."


def order_closed(order: Order) -> Say:
    if order.status == "cancelled":
        return Say("order_closed", f"Order {order.order_id}{_of(order)} is already cancelled.")
    return Say("order_closed", f"Order {order.order_id}{_of(order)} is already closed: {state(order)}.")


def not_delivered(order: Order) -> Say:
    window = f" within {order.window_days} days" if order.window_days else ""
    return Say(
        "not_delivered",
        f"Order {order.order_id}{_of(order)} is {state(order)}, so it cannot be returned yet. Once it has reached you, "
        f"you can return it{window}; write to me then.",
    )


def outside_window(order: Order) -> str:
    days = f"{order.window_days} days" if order.window_days else "a limited time"
    ended = f", which ended on {day(order.returnable_until)}" if order.returnable_until else ""
    return (
        f"Order {order.order_id}{_of(order)} was {state(order)}. Returns are possible for {days} after "
        f"delivery{ended}, "
        "so I cannot refund it myself."
    )


def cancelled(order_id: str, refund: Refund | None) -> Say:
    back = f" {money(refund.amount, refund.currency)} goes back to you.{_arrives(refund)}" if refund else ""
    return Say("cancelled", f"It is done: order {order_id} is cancelled.{back}")


def cannot_cancel(order: Order) -> Say:
    window = f" You can return it within {order.window_days} days once it has reached you." if order.window_days else ""
    return Say(
        "cannot_cancel",
        f"Order {order.order_id}{_of(order)} is {state(order)}, so it can no longer be cancelled.{window}",
    )


def policy(facts: Sequence[str]) -> Say:
    return Say("policy", _facts(facts))


def declined() -> Say:
    return Say("declined", "All right, I have changed nothing. Write to me whenever you need something else.")


def handed_over(lead: str, reference: str) -> Say:
    under = f" The reference is {reference}." if reference else ""
    return Say("handed_over", f"{lead} I have passed this to a colleague, who will answer you here.{under}".strip())


def not_handed_over(lead: str) -> Say:
    return Say(
        "not_handed_over", f"{lead} I cannot reach a colleague from here at the moment. Please try again later.".strip()
    )


def sign_in() -> Say:
    return Say(
        "sign_in",
        f"I can only look into your orders when you are signed in. Please sign in and write again. "
        f"{Question.OFFER_PERSON}",
    )


def clarify() -> Say:
    return Say(
        "clarify",
        f"I can look up an order, make a return or refund, cancel an order, or pass you to a person. "
        f"{Question.CLARIFY}",
    )


def not_found_again(order_id: str) -> Say:
    return Say("offer_person", f"{NOT_FOUND} {order_id} either. {Question.OFFER_PERSON}")


def offer_person() -> Say:
    return Say("offer_person", f"{NOT_UNDERSTOOD} {Question.OFFER_PERSON}")


SMALL_TALK: dict[str, Say] = {
    "greeting": Say("small_talk", "Hello. What can I do for you today?"),
    "thanks": Say("small_talk", "You are welcome. Is there anything else I can do for you?"),
    "bye": Say("small_talk", "Goodbye, and have a good day."),
    "how_are_you": Say("small_talk", "All is well here, thank you for asking. What can I do for you?"),
    "robot": Say(
        "robot",
        "I am a scripted assistant, not a person: I answer by fixed rules. I can look up orders, returns and refunds, "
        "and pass you to a person whenever you like.",
    ),
}


def _facts(facts: Sequence[str]) -> str:
    return facts[0] if len(facts) == 1 else "\n".join(["This is how it works:", *(f"- {fact}" for fact in facts)])


def _of(order: Order) -> str:
    return f" ({order.names})" if order.names else ""


def _arrives(refund: Refund) -> str:
    if refund.expected_days is None:
        return ""
    unit = "day" if refund.expected_days == 1 else "days"
    return f" It should reach you within {refund.expected_days} {unit}."
