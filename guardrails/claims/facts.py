"""What results tell of an order: its state, its refunds. Read once for each turn's evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from guardrails.evidence import Deed, Evidence
from guardrails.values.forms import id_key
from guardrails.values.index import value_of

_ORDER_KEYS = frozenset({"orderid", "ordernumber", "orderno", "order"})
_STATE_KEYS = frozenset({"status", "state", "orderstatus", "fulfillmentstatus", "deliverystatus", "shippingstatus"})
_FAILED = frozenset({"failed", "rejected", "declined", "denied", "error"})
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Fact:
    """A state in lower case and with blanks ("return requested"), of an order, or of none that is named."""

    order: str
    state: str
    place: str
    amounts: frozenset[Decimal] = frozenset()


def facts_in(evidence: Evidence) -> list[Fact]:
    """Of later results first: an order's state is what the last one says."""
    found: list[Fact] = []
    for source in evidence.sources:
        if source.kind == "result":
            found += _facts(value_of(source), source.place, "", "", 0)
    for deed in evidence.deeds:
        if deed.state == "confirmed" and deed.result is not None:
            found += _facts(deed.result, deed.tool, next(iter(orders_of(deed)), ""), "", 0)
    return list(dict.fromkeys(reversed(found)))


def orders_of(deed: Deed) -> list[str]:
    """The orders that a call was about, by its arguments, or else by its result."""
    named = [id_key(str(value)) for key, value in deed.arguments.items() if _plain(key) in _ORDER_KEYS and value]
    if not named and isinstance(deed.result, Mapping):
        named = [id_key(str(value)) for key, value in deed.result.items() if _plain(key) in _ORDER_KEYS and value]
    return named


def amounts_of(deed: Deed) -> set[Decimal]:
    """What a call moved, by its result or its arguments; empty where neither says."""
    result = deed.result if isinstance(deed.result, Mapping) else {}
    inner = result.get("refund")
    places = [deed.arguments, result, inner if isinstance(inner, Mapping) else {}]
    amounts = {_amount(place.get(key)) for place in places for key in ("amount", "refund_amount", "refunded_amount")}
    return {amount for amount in amounts if amount}


def _facts(value: Any, place: str, order: str, key: str, depth: int) -> Iterator[Fact]:
    if depth > _DEEPEST:
        return
    if isinstance(value, Mapping):
        order = _order_of(value, key) or order
        yield from _of_record(value, place, order, key)
        for name, inner in value.items():
            if isinstance(inner, Mapping | list):
                yield from _facts(inner, place, order, str(name), depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _facts(inner, place, order, key, depth + 1)


def _of_record(record: Mapping[str, Any], place: str, order: str, key: str) -> Iterator[Fact]:
    states = [str(value).lower().replace("_", " ") for name, value in record.items() if _plain(name) in _STATE_KEYS]
    is_refund = "refund_id" in record or key.startswith("refund") or record.get("transaction_type") == "refund"
    amount = _amount(record.get("amount"))
    amounts = frozenset({amount} if amount else ())
    if is_refund:
        if not _FAILED & set(states):
            yield Fact(order, f"refund {states[0] if states else ''}".strip(), place, amounts)
        return
    for state in states:
        yield Fact(order, state, place)
    for name in ("refunded", "refunded_amount", "amount_refunded"):
        refunded = _amount(record.get(name))
        if refunded or record.get(name) is True:
            yield Fact(order, "refunded", place, frozenset({refunded} if refunded else ()))


def _order_of(record: Mapping[str, Any], key: str) -> str:
    for name, value in record.items():
        plain = _plain(name)
        if isinstance(value, str | int) and (
            plain in _ORDER_KEYS or (plain in {"id", "number"} and key.rstrip("s") == "order")
        ):
            return id_key(str(value))
    return ""


@lru_cache(maxsize=4096)
def _plain(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")


def _amount(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    try:
        return abs(Decimal(str(value).replace(",", ".")))
    except InvalidOperation:
        return None
