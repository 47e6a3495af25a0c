"""What a request may say: every parameter, header and body is checked here, and refused with a `ShopError`."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from starlette.requests import Request

from tools.demo_shop.errors import ShopError
from tools.demo_shop.money import format_amount, parse_amount

MAX_BODY_BYTES = 64 * 1024
MAX_EMAIL_CHARACTERS = 254
MAX_KEY_CHARACTERS = 200
MAX_REASON_CHARACTERS = 1000
ORDER_ID_PATTERN = r"^[A-Za-z0-9-]{1,32}$"
_ORDER_ID = re.compile(ORDER_ID_PATTERN.strip("^$"))
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_KEY = re.compile(r"[!-~]+")


@dataclass(frozen=True, kw_only=True)
class RefundRequest:
    """`amount` None asks for all that remains of the order."""

    customer: str
    order_id: str
    amount: Decimal | None
    reason: str
    idempotency_key: str

    def digest(self) -> str:
        amount = None if self.amount is None else format_amount(self.amount)
        return _digest("create_refund", self.customer, self.order_id, amount, self.reason)


@dataclass(frozen=True, kw_only=True)
class CancellationRequest:
    customer: str
    order_id: str
    reason: str
    idempotency_key: str

    def digest(self) -> str:
        return _digest("cancel_order", self.customer, self.order_id, self.reason)


async def read_refund_request(request: Request) -> RefundRequest:
    key = read_idempotency_key(request)
    body = await read_json_object(request)
    check_fields(body, required={"customer", "order_id", "reason"}, optional={"amount"})
    return RefundRequest(
        customer=check_customer(body["customer"]),
        order_id=check_order_id(body["order_id"]),
        amount=check_amount(body.get("amount")),
        reason=check_reason(body["reason"]),
        idempotency_key=key,
    )


async def read_cancellation_request(request: Request) -> CancellationRequest:
    key = read_idempotency_key(request)
    order_id = check_order_id(request.path_params["order_id"])
    body = await read_json_object(request)
    check_fields(body, required={"customer", "reason"}, optional=set())
    return CancellationRequest(
        customer=check_customer(body["customer"]),
        order_id=order_id,
        reason=check_reason(body["reason"]),
        idempotency_key=key,
    )


def read_customer(request: Request) -> str:
    return check_customer(_read_single(request, "customer"))


def read_optional_order_id(request: Request) -> str | None:
    value = _read_single(request, "order_id")
    return None if value is None else check_order_id(value)


def read_idempotency_key(request: Request) -> str:
    keys = request.headers.getlist("idempotency-key")
    if len(keys) != 1 or not keys[0]:
        raise ShopError(400, "idempotency_key_required", "Send exactly one Idempotency-Key header.")
    return check_idempotency_key(keys[0])


async def read_json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object of at most `MAX_BODY_BYTES`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ShopError(413, "body_too_large", f"A body has at most {MAX_BODY_BYTES} bytes.")
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        # ValueError also covers bytes that are not UTF-8 and integers of thousands of digits.
        raise ShopError(400, "malformed_json", "The body is not valid JSON.") from error
    if not isinstance(value, dict):
        raise ShopError(422, "invalid_request", "The body must be a JSON object.")
    return value


def check_fields(body: dict[str, Any], *, required: set[str], optional: set[str]) -> None:
    missing = sorted(required - body.keys())
    if missing:
        raise ShopError(422, "invalid_request", f"Missing: {', '.join(missing)}.")
    unknown = sorted(body.keys() - required - optional)
    if unknown:
        raise ShopError(422, "invalid_request", f"Unknown field {unknown[0][:40]!r}.")


def check_customer(value: Any) -> str:
    """An e-mail address, in lower case."""
    if not isinstance(value, str) or len(value) > MAX_EMAIL_CHARACTERS or not _EMAIL.fullmatch(value):
        raise ShopError(422, "invalid_request", "customer must be an e-mail address.")
    return _check_encodable("customer", value).lower()


def check_order_id(value: Any) -> str:
    if not isinstance(value, str) or not _ORDER_ID.fullmatch(value):
        raise ShopError(
            422, "invalid_order_id", 'order_id must be a string of 1 to 32 letters, digits or dashes, like "1042".'
        )
    return value


def check_amount(value: Any) -> Decimal | None:
    if value is None:
        return None
    try:
        # A JSON number has been through binary floating point in most clients: 0.1 + 0.2 is no amount of money.
        return parse_amount(value if isinstance(value, str) else "")
    except ValueError as error:
        raise ShopError(
            422, "invalid_amount", 'amount must be a string above zero with at most two decimals, like "12.34".'
        ) from error


def check_reason(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_REASON_CHARACTERS:
        raise ShopError(422, "invalid_request", f"reason must be a text of 1 to {MAX_REASON_CHARACTERS} characters.")
    return _check_encodable("reason", value.strip())


def check_idempotency_key(value: str) -> str:
    if len(value) > MAX_KEY_CHARACTERS or not _KEY.fullmatch(value):
        raise ShopError(
            400,
            "invalid_idempotency_key",
            f"An idempotency key has 1 to {MAX_KEY_CHARACTERS} visible ASCII characters.",
        )
    return value


def _read_single(request: Request, name: str) -> str | None:
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise ShopError(422, "invalid_request", f"Send {name} once.")
    return values[0] if values else None


def _check_encodable(name: str, text: str) -> str:
    # JSON can spell half a surrogate pair, which neither UTF-8 nor SQLite can hold; a NUL cuts text short in C tools.
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ShopError(422, "invalid_request", f"{name} holds characters that are not text.")
    return text


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _digest(*parts: str | None) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
