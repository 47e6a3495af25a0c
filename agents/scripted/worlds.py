"""The evaluation's own worlds: small order books in memory that answer the tools the way a shop would.

They are no part of the desk and know nothing of its demo shop; they exist so that a whole conversation can be played
without a network.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from agents.scripted.conversation import Json
from agents.scripted.intents import find_numbers

TOOLS = ("get_order", "get_refund_status", "process_refund", "cancel_order", "escalate_to_human")

SYSTEM = """You are the support agent of a web shop. Be brief and kind.

## Policies
- Returns are accepted within 30 days of delivery, for unused items in their packaging.
- Refunds go to the original means of payment and take up to 5 days.
- Cancelling an order is free of charge while it is still being prepared.
- Standard delivery takes 3 to 5 working days and costs EUR 4.90; express delivery takes 1 to 2 days and costs EUR 9.90.
- We deliver to all countries of the European Union, to Switzerland, Norway, the USA, Canada and Japan.

## Manner
- Never promise what a tool has not confirmed.
"""


@dataclass(kw_only=True)
class World:
    """One customer's orders, newest first, and what has been done to them."""

    name: str
    orders: list[Json] = field(default_factory=list)
    is_broken: bool = False
    refunded: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    escalated: list[str] = field(default_factory=list)

    def answer(self, tool: str, arguments: Json) -> Json:
        """A tool's result, or `{"error": {...}}`."""
        if tool == "escalate_to_human":
            self.escalated.append(arguments["reason"])
            return {"escalation": f"E-{len(self.escalated)}", "status": "open"}
        if self.is_broken:
            return _error("unavailable", "The shop does not answer.")
        if "order_id" not in arguments and tool == "get_order":
            return {"orders": self.orders}
        named = self._named(arguments)
        if tool == "get_refund_status":
            return {"refunds": [_refund(order) for order in named if order["refunded"] != "0.00"]}
        if not named:
            return _error("order_not_found", "No such order.")
        return {"process_refund": self._refund, "cancel_order": self._cancel}.get(tool, dict)(named[0])

    def _named(self, arguments: Json) -> list[Json]:
        return [o for o in self.orders if arguments.get("order_id") in (None, o["order_id"])]

    def _refund(self, order: Json) -> Json:
        if order["refunded"] != "0.00":
            return _error("already_refunded", "Already refunded.")
        if not order["within_return_window"]:
            return _error("outside_return_window", "Too late.")
        self.refunded.append(order["order_id"])
        order["refunded"] = order["total"]
        return _refund(order)

    def _cancel(self, order: Json) -> Json:
        if order["status"] != "processing":
            return _error("already_shipped", "Already shipped.")
        self.cancelled.append(order["order_id"])
        order["status"] = "cancelled"
        return {"order_id": order["order_id"], "status": "cancelled", "refund": None}


def worlds_for(text: str, today: date) -> list[World]:
    """The worlds that a message is played in; in two of them the order that it names exists."""
    named = next(iter(find_numbers(text)[0]), "2042")
    return [
        World(name="one delivered", orders=[_order("1042", "delivered", today, 8)]),
        World(name="one too old", orders=[_order("1043", "delivered", today, 75)]),
        World(
            name="three orders",
            orders=[
                _order("1046", "processing", today, 0, "Desk lamp"),
                _order("1045", "shipped", today, 0, "Kettle"),
                _order("1044", "delivered", today, 5, "Headphones"),
            ],
        ),
        World(name="one processing", orders=[_order("1047", "processing", today, 0)]),
        World(name="one refunded", orders=[{**_order("1048", "delivered", today, 12), "refunded": "42.00"}]),
        World(name="no orders"),
        World(
            name="named, delivered",
            orders=[_order(named, "delivered", today, 6), _order("1050", "delivered", today, 20)],
        ),
        World(name="named, processing", orders=[_order(named, "processing", today, 0)]),
        World(name="broken", orders=[_order("1042", "delivered", today, 8)], is_broken=True),
    ]


def _order(order_id: str, status: str, today: date, delivered_ago: int, item: str = "Rain jacket") -> Json:
    delivered = today - timedelta(days=delivered_ago) if status == "delivered" else None
    until = delivered + timedelta(days=30) if delivered else None
    placed = (delivered or today) - timedelta(days=4)
    return {
        "order_id": order_id,
        "status": status,
        "placed_on": placed.isoformat(),
        "delivered_on": delivered and delivered.isoformat(),
        "expected_on": None if delivered else (today + timedelta(days=3)).isoformat(),
        "carrier": "DHL" if status == "shipped" else None,
        "tracking_number": "JD0146" if status == "shipped" else None,
        "items": [{"sku": "A-1", "name": item, "quantity": 1, "price": "42.00"}],
        "total": "42.00",
        "currency": "EUR",
        "return_window_days": 30,
        "returnable_until": until and until.isoformat(),
        "within_return_window": until is not None and until >= today,
        "refunded": "0.00",
    }


def _refund(order: Json) -> Json:
    return {
        "refund_id": "RF-000001",
        "order_id": order["order_id"],
        "amount": order["refunded"],
        "currency": order["currency"],
        "status": "processed",
        "created_at": "2026-11-20T10:00:00Z",
        "expected_days": 5,
    }


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}
