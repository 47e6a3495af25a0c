"""The customers and orders that a new demo shop starts with: a known cast, and others for a realistic volume.

Everything is the same on every machine but the dates, which count back from the day on which the database is made.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from tools.demo_shop.money import to_cents
from tools.demo_shop.records import Item, Order, Status

# The cast of demonstrations and tests: e-mail address and given name.
CAST = {
    "ada@example.com": "Ada",
    "ben@example.com": "Ben",
    "chloe@example.com": "Chloe",
    "dan@example.com": "Dan",
    "eva@example.com": "Eva",
    "farid@example.com": "Farid",
}
# fmt: off
CROWD_NAMES = (
    "Grace", "Hugo", "Ines", "Jonas", "Karin", "Luca", "Mira", "Noah", "Olga", "Paul", "Quentin", "Rosa", "Samir",
    "Tilda", "Uwe", "Vera", "Willem", "Xenia", "Yusuf", "Zoe", "Anton", "Bianca", "Cem", "Dora", "Emil", "Freya",
    "Goran", "Hanna", "Ivo", "Jana", "Kofi", "Lena", "Milan", "Nina",
)
# fmt: on
CROWD_ORDERS = 113
CROWD_FIRST_ORDER = 1101
# Any fixed number would do; it decides which customer of the crowd bought what.
CROWD_SEED = 1042
CROWD_DAYS = 120
CANCELLED_SHARE = 0.08
RETURNED_SHARE = 0.1
FREE_SAMPLE_SHARE = 0.03

CARRIERS = (("DHL", "JD0146"), ("GLS", "GL7730"), ("DPD", "DP0592"))
CATALOGUE = {
    "MUG-RED": ("Stoneware mug, red", "14.50"),
    "MUG-BLUE": ("Stoneware mug, blue", "14.50"),
    "KETTLE-1L": ("Gooseneck kettle, 1 l", "58.00"),
    "SCARF-WOOL": ("Merino scarf, grey", "42.00"),
    "LAMP-DESK": ("Desk lamp, brass", "89.00"),
    "BAG-CANVAS": ("Canvas day bag", "64.50"),
    "TEA-GREEN": ("Sencha green tea, 200 g", "12.90"),
    "TEA-BLACK": ("Assam black tea, 200 g", "11.90"),
    "GRINDER": ("Hand coffee grinder", "79.95"),
    "NOTEBOOK-A5": ("Dotted notebook, A5", "9.95"),
    "PEN-FOUNT": ("Fountain pen, fine", "34.00"),
    "BLANKET": ("Cotton throw, 130 x 180 cm", "69.00"),
    "CANDLE": ("Beeswax candle, set of 4", "18.20"),
    "PLANTER": ("Terracotta planter, 22 cm", "24.99"),
    "APRON": ("Linen apron, navy", "38.50"),
    "KNIFE-CHEF": ("Chef's knife, 20 cm", "119.00"),
    "BOARD-OAK": ("Oak cutting board", "45.00"),
    "TOWEL-SET": ("Bath towels, set of 2", "32.40"),
    "CLOCK-WALL": ("Wall clock, 30 cm", "54.00"),
    "SOCKS-3": ("Wool socks, 3 pairs", "27.00"),
    "HEADPHONES": ("Wireless headphones", "149.90"),
    "SAMPLE-TEA": ("Tea sample, 20 g", "0.00"),
}
RETURN_REASONS = (
    "Arrived damaged",
    "Does not fit",
    "Not as described",
    "Ordered by mistake",
    "Changed my mind",
)


@dataclass(frozen=True, kw_only=True)
class Event:
    """A refund of the whole order or a cancellation that happened `on` a day before the database was made."""

    order_id: str
    on: date
    reason: str
    cancels: bool = False

    @property
    def idempotency_key(self) -> str:
        return f"seed-{self.order_id}"


@dataclass(frozen=True, kw_only=True)
class Planting:
    customers: dict[str, str]
    orders: tuple[Order, ...]
    events: tuple[Event, ...]


def plant(connection: sqlite3.Connection, today: date) -> None:
    """Write customers, orders and their history into empty tables, inside the caller's transaction."""
    planting = make_planting(today)
    connection.executemany("INSERT INTO customers (email, name) VALUES (?, ?)", planting.customers.items())
    cancelled = {event.order_id for event in planting.events if event.cancels}
    for order in planting.orders:
        # The cancellation's trigger will set the status.
        _insert_order(connection, order, "processing" if order.order_id in cancelled else order.status, today)
    totals = {order.order_id: order.total for order in planting.orders}
    # Refunds are numbered in the order in which they happened.
    for event in sorted(planting.events, key=lambda event: (event.on, event.order_id)):
        _insert_event(connection, event, totals[event.order_id])


