"""Refunds and cancellations of the demo shop: the rules, and each effect exactly once under any load."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from tools.demo_shop.errors import ShopError
from tools.demo_shop.inputs import RefundRequest
from tools.demo_shop.records import utc_today
from tools.demo_shop.store import Store
from tools.demo_shop.testing import running_shop


class FreshOrder(NamedTuple):
    customer: str
    order_id: str
    total: Decimal


class Shop(NamedTuple):
    client: httpx2.Client
    database: Path
    deliveries: Iterator[FreshOrder]

    def refund(self, key: str, order: FreshOrder, **changes: Any) -> httpx2.Response:
        body = {"customer": order.customer, "order_id": order.order_id, "reason": "Too small"} | changes
        return self.client.post("/refunds", json=body, headers={"Idempotency-Key": key})

    def cancel(self, key: str, customer: str, order_id: str, reason: str = "Too late") -> httpx2.Response:
        body = {"customer": customer, "reason": reason}
        return self.client.post(f"/orders/{order_id}/cancellation", json=body, headers={"Idempotency-Key": key})

    def order(self, order: FreshOrder) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get(
            f"/orders/{order.order_id}", params={"customer": order.customer}
        ).json()
        return answer

    def refunds_of(self, order_id: str) -> list[dict[str, Any]]:
        refunds = self.client.get("/_refunds").json()["refunds"]
        return [refund for refund in refunds if refund["order_id"] == order_id]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """One shop for all tests here; each takes fresh orders of its own."""
    database = tmp_path_factory.mktemp("shop") / "shop.sqlite3"
    limits = httpx2.Limits(max_connections=64)
    with running_shop(database) as url, httpx2.Client(base_url=url, timeout=60, limits=limits) as client:
        yield Shop(client, database, iter(refundable_orders(database)))


@pytest.fixture
def order(shop: Shop) -> FreshOrder:
    """An order inside its return window to which nothing has happened."""
    return next(shop.deliveries)


def refundable_orders(database: Path) -> list[FreshOrder]:
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT customer, order_id, total_cents FROM orders WHERE status = 'delivered' AND refunded_cents = 0"
            " AND total_cents > 0 AND delivered_on > date(?, '-30 days') AND order_id > '1100' ORDER BY order_id",
            (utc_today().isoformat(),),
        ).fetchall()
    return [FreshOrder(customer, order_id, Decimal(cents) / 100) for customer, order_id, cents in rows]


def code_of(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def at_once(count: int, work: Callable[[int], httpx2.Response]) -> list[httpx2.Response]:
    """The answers of `count` threads that start together."""
    start = threading.Barrier(count)

    def run(number: int) -> httpx2.Response:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_a_refund_of_the_whole_order(shop, order):
    response = shop.refund("whole", order)
    assert response.status_code == 201
    refund = response.json()
    assert refund["order_id"] == order.order_id
    assert Decimal(refund["amount"]) == order.total
    assert (refund["currency"], refund["status"], refund["expected_days"]) == ("EUR", "processed", 5)
    assert shop.order(order)["refunded"] == refund["amount"]
    assert shop.order(order)["status"] == "delivered"
    assert shop.client.get("/refunds/by-key/whole").json() == refund
    listed = shop.client.get("/refunds", params={"customer": order.customer}).json()["refunds"]
    assert listed[0] == refund
    assert shop.refunds_of(order.order_id) == [refund | {"customer": order.customer, "idempotency_key": "whole"}]
    assert code_of(shop.refund("whole-2", order)) == (409, "already_refunded")


def test_the_same_request_again_is_answered_and_not_repeated(shop, order):
    first = shop.refund("again", order, amount="1.50")
    assert "idempotency-replayed" not in first.headers
    for amount in ("1.50", "1.5"):
        second = shop.refund("again", order, amount=amount)
        assert second.status_code == 200
        assert second.headers["idempotency-replayed"] == "true"
        assert second.json() == first.json()
    assert len(shop.refunds_of(order.order_id)) == 1


def test_a_replay_is_answered_even_when_nothing_is_left(shop, order):
    first = shop.refund("spent", order)
    assert code_of(shop.refund("spent-2", order)) == (409, "already_refunded")
    assert shop.refund("spent", order).json() == first.json()


@pytest.mark.parametrize("change", [{"amount": "1.51"}, {"amount": None}, {"reason": "Other"}, {"order_id": "1042"}])
def test_a_key_belongs_to_one_request(shop, order, change):
    key = f"mine-{order.order_id}"
    assert shop.refund(key, order, amount="1.50").status_code == 201
    assert code_of(shop.refund(key, order, **({"amount": "1.50"} | change))) == (422, "idempotency_key_reused")
    assert code_of(shop.cancel(key, order.customer, order.order_id)) == (422, "idempotency_key_reused")
    assert len(shop.refunds_of(order.order_id)) == 1


def test_a_refused_request_leaves_its_key_free(shop, order):
    assert code_of(shop.refund("free", order, amount="9999.00")) == (422, "amount_too_high")
    assert shop.client.get("/refunds/by-key/free").status_code == 404
    assert shop.refund("free", order, amount="1.00").status_code == 201


def test_refunds_in_parts_add_up_exactly(shop, order):
    for number in range(10):
        assert shop.refund(f"part-{number}", order, amount="0.10").status_code == 201
    assert shop.order(order)["refunded"] == "1.00"
    rest = order.total - 1
    assert code_of(shop.refund("part-too-much", order, amount=str(rest + Decimal("0.01")))) == (422, "amount_too_high")
    last = shop.refund("part-last", order)
    assert Decimal(last.json()["amount"]) == rest
    assert Decimal(shop.order(order)["refunded"]) == order.total


@pytest.mark.parametrize(
    ("customer", "order_id", "expected"),
    [
        ("ben@example.com", "1043", (409, "outside_return_window")),
        ("chloe@example.com", "1045", (409, "not_delivered")),
        ("dan@example.com", "1047", (409, "not_delivered")),
        ("eva@example.com", "1048", (409, "already_refunded")),
        ("ben@example.com", "1042", (404, "order_not_found")),
        ("nobody@example.com", "1042", (404, "order_not_found")),
        ("ada@example.com", "9999", (404, "order_not_found")),
    ],
)
def test_what_is_not_refunded(shop, customer, order_id, expected):
    assert code_of(shop.refund("no", FreshOrder(customer, order_id, Decimal(0)))) == expected


def test_one_key_at_once_makes_one_refund(shop, order):
    answers = at_once(50, lambda _: shop.refund("race", order))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 49}
    assert len({answer.text for answer in answers}) == 1
    assert len(shop.refunds_of(order.order_id)) == 1


def test_many_keys_at_once_never_refund_more_than_the_total(shop, order):
    amount = (order.total / 7).quantize(Decimal("0.01"))
    fits = int(order.total // amount)
    answers = at_once(50, lambda number: shop.refund(f"crowd-{number}", order, amount=str(amount)))
    assert Counter(answer.status_code for answer in answers)[201] == fits
    assert {answer.status_code for answer in answers} <= {201, 409, 422}
    refunded = sum(Decimal(refund["amount"]) for refund in shop.refunds_of(order.order_id))
    assert refunded == amount * fits == Decimal(shop.order(order)["refunded"]) <= order.total


def test_whole_refunds_under_many_keys_at_once_make_one(shop, order):
    answers = at_once(50, lambda number: shop.refund(f"all-{number}", order))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 49}
    assert len(shop.refunds_of(order.order_id)) == 1


def test_two_stores_on_one_file_share_its_rules(tmp_path):
    """What two processes would do: each store has connections and a lock of its own."""
    database = tmp_path / "shop.sqlite3"

    def refund(store: Store, key: str) -> str:
        request = RefundRequest(
            customer="ada@example.com", order_id="1042", amount=Decimal("5.00"), reason="Torn", idempotency_key=key
        )
        try:
            return "replayed" if store.create_refund(request)[1] else "made"
        except ShopError as error:
            return error.code

    with Store(database) as one, Store(database) as two, ThreadPoolExecutor(8) as pool:
        calls = [(store, f"key-{number}") for number in range(12) for store in (one, two)]
        outcomes = Counter(pool.map(lambda call: refund(*call), calls))
        order = one.get_order_for("ada@example.com", "1042")
    assert outcomes["made"] == outcomes["replayed"] == 8
    assert order.refunded == Decimal("40.00")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO refunds (order_id, idempotency_key, amount_cents, reason, created_at)"
        " VALUES ('1042', 'k', 4201, 'x', 'now')",
        "INSERT INTO refunds (order_id, idempotency_key, amount_cents, reason, created_at)"
        " VALUES ('1042', 'seed-1048', 1, 'x', 'now')",
        "INSERT INTO refunds (order_id, idempotency_key, amount_cents, reason, created_at)"
        " VALUES ('1042', 'k', -1, 'x', 'now')",
        "INSERT INTO refunds (order_id, idempotency_key, amount_cents, reason, created_at)"
        " VALUES ('none', 'k', 1, 'x', 'now')",
        "INSERT INTO cancellations (order_id, idempotency_key, reason, created_at) VALUES ('1045', 'k', 'x', 'now')",
        "UPDATE refunds SET amount_cents = 1",
        "DELETE FROM refunds",
    ],
)
def test_the_database_itself_refuses(tmp_path, statement):
    database = tmp_path / "shop.sqlite3"
    with Store(database):
        pass
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("INSERT INTO idempotency_keys VALUES ('k', 'digest')")
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)


def test_a_cancellation_refunds_what_was_paid(tmp_path):
    with running_shop(tmp_path / "shop.sqlite3") as url, httpx2.Client(base_url=url, timeout=60) as client:
        shop = Shop(client, tmp_path, iter(()))
        first = shop.cancel("stop", "dan@example.com", "1047")
        assert first.status_code == 201
        cancellation = first.json()
        assert (cancellation["order_id"], cancellation["status"]) == ("1047", "cancelled")
        assert cancellation["refund"]["amount"] == "149.90"
        again = shop.cancel("stop", "dan@example.com", "1047")
        assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")
        assert again.json() == cancellation
        assert client.get("/refunds/by-key/stop").json() == cancellation["refund"]
        order = shop.order(FreshOrder("dan@example.com", "1047", Decimal(0)))
        assert (order["status"], order["refunded"], order["expected_on"]) == ("cancelled", "149.90", None)
        assert code_of(shop.cancel("stop", "dan@example.com", "1047", "Other")) == (422, "idempotency_key_reused")
        assert code_of(shop.cancel("stop-2", "dan@example.com", "1047")) == (409, "already_cancelled")
        refund = shop.refund("stop-3", FreshOrder("dan@example.com", "1047", Decimal(0)))
        assert code_of(refund) == (409, "already_refunded")


def test_a_cancellation_of_a_free_order_refunds_nothing(tmp_path):
    database = tmp_path / "shop.sqlite3"
    with running_shop(database) as url, httpx2.Client(base_url=url, timeout=60) as client:
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE orders SET total_cents = 0 WHERE order_id = '1047'")
        shop = Shop(client, database, iter(()))
        for status in (201, 200):
            answer = shop.cancel("stop", "dan@example.com", "1047")
            assert answer.status_code == status
            assert answer.json() == {"order_id": "1047", "status": "cancelled", "refund": None}
        refund = shop.refund("money", FreshOrder("dan@example.com", "1047", Decimal(0)))
        assert code_of(refund) == (409, "not_delivered")


@pytest.mark.parametrize(
    ("customer", "order_id", "expected"),
    [
        ("chloe@example.com", "1045", (409, "already_shipped")),
        ("ada@example.com", "1042", (409, "already_shipped")),
        ("ada@example.com", "1046", (404, "order_not_found")),
    ],
)
def test_what_is_not_cancelled(shop, customer, order_id, expected):
    assert code_of(shop.cancel("no-stop", customer, order_id)) == expected


def test_cancellations_at_once_cancel_once(shop):
    answers = at_once(50, lambda number: shop.cancel(f"stop-{number % 2}", "chloe@example.com", "1046"))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 24, 409: 25}
    assert len(shop.refunds_of("1046")) == 1
