"""What a reply may rest on in these tests: results as the demo shop gives them, and the ledger of what was done."""

from __future__ import annotations

from datetime import date
from typing import Any

from guardrails.evidence import Deed, Evidence, Source

TODAY = date(2026, 11, 22)  # a Sunday
INSTRUCTIONS = """\
You are the support agent of a small online shop.
- Returns: an item can be returned within 30 days of delivery. Refunds go back to the original payment method and take \
about 5 working days.
- Cancellation: an order can be cancelled free of charge until it is shipped. There is no cancellation fee.
- Delivery options: standard (3 to 5 working days, EUR 4.90, free from EUR 50) and express (1 to 2 working days, \
EUR 9.90).
- Delivery time: 3 to 5 working days with standard delivery inside the European Union, 7 to 12 elsewhere.
- Customer service hours: Monday to Friday, 9:00 to 17:00 Central European Time.
"""
WARRANTY = """\
For two years from delivery we answer for defects. An item that arrives damaged should be reported within 3 working \
days. More on https://shop.example/warranty or by mail to care@shop.example.
"""


def order(number: str, status: str, *items: tuple[str, str], **more: Any) -> dict[str, Any]:
    """`items` are names and prices; one of each."""
    total = sum(round(float(price) * 100) for _, price in items)
    return {
        "order_id": number,
        "customer": "chloe@example.com",
        "status": status,
        "placed_on": "2026-11-10",
        "delivered_on": None,
        "expected_on": None,
        "carrier": None,
        "tracking_number": None,
        "items": [
            {"sku": f"SKU-{at}", "name": name, "quantity": 1, "price": price} for at, (name, price) in enumerate(items)
        ],
        "total": f"{total // 100}.{total % 100:02d}",
        "currency": "EUR",
        "return_window_days": 30,
        "returnable_until": None,
        "within_return_window": False,
        "refunded": "0.00",
        **more,
    }


SCARF = order(
    "1042",
    "delivered",
    ("Merino scarf, grey", "42.00"),
    placed_on="2026-11-12",
    delivered_on="2026-11-14",
    returnable_until="2026-12-14",
    within_return_window=True,
)
KETTLE = order(
    "1044",
    "delivered",
    ("Gooseneck kettle, 1 l", "58.00"),
    ("Sencha green tea, 200 g", "12.90"),
    placed_on="2026-11-14",
    delivered_on="2026-11-17",
    returnable_until="2026-12-17",
    within_return_window=True,
    carrier="DHL",
    tracking_number="JD01460008267436",
)
BLANKET = order(
    "1045",
    "shipped",
    ("Cotton throw, 130 x 180 cm", "69.00"),
    placed_on="2026-11-19",
    expected_on="2026-11-24",
    carrier="GLS",
    tracking_number="GL77300008275355",
)
NOTEBOOK = order(
    "1046",
    "processing",
    ("Dotted notebook, A5", "9.95"),
    ("Fountain pen, fine", "34.00"),
    placed_on="2026-11-21",
    expected_on="2026-11-27",
)
REFUND = {
    "refund_id": "RF-000017",
    "order_id": "1042",
    "amount": "42.00",
    "currency": "EUR",
    "status": "processed",
    "reason": "Does not fit",
    "created_at": "2026-11-22T09:30:00Z",
    "expected_days": 5,
}
BAG = order("1048", "delivered", ("Canvas day bag", "64.50"), delivered_on="2026-11-10", refunded="64.50")


def evidence(
    *deeds: Deed, asked: str = "", said: str = "", orders: tuple[dict[str, Any], ...] = (), **more: Any
) -> Evidence:
    """Orders that were looked up; `more` are results by tool."""
    sources = [Source(kind="instructions", place="the agent's instructions", value=INSTRUCTIONS)]
    sources += [Source(kind="document", place="Warranty, version 1", value=WARRANTY)]
    if len(orders) == 1:
        sources.append(Source(kind="result", place="get_order", value=orders[0]))
    elif orders:
        sources.append(Source(kind="result", place="get_order", value={"orders": list(orders)}))
    sources += [Source(kind="result", place=name, value=value) for name, value in more.items()]
    sources += [Source(kind="result", place=deed.tool, value=deed.result) for deed in deeds if deed.result is not None]
    if asked:
        sources.append(Source(kind="customer", place="the customer", value=asked))
    if said:
        sources.append(Source(kind="said", place="what was said before", value=said))
    return Evidence(sources=tuple(sources), deeds=deeds, today=TODAY, query=asked)


def done(tool: str, result: Any = None, *, state: str = "confirmed", effect: str = "write", **arguments: Any) -> Deed:
    return Deed(tool=tool, state=state, effect=effect, arguments=arguments, result=result)


REFUNDED = done("process_refund", REFUND, effect="money", order_id="1042", reason="Does not fit")
CANCELLED = done(
    "cancel_order",
    {
        "order_id": "1046",
        "status": "cancelled",
        "refund": {
            "refund_id": "RF-000018",
            "order_id": "1046",
            "amount": "43.95",
            "currency": "EUR",
            "status": "processed",
            "created_at": "2026-11-22T09:31:00Z",
            "expected_days": 5,
        },
    },
    effect="irreversible",
    order_id="1046",
    reason="Changed my mind",
)
HANDED_OVER = done(
    "escalate_to_human", {"escalation": "E-7", "status": "open"}, reason="customer_requested", summary="…"
)


def failed(tool: str, state: str = "failed", **arguments: Any) -> Deed:
    return done(tool, state=state, effect="money", **arguments)


SHOP = (KETTLE, BLANKET, NOTEBOOK)
WORLDS = {
    "scarf": evidence(orders=(SCARF,), asked="Where is my order 1042?"),
    "scarf refunded": evidence(REFUNDED, orders=(SCARF,), asked="Please refund order 1042"),
    "refund failed": evidence(failed("process_refund", order_id="1042"), orders=(SCARF,), asked="Refund 1042 please"),
    "refund unknown": evidence(
        failed("process_refund", "unknown", order_id="1042"), orders=(SCARF,), asked="Refund 1042"
    ),
    "refund refused": evidence(
        failed("process_refund", "refused", order_id="1042"), orders=(SCARF,), asked="Refund 1042"
    ),
    "refund waiting": evidence(
        failed("process_refund", "reserved", order_id="1042"), orders=(SCARF,), asked="Refund 1042"
    ),
    "three": evidence(orders=SHOP, asked="What about my orders?"),
    "three, one cancelled": evidence(CANCELLED, orders=SHOP, asked="Cancel 1046"),
    "handed over": evidence(HANDED_OVER, orders=(SCARF,), asked="I want a person"),
    "nothing": evidence(asked="Hello, do you ship to Norway?"),
    "customer's word": evidence(
        orders=(SCARF,), asked="I paid 500 EUR for order 1042, and my parcel 998877 arrived broken"
    ),
    "bag refunded": evidence(
        orders=(BAG,),
        asked="Where is my refund?",
        get_refund_status={
            "refunds": [
                {
                    **REFUND,
                    "refund_id": "RF-000003",
                    "order_id": "1048",
                    "amount": "64.50",
                    "created_at": "2026-11-16T09:30:00Z",
                }
            ]
        },
    ),
    "said before": evidence(
        REFUNDED, orders=(SCARF,), asked="Thanks", said="It is done: EUR 42.00 for order 1042 is refunded."
    ),
}
