"""The shop's books: reads of orders and refunds, and the two writes, each exactly once for its idempotency key."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Self

from tools.demo_shop.database import connect, prepare_database, transaction
from tools.demo_shop.errors import DatabaseUnusableError, ShopError
from tools.demo_shop.inputs import CancellationRequest, RefundRequest
from tools.demo_shop.money import from_cents, to_cents
from tools.demo_shop.records import Cancellation, Item, Order, Refund, utc_today

MAX_ORDERS_LISTED = 10
MAX_REFUNDS_LISTED = 100

SELECT_REFUNDS = """
    SELECT refunds.*, orders.customer, orders.currency FROM refunds JOIN orders USING (order_id)
"""


class Store:
    """One open database; safe to use from several threads, and beside other processes on the same file.

    Reads and writes have a connection each, so that a read never waits for a commit to reach the disk.
    """

    def __init__(self, database: Path, *, today: Callable[[], date] = utc_today) -> None:
        """Raises `DatabaseUnusableError`."""
        self._today = today
        prepare_database(database, today())
        try:
            self._reader = connect(database)
            self._writer = connect(database)
        except sqlite3.Error as error:
            raise DatabaseUnusableError(f"{database} cannot be opened: {error}.") from error
        self._writing = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._reader.close()
        self._writer.close()

    def today(self) -> date:
        return self._today()

    def count_orders(self) -> int:
        (count,) = self._reader.execute("SELECT count(*) FROM orders").fetchone()
        return int(count)

    def get_order_for(self, customer: str, order_id: str) -> Order:
        return _get_order_for(self._reader, customer, order_id)

    def list_orders_for(self, customer: str) -> list[Order]:
        """Newest first, at most `MAX_ORDERS_LISTED`."""
        rows = self._reader.execute(
            "SELECT * FROM orders WHERE customer = ? ORDER BY placed_on DESC, order_id DESC LIMIT ?",
            (customer, MAX_ORDERS_LISTED),
        ).fetchall()
        return [_order_from(self._reader, row) for row in rows]

    def list_refunds_for(self, customer: str, order_id: str | None) -> list[Refund]:
        """Newest first, at most `MAX_REFUNDS_LISTED`; nothing for an order of somebody else."""
        rows = self._reader.execute(
            f"{SELECT_REFUNDS} WHERE orders.customer = :customer AND (:order_id IS NULL OR order_id = :order_id)"
            " ORDER BY number DESC LIMIT :limit",
            {"customer": customer, "order_id": order_id, "limit": MAX_REFUNDS_LISTED},
        )
        return [_refund_from(row) for row in rows]

    def list_all_refunds(self) -> list[Refund]:
        """Oldest first."""
        return [_refund_from(row) for row in self._reader.execute(f"{SELECT_REFUNDS} ORDER BY number")]

    def get_refund_by_key(self, idempotency_key: str) -> Refund:
        return _get_refund_by_key(self._reader, idempotency_key)

    def create_refund(self, request: RefundRequest) -> tuple[Refund, bool]:
        """The refund, and whether it is an earlier one of the same key; a refused request leaves its key free."""
        with self._write() as db:
            if not _claim_key(db, request.idempotency_key, request.digest()):
                return _get_refund_by_key(db, request.idempotency_key), True
            order = _get_order_for(db, request.customer, request.order_id)
            amount = order.check_refund(request.amount, self._today())
            return _insert_refund(db, order, amount, request.reason, request.idempotency_key), False

    def cancel_order(self, request: CancellationRequest) -> tuple[Cancellation, bool]:
        """The cancellation, and whether it is an earlier one of the same key; what was paid is refunded with it."""
        key = request.idempotency_key
        with self._write() as db:
            if not _claim_key(db, key, request.digest()):
                return Cancellation(order_id=request.order_id, refund=_find_refund(db, key)), True
            order = _get_order_for(db, request.customer, request.order_id)
            order.check_cancellation()
            refund = None
            if order.remaining > 0:
                refund = _insert_refund(db, order, order.remaining, request.reason, key)
            db.execute(
                "INSERT INTO cancellations (order_id, idempotency_key, reason, created_at) VALUES (?, ?, ?, ?)",
                (order.order_id, key, request.reason, _now()),
            )
            return Cancellation(order_id=order.order_id, refund=refund), False

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """A write transaction; the lock makes threads of this process queue instead of polling SQLite's lock."""
        with self._writing, transaction(self._writer):
            yield self._writer