def make_planting(today: date) -> Planting:
    crowd = {f"{name.lower()}@example.com": name for name in CROWD_NAMES}
    cast_orders = tuple(_cast_orders(today))
    refund_of_eva = Event(order_id="1048", on=today - timedelta(days=6), reason="Not as described")
    crowd_orders, crowd_events = _crowd_orders(today, sorted(crowd))
    return Planting(
        customers=CAST | crowd,
        orders=cast_orders + crowd_orders,
        events=(refund_of_eva, *crowd_events),
    )


def _cast_orders(today: date) -> Iterator[Order]:
    # Number, customer, status, placed so many days ago, days (as of `_order`), articles.
    cast: tuple[tuple[str, str, Status, int, int, tuple[str, ...]], ...] = (
        ("1042", "ada@example.com", "delivered", 10, 8, ("SCARF-WOOL",)),
        ("1043", "ben@example.com", "delivered", 79, 75, ("LAMP-DESK",)),
        ("1044", "chloe@example.com", "delivered", 8, 5, ("KETTLE-1L", "TEA-GREEN")),
        ("1045", "chloe@example.com", "shipped", 3, 2, ("BLANKET",)),
        ("1046", "chloe@example.com", "processing", 1, 5, ("NOTEBOOK-A5", "PEN-FOUNT")),
        ("1047", "dan@example.com", "processing", 1, 4, ("HEADPHONES",)),
        ("1048", "eva@example.com", "delivered", 15, 12, ("BAG-CANVAS",)),
    )
    for order_id, customer, status, placed_days_ago, days, skus in cast:
        items = tuple(_item(sku, 1) for sku in skus)
        placed_on = today - timedelta(days=placed_days_ago)
        yield _order(order_id, customer, status, items=items, placed_on=placed_on, days=days, today=today)


def _crowd_orders(today: date, customers: list[str]) -> tuple[tuple[Order, ...], tuple[Event, ...]]:
    """Orders of the last `CROWD_DAYS`, older ones with lower numbers, and what has happened to some of them."""
    dice = random.Random(CROWD_SEED)  # noqa: S311  # repeatable on purpose, and no secret
    ages = sorted((int(CROWD_DAYS * dice.random() ** 1.6) for _ in range(CROWD_ORDERS)), reverse=True)
    # Each has at least one order, in no particular sequence.
    buyers = customers + [dice.choice(customers) for _ in range(CROWD_ORDERS - len(customers))]
    dice.shuffle(buyers)
    orders, events = [], []
    for number, (age, buyer) in enumerate(zip(ages, buyers, strict=True), start=CROWD_FIRST_ORDER):
        placed_on = today - timedelta(days=age)
        transit = dice.randint(2, 4)
        status = _status_at(age, transit, dice.random())
        items = _basket(dice)
        delivered_days_ago = age - transit
        days = delivered_days_ago if status in {"delivered", "returned"} else max(1, 1 + transit - age)
        order = _order(str(number), buyer, status, items=items, placed_on=placed_on, days=days, today=today)
        orders.append(order)
        if status == "returned":
            on = today - timedelta(days=dice.randint(0, min(20, delivered_days_ago)))
            events.append(Event(order_id=order.order_id, on=on, reason=dice.choice(RETURN_REASONS)))
        elif status == "cancelled":
            events.append(Event(order_id=order.order_id, on=placed_on, reason="Ordered by mistake", cancels=True))
    return tuple(orders), tuple(events)


