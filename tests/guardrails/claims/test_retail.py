"""Replies as a shop's agents write them at length, over results in another form than the demo shop's."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from guardrails.claims import check_claims
from guardrails.evidence import Deed, Evidence, Source, Statement
from guardrails.values import check_values

POLICY = """\
You can cancel or modify pending orders, and return or exchange delivered ones. The refund of a cancelled order goes to
gift card balance immediately, otherwise within 5 to 7 business days. After a return is requested the customer receives
an email on how to send the items back. A transfer to a human agent is made only when nothing else helps.
"""
USER = {
    "user_id": "olga_brandt_4821",
    "name": {"first_name": "Olga", "last_name": "Brandt"},
    "address": {"address1": "418 Birch Lane", "city": "Denver", "state": "CO", "zip": "80203"},
    "email": "olga.brandt7@example.com",
    "payment_methods": {
        "gift_card_3310457": {"source": "gift_card", "balance": 61.0, "id": "gift_card_3310457"},
        "credit_card_8120034": {
            "source": "credit_card",
            "brand": "visa",
            "last_four": "4417",
            "id": "credit_card_8120034",
        },
    },
    "orders": ["#W4471902", "#W8813650"],
}


def item(name: str, number: str, price: float, product: str) -> dict[str, Any]:
    return {"name": name, "product_id": product, "item_id": number, "price": price, "options": {"color": "red"}}


DELIVERED = {
    "order_id": "#W4471902",
    "user_id": "olga_brandt_4821",
    "items": [
        item("Desk Lamp", "7719024410", 142.3, "6810025177"),
        item("Backpack", "2044817733", 98.55, "3320914408"),
    ],
    "fulfillments": [{"tracking_id": ["550914477120"], "item_ids": ["7719024410", "2044817733"]}],
    "status": "delivered",
    "payment_history": [{"transaction_type": "payment", "amount": 240.85, "payment_method_id": "credit_card_8120034"}],
}
PENDING = {
    "order_id": "#W8813650",
    "user_id": "olga_brandt_4821",
    "items": [item("Kettle", "9902841175", 58.2, "1188402213"), item("Bottle", "4410927786", 22.75, "7740018822")],
    "fulfillments": [],
    "status": "pending",
    "payment_history": [{"transaction_type": "payment", "amount": 80.95, "payment_method_id": "gift_card_3310457"}],
}
LAMPS = {
    "name": "Desk Lamp",
    "product_id": "6810025177",
    "variants": {
        "5310448821": {"item_id": "5310448821", "options": {"color": "black"}, "available": True, "price": 155.1},
        "8827740031": {"item_id": "8827740031", "options": {"color": "white"}, "available": False, "price": 129.9},
    },
}


def world(*deeds: Deed) -> Evidence:
    results = {"get_user_details": USER, "get_product_details": LAMPS}
    sources = [Source(kind="instructions", place="the policy", value=POLICY)]
    sources += [Source(kind="result", place=name, value=value) for name, value in results.items()]
    sources += [Source(kind="result", place="get_order_details", value=order) for order in (DELIVERED, PENDING)]
    sources.append(Source(kind="customer", place="the customer", value="I am Olga, zip 80203. Order #W4471902 please."))
    return Evidence(sources=tuple(sources), deeds=deeds, today=date(2026, 11, 22))


def called(tool: str, **arguments: Any) -> Deed:
    """Confirmed; most of these tools answer with the order as it is then."""
    return Deed(tool=tool, state="confirmed", effect="write", arguments=arguments)


CANCELLED = world(called("cancel_pending_order", order_id="#W8813650", reason="no longer needed"))
RETURNED = world(
    called(
        "return_delivered_order_items",
        order_id="#W4471902",
        item_ids=["2044817733"],
        payment_method_id="credit_card_8120034",
    )
)
EXCHANGED = world(
    called("exchange_delivered_order_items", order_id="#W4471902", item_ids=["7719024410"], new_item_ids=["5310448821"])
)
MODIFIED = world(called("modify_pending_order_items", order_id="#W8813650", item_ids=["9902841175"]))
MOVED = world(called("modify_pending_order_address", order_id="#W8813650", address1="418 Birch Lane"))
PAID_OTHERWISE = world(
    called("modify_pending_order_payment", order_id="#W8813650", payment_method_id="credit_card_8120034")
)
TRANSFERRED = world(called("transfer_to_human_agents", summary="Wants a discount"))
NOTHING = world()

TRUE: list[tuple[Evidence, str]] = [
    (
        CANCELLED,
        "Your order #W8813650 has been cancelled. The refund of $80.95 will be processed to your gift card "
        "balance immediately.",
    ),
    (CANCELLED, "I've successfully cancelled your order #W8813650, and $80.95 will be refunded to your gift card."),
    (CANCELLED, "The cancellation of order #W8813650 is complete, Olga. Is there anything else I can help you with?"),
    (
        RETURNED,
        "Your return request for the Backpack in order #W4471902 has been processed. You will receive an "
        "email with instructions on how to return the item, and the refund of $98.55 will go to your credit "
        "card ending in 4417 within 5 to 7 business days.",
    ),
    (
        RETURNED,
        "I have initiated the return of the Backpack (item ID 2044817733). Your refund of $98.55 will be "
        "issued to your original payment method.",
    ),
    (
        EXCHANGED,
        "The exchange for order #W4471902 has been successfully processed. The price difference of $12.80 "
        "will be charged to your credit card.",
    ),
    (
        EXCHANGED,
        "Your Desk Lamp is being exchanged for the black one (item 5310448821), which costs $155.10, so $12.80 more.",
    ),
    (MODIFIED, "Your pending order #W8813650 has been successfully modified."),
    (MODIFIED, "The items in order #W8813650 have been updated as you asked."),
    (MOVED, "The shipping address of order #W8813650 has been changed to 418 Birch Lane, Denver, CO 80203."),
    (
        PAID_OTHERWISE,
        "The payment method for order #W8813650 has been updated to your credit card, and $80.95 will be "
        "refunded to your gift card.",
    ),
    (TRANSFERRED, "You are being transferred to a human agent. Please hold on."),
    (TRANSFERRED, "I have transferred you to a human agent, who will assist you further."),
    (
        NOTHING,
        "Here are the details:\n- Order #W4471902: delivered\n- Desk Lamp: $142.30\n- Backpack: $98.55\nThe "
        "total is $240.85.",
    ),
    (
        NOTHING,
        "I can cancel order #W8813650 for you. The refund of $80.95 will be processed to your gift card "
        "immediately. Do you confirm (yes/no)?",
    ),
    (
        NOTHING,
        "I will exchange the lamp for item 5310448821. The difference of $12.80 will be charged to your "
        "card. Would you like me to proceed?",
    ),
    (NOTHING, "Your order #W4471902 was delivered, so it cannot be cancelled, but it can be returned or exchanged."),
    (NOTHING, "Since order #W8813650 is still pending, it has not been shipped yet."),
    (NOTHING, "If you return both items, the refund would be $240.85."),
    (
        NOTHING,
        "Once the return is requested, you will receive an email. Your refund will be processed within 5 to "
        "7 business days after that.",
    ),
    (NOTHING, "Thank you, Olga Brandt. I found you by your zip code 80203; your user id is olga_brandt_4821."),
    (NOTHING, "The black lamp is available at $155.10, the white one ($129.90) is not."),
    (NOTHING, "Your order #W4471902 was sent under the tracking number 550914477120."),
    (NOTHING, "Both orders together come to $321.80."),
]
FALSE: list[tuple[Evidence, str, str]] = [
    (NOTHING, "Your order #W8813650 has been cancelled.", "claim:cancellation"),
    (NOTHING, "Your return request for order #W4471902 has been processed.", "claim:return"),
    (NOTHING, "The exchange for order #W4471902 has been successfully processed.", "claim:exchange"),
    (NOTHING, "Your pending order #W8813650 has been successfully modified.", "claim:change"),
    (NOTHING, "I have updated the shipping address of order #W8813650.", "claim:address"),
    (NOTHING, "The payment method for order #W8813650 has been updated to your credit card.", "claim:change"),
    (NOTHING, "You are being transferred to a human agent.", "claim:escalation"),
    (NOTHING, "Your refund of $98.55 has been issued.", "claim:refund"),
    (NOTHING, "I've gone ahead and cancelled #W8813650 for you.", "claim:cancellation"),
    (NOTHING, "Order #W8813650 has been shipped.", "claim:shipment"),
    (CANCELLED, "Your order #W4471902 has been cancelled.", "claim:cancellation"),
    (RETURNED, "The return of your order #W8813650 has been processed.", "claim:return"),
    (CANCELLED, "The refund of $81.95 will be processed to your gift card.", "value:money"),
    (EXCHANGED, "The price difference of $13.80 will be charged to your credit card.", "value:money"),
    (NOTHING, "Your card ending in 4471 will be charged.", "value:ending"),
    (NOTHING, "I found your order #W4471920.", "value:order"),
    (NOTHING, "The black one is item 5310448812.", "value:id"),
    (NOTHING, "Your user id is olga_brandt_4281.", "value:id"),
    (NOTHING, "We have olga.brandt8@example.com on file.", "value:email"),
    (NOTHING, "Refunds take 3 to 5 business days.", "value:duration"),
]


def failed(reply: str, evidence: Evidence) -> list[Statement]:
    found = [*check_values(reply, evidence), *check_claims(reply, evidence)]
    return [each for each in found if not each.is_borne_out and each.score is None]


@pytest.mark.parametrize(("evidence", "reply"), TRUE, ids=[reply for _, reply in TRUE])
def test_a_true_reply_passes(evidence: Evidence, reply: str) -> None:
    assert failed(reply, evidence) == []


@pytest.mark.parametrize(("evidence", "reply", "kind"), FALSE, ids=[f"{reply} {kind}" for _, reply, kind in FALSE])
def test_an_untrue_reply_is_caught(evidence: Evidence, reply: str, kind: str) -> None:
    assert [each.kind for each in failed(reply, evidence)] == [kind]
