"""Orders of the demo shop: what customers see of them, their dates, and the OpenAPI document."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx2
import jsonschema_rs
import pytest

from tools.demo_shop.database import prepare_database
from tools.demo_shop.errors import DatabaseUnusableError
from tools.demo_shop.openapi import DOCUMENT
from tools.demo_shop.seed import CAST, make_planting
from tools.demo_shop.store import Store
from tools.demo_shop.testing import running_shop

TODAY = datetime.now(UTC).date()


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A client of one shop for all tests here; they change nothing that another one reads."""
    database = tmp_path_factory.mktemp("shop") / "shop.sqlite3"
    with running_shop(database, today=lambda: TODAY) as url, httpx2.Client(base_url=url, timeout=60) as client:
        yield client


def get_order(client: httpx2.Client, order_id: str, customer: str) -> dict[str, Any]:
    response = client.get(f"/orders/{order_id}", params={"customer": customer})
    assert response.status_code == 200, response.text
    order: dict[str, Any] = response.json()
    return order


def days_ago(days: int) -> str:
    return (TODAY - timedelta(days=days)).isoformat()


def test_health(shop):
    assert shop.get("/healthz").json() == {"status": "ok"}


def test_an_order_in_full(shop):
    assert get_order(shop, "1042", "ada@example.com") == {
        "order_id": "1042",
        "customer": "ada@example.com",
        "status": "delivered",
        "placed_on": days_ago(10),
        "delivered_on": days_ago(8),
        "expected_on": None,
        "carrier": "GLS",
        "tracking_number": "GL77300008251598",
        "items": [{"sku": "SCARF-WOOL", "name": "Merino scarf, grey", "quantity": 1, "price": "42.00"}],
        "total": "42.00",
        "currency": "EUR",
        "return_window_days": 30,
        "returnable_until": days_ago(-22),
        "within_return_window": True,
        "refunded": "0.00",
    }


@pytest.mark.parametrize(
    ("order_id", "name", "expected"),
    [
        ("1042", "ada", ("delivered", 8, True)),
        ("1043", "ben", ("delivered", 75, False)),
        ("1044", "chloe", ("delivered", 5, True)),
        ("1045", "chloe", ("shipped", None, False)),
        ("1046", "chloe", ("processing", None, False)),
        ("1047", "dan", ("processing", None, False)),
        ("1048", "eva", ("delivered", 12, True)),
    ],
)
def test_the_cast(shop, order_id, name, expected):
    status, delivered_days_ago, in_window = expected
    order = get_order(shop, order_id, f"{name}@example.com")
    assert order["status"] == status
    assert order["delivered_on"] == (None if delivered_days_ago is None else days_ago(delivered_days_ago))
    assert (order["expected_on"] is None) == (status == "delivered")
    assert order["within_return_window"] is in_window
    assert order["refunded"] == (order["total"] if name == "eva" else "0.00")


def test_orders_are_listed_newest_first(shop):
    orders = shop.get("/orders", params={"customer": "chloe@example.com"}).json()["orders"]
    assert [order["order_id"] for order in orders] == ["1046", "1045", "1044"]
    assert orders[0] == get_order(shop, "1046", "chloe@example.com")


def test_at_most_ten_orders_are_listed(tmp_path):
    database = tmp_path / "shop.sqlite3"
    prepare_database(database, TODAY)
    with closing(sqlite3.connect(database)) as connection, connection:
        for number in range(3001, 3015):
            connection.execute(
                "INSERT INTO orders (order_id, customer, status, placed_on, currency, total_cents, return_window_days,"
                " dated_from) VALUES (?, 'farid@example.com', 'processing', ?, 'EUR', 100, 30, ?)",
                (str(number), TODAY.isoformat(), TODAY.isoformat()),
            )
    with Store(database, today=lambda: TODAY) as store:
        orders = store.list_orders_for("farid@example.com")
    assert [order.order_id for order in orders] == [str(number) for number in range(3014, 3004, -1)]


@pytest.mark.parametrize("customer", ["farid@example.com", "nobody@example.com"])
def test_a_customer_without_orders(shop, customer):
    assert shop.get("/orders", params={"customer": customer}).json() == {"orders": []}
    assert shop.get("/refunds", params={"customer": customer}).json() == {"refunds": []}


def test_a_stranger_cannot_tell_that_an_order_exists(shop):
    strangers = shop.get("/orders/1042", params={"customer": "ben@example.com"})
    missing = shop.get("/orders/9042", params={"customer": "ben@example.com"})
    assert strangers.status_code == missing.status_code == 404
    assert strangers.json()["error"]["code"] == "order_not_found"
    assert strangers.text.replace("1042", "9042") == missing.text
    of_ada = {"customer": "ben@example.com", "order_id": "1048"}
    assert shop.get("/refunds", params=of_ada).json() == {"refunds": []}


