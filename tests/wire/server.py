"""A small HTTP server in threads: kept connections, chunked bodies that may come slowly or end too early."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Heard:
    """One request. Header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Response:
    """`parts` go out one by one with `pause` seconds after each, the first after `delay`; `cut` closes the connection
    in the middle of the body."""

    content_type: str
    parts: Iterable[bytes]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    pause: float = 0.0
    cut: bool = False


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a model was asked, in the form of the Messages API, beside the request as it came."""

    model: str
    system: str
    messages: list[dict[str, Any]]
    tools: list[str]
    heard: Heard

    @property
    def body(self) -> dict[str, Any]:
        return self.heard.body


Respond = Callable[[Heard], Response]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128  # of 5, the sixth to come at once is let in a second later
    respond: Respond

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.stopping = threading.Event()
        self.open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is what many tests are about."""

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        for request in list(self.open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length) or b"{}")
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(self.server.respond(Heard(path=self.path, headers=headers, body=body)))

    def _send(self, response: Response) -> None:
        if self.server.stopping.wait(response.delay):
            self.close_connection = True
            return
        self.send_response(response.status)
        for name, value in {"Content-Type": response.content_type, **response.headers}.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in response.parts:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            if self.server.stopping.wait(response.pause):
                break
        if response.cut:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it
        pass


@contextmanager
def running_server(respond: Respond, *, path: str = "") -> Iterator[str]:
    """Yields the server's address, with that path."""
    server = Server()
    server.respond = respond
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="wire-server", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{path}"
    finally:
        server.stop()
        thread.join()
