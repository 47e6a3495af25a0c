"""Who is let in: keys, hosts, origins, sizes and rates; and that a crowd takes no more of the database than it may."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone
from mcp import MCPError

from tests.tools.mcp_server.clients import ERAS, INITIALIZE, connected, names, post
from tests.tools.mcp_server.conftest import Door
from tools.gateways import check_key, revoke_key
from tools.mcp_server.buckets import BURST, EACH_SECOND, Buckets
from tools.mcp_server.endpoint import MOST_BYTES, McpEndpoint
from tools.mcp_server.search import best_matches
from tools.mcp_server.threads import CALL_THREADS, QUICK_THREADS
from tools.models import Gateway, GatewayKey, ToolCall


def message_of(response: httpx2.Response) -> str:
    """Every refusal is a JSON-RPC error, which a client can show."""
    body = response.json()
    assert body["jsonrpc"] == "2.0"
    assert body["error"]["code"] < 0
    return str(body["error"]["message"])


# -- keys


def test_a_key_is_kept_as_its_hash_only(door: Door) -> None:
    key, text = door.made_key()
    row = json.dumps(list(GatewayKey.objects.values()), default=str)
    assert text not in row
    assert text.startswith(key.hint)
    assert len(key.hint) < len(text) / 4
    assert door.key() != text


def test_a_name_is_taken_once(door: Door) -> None:
    door.key(name="desk")
    with pytest.raises(ValidationError):
        door.key(name="desk")


@pytest.mark.parametrize("mode", ERAS)
def test_a_client_is_told_what_is_wrong_with_its_key(door: Door, mode: str) -> None:
    key, text = door.made_key()
    revoke_key(key, user=None)
    refused = pytest.RaisesExc(MCPError, match="This key was revoked")
    with pytest.RaisesGroup(refused, flatten_subgroups=True, allow_unwrapped=True):
        names(door.address, text, mode=mode)


def bad_keys(door: Door) -> Iterator[tuple[str, str]]:
    yield "", "A key is needed"
    yield "tdm_" + "x" * 43, "no key of this desk"
    yield "short", "no key of this desk"
    yield "tdm_\u00e9" + "x" * 42, "no key of this desk"
    yield door.key(expires_at=timezone.now() - timedelta(seconds=1)), "has expired"
    key, text = door.made_key()
    assert revoke_key(key, user=None)
    assert not revoke_key(key, user=None)
    yield text, "was revoked"


def test_without_a_good_key_nobody_comes_in(door: Door) -> None:
    for text, words in bad_keys(door):
        given = {"Authorization": f"Bearer {text}".encode()} if text else {}
        response = httpx2.post(door.address, json=INITIALIZE, headers=given, timeout=60)
        assert response.status_code == 401
        assert words in message_of(response)
        challenge = response.headers["WWW-Authenticate"]
        assert challenge == 'Bearer realm="Tandem"' + (', error="invalid_token"' if text else "")
    other = {"Authorization": "Basic eDp5"}
    assert httpx2.post(door.address, json=INITIALIZE, headers=other, timeout=60).status_code == 401
    assert ToolCall.objects.count() == 0


def test_a_key_ends_with_its_owners_account(door: Door) -> None:
    text = door.key()
    assert post(door.address, text).status_code == 200
    User.objects.filter(pk=door.owner.pk).update(is_active=False)
    response = post(door.address, text)
    assert response.status_code == 401
    assert "owner" in message_of(response)


def test_a_key_is_for_one_gateway(door: Door) -> None:
    Gateway.objects.create(slug="other", label="Other")
    text = door.key()
    assert post(f"{door.url}/mcp/other/", text).status_code == 403
    assert post(f"{door.url}/mcp/none/", text).status_code == 404
    assert post(f"{door.url}/mcp/none/", "tdm_no").status_code == 401
    Gateway.objects.update(enabled=False)
    response = post(door.address, text)
    assert response.status_code == 403
    assert "switched off" in message_of(response)


def test_use_is_noted_at_most_once_a_minute(door: Door) -> None:
    key, text = door.made_key()
    assert key.last_used_at is None
    post(door.address, text)
    key.refresh_from_db()
    first = key.last_used_at
    post(door.address, text)
    key.refresh_from_db()
    assert key.last_used_at == first
    GatewayKey.objects.update(last_used_at=timezone.now() - timedelta(minutes=1))
    assert check_key(text).pk == key.pk
    key.refresh_from_db()
    assert key.last_used_at > first


# -- requests


@pytest.mark.parametrize("path", ["/mcp/support/", "/mcp/support"])
def test_the_address_ends_in_a_slash_or_not(door: Door, path: str) -> None:
    assert post(f"{door.url}{path}", door.key()).status_code == 200


@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/mcp/support/more/", "/mcp/..%2fsupport/", "/mcp/a b/"])
def test_there_is_nothing_beside_it(door: Door, path: str) -> None:
    response = post(f"{door.url}{path}", door.key())
    assert response.status_code == 404
    assert message_of(response)


def test_the_rest_is_djangos(door: Door) -> None:
    assert httpx2.get(f"{door.url}/mcpx/", timeout=60).headers["content-type"].startswith("text/html")
    assert httpx2.get(f"{door.url}/healthz", timeout=60).status_code == 200


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "OPTIONS"])
def test_only_posts_are_answered(door: Door, method: str) -> None:
    headers = {"Authorization": f"Bearer {door.key()}"}
    response = httpx2.request(method, door.address, headers=headers, timeout=60)
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:1", "https://support.evil.example", "http://localhost"],
)
def test_a_page_of_another_site_is_refused(door: Door, origin: str) -> None:
    response = post(door.address, door.key(), Origin=origin)
    assert response.status_code == 403
    assert "other sites" in message_of(response)


def test_a_page_of_the_desk_is_not(door: Door, settings: Any) -> None:
    key = door.key()
    assert post(door.address, key, Origin=door.url).status_code == 200
    assert post(door.address, key, Origin=settings.PUBLIC_URL).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "a b", "[::1"])
def test_a_host_that_is_not_ours_is_refused(door: Door, host: str) -> None:
    """A name of somebody else's that leads to this machine: the browser sends that name."""
    response = post(door.address, door.key(), Host=host)
    assert response.status_code in {400, 421}  # uvicorn refuses some by itself
    if response.status_code == 421:
        assert "ALLOWED_HOSTS" in message_of(response)


