"""Whatever is sent to the demo shop, it answers with a clear refusal and goes on."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tools.demo_shop.inputs import MAX_BODY_BYTES
from tools.demo_shop.testing import running_shop

GOOD = {"customer": "ada@example.com", "order_id": "1042", "reason": "Too small", "amount": "1.00"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A client; after all tests of this file the shop must have made no refund and still answer."""
    with (
        running_shop(tmp_path_factory.mktemp("shop") / "shop.sqlite3") as url,
        httpx2.Client(base_url=url, timeout=60) as client,
    ):
        before = client.get("/_refunds").json()
        yield client
        assert client.get("/_refunds").json() == before
        assert client.get("/orders/1042", params={"customer": "ada@example.com"}).status_code == 200


def check_refused(response: httpx2.Response, status: int, code: str) -> None:
    assert response.status_code == status, response.text
    body = response.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"code", "message"}
    assert body["error"]["code"] == code
    assert 0 < len(body["error"]["message"]) < 200


def post(client: httpx2.Client, content: bytes, path: str = "/refunds") -> httpx2.Response:
    return client.post(path, content=content, headers={"Idempotency-Key": "bad"})


@pytest.mark.parametrize("path", ["/refunds", "/orders/1047/cancellation"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\x00\xff\xfe binary",
        b'{"reason": "\xff"}',
        b'{"amount": NaN}',
        b'{"amount": -Infinity}',
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"amount": ' + b"9" * 50_000 + b"}",
        b"customer=ada%40example.com",
    ],
)
def test_what_is_not_json(shop, path, content):
    check_refused(post(shop, content, path), 400, "malformed_json")


@pytest.mark.parametrize("content", [b"null", b"1", b'"text"', b"[]", b"[{}]"])
def test_json_that_is_no_object(shop, content):
    check_refused(post(shop, content), 422, "invalid_request")


@pytest.mark.parametrize("path", ["/refunds", "/orders/1047/cancellation"])
def test_a_body_of_a_megabyte(shop, path):
    check_refused(post(shop, b"x" * 1_000_000, path), 413, "body_too_large")
    check_refused(post(shop, b'{"reason": "' + b"x" * MAX_BODY_BYTES + b'"}', path), 413, "body_too_large")


def test_a_megabyte_in_chunks(shop):
    response = shop.post("/refunds", content=(b"x" * 10_000 for _ in range(100)), headers={"Idempotency-Key": "bad"})
    check_refused(response, 413, "body_too_large")


BAD_AMOUNTS: list[Any] = [
    "0", "0.00", "-1", "-0.01", "NaN", "Infinity", "-Infinity", "1e3", "1E-2", "0.001", "42.000", "1,50", "1_000",
    " 1", "1 ", "1\n", "+1", "", ".5", "5.", "0x10", "\u0661\u0662", "\uff11\uff12", "12345678", "9" * 5000,
    "1.00 EUR", "$1", "null", 1, 1.5, 0, -1, 10**40, True, False, [], ["1.00"], {}, {"value": "1.00"},
]  # fmt: skip


@pytest.mark.parametrize("amount", BAD_AMOUNTS)
def test_what_is_no_amount(shop, amount):
    check_refused(post(shop, json.dumps(GOOD | {"amount": amount}).encode()), 422, "invalid_amount")


ABSURD_IDS: list[Any] = [
    "", " ", "#1042", "1042 ", "1042\n", "../1042", "1042;DROP TABLE orders", "' OR 1=1 --", "x" * 33, "x" * 10_000,
    "\u0661\u0660\u0664\u0662", "\x00", "\ud800", 1042, 1042.0, None, True, [], ["1042"], {"id": "1042"}, 10**30,
]  # fmt: skip


@pytest.mark.parametrize("order_id", ABSURD_IDS)
def test_what_is_no_order_id(shop, order_id):
    check_refused(post(shop, json.dumps(GOOD | {"order_id": order_id}).encode()), 422, "invalid_order_id")


@pytest.mark.parametrize("path", ["%231042", "1042%20", "1042%00", "%FF", "%D9%A1", "x" * 33, "x" * 5000, "'--"])
def test_what_is_no_order_id_in_a_path(shop, path):
    response = shop.get(f"/orders/{path}", params={"customer": "ada@example.com"})
    check_refused(response, 422, "invalid_order_id")
    check_refused(post(shop, b"{}", f"/orders/{path}/cancellation"), 422, "invalid_order_id")


@pytest.mark.parametrize("order_id", ["0", "-1", "1e3", "999999999999999999999999999999", "DROP-TABLE"])
def test_an_order_id_that_nobody_has(shop, order_id):
    response = shop.get(f"/orders/{order_id}", params={"customer": "ada@example.com"})
    check_refused(response, 404, "order_not_found")


BAD_CUSTOMERS: list[Any] = ["", "ada", "@", "a@", "a b@example.com", "a@b@c", "a" * 300 + "@b", 1, None, [], {}, True]


@pytest.mark.parametrize("customer", [*BAD_CUSTOMERS, "\ud800@b", "a\x00@b"])
def test_what_is_no_customer(shop, customer):
    check_refused(post(shop, json.dumps(GOOD | {"customer": customer}).encode()), 422, "invalid_request")


