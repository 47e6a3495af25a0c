"""The shop's SQLite file: its tables and constraints, and how it is opened, filled and kept up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path

from tools.demo_shop.errors import DatabaseUnusableError
from tools.demo_shop.seed import plant

SCHEMA_VERSION = 1
BUSY_TIMEOUT_SECONDS = 10.0

# The rules about money are constraints, so that they hold for any number of processes and for a hand at the sqlite3
# shell: one refund a key, no order refunded above its total, one cancellation an order and only before shipment.
SCHEMA = (
    """CREATE TABLE customers (
        email TEXT PRIMARY KEY CHECK (email = lower(email)),
        name TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE orders (
        order_id TEXT PRIMARY KEY,
        customer TEXT NOT NULL REFERENCES customers (email),
        status TEXT NOT NULL CHECK (status IN ('processing', 'shipped', 'delivered', 'cancelled', 'returned')),
        placed_on TEXT NOT NULL,
        delivered_on TEXT,
        expected_on TEXT,
        carrier TEXT,
        tracking_number TEXT,
        currency TEXT NOT NULL,
        total_cents INTEGER NOT NULL CHECK (total_cents >= 0),
        refunded_cents INTEGER NOT NULL DEFAULT 0,
        return_window_days INTEGER NOT NULL CHECK (return_window_days >= 0),
        dated_from TEXT NOT NULL, -- the day that the order's dates are relative to
        CONSTRAINT orders_refunded_within_total CHECK (refunded_cents BETWEEN 0 AND total_cents),
        CONSTRAINT orders_delivery_date CHECK ((delivered_on IS NOT NULL) = (status IN ('delivered', 'returned')))
    ) STRICT""",
    # GET /orders: the newest orders of a customer.
    "CREATE INDEX orders_newest_of_customer ON orders (customer, placed_on DESC, order_id DESC)",
    """CREATE TABLE items (
        order_id TEXT NOT NULL REFERENCES orders (order_id),
        position INTEGER NOT NULL,
        sku TEXT NOT NULL,
        name TEXT NOT NULL,
        quantity INTEGER NOT NULL CHECK (quantity > 0),
        price_cents INTEGER NOT NULL CHECK (price_cents >= 0),
        PRIMARY KEY (order_id, position)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE idempotency_keys (
        idempotency_key TEXT PRIMARY KEY,
        request_digest TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE refunds (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        order_id TEXT NOT NULL REFERENCES orders (order_id),
        idempotency_key TEXT NOT NULL UNIQUE REFERENCES idempotency_keys (idempotency_key),
        amount_cents INTEGER NOT NULL CHECK (amount_cents > 0),
        reason TEXT NOT NULL,
        created_at TEXT NOT NULL
    ) STRICT""",
    # GET /refunds of a customer's orders, and the test "nothing happened to it" when orders are re-dated.
    "CREATE INDEX refunds_of_order ON refunds (order_id)",
    """CREATE TABLE cancellations (
        order_id TEXT PRIMARY KEY REFERENCES orders (order_id),
        idempotency_key TEXT NOT NULL UNIQUE REFERENCES idempotency_keys (idempotency_key),
        reason TEXT NOT NULL,
        created_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TRIGGER refunds_count_on_order AFTER INSERT ON refunds BEGIN
        UPDATE orders SET refunded_cents = refunded_cents + NEW.amount_cents WHERE order_id = NEW.order_id;
    END""",
    "CREATE TRIGGER refunds_never_change BEFORE UPDATE ON refunds BEGIN SELECT raise(ABORT, 'refunds are final'); END",
    "CREATE TRIGGER refunds_never_vanish BEFORE DELETE ON refunds BEGIN SELECT raise(ABORT, 'refunds are final'); END",
    """CREATE TRIGGER cancellations_before_shipment BEFORE INSERT ON cancellations
        WHEN (SELECT status FROM orders WHERE order_id = NEW.order_id) <> 'processing' BEGIN
        SELECT raise(ABORT, 'only an order in processing can be cancelled');
    END""",
    """CREATE TRIGGER cancellations_set_status AFTER INSERT ON cancellations BEGIN
        UPDATE orders SET status = 'cancelled', expected_on = NULL WHERE order_id = NEW.order_id;
    END""",
)

# SQLite's date() leaves NULL as NULL, and both dates are ISO days, so the difference is a whole number.
REDATE = """
    UPDATE orders SET
        placed_on = date(placed_on, :shift),
        delivered_on = date(delivered_on, :shift),
        expected_on = date(expected_on, :shift),
        dated_from = :today
    WHERE dated_from = :dated_from
        AND NOT EXISTS (SELECT 1 FROM refunds WHERE refunds.order_id = orders.order_id)
        AND NOT EXISTS (SELECT 1 FROM cancellations WHERE cancellations.order_id = orders.order_id)
"""


def prepare_database(database: Path, today: date) -> None:
    """Make the file when it is new, and bring the dates of untouched orders up to `today`.

    Schema and orders are one transaction: an interrupted first start leaves an empty file, which the next one fills.
    Raises `DatabaseUnusableError`.
    """
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with closing(connect(database)) as connection:
            with transaction(connection):
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                if version == 0:
                    _fill(connection, today)
                elif version != SCHEMA_VERSION:
                    raise DatabaseUnusableError(
                        f"{database} was made by another version of the demo shop; remove it to start afresh."
                    )
                redate_orders(connection, today)
            # Kept in the file; last, so that a file which turns out to be somebody else's stays as it was.
            connection.execute("PRAGMA journal_mode = WAL")
    except (OSError, sqlite3.Error) as error:
        raise DatabaseUnusableError(f"{database} cannot be used as the demo shop's database: {error}.") from error


def connect(database: Path) -> sqlite3.Connection:
    """A connection without implicit transactions; an acknowledged commit survives a power cut (synchronous = FULL)."""
    connection = sqlite3.connect(
        database, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One write transaction; IMMEDIATE takes the lock first, so what is checked inside it stays true until commit."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # After some errors (a full disk) SQLite has rolled back by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def redate_orders(connection: sqlite3.Connection, today: date) -> int:
    """Shift orders without refund or cancellation so that "last week" stays last week; how many were shifted."""
    shifted = 0
    days = connection.execute("SELECT DISTINCT dated_from FROM orders WHERE dated_from <> ?", (today.isoformat(),))
    for (dated_from,) in days.fetchall():
        shift = (today - date.fromisoformat(dated_from)).days
        values = {"shift": f"{shift:+d} days", "today": today.isoformat(), "dated_from": dated_from}
        shifted += connection.execute(REDATE, values).rowcount
    return shifted


def _fill(connection: sqlite3.Connection, today: date) -> None:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables:
        raise sqlite3.DatabaseError("it holds tables of another program")
    for statement in SCHEMA:
        connection.execute(statement)
    plant(connection, today)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
