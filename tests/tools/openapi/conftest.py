"""A local HTTP server that notes what it receives, and the sending of a request to it."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import pytest

from tools.openapi import Operation, Request, build_request
from tools.schemas import check_arguments


@dataclass(frozen=True, kw_only=True)
class Received:
    """As the server saw it: `raw` is the address as sent, the rest is taken apart as a server does."""

    method: str
    raw: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.raw).path)

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.raw).query, keep_blank_values=True)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> list[tuple[str, str]]:
        return parse_qsl(self.body.decode(), keep_blank_values=True)


Call = Callable[..., Received]


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[int, list[Received]]]:
    seen: list[Received] = []

    class Handler(BaseHTTPRequestHandler):
        def note(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen.append(Received(method=self.command, raw=self.path, headers=headers, body=body))
            self.send_response(204)
            self.end_headers()

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = note  # noqa: N815  the names http.server calls

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def call(server: tuple[int, list[Received]]) -> Call:
    """Checks the arguments as the gateway does, sends the request, and answers what arrived."""

    def call(operation: Operation, arguments: dict[str, Any], *, recipe: Any = None) -> Received:
        assert operation.problems == []
        check_arguments(operation.input_schema, arguments)
        request = build_request(recipe or json.loads(json.dumps(operation.recipe)), arguments)
        seen = server[1]
        seen.clear()
        send(server[0], request)
        (received,) = seen
        return received

    return call


def send(port: int, request: Request) -> None:
    query = f"?{urlencode(request.query)}" if request.query else ""
    headers = dict(request.headers)
    body: bytes | None = None
    if request.content_type:
        headers["Content-Type"] = request.content_type
        is_form = request.content_type.startswith("application/x-www-form-urlencoded")
        body = (urlencode(request.body) if is_form else json.dumps(request.body)).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(request.method, request.path + query, body=body, headers=headers)
        connection.getresponse().read()
    finally:
        connection.close()
