"""Reads orders and refunds out of tool results, and says which of them a customer's words may mean."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from agents.scripted.conversation import Json
from agents.scripted.vocabulary import EVERYDAY, ITEM_WORDS, NOT_ITEM_WORDS
from agents.scripted.words import Words, alike, base_of, plain_text

_NAME_LENGTH = 60


@dataclass(frozen=True, kw_only=True)
class Item:
    name: str
    quantity: int
    price: Decimal


@dataclass(frozen=True, kw_only=True)
class Order:
    """An order as `get_order` tells it; anything but the number may be missing."""

    order_id: str
    status: str
    placed_on: date | None
    delivered_on: date | None
    expected_on: date | None
    carrier: str
    tracking_number: str
    items: tuple[Item, ...]
    total: Decimal | None
    currency: str
    window_days: int | None
    returnable_until: date | None
    within_window: bool
    refunded: Decimal

    @property
    def left(self) -> Decimal | None:
        """What of the total has not been refunded."""
        return None if self.total is None else self.total - self.refunded

    @property
    def is_refunded(self) -> bool:
        return self.status == "returned" or (self.left is not None and self.refunded > 0 and self.left <= 0)

    @property
    def is_returnable(self) -> bool:
        return self.status == "delivered" and self.within_window and not self.is_refunded

    @property
    def names(self) -> str:
        return ", ".join(item.name for item in self.items)


@dataclass(frozen=True, kw_only=True)
class Refund:
    """A refund as `process_refund` or `get_refund_status` tells it."""

    refund_id: str
    order_id: str
    amount: Decimal
    currency: str
    status: str
    created_on: date | None
    expected_days: int | None


def read_order(value: Any) -> Order | None:
    """An order of a tool result, or None when it is none. Texts are cut to one short line: they are data."""
    if not isinstance(value, dict) or not _line(value.get("order_id")):
        return None
    items = value.get("items")
    return Order(
        order_id=_line(value["order_id"]),
        status=_line(value.get("status")),
        placed_on=_date(value.get("placed_on")),
        delivered_on=_date(value.get("delivered_on")),
        expected_on=_date(value.get("expected_on")),
        carrier=_line(value.get("carrier")),
        tracking_number=_line(value.get("tracking_number")),
        items=tuple(_item(item) for item in items if isinstance(item, dict)) if isinstance(items, list) else (),
        total=_money(value.get("total")),
        currency=_line(value.get("currency")) or "EUR",
        window_days=_int(value.get("return_window_days")),
        returnable_until=_date(value.get("returnable_until")),
        within_window=value.get("within_return_window") is True,
        refunded=_money(value.get("refunded")) or Decimal(0),
    )


def read_orders(result: Json) -> list[Order]:
    """The orders of a `get_order` result, newest first as it lists them; a single order is a list of one."""
    listed = result.get("orders")
    found = [read_order(value) for value in (listed if isinstance(listed, list) else [result])]
    return [order for order in found if order is not None]


def read_refund(value: Any) -> Refund | None:
    amount = _money(value.get("amount")) if isinstance(value, dict) else None
    if amount is None or not _line(value.get("order_id")):
        return None
    return Refund(
        refund_id=_line(value.get("refund_id")),
        order_id=_line(value["order_id"]),
        amount=amount,
        currency=_line(value.get("currency")) or "EUR",
        status=_line(value.get("status")),
        created_on=_date(str(value.get("created_at", ""))[:10]),
        expected_days=_int(value.get("expected_days")),
    )


def read_refunds(result: Json) -> list[Refund]:
    listed = result.get("refunds")
    found = [read_refund(value) for value in (listed if isinstance(listed, list) else [result])]
    return [refund for refund in found if refund is not None]


def same_number(left: str, right: str) -> bool:
    return left.strip("# ").lower() == right.strip("# ").lower()


def meant_orders(orders: Sequence[Order], words: Words, today: date) -> list[Order] | None:
    """The orders that the customer's words point at by item, time, age or state; None when they point at nothing."""
    meant = list(orders)
    pointed = False
    for hint in (_by_items, _by_time, _by_state, _by_age):
        narrowed = hint(meant, words, today)
        if narrowed is not None:
            meant, pointed = narrowed, True
    return meant if pointed else None


def named_items(order: Order, words: Words) -> list[Item]:
    """The items of an order that the customer's words name."""
    return [item for item in order.items if _names(item.name, words)]


def _by_items(orders: Sequence[Order], words: Words, _today: date) -> list[Order] | None:
    fitting = [order for order in orders if named_items(order, words)]
    return fitting or None


def _by_time(orders: Sequence[Order], words: Words, today: date) -> list[Order] | None:
    span = time_span(words.text, today)
    if span is None:
        return None
    first, last = span
    return [o for o in orders if any(day and first <= day <= last for day in (o.delivered_on, o.placed_on))]