def test_keys_do_not_travel_in_the_clear_where_there_is_https(door: Door, settings: Any) -> None:
    key = door.key()
    settings.SECURE_SSL_REDIRECT = True
    assert "Use https" in message_of(post(door.address, key))
    assert "Use https" in message_of(post(door.address, key, X_Forwarded_Proto="http"))
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert post(door.address, key, X_Forwarded_Proto="https").status_code == 200


def test_a_large_body_is_refused(door: Door) -> None:
    key = door.key()
    large = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "x", "params": {"x": "y" * MOST_BYTES}})
    response = post(door.address, key, large)
    assert response.status_code == 413
    assert "500,000" in message_of(response)

    def pieces() -> Iterator[bytes]:
        yield from (large[start : start + 50_000].encode() for start in range(0, len(large), 50_000))

    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    assert httpx2.post(door.address, content=pieces(), headers=headers, timeout=60).status_code == 413


@pytest.mark.parametrize("body", ["", "{", "[]", '"x"', "[" * 20_000, '{"jsonrpc":"2.0","id":1,"method":"nonsense"}'])
@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28", "1999-01-01"])
def test_nonsense_breaks_nothing(door: Door, body: str, version: str) -> None:
    key = door.key()
    response = post(door.address, key, body or " ", MCP_Protocol_Version=version)
    assert response.status_code < 500
    assert post(door.address, key).status_code == 200