def test_the_case_of_an_address_does_not_matter(shop):
    assert get_order(shop, "1042", "Ada@Example.com")["customer"] == "ada@example.com"


def test_refunds_of_a_customer(shop):
    (refund,) = shop.get("/refunds", params={"customer": "eva@example.com"}).json()["refunds"]
    assert refund["order_id"] == "1048"
    assert refund["amount"] == "64.50"
    of_order = {"customer": "eva@example.com", "order_id": "1048"}
    assert shop.get("/refunds", params=of_order).json()["refunds"] == [refund]
    of_order["order_id"] = "1042"
    assert shop.get("/refunds", params=of_order).json()["refunds"] == []


@pytest.mark.parametrize(("days", "in_window"), [(22, True), (23, False)])
def test_the_last_day_of_the_window_belongs_to_it(tmp_path, days, in_window):
    """1042 was delivered 8 days before the database was made, so its window ends 22 days after that."""
    database = tmp_path / "shop.sqlite3"
    clock = [TODAY]
    with running_shop(database, today=lambda: clock[0]) as url, httpx2.Client(base_url=url, timeout=60) as client:
        clock[0] = TODAY + timedelta(days=days)
        assert get_order(client, "1042", "ada@example.com")["within_return_window"] is in_window


def test_the_crowd():
    planting = make_planting(TODAY)
    assert len(planting.customers) == 40
    assert len(planting.orders) == 120
    assert {order.status for order in planting.orders} == {
        "processing",
        "shipped",
        "delivered",
        "cancelled",
        "returned",
    }
    for order in planting.orders:
        assert order.total == sum((item.price * item.quantity for item in order.items), Decimal(0))
        assert order.placed_on <= TODAY
        if order.delivered_on:
            assert order.placed_on < order.delivered_on < TODAY
        assert (order.expected_on is not None) == (order.status in {"processing", "shipped"})
        if order.expected_on:
            assert order.expected_on > TODAY
    for event in planting.events:
        order = next(order for order in planting.orders if order.order_id == event.order_id)
        assert (order.delivered_on or order.placed_on) <= event.on <= TODAY


def test_every_new_shop_has_the_same_orders(tmp_path):
    assert make_planting(TODAY) == make_planting(TODAY)
    assert list(make_planting(date(2026, 1, 1)).customers)[:6] == list(CAST)


def test_dates_of_untouched_orders_are_kept_relative_to_today(tmp_path):
    database = tmp_path / "shop.sqlite3"
    made_on = TODAY - timedelta(days=9)
    with running_shop(database, today=lambda: made_on) as url, httpx2.Client(base_url=url, timeout=60) as client:
        before = get_order(client, "1042", "ada@example.com")
        assert before["delivered_on"] == days_ago(17)
        refund = {"customer": "chloe@example.com", "order_id": "1044", "amount": "1.00", "reason": "Scratched"}
        assert client.post("/refunds", json=refund, headers={"Idempotency-Key": "a"}).status_code == 201
        cancellation = {"customer": "dan@example.com", "reason": "Too late"}
        answer = client.post("/orders/1047/cancellation", json=cancellation, headers={"Idempotency-Key": "b"})
        assert answer.status_code == 201
        touched = [get_order(client, "1044", "chloe@example.com"), get_order(client, "1047", "dan@example.com")]
    for _ in range(2):  # the second start on the same day changes nothing
        with running_shop(database, today=lambda: TODAY) as url, httpx2.Client(base_url=url, timeout=60) as client:
            assert get_order(client, "1042", "ada@example.com")["delivered_on"] == days_ago(8)
            assert get_order(client, "1042", "ada@example.com")["placed_on"] == days_ago(10)
            assert get_order(client, "1045", "chloe@example.com")["expected_on"] == days_ago(-2)
            assert get_order(client, "1045", "chloe@example.com")["delivered_on"] is None
            assert [get_order(client, "1044", "chloe@example.com"), get_order(client, "1047", "dan@example.com")] == (
                touched
            )


def test_an_interrupted_first_start_is_made_good(tmp_path):
    database = tmp_path / "new" / "shop.sqlite3"
    database.parent.mkdir()
    database.touch()
    with Store(database) as store:
        assert store.count_orders() == 120


@pytest.mark.parametrize("script", ["CREATE TABLE theirs (x)", "PRAGMA user_version = 99", None])
def test_a_file_that_is_no_shop_is_refused_and_left_alone(tmp_path, script):
    database = tmp_path / "shop.sqlite3"
    if script is None:
        database.write_bytes(b"no database at all" * 1000)
    else:
        with closing(sqlite3.connect(database)) as connection:
            connection.executescript(script)
    before = database.read_bytes()
    with pytest.raises(DatabaseUnusableError, match=r"shop\.sqlite3"):
        Store(database)
    assert database.read_bytes() == before


