"""Order status, refund status, cancellation, changes, payment problems and complaints."""

from agents.scripted import replies
from agents.scripted.conversation import Block, Call, Say, Use
from agents.scripted.intents import Intent
from agents.scripted.orders import Order, meant_orders, read_refund, read_refunds
from agents.scripted.policies import fitting_bullets
from agents.scripted.replies import Question
from agents.scripted.task import (
    Task,
    after_failure,
    ask_for_number,
    call_of,
    facts_of,
    hand_over,
    is_not_found,
    look_up,
    numbered_orders,
    wish,
)


def track(task: Task) -> list[Block]:
    """Where an order is; without a number the one that is meant, or all recent ones."""
    found = look_up(task, task.order_id)
    if found.blocks:
        return list(found.blocks)
    if not found.orders:
        facts = (
            fitting_bullets(task.conversation.system, task.reading, Intent.DELIVERY_PERIOD) if _asks_when(task) else ()
        )
        return [replies.no_orders(Question.WHICH_TRACK, facts)]
    meant = meant_orders(found.orders, task.reading.words, task.conversation.today) or list(found.orders)
    return [replies.order_status(meant[0]) if len(meant) == 1 else replies.order_list(meant)]


def refund_status(task: Task) -> list[Block]:
    """Refunds on record, for one order or for all."""
    if not task.offers("get_refund_status"):
        return hand_over(task, "unsupported_request", "I cannot look into refunds here.", wish(task))
    call = call_of(task, "get_refund_status", task.order_id)
    if call is None:
        return [Use("get_refund_status", {"order_id": task.order_id} if task.order_id else {})]
    if call.error is not None:
        return after_failure(task, call)
    refunds = read_refunds(call.result or {})
    return [replies.refund_status(refunds) if refunds else replies.no_refund(task.order_id)]


def cancel(task: Task) -> list[Block]:
    """Cancel the order that is meant, after asking where that is not plain."""
    found = look_up(task, task.order_id)
    if found.blocks:
        return list(found.blocks)
    orders = list(found.orders)
    if not orders:
        return [replies.no_orders(Question.WHICH_CANCEL)]
    if len(orders) == 1:
        return _cancel(task, orders[0])
    meant = meant_orders(orders, task.reading.words, task.conversation.today) or []
    meant = numbered_orders(task, orders) or meant
    if len(meant) > 1:
        meant = [order for order in meant if order.status == "processing"] or meant
    if len(meant) == 1:
        return _cancel(task, meant[0])
    cancellable = [order for order in orders if order.status == "processing"]
    if not meant and len(cancellable) == 1:
        return [replies.confirm_cancel(cancellable[0])]
    return [replies.which(meant or cancellable or orders, Question.WHICH_CANCEL)]


def _cancel(task: Task, order: Order) -> list[Block]:
    attempt = call_of(task, "cancel_order", order.order_id)
    if attempt is not None:
        return _after_cancelling(task, order, attempt)
    if order.status != "processing":
        return [_too_late_to_cancel(order)]
    if not task.offers("cancel_order"):
        lead = f"Order {order.order_id} is still being prepared; a colleague can cancel it."
        return hand_over(task, "unsupported_request", lead, f"{wish(task)} {facts_of([order])}")
    if task.tentative and not task.confirmed:
        return [replies.confirm_cancel(order)]
    return [Use("cancel_order", {"order_id": order.order_id, "reason": "The customer asked to cancel the order"})]


def _too_late_to_cancel(order: Order) -> Say:
    if order.is_returnable and order.left is not None:
        lead = f"Order {order.order_id} has been delivered, so it can no longer be cancelled, but you can return it."
        return replies.confirm_refund(order, order.left, lead)
    if order.status in ("shipped", "delivered"):
        return replies.cannot_cancel(order)
    return replies.order_closed(order)


def _after_cancelling(task: Task, order: Order, attempt: Call) -> list[Block]:
    if attempt.error is None:
        result = attempt.result or {}
        if result.get("status") == "cancelled" and str(result.get("order_id", order.order_id)) == order.order_id:
            return [replies.cancelled(order.order_id, read_refund(result.get("refund")))]
        attempt = Call(name=attempt.name, input=attempt.input, error="unreadable")
    code = (attempt.error or "failed").lower()
    if code == "already_shipped":
        return [Say("cannot_cancel", f"Order {order.order_id} has left our house, so it can no longer be cancelled.")]
    if is_not_found(code):
        return ask_for_number(task, order.order_id)
    if code in ("outcome_unknown", "unreadable") or "timeout" in code:
        lead = f"I cannot tell yet whether order {order.order_id} is cancelled, so I will not try again."
        summary = f"{wish(task)} cancel_order ended with an unknown outcome ({code}). {facts_of([order])}"
        return hand_over(task, "tool_failure", lead, summary)
    return after_failure(task, attempt)


def change(task: Task) -> list[Block]:
    """Other items or another address: no tool can do that, so gather the order and hand over."""
    what = "the delivery address" if task.goal is Intent.CHANGE_ADDRESS else "an order"
    return _gather(task, f"I cannot change {what} myself, but a colleague can while the order is still being prepared.")


def payment_problem(task: Task) -> list[Block]:
    """Nothing here sees payments: hand over at once, with the order when its number is known."""
    lead = "Thank you for telling me. I cannot look into payments myself."
    if task.order_id is None:
        return hand_over(task, "unsupported_request", lead, wish(task))
    return _gather(task, lead, must_exist=False)


def complaint(task: Task) -> list[Block]:
    """Acknowledge, look at the order when one is named, and let a person answer."""
    lead = "Thank you for telling me; this should not have happened, and it deserves a careful answer."
    if task.order_id is None and not meant_by_age(task):
        return hand_over(task, "unclassified", lead, wish(task))
    return _gather(task, lead, reason="unclassified", must_exist=False)


def meant_by_age(task: Task) -> bool:
    """Whether the customer points at an order without its number: "my last order"."""
    text = task.reading.words.text
    return any(
        f"{age} {thing}" in text for age in ("last", "latest", "recent") for thing in ("order", "purchase", "parcel")
    )


def _gather(task: Task, lead: str, *, reason: str = "unsupported_request", must_exist: bool = True) -> list[Block]:
    """Hand over with what one look-up tells. An unknown number is asked about only where it must exist."""
    orders: tuple[Order, ...] = ()
    note = ""
    if task.offers("get_order"):
        call = call_of(task, "get_order", task.order_id)
        found = look_up(task, task.order_id)
        if call is None:
            return list(found.blocks)
        if call.error is not None and is_not_found(call.error) and must_exist:
            return ask_for_number(task, task.order_id or "")
        orders = found.orders
        note = f" get_order failed: {call.error}." if call.error else ""
    if task.order_id is None:
        meant = meant_orders(orders, task.reading.words, task.conversation.today)
        still_open = [order for order in orders if order.status == "processing"]
        orders = tuple(meant or still_open or orders)
    return hand_over(task, reason, lead, f"{wish(task)} {facts_of(orders)}{note}")


def _asks_when(task: Task) -> bool:
    return bool(task.reading.words.concepts & {"WHEN", "HOWLONG", "ARRIVE", "EXPECT"})