@pytest.mark.parametrize("query", ["", "customer=", "customer=ada", "customer=a@b&customer=c@d", "customer=%00@b"])
@pytest.mark.parametrize("path", ["/orders", "/orders/1042", "/refunds"])
def test_what_is_no_customer_in_a_query(shop, path, query):
    check_refused(shop.get(f"{path}?{query}"), 422, "invalid_request")


@pytest.mark.parametrize("query", ["order_id=", "order_id=%23", "order_id=" + "1" * 33])
def test_what_is_no_order_id_in_a_query(shop, query):
    check_refused(shop.get(f"/refunds?customer=a@b&{query}"), 422, "invalid_order_id")


def test_an_order_id_twice(shop):
    check_refused(shop.get("/refunds?customer=a@b&order_id=1&order_id=2"), 422, "invalid_request")


@pytest.mark.parametrize("reason", ["", " \n", "x" * 1001, "half \ud800", "nul \x00", 1, None, [], {}, True])
def test_what_is_no_reason(shop, reason):
    check_refused(post(shop, json.dumps(GOOD | {"reason": reason}).encode()), 422, "invalid_request")
    body = json.dumps({"customer": "dan@example.com", "reason": reason}).encode()
    check_refused(post(shop, body, "/orders/1047/cancellation"), 422, "invalid_request")


@pytest.mark.parametrize("name", ["customer", "order_id", "reason"])
def test_a_field_left_out(shop, name):
    body = {key: value for key, value in GOOD.items() if key != name}
    check_refused(post(shop, json.dumps(body).encode()), 422, "invalid_request")


@pytest.mark.parametrize("name", ["currency", "Amount", "x" * 1000, "\ud800", ""])
def test_an_unknown_field(shop, name):
    check_refused(post(shop, json.dumps(GOOD | {name: "1"}).encode()), 422, "invalid_request")


@pytest.mark.parametrize("path", ["/refunds", "/orders/1047/cancellation"])
def test_a_write_without_a_key(shop, path):
    check_refused(shop.post(path, json=GOOD), 400, "idempotency_key_required")
    check_refused(shop.post(path, json=GOOD, headers={"Idempotency-Key": ""}), 400, "idempotency_key_required")
    twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    check_refused(shop.post(path, json=GOOD, headers=twice), 400, "idempotency_key_required")


@pytest.mark.parametrize("key", [b"a b", b"x" * 201, b"\xff", "é".encode()])
def test_what_is_no_key(shop, key):
    response = shop.post("/refunds", json=GOOD, headers={b"Idempotency-Key": key})
    check_refused(response, 400, "invalid_idempotency_key")


@pytest.mark.parametrize("key", ["a%20b", "x" * 201, "%FF", "%00", ""])
def test_what_is_no_key_in_a_path(shop, key):
    check_refused(shop.get(f"/refunds/by-key/{key}"), 400, "invalid_idempotency_key")


@pytest.mark.parametrize("key", ["none", "a/b", "..%2F..", "seed-1048%3F", "%25"])
def test_a_key_that_nobody_used(shop, key):
    check_refused(shop.get(f"/refunds/by-key/{key}"), 404, "refund_not_found")


@pytest.mark.parametrize(
    "body",
    [
        {"latency_ms": -1}, {"latency_ms": 1.5}, {"latency_ms": "1"}, {"latency_ms": True}, {"latency_ms": 10**9},
        {"fail_next": -1}, {"fail_next": None}, {"lose_answer_next": []}, {"lose_answer_next": 10**9},
        {"paths": ""}, {"paths": 1}, {"paths": "x" * 300}, {"paths": "\ud800"}, {"unknown": 1}, [], "text",
    ],
)  # fmt: skip
def test_what_is_no_fault(shop, body):
    check_refused(shop.put("/_faults", content=json.dumps(body).encode()), 422, "invalid_request")
    assert shop.get("/_faults").json() == {"latency_ms": 0, "fail_next": 0, "lose_answer_next": 0, "paths": "*"}


def test_a_client_that_leaves_in_the_middle_of_its_body(shop, caplog):
    address = urlsplit(str(shop.base_url))
    head = b"POST /refunds HTTP/1.1\r\nHost: shop\r\nIdempotency-Key: bad\r\nContent-Length: 500\r\n\r\n{"
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(head)
    assert shop.get("/healthz").status_code == 200
    assert "Traceback" not in caplog.text


def test_what_is_no_http(shop):
    address = urlsplit(str(shop.base_url))
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(b"\x16\x03\x01 not http\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")


def test_a_plain_client_reads_the_refusal_of_a_large_body(shop):
    """Some clients send all of the body before they read; they must find the answer, not a broken connection."""
    address = urlsplit(str(shop.base_url))
    connection = http.client.HTTPConnection(address.netloc, timeout=60)
    try:
        connection.request("POST", "/refunds", b"x" * 5_000_000, {"Idempotency-Key": "bad"})
        assert connection.getresponse().status == 413
    finally:
        connection.close()
