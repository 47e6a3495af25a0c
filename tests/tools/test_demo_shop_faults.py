"""The demo shop is slow, fails and loses answers when it is told to."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx2
import pytest

from tools.demo_shop.testing import running_shop

NO_FAULTS = {"latency_ms": 0, "fail_next": 0, "lose_answer_next": 0, "paths": "*"}
REFUND = {"customer": "ada@example.com", "order_id": "1042", "reason": "Too small", "amount": "1.00"}
ADA = {"customer": "ada@example.com"}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with running_shop(tmp_path_factory.mktemp("shop") / "shop.sqlite3") as url:
        yield url


@pytest.fixture
def shop(served):
    with httpx2.Client(base_url=served, timeout=30) as client:
        yield client
        client.delete("/_faults")


def set_faults(client: httpx2.Client, **faults: int | str) -> None:
    response = client.put("/_faults", json=faults)
    assert response.json() == NO_FAULTS | faults


def post_refund(client: httpx2.Client, key: str) -> httpx2.Response:
    return client.post("/refunds", json=REFUND, headers={"Idempotency-Key": key})


def test_faults_are_set_shown_and_cleared(shop):
    assert shop.get("/_faults").json() == NO_FAULTS
    set_faults(shop, latency_ms=1, fail_next=2, paths="/refunds")
    set_faults(shop, lose_answer_next=1)
    assert shop.get("/_faults").json() == NO_FAULTS | {"lose_answer_next": 1}
    assert shop.delete("/_faults").json() == shop.get("/_faults").json() == NO_FAULTS


def test_fail_next_answers_503_before_any_work(shop):
    set_faults(shop, fail_next=2)
    for _ in range(2):
        response = post_refund(shop, "failed")
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "unavailable"
        assert shop.get("/_faults").json()["fail_next"] in {0, 1}
    # The look-up is a request too: it comes third, after the two that fail.
    assert shop.get("/refunds/by-key/failed").status_code == 404
    assert post_refund(shop, "failed").status_code == 201


def test_a_lost_answer_was_worked_for(shop):
    set_faults(shop, lose_answer_next=1)
    with pytest.raises(httpx2.RemoteProtocolError):
        post_refund(shop, "lost")
    refund = shop.get("/refunds/by-key/lost")
    assert refund.status_code == 200
    again = post_refund(shop, "lost")
    assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")
    assert again.json() == refund.json()
    ledger = shop.get("/_refunds").json()["refunds"]
    assert len([refund for refund in ledger if refund["idempotency_key"] == "lost"]) == 1


def test_a_lost_answer_closes_the_connection_without_a_byte(shop, served, caplog):
    set_faults(shop, lose_answer_next=1)
    address = urlsplit(served)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(b"GET /orders?customer=ada@example.com HTTP/1.1\r\nHost: shop\r\n\r\n")
        assert connection.recv(1000) == b""
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_only_as_many_answers_are_lost_as_were_ordered(shop, served):
    set_faults(shop, lose_answer_next=7, paths="/orders")

    def ask(_: int) -> bool:
        with httpx2.Client(base_url=served, timeout=30) as client:
            try:
                return client.get("/orders", params=ADA).status_code == 200
            except httpx2.RemoteProtocolError:
                return False

    with ThreadPoolExecutor(10) as pool:
        assert sorted(pool.map(ask, range(20))) == [False] * 7 + [True] * 13


def test_latency_delays_each_answer_but_not_the_others(shop):
    set_faults(shop, latency_ms=1_000, paths="/orders")
    start = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: shop.get("/orders", params=ADA), range(10)))
    took = time.monotonic() - start
    assert all(answer.status_code == 200 for answer in answers)
    assert 1 <= took < 10  # one after another
    set_faults(shop, latency_ms=60_000, paths="/orders")
    assert shop.get("/orders/1042", params=ADA).status_code == 200


@pytest.mark.parametrize(
    ("paths", "get_status", "post_status"),
    [
        ("*", 503, 503),
        ("/refunds", 503, 503),
        ("/refunds*", 503, 503),
        ("POST /refunds", 200, 503),
        ("/orders/*, GET  /refunds", 503, 422),
        ("/refunds/by-key/*", 200, 422),
        ("post /refunds", 200, 422),
    ],
)
def test_faults_of_some_paths(shop, paths, get_status, post_status):
    set_faults(shop, fail_next=10, paths=paths)
    assert shop.get("/refunds", params=ADA).status_code == get_status
    answer = shop.post("/refunds", json={}, headers={"Idempotency-Key": "paths"})
    assert answer.status_code == post_status


def test_the_shop_can_always_be_inspected(shop):
    set_faults(shop, fail_next=1000, lose_answer_next=1000, latency_ms=60_000)
    for path in ("/healthz", "/openapi.json", "/_refunds", "/_faults"):
        assert shop.get(path).status_code == 200
    assert shop.get("/_faults").json()["fail_next"] == 1000


def test_a_failing_request_is_not_also_lost(shop):
    set_faults(shop, fail_next=1, lose_answer_next=1)
    assert shop.get("/orders", params=ADA).status_code == 503
    assert shop.get("/_faults").json()["lose_answer_next"] == 1
    with pytest.raises(httpx2.RemoteProtocolError):
        shop.get("/orders", params=ADA)


def test_a_slow_shop_still_stops_soon(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        with running_shop(tmp_path / "shop.sqlite3") as url, httpx2.Client(base_url=url, timeout=30) as client:
            set_faults(client, latency_ms=60_000, fail_next=1)
            waiting = pool.submit(client.get, "/orders", params=ADA)
            while client.get("/_faults").json()["fail_next"]:  # taken when the request comes
                assert not waiting.done()
            start = time.monotonic()
        assert time.monotonic() - start < 30
        assert isinstance(waiting.exception(), httpx2.HTTPError) or waiting.result().status_code >= 500
