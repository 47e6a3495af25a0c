"""The demo shop's tools, as rows."""

from __future__ import annotations

from typing import Any

from agents.models import Escalation
from tools.models import Target, Tool

ORDER_ID = {"type": "string", "description": "The order number, such as 1042", "pattern": "^[0-9]{1,20}$"}
CUSTOMER = {"customer": "{customer.email}"}
# Whose an order is, the shop says itself; what is somebody else's is dropped, whatever the shop thinks of it.
OWNERS = [{"path": "customer", "is": "customer.email"}, {"path": "orders.*.customer", "is": "customer.email"}]
ITS_ORDER: dict[str, Any] = {"tool": "get_order", "arguments": {"order_id": "order_id"}}
WORTH = {
    "total": {"path": "total", "type": "number"},
    "refunded": {"path": "refunded", "type": "number"},
    "status": {"path": "status", "type": "string"},
}


def object_schema(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def tool_rows(shop: Target, desk: Target) -> dict[str, dict[str, Any]]:
    """Column values by tool name."""
    return {**reading_tools(shop), **writing_tools(shop), **desk_tools(desk)}


def reading_tools(shop: Target) -> dict[str, dict[str, Any]]:
    return {
        "get_order": {
            "target": shop,
            "description": "Look up one of the customer's orders by its number, or, without a number, their most "
            "recent orders. Returns items, amounts, shipping status, and whether the order can still be returned.",
            "input_schema": object_schema({"order_id": ORDER_ID}, []),
            "effect": Tool.Effect.READ,
            "routes": [
                {"method": "GET", "path": "/orders/{order_id}", "query": CUSTOMER},
                {"method": "GET", "path": "/orders", "query": CUSTOMER},
            ],
            "owners": OWNERS,
            "progress": "Looking up order {order_id}|Looking up your orders",
        },
        "get_refund_status": {
            "target": shop,
            "description": "The refunds made to the customer, of one order or of all, with amount, date and the days "
            "that they take.",
            "input_schema": object_schema({"order_id": ORDER_ID}, []),
            "effect": Tool.Effect.READ,
            "routes": [{"method": "GET", "path": "/refunds", "query": {**CUSTOMER, "order_id": "{order_id}"}}],
            "precheck": ITS_ORDER,
            "progress": "Looking up the refund of order {order_id}|Looking up your refunds",
        },
    }


def writing_tools(shop: Target) -> dict[str, dict[str, Any]]:
    return {
        "process_refund": {
            "target": shop,
            "description": "Refund a delivered order that is within its return window, whole or in part, to the "
            "original payment method. Money moves at once.",
            "input_schema": object_schema(
                {
                    "order_id": ORDER_ID,
                    "reason": {"type": "string", "description": "Why, in a few words", "maxLength": 300},
                    "amount": {
                        "type": "string",
                        "description": "Only for a partial refund: the amount with two decimals, such as 12.50",
                        "pattern": "^[0-9]{1,7}\\.[0-9]{2}$",
                    },
                },
                ["order_id", "reason"],
            ),
            "effect": Tool.Effect.MONEY,
            "routes": [
                {
                    "method": "POST",
                    "path": "/refunds",
                    "body": {**CUSTOMER, "order_id": "{order_id}", "amount": "{amount}", "reason": "{reason}"},
                }
            ],
            "lookup": {"method": "GET", "path": "/refunds/by-key/{idempotency_key}"},
            "idempotency": Tool.Idempotency.KEY_HEADER,
            "precheck": {**ITS_ORDER, "facts": WORTH},
            "amount": {"argument": "amount", "path": "total", "less": "refunded", "currency": "EUR"},
            "subject_argument": "order_id",
            "free_text": ["reason"],
            "risk": Tool.Risk.MEDIUM,
            "progress": "Refunding order {order_id}",
        },
        "cancel_order": {
            "target": shop,
            "description": "Cancel an order that is not shipped yet; what was paid is refunded.",
            "input_schema": object_schema(
                {"order_id": ORDER_ID, "reason": {"type": "string", "description": "Why", "maxLength": 300}},
                ["order_id", "reason"],
            ),
            "effect": Tool.Effect.IRREVERSIBLE,
            "routes": [
                {
                    "method": "POST",
                    "path": "/orders/{order_id}/cancellation",
                    "body": {**CUSTOMER, "reason": "{reason}"},
                }
            ],
            "idempotency": Tool.Idempotency.KEY_HEADER,
            "precheck": {**ITS_ORDER, "facts": WORTH},
            "amount": {"path": "total", "less": "refunded", "currency": "EUR"},
            "subject_argument": "order_id",
            "free_text": ["reason"],
            "risk": Tool.Risk.MEDIUM,
            "progress": "Cancelling order {order_id}",
        },
    }


def desk_tools(desk: Target) -> dict[str, dict[str, Any]]:
    return {
        "escalate_to_human": {
            "target": desk,
            "description": "Hand the conversation to a person of the support team. Use it when the customer asks for a "
            "person, when a policy forbids what they want, when a tool fails, or when you cannot help.",
            "input_schema": object_schema(
                {
                    "reason": {"type": "string", "enum": Escalation.Reason.values},
                    "summary": {
                        "type": "string",
                        "description": "What the customer wants, what was found, and what is left to decide",
                        "maxLength": 4000,
                    },
                },
                ["reason", "summary"],
            ),
            "effect": Tool.Effect.WRITE,
            "needs_customer": False,
            "progress": "Passing this to a colleague",
        },
    }