def test_without_the_servers_lifespan_it_says_so() -> None:
    sent: list[Any] = []

    async def ask() -> None:
        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            raise AssertionError("nothing is read")

        scope = {"type": "http", "method": "POST", "path": "/mcp/support/", "headers": [(b"host", b"127.0.0.1")]}
        await McpEndpoint()(scope, receive, send)

    anyio.run(ask)
    assert sent[0]["status"] == 503
    assert b"lifespan" in sent[1]["body"]


# -- many at once


def test_the_bucket_runs_out_and_fills_again() -> None:
    now = [100.0]
    buckets = Buckets(clock=lambda: now[0])
    key, other = GatewayKey().pk, GatewayKey().pk
    assert {buckets.take(key) for _ in range(int(BURST))} == {0.0}
    assert buckets.take(key) == pytest.approx(1 / EACH_SECOND)
    assert buckets.take(other) == 0.0
    now[0] += 1 / EACH_SECOND
    assert buckets.take(key) == 0.0
    assert buckets.take(key) > 0
    now[0] += 1e6
    assert {buckets.take(key) for _ in range(int(BURST))} == {0.0}
    assert buckets.take(key) > 0


def test_a_client_that_never_rests_is_told_to(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.mcp_server.buckets.BURST", 3.0)
    monkeypatch.setattr("tools.mcp_server.buckets.EACH_SECOND", 0.001)
    key = door.key()
    answers = [post(door.address, key) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[3].headers["Retry-After"]) > 0
    assert "Too many requests" in message_of(answers[3])
    assert post(door.address, door.key()).status_code == 200


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
def test_fifty_calls_at_once_are_all_answered_with_few_connections(door: Door, mode: str) -> None:
    key = door.key()
    held: list[int] = []

    async def crowd() -> int:
        right = 0

        async def one(client: Any) -> None:
            nonlocal right
            result = await client.call_tool("get_order", {"order_id": "1042"})
            right += result.structured_content["order_id"] == "1042"

        async with connected(door.address, key, mode=mode) as client, anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(one, client)
            while right < 50:
                held.append(await anyio.to_thread.run_sync(connections))
                await anyio.sleep(0.02)
        return right

    assert anyio.run(crowd) == 50
    assert ToolCall.objects.filter(state="confirmed").count() == 50
    assert max(held) <= CALL_THREADS + QUICK_THREADS + 4


def connections() -> int:
    """Of this process to its database, in the pool or out of it."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            return int(cursor.fetchone()[0])
    finally:
        connection.close()


def test_a_client_that_goes_away_leaves_a_settled_call(door: Door) -> None:
    """The backend is slow; who asked hangs up meanwhile."""
    door.fault(latency_ms=4_000)
    key = door.key()
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "process_refund", "arguments": {"order_id": "1042", "reason": "x", "amount": "5.00"}},
    }
    types = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    headers = {"Authorization": f"Bearer {key}", **types}
    calls, until = ToolCall.objects.all(), time.monotonic() + 60
    with closing(http.client.HTTPConnection(urlsplit(door.url).netloc, timeout=60)) as connection:
        connection.request("POST", urlsplit(door.address).path, json.dumps(body), headers)
        while not calls.exists() and time.monotonic() < until:
            time.sleep(0.05)
    ended = calls.exclude(state__in=ToolCall.OPEN)
    assert not ended.exists()
    while not ended.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert ToolCall.objects.get().state == "confirmed"
    assert len(door.refunds()) == 1


# -- the words of a search

TOOLS = [
    {"name": "getOrder", "description": "Look up an order."},
    {"name": "refund_order", "description": "Give money back."},
    {"name": "list_invoices", "description": "Invoices of a customer, refunded ones included."},
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("order", ["getOrder", "refund_order"]),
        ("refunds", ["refund_order", "list_invoices"]),
        ("give a customer money", ["refund_order", "list_invoices"]),
        ("weather in a of", []),
        ("", []),
    ],
)
def test_a_search_by_words(query: str, expected: list[str]) -> None:
    assert [one["name"] for one in best_matches(TOOLS, query, most=5)] == expected


def test_a_search_gives_no_more_than_asked_for() -> None:
    assert len(best_matches(TOOLS, "order refund invoices", most=2)) == 2