def test_a_folder_is_no_database(tmp_path):
    with pytest.raises(DatabaseUnusableError, match=r"cannot be used"):
        Store(tmp_path)


@pytest.mark.parametrize("path", ["/", "/orders/", "/nothing", "/orders/1042/nothing", "/refunds/by-key"])
def test_unknown_paths(shop, path):
    response = shop.get(path)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/refunds", {"GET", "HEAD", "POST"}),
        ("POST", "/orders", {"GET", "HEAD"}),
        ("GET", "/orders/1042/cancellation", {"POST"}),
        ("PUT", "/refunds/by-key/a", {"GET", "HEAD"}),
        ("POST", "/_faults", {"GET", "HEAD", "PUT", "DELETE"}),
    ],
)
def test_wrong_methods(shop, method, path, allowed):
    response = shop.request(method, path)
    assert response.status_code == 405
    assert response.json()["error"]["code"] == "method_not_allowed"
    assert set(response.headers["allow"].split(", ")) == allowed


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {value["$ref"]} if "$ref" in value else set().union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def test_the_openapi_document_is_whole(shop):
    document = shop.get("/openapi.json").json()
    assert document == DOCUMENT
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert {operation["operationId"] for operation in operations} == {
        "get_order",
        "list_orders",
        "list_refunds",
        "create_refund",
        "get_refund_by_key",
        "cancel_order",
    }
    schemas = document["components"]["schemas"]
    assert references(document) == {f"#/components/schemas/{name}" for name in schemas}
    for schema in schemas.values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


def check_answer(operation_id: str, response: httpx2.Response) -> None:
    """The answer is one that the document declares for this operation, header and body."""
    (operation,) = (
        operation
        for path in DOCUMENT["paths"].values()
        for operation in path.values()
        if operation["operationId"] == operation_id
    )
    declared = operation["responses"][str(response.status_code)]
    schema = {**declared["content"]["application/json"]["schema"], "components": DOCUMENT["components"]}
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(response.json())
    assert response.headers["content-type"] == "application/json"
    assert ("idempotency-replayed" in response.headers) == ("headers" in declared)
    if response.status_code >= 400:
        assert response.json()["error"]["code"] in declared["description"]


def test_answers_are_as_the_document_says(tmp_path):
    with running_shop(tmp_path / "shop.sqlite3") as url, httpx2.Client(base_url=url, timeout=60) as client:
        for name in ("ada", "chloe", "eva", "farid", "grace"):
            check_answer("list_orders", client.get("/orders", params={"customer": f"{name}@example.com"}))
            check_answer("list_refunds", client.get("/refunds", params={"customer": f"{name}@example.com"}))
        check_answer("list_orders", client.get("/orders"))
        check_answer("list_refunds", client.get("/refunds", params={"customer": "a@b", "order_id": "!"}))
        for order_id in ("1042", "9999", "x" * 99):
            check_answer("get_order", client.get(f"/orders/{order_id}", params={"customer": "ada@example.com"}))

        refund = {"customer": "ada@example.com", "order_id": "1042", "reason": "Too small", "amount": "2.5"}

        def post_refund(key: str = "one", **changes: str) -> int:
            answer = client.post("/refunds", json=refund | changes, headers={"Idempotency-Key": key})
            check_answer("create_refund", answer)
            return answer.status_code

        assert [post_refund(), post_refund(), post_refund(reason="Other")] == [201, 200, 422]
        assert post_refund("two", order_id="9999") == 404
        assert post_refund("two", order_id="1043", customer="ben@example.com") == 409
        assert post_refund("two", amount="-1") == 422
        assert post_refund("two words") == 400
        for key in ("one", "none", " "):
            check_answer("get_refund_by_key", client.get(f"/refunds/by-key/{key}"))

        def cancel(order_id: str, customer: str, key: str) -> int:
            body = {"customer": customer, "reason": "Changed my mind"}
            answer = client.post(f"/orders/{order_id}/cancellation", json=body, headers={"Idempotency-Key": key})
            check_answer("cancel_order", answer)
            return answer.status_code

        assert cancel("1047", "dan@example.com", "c") == 201
        assert cancel("1047", "dan@example.com", "c") == 200
        assert cancel("1047", "dan@example.com", "d") == 409
        assert cancel("1045", "chloe@example.com", "d") == 409
        assert cancel("1045", "ada@example.com", "d") == 404
        client.put("/_faults", json={"fail_next": 1})
        check_answer("list_orders", client.get("/orders", params={"customer": "ada@example.com"}))
