"""The shop's OpenAPI 3.1 document, written by hand; a test holds the real answers against it."""

from __future__ import annotations

from typing import Any

from tools.demo_shop.inputs import (
    MAX_EMAIL_CHARACTERS,
    MAX_KEY_CHARACTERS,
    MAX_REASON_CHARACTERS,
    ORDER_ID_PATTERN,
)
from tools.demo_shop.money import AMOUNT_PATTERN

Json = dict[str, Any]

_MONEY: Json = {"type": "string", "pattern": r"^[0-9]+\.[0-9]{2}$", "examples": ["42.00"]}
_DAY: Json = {"type": "string", "format": "date"}
_DAY_OR_NULL: Json = {"type": ["string", "null"], "format": "date"}
_TEXT_OR_NULL: Json = {"type": ["string", "null"]}
_EMAIL: Json = {"type": "string", "format": "email", "maxLength": MAX_EMAIL_CHARACTERS}
_ORDER_ID: Json = {"type": "string", "pattern": ORDER_ID_PATTERN, "examples": ["1042"]}
_REASON: Json = {"type": "string", "minLength": 1, "maxLength": MAX_REASON_CHARACTERS}


def _object(description: str, properties: Json, optional: tuple[str, ...] = ()) -> Json:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _json(name: str) -> Json:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _answer(description: str, schema: str, headers: Json | None = None) -> Json:
    answer: Json = {"description": description, "content": _json(schema)}
    return {**answer, "headers": headers} if headers else answer


def _errors(**descriptions: str) -> Json:
    """Error answers by status, given as `e404="order_not_found: …"`; 503 goes without saying."""
    answers = {key.removeprefix("e"): _answer(text, "Error") for key, text in descriptions.items()}
    return {**answers, "503": _answer("unavailable or database_unavailable: try again later.", "Error")}


_CUSTOMER_PARAMETER: Json = {
    "name": "customer",
    "in": "query",
    "required": True,
    "description": "E-mail address of the customer; only what is theirs is found.",
    "schema": _EMAIL,
}
_ORDER_PARAMETER: Json = {"name": "order_id", "in": "path", "required": True, "schema": _ORDER_ID}
_KEY_SCHEMA: Json = {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARACTERS, "pattern": "^[!-~]+$"}
_KEY_HEADER: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Names this request for ever: sent again with the same body, it is answered and not repeated.",
    "schema": _KEY_SCHEMA,
}
_REPLAYED: Json = {
    "Idempotency-Replayed": {
        "description": "Present when the request had been carried out before.",
        "required": True,
        "schema": {"const": "true"},
    }
}
_BAD_WRITE = {
    "e400": "malformed_json, idempotency_key_required or invalid_idempotency_key.",
    "e404": "order_not_found: the customer has no such order.",
    "e413": "body_too_large.",
}

_ORDER = _object(
    "An order. Amounts are in its currency.",
    {
        "order_id": _ORDER_ID,
        "customer": _EMAIL,
        "status": {"enum": ["processing", "shipped", "delivered", "cancelled", "returned"]},
        "placed_on": _DAY,
        "delivered_on": {**_DAY_OR_NULL, "description": "Set when the status is delivered or returned."},
        "expected_on": {**_DAY_OR_NULL, "description": "When it should arrive; null once it has, or never will."},
        "carrier": _TEXT_OR_NULL,
        "tracking_number": _TEXT_OR_NULL,
        "items": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Item"}},
        "total": _MONEY,
        "currency": {"const": "EUR"},
        "return_window_days": {"type": "integer", "minimum": 0},
        "returnable_until": {**_DAY_OR_NULL, "description": "Last day of the return window; null before delivery."},
        "within_return_window": {"type": "boolean", "description": "Whether it can be returned today."},
        "refunded": {**_MONEY, "description": "What has been refunded of the total so far."},
    },
)
_REFUND = _object(
    "Money given back for an order.",
    {
        "refund_id": {"type": "string", "pattern": "^RF-[0-9]{6,}$"},
        "order_id": _ORDER_ID,
        "amount": _MONEY,
        "currency": {"const": "EUR"},
        "status": {"const": "processed"},
        "reason": _REASON,
        "created_at": {"type": "string", "format": "date-time"},
        "expected_days": {"type": "integer", "description": "Working days until the money arrives."},
    },
)
_SCHEMAS: Json = {
    "Order": _ORDER,
    "Item": _object(
        "A line of an order; the price is that of one piece.",
        {
            "sku": {"type": "string"},
            "name": {"type": "string"},
            "quantity": {"type": "integer", "minimum": 1},
            "price": _MONEY,
        },
    ),
    "OrderList": _object(
        "The newest orders of a customer.",
        {"orders": {"type": "array", "maxItems": 10, "items": {"$ref": "#/components/schemas/Order"}}},
    ),
    "Refund": _REFUND,
    "RefundList": _object(
        "The newest refunds of a customer.",
        {"refunds": {"type": "array", "maxItems": 100, "items": {"$ref": "#/components/schemas/Refund"}}},
    ),
    "RefundRequest": _object(
        "What to refund.",
        {
            "customer": _EMAIL,
            "order_id": _ORDER_ID,
            "amount": {
                "type": ["string", "null"],
                "pattern": AMOUNT_PATTERN,
                "description": "Above zero; without it, all that remains of the order's total.",
            },
            "reason": _REASON,
        },
        optional=("amount",),
    ),
    "CancellationRequest": _object("Why to cancel.", {"customer": _EMAIL, "reason": _REASON}),
    "Cancellation": _object(
        "A cancelled order, and the refund of what was paid for it.",
        {
            "order_id": _ORDER_ID,
            "status": {"const": "cancelled"},
            "refund": {"anyOf": [{"$ref": "#/components/schemas/Refund"}, {"type": "null"}]},
        },
    ),
    "Error": _object(
        "Why the request was refused.",
        {
            "error": _object(
                "The code is for programs, the message for people.",
                {"code": {"type": "string", "pattern": "^[a-z_]+$"}, "message": {"type": "string"}},
            )
        },
    ),
}

