"""Orders, refunds and cancellations as values: the rules of one order, and its form on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Literal, TypedDict

from tools.demo_shop.errors import ShopError
from tools.demo_shop.money import format_amount

Status = Literal["processing", "shipped", "delivered", "cancelled", "returned"]
RETURN_WINDOW_DAYS = 30
REFUND_EXPECTED_DAYS = 5
CURRENCY = "EUR"


def utc_today() -> date:
    return datetime.now(UTC).date()


class ItemJson(TypedDict):
    sku: str
    name: str
    quantity: int
    price: str


class OrderJson(TypedDict):
    order_id: str
    customer: str
    status: str
    placed_on: str
    delivered_on: str | None
    expected_on: str | None
    carrier: str | None
    tracking_number: str | None
    items: list[ItemJson]
    total: str
    currency: str
    return_window_days: int
    returnable_until: str | None
    within_return_window: bool
    refunded: str


class RefundJson(TypedDict):
    refund_id: str
    order_id: str
    amount: str
    currency: str
    status: str
    reason: str
    created_at: str
    expected_days: int


class LedgerRefundJson(RefundJson):
    """A refund with what only the shop's own books show."""

    customer: str
    idempotency_key: str


class CancellationJson(TypedDict):
    order_id: str
    status: str
    refund: RefundJson | None


@dataclass(frozen=True, kw_only=True)
class Item:
    """A line of an order; `price` is that of one piece."""

    sku: str
    name: str
    quantity: int
    price: Decimal

    def as_json(self) -> ItemJson:
        return {"sku": self.sku, "name": self.name, "quantity": self.quantity, "price": format_amount(self.price)}


@dataclass(frozen=True, kw_only=True)
class Order:
    """An order; `delivered_on` is set exactly when the status is delivered or returned."""

    order_id: str
    customer: str
    status: Status
    placed_on: date
    delivered_on: date | None = None
    expected_on: date | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    items: tuple[Item, ...] = ()
    total: Decimal
    refunded: Decimal = Decimal("0.00")
    currency: str = CURRENCY
    return_window_days: int = RETURN_WINDOW_DAYS

    @property
    def remaining(self) -> Decimal:
        return self.total - self.refunded

    @property
    def returnable_until(self) -> date | None:
        """The last day on which it may be returned, that day included; none before it is delivered."""
        if self.delivered_on is None:
            return None
        return self.delivered_on + timedelta(days=self.return_window_days)

    def is_within_return_window(self, today: date) -> bool:
        return self.returnable_until is not None and today <= self.returnable_until

    def check_refund(self, amount: Decimal | None, today: date) -> Decimal:
        """The amount that may be refunded (what remains, when none is asked for), or `ShopError`."""
        fully_refunded = self.remaining <= 0
        if fully_refunded and (self.delivered_on or self.total > 0):
            raise ShopError(409, "already_refunded", f"Nothing of order {self.order_id} is left to refund.")
        if self.delivered_on is None:
            raise ShopError(409, "not_delivered", f"Order {self.order_id} is {self.status}, not delivered.")
        if not self.is_within_return_window(today):
            raise ShopError(
                409,
                "outside_return_window",
                f"Order {self.order_id} could be returned until {self.returnable_until}"
                f" ({self.return_window_days} days after its delivery).",
            )
        if amount is not None and amount > self.remaining:
            raise ShopError(
                422,
                "amount_too_high",
                f"At most {self.currency} {format_amount(self.remaining)} of order {self.order_id} can be refunded.",
            )
        return self.remaining if amount is None else amount

    def check_cancellation(self) -> None:
        if self.status == "cancelled":
            raise ShopError(409, "already_cancelled", f"Order {self.order_id} has already been cancelled.")
        if self.status != "processing":
            raise ShopError(409, "already_shipped", f"Order {self.order_id} is {self.status}; it has left the shop.")

    def as_json(self, today: date) -> OrderJson:
        return {
            "order_id": self.order_id,
            "customer": self.customer,
            "status": self.status,
            "placed_on": self.placed_on.isoformat(),
            "delivered_on": _iso(self.delivered_on),
            "expected_on": _iso(self.expected_on),
            "carrier": self.carrier,
            "tracking_number": self.tracking_number,
            "items": [item.as_json() for item in self.items],
            "total": format_amount(self.total),
            "currency": self.currency,
            "return_window_days": self.return_window_days,
            "returnable_until": _iso(self.returnable_until),
            "within_return_window": self.is_within_return_window(today),
            "refunded": format_amount(self.refunded),
        }


@dataclass(frozen=True, kw_only=True)
class Refund:
    """Money given back; `number` counts up from 1, `created_at` is UTC in ISO 8601."""

    number: int
    order_id: str
    customer: str
    amount: Decimal
    currency: str
    reason: str
    created_at: str
    idempotency_key: str

    @property
    def refund_id(self) -> str:
        return f"RF-{self.number:06d}"

    def as_json(self) -> RefundJson:
        return {
            "refund_id": self.refund_id,
            "order_id": self.order_id,
            "amount": format_amount(self.amount),
            "currency": self.currency,
            "status": "processed",
            "reason": self.reason,
            "created_at": self.created_at,
            "expected_days": REFUND_EXPECTED_DAYS,
        }

    def as_ledger_json(self) -> LedgerRefundJson:
        return {**self.as_json(), "customer": self.customer, "idempotency_key": self.idempotency_key}


@dataclass(frozen=True, kw_only=True)
class Cancellation:
    order_id: str
    refund: Refund | None

    def as_json(self) -> CancellationJson:
        refund = self.refund.as_json() if self.refund else None
        return {"order_id": self.order_id, "status": "cancelled", "refund": refund}


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
