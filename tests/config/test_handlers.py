"""The way of a request into Django: in one thread from end to end, or, for an event stream, on the event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any
from uuid import UUID

import pytest
from django.core import signals
from django.db import connections
from django.urls import reverse

from config.handlers import Dispatcher, is_asynchronous


@pytest.fixture
def dispatcher(_plain_static_files: None) -> Dispatcher:
    return Dispatcher(threads=2)


def ask(dispatcher: Dispatcher, path: str, *, method: str = "GET", messages: list[dict[str, Any]] | None = None) -> Any:
    """What the application sent; without messages of its own the request has no body."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/x-www-form-urlencoded")],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }
    waiting = iter(messages or [{"type": "http.request", "body": b"", "more_body": False}])
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return next(waiting)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(dispatcher(scope, receive, send))
    return sent


def test_a_request_stays_in_one_thread_and_gives_its_connection_back(
    dispatcher: Dispatcher, transactional_db: None
) -> None:
    threads, left_open = set(), []

    def note(**_: Any) -> None:
        threads.add(threading.current_thread().name)

    def look(**_: Any) -> None:
        note()
        left_open.append(connections["default"].connection)

    signals.request_started.connect(note)
    signals.request_finished.connect(look)
    try:
        start, *body = ask(dispatcher, "/chat/support/")
    finally:
        signals.request_started.disconnect(note)
        signals.request_finished.disconnect(look)

    assert start["status"] in {200, 404}
    assert body
    assert len(threads) == 1
    assert next(iter(threads)).startswith("request")
    assert left_open == [None]


def test_a_body_in_pieces_is_read_whole(dispatcher: Dispatcher, transactional_db: None) -> None:
    pieces = [
        {"type": "http.request", "body": b"login=nobody%40exa", "more_body": True},
        {"type": "http.request", "body": b"mple.com&password=x", "more_body": False},
    ]
    start, *_ = ask(dispatcher, "/accounts/login/", method="POST", messages=pieces)
    assert start["status"] == 403, "without its token a form is refused, so it was read"


def test_a_client_that_leaves_while_it_sends_is_let_go(dispatcher: Dispatcher) -> None:
    pieces = [{"type": "http.request", "body": b"login=", "more_body": True}, {"type": "http.disconnect"}]
    assert ask(dispatcher, "/accounts/login/", method="POST", messages=pieces) == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (reverse("agents:chat_events", args=["support", UUID(int=1)]), True),
        (reverse("agents:conversation_events", args=[UUID(int=1)]), True),
        ("/chat/support/", False),
        ("/healthz", False),
        ("/nowhere/", False),
    ],
)
def test_only_event_streams_run_on_the_loop(path: str, *, expected: bool) -> None:
    assert is_asynchronous({"path": path}) is expected


def test_a_prefix_is_no_part_of_the_path() -> None:
    path = f"/desk/chat/support/{UUID(int=1)}/events/"
    assert is_asynchronous({"path": path, "root_path": "/desk"})