_LIST_ORDERS: Json = {
    "operationId": "list_orders",
    "summary": "List a customer's orders",
    "description": "The ten newest orders, newest first; an unknown customer has none.",
    "parameters": [_CUSTOMER_PARAMETER],
    "responses": {"200": _answer("The orders.", "OrderList"), **_errors(e422="invalid_request.")},
}
_GET_ORDER: Json = {
    "operationId": "get_order",
    "summary": "Get one order",
    "parameters": [_ORDER_PARAMETER, _CUSTOMER_PARAMETER],
    "responses": {
        "200": _answer("The order.", "Order"),
        **_errors(
            e404="order_not_found: the customer has no such order.",
            e422="invalid_request or invalid_order_id.",
        ),
    },
}
_LIST_REFUNDS: Json = {
    "operationId": "list_refunds",
    "summary": "List a customer's refunds",
    "description": "The hundred newest refunds, newest first.",
    "parameters": [
        _CUSTOMER_PARAMETER,
        {"name": "order_id", "in": "query", "description": "Only refunds of this order.", "schema": _ORDER_ID},
    ],
    "responses": {
        "200": _answer("The refunds.", "RefundList"),
        **_errors(e422="invalid_request or invalid_order_id."),
    },
}
_CREATE_REFUND: Json = {
    "operationId": "create_refund",
    "summary": "Refund a delivered order, in whole or in part",
    "parameters": [_KEY_HEADER],
    "requestBody": {"required": True, "content": _json("RefundRequest")},
    "responses": {
        "201": _answer("The refund was made.", "Refund"),
        "200": _answer("It had been made before by the same request; the same refund.", "Refund", _REPLAYED),
        **_errors(
            **_BAD_WRITE,
            e409="already_refunded, outside_return_window or not_delivered.",
            e422="invalid_request, invalid_order_id, invalid_amount, amount_too_high or idempotency_key_reused.",
        ),
    },
}
_GET_REFUND_BY_KEY: Json = {
    "operationId": "get_refund_by_key",
    "summary": "Find the refund that a request made",
    "description": "Tells after a lost answer whether the refund was made. Also finds the refund of a cancellation.",
    "parameters": [{"name": "key", "in": "path", "required": True, "schema": _KEY_SCHEMA}],
    "responses": {
        "200": _answer("The refund.", "Refund"),
        **_errors(
            e400="invalid_idempotency_key.",
            e404="refund_not_found: no refund was made with this key.",
        ),
    },
}
_CANCEL_ORDER: Json = {
    "operationId": "cancel_order",
    "summary": "Cancel an order that has not been shipped, and refund it",
    "parameters": [_ORDER_PARAMETER, _KEY_HEADER],
    "requestBody": {"required": True, "content": _json("CancellationRequest")},
    "responses": {
        "201": _answer("The order was cancelled.", "Cancellation"),
        "200": _answer("It had been cancelled before by the same request.", "Cancellation", _REPLAYED),
        **_errors(
            **_BAD_WRITE,
            e409="already_shipped or already_cancelled.",
            e422="invalid_request, invalid_order_id or idempotency_key_reused.",
        ),
    },
}

DOCUMENT: Json = {
    "openapi": "3.1.0",
    "info": {
        "title": "Demo shop",
        "version": "1.0.0",
        "description": "Orders, refunds and cancellations of a small web shop. All data is made up.",
    },
    "servers": [{"url": "/"}],
    "paths": {
        "/orders": {"get": _LIST_ORDERS},
        "/orders/{order_id}": {"get": _GET_ORDER},
        "/orders/{order_id}/cancellation": {"post": _CANCEL_ORDER},
        "/refunds": {"get": _LIST_REFUNDS, "post": _CREATE_REFUND},
        "/refunds/by-key/{key}": {"get": _GET_REFUND_BY_KEY},
    },
    "components": {"schemas": _SCHEMAS},
}