def _status_at(age: int, transit: int, chance: float) -> Status:
    """Where an order of `age` days stands that is `transit` days under way; `chance` is from 0 to 1."""
    if chance < CANCELLED_SHARE:
        return "cancelled"
    if age <= 1:
        return "processing"
    if age <= transit:
        return "shipped"
    return "returned" if chance > 1 - RETURNED_SHARE else "delivered"


def _basket(dice: random.Random) -> tuple[Item, ...]:
    """One to three different articles; now and then nothing but a free sample."""
    if dice.random() < FREE_SAMPLE_SHARE:
        return (_item("SAMPLE-TEA", 1),)
    for_sale = [sku for sku in CATALOGUE if sku != "SAMPLE-TEA"]
    skus = dice.sample(for_sale, dice.choice((1, 1, 1, 2, 2, 3)))
    return tuple(_item(sku, dice.choice((1, 1, 1, 2))) for sku in skus)


def _item(sku: str, quantity: int) -> Item:
    name, price = CATALOGUE[sku]
    return Item(sku=sku, name=name, quantity=quantity, price=Decimal(price))


def _order(
    order_id: str,
    customer: str,
    status: Status,
    *,
    items: tuple[Item, ...],
    placed_on: date,
    days: int,
    today: date,
) -> Order:
    """`days`: until the expected delivery, or, of a delivered or returned order, since the delivery."""
    arrived = status in {"delivered", "returned"}
    sent = arrived or status == "shipped"
    carrier, prefix = CARRIERS[int(order_id) % len(CARRIERS)]
    return Order(
        order_id=order_id,
        customer=customer,
        status=status,
        placed_on=placed_on,
        delivered_on=today - timedelta(days=days) if arrived else None,
        expected_on=None if arrived or status == "cancelled" else today + timedelta(days=days),
        carrier=carrier if sent else None,
        tracking_number=f"{prefix}{int(order_id) * 7919:010d}" if sent else None,
        items=items,
        total=sum((item.price * item.quantity for item in items), Decimal("0.00")),
    )


def _insert_order(connection: sqlite3.Connection, order: Order, status: Status, today: date) -> None:
    connection.execute(
        "INSERT INTO orders (order_id, customer, status, placed_on, delivered_on, expected_on, carrier,"
        " tracking_number, currency, total_cents, return_window_days, dated_from)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            order.order_id,
            order.customer,
            status,
            order.placed_on.isoformat(),
            order.delivered_on and order.delivered_on.isoformat(),
            order.expected_on and order.expected_on.isoformat(),
            order.carrier,
            order.tracking_number,
            order.currency,
            to_cents(order.total),
            order.return_window_days,
            today.isoformat(),
        ),
    )
    connection.executemany(
        "INSERT INTO items (order_id, position, sku, name, quantity, price_cents) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (order.order_id, position, item.sku, item.name, item.quantity, to_cents(item.price))
            for position, item in enumerate(order.items, start=1)
        ],
    )


def _insert_event(connection: sqlite3.Connection, event: Event, total: Decimal) -> None:
    created_at = f"{event.on.isoformat()}T09:30:00Z"
    connection.execute(
        "INSERT INTO idempotency_keys (idempotency_key, request_digest) VALUES (?, ?)",
        (event.idempotency_key, "made with the database"),
    )
    if total > 0:
        connection.execute(
            "INSERT INTO refunds (order_id, idempotency_key, amount_cents, reason, created_at) VALUES (?, ?, ?, ?, ?)",
            (event.order_id, event.idempotency_key, to_cents(total), event.reason, created_at),
        )
    if event.cancels:
        connection.execute(
            "INSERT INTO cancellations (order_id, idempotency_key, reason, created_at) VALUES (?, ?, ?, ?)",
            (event.order_id, event.idempotency_key, event.reason, created_at),
        )