def _by_state(orders: Sequence[Order], words: Words, _today: date) -> list[Order] | None:
    if "LATE" in words.concepts:
        return [order for order in orders if order.status in ("processing", "shipped")] or None
    for status, pattern in _STATES.items():
        if pattern.search(words.text):
            return [order for order in orders if order.status == status] or None
    return None


def _by_age(orders: Sequence[Order], words: Words, _today: date) -> list[Order] | None:
    if not orders:
        return None
    if _NEWEST.search(words.text):
        return [orders[0]]
    if _OLDEST.search(words.text):
        return [orders[-1]]
    return None


def time_span(text: str, today: date) -> tuple[date, date] | None:
    """First and last day of the time that mended text names, generously: "last week" is 3 to 15 days ago."""
    for pattern, least, most in _SPANS:
        if re.search(rf"\b{pattern}\b", text):
            return today - timedelta(days=most), today - timedelta(days=least)
    counted = re.search(
        r"\b(\d{1,3}|a|one|two|three|four|five|six|couple of|few) (day|week|month)s? (?:ago|back)\b", text
    )
    if counted:
        count = _COUNTS.get(counted.group(1)) or int(counted.group(1))
        days, slack = {"day": (1, 2), "week": (7, 5), "month": (30, 20)}[counted.group(2)]
        middle = count * days
        return today - timedelta(days=middle + slack), today - timedelta(days=max(0, middle - slack))
    month = re.search(rf"\b(?:in|from|of|since|early|late) (?:early |late |mid )?({'|'.join(_MONTHS)})\b", text)
    if month:
        number = _MONTHS.index(month.group(1)) + 1
        first = date(today.year if number <= today.month else today.year - 1, number, 1)
        return first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    weekday = re.search(rf"\b(?:on|last|from|this) ({'|'.join(_WEEKDAYS)})\b", text)
    if weekday:
        back = (today.weekday() - _WEEKDAYS.index(weekday.group(1))) % 7 or 7
        return today - timedelta(days=back + 7 * ("last" in weekday.group(0))), today - timedelta(days=back)
    return None


def _names(name: str, words: Words) -> bool:
    """Whether a telling word of an item's name is among the customer's words."""
    telling = [w for w in re.findall(r"[a-z]+", plain_text(name)) if len(w) > 2 and w not in _UNTELLING]
    heard = [w for w in words.tokens if len(w) > 2 and not w.isdigit() and w not in _UNTELLING]
    return any(alike(said, word) for word in telling for said in heard)


def _line(value: object) -> str:
    if not isinstance(value, str | int) or isinstance(value, bool):
        return ""
    return " ".join(str(value).split())[:_NAME_LENGTH]


def _item(value: Json) -> Item:
    return Item(
        name=_line(value.get("name")) or _line(value.get("sku")) or "item",
        quantity=_int(value.get("quantity")) or 1,
        price=_money(value.get("price")) or Decimal(0),
    )


def _money(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        money = Decimal(str(value))
    except InvalidOperation:
        return None
    return money if money.is_finite() else None


def _int(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _date(value: object) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


_SPANS: tuple[tuple[str, int, int], ...] = (
    (r"(?:last|past|previous) week(?:end)?", 3, 15),
    (r"(?:week|weeks) before last", 8, 22),
    (r"this week(?:end)?|(?:the )?other day|(?:last|past) few days|recent days", 0, 7),
    (r"(?:last|past|previous) month", 14, 62),
    (r"this month", 0, 31),
    (r"yesterday", 0, 2),
    (r"today|this morning", 0, 0),
    (r"last year", 60, 700),
)
_COUNTS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "couple of": 2, "few": 3}
_MONTHS = "january february march april may june july august september october november december".split()  # noqa: SIM905
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()  # noqa: SIM905
_STATES = {
    "delivered": re.compile(r"\b(?:delivered|arrived|received|already have)\b(?! (?:to|me)\b)"),
    "shipped": re.compile(r"\b(?:shipped|on (?:its|the) way|in transit)\b"),
    "processing": re.compile(r"\b(?:processing|not (?:been )?shipped|unshipped|still open)\b"),
}
_NEWEST = re.compile(
    r"\b(?:last|latest|newest|recent|most recent|just made|just placed) (?:\w+ )?(?:order|purchase|one|item"
    r"|product|article|"
    r"package|parcel)\b|\b(?:newest|most recent|latest)\b"
)
_OLDEST = re.compile(r"\b(?:oldest|earliest)\b")
# Words that many items share, or that a customer uses for something else.
_UNTELLING = {base for word in EVERYDAY | NOT_ITEM_WORDS for base in (word, base_of(word))} - ITEM_WORDS