def _claim_key(db: sqlite3.Connection, idempotency_key: str, digest: str) -> bool:
    """True when the key is new; False when the same request used it before; `ShopError` when another did."""
    claimed = db.execute(
        "INSERT INTO idempotency_keys (idempotency_key, request_digest) VALUES (?, ?) ON CONFLICT DO NOTHING",
        (idempotency_key, digest),
    )
    if claimed.rowcount == 1:
        return True
    (earlier,) = db.execute(
        "SELECT request_digest FROM idempotency_keys WHERE idempotency_key = ?", (idempotency_key,)
    ).fetchone()
    if earlier != digest:
        raise ShopError(422, "idempotency_key_reused", "This idempotency key was used for a different request.")
    return False


def _insert_refund(db: sqlite3.Connection, order: Order, amount: Decimal, reason: str, key: str) -> Refund:
    created_at = _now()
    (number,) = db.execute(
        "INSERT INTO refunds (order_id, idempotency_key, amount_cents, reason, created_at) VALUES (?, ?, ?, ?, ?)"
        " RETURNING number",
        (order.order_id, key, to_cents(amount), reason, created_at),
    ).fetchone()
    return Refund(
        number=number,
        order_id=order.order_id,
        customer=order.customer,
        amount=amount,
        currency=order.currency,
        reason=reason,
        created_at=created_at,
        idempotency_key=key,
    )


def _get_order_for(db: sqlite3.Connection, customer: str, order_id: str) -> Order:
    """The customer's order; somebody else's answers exactly like one that does not exist."""
    row = db.execute("SELECT * FROM orders WHERE order_id = ? AND customer = ?", (order_id, customer)).fetchone()
    if row is None:
        raise ShopError(404, "order_not_found", f"This customer has no order {order_id}.")
    return _order_from(db, row)


def _get_refund_by_key(db: sqlite3.Connection, idempotency_key: str) -> Refund:
    refund = _find_refund(db, idempotency_key)
    if refund is None:
        raise ShopError(404, "refund_not_found", "No refund was made with this idempotency key.")
    return refund


def _find_refund(db: sqlite3.Connection, idempotency_key: str) -> Refund | None:
    row = db.execute(f"{SELECT_REFUNDS} WHERE idempotency_key = ?", (idempotency_key,)).fetchone()
    return None if row is None else _refund_from(row)


def _order_from(db: sqlite3.Connection, row: sqlite3.Row) -> Order:
    items = db.execute(
        "SELECT sku, name, quantity, price_cents FROM items WHERE order_id = ? ORDER BY position", (row["order_id"],)
    )
    return Order(
        order_id=row["order_id"],
        customer=row["customer"],
        status=row["status"],
        placed_on=date.fromisoformat(row["placed_on"]),
        delivered_on=_date_or_none(row["delivered_on"]),
        expected_on=_date_or_none(row["expected_on"]),
        carrier=row["carrier"],
        tracking_number=row["tracking_number"],
        items=tuple(
            Item(sku=item["sku"], name=item["name"], quantity=item["quantity"], price=from_cents(item["price_cents"]))
            for item in items
        ),
        total=from_cents(row["total_cents"]),
        refunded=from_cents(row["refunded_cents"]),
        currency=row["currency"],
        return_window_days=row["return_window_days"],
    )


def _refund_from(row: sqlite3.Row) -> Refund:
    return Refund(
        number=row["number"],
        order_id=row["order_id"],
        customer=row["customer"],
        amount=from_cents(row["amount_cents"]),
        currency=row["currency"],
        reason=row["reason"],
        created_at=row["created_at"],
        idempotency_key=row["idempotency_key"],
    )


def _date_or_none(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
