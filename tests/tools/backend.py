"""A backend that does as it is told, request by request, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DROP = "drop"  # the connection is closed without an answer
HANG = "hang"  # the answer comes after `Backend.slow_seconds`
DRIP = "drip"  # the answer comes byte by byte, `Backend.slow_seconds` apart
PAGE = "page"  # HTML instead of JSON


@dataclass(kw_only=True)
class Backend:
    """`plan` holds a status or one of the words above for each request to come; without a plan it answers `usual`."""

    url: str = ""
    usual: int | str = 200
    plan: list[int | str] = field(default_factory=list)
    slow_seconds: float = 0.6
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, idempotency key

    def next_of(self) -> int | str:
        return self.plan.pop(0) if self.plan else self.usual


@contextmanager
def running_backend() -> Iterator[Backend]:
    backend = Backend()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            backend.asked.append((self.command, self.path, self.headers.get("Idempotency-Key") or ""))
            what = backend.next_of()
            if what == DROP:
                self.close_connection = True
            elif what == PAGE:
                self.write(200, b"<h1>Back soon</h1>")
            elif what == DRIP:
                self.write(200, b'{"ok": true}'.ljust(100), pause=backend.slow_seconds)
            else:
                time.sleep(backend.slow_seconds if what == HANG else 0)
                status = 200 if what == HANG else int(what)
                error = {"error": {"code": f"said_{status}", "message": "No."}}
                self.write(status, json.dumps({"ok": True} if status < 400 else error).encode())

        do_GET = do_POST = answer  # noqa: N815  the names that http.server calls

        def write(self, status: int, body: bytes, *, pause: float = 0) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                for part in [bytes([byte]) for byte in body] if pause else [body]:
                    self.wfile.write(part)
                    time.sleep(pause)
            except OSError:  # the caller has gone
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    backend.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield backend
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
