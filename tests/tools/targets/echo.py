"""A backend that answers with what it was asked, unless a plan says otherwise."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def as_json(self) -> dict[str, Any]:
        return {"method": self.method, "path": self.path, "body": self.body.decode()}


@dataclass(kw_only=True)
class Reply:
    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0


@dataclass(kw_only=True)
class Echo:
    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    pages: dict[str, bytes] = field(default_factory=dict)  # by path
    asked: list[Asked] = field(default_factory=list)

    def reply_to(self, asked: Asked) -> Reply:
        if asked.path in self.pages:
            return Reply(body=self.pages[asked.path])
        return self.replies.pop(0) if self.replies else Reply(body=json.dumps(asked.as_json()).encode())


class Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A caller who breaks off is what some tests are about."""


@contextmanager
def running_echo() -> Iterator[Echo]:
    echo = Echo()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(method=self.command, path=self.path, headers=headers, body=body)
            echo.asked.append(asked)
            reply = echo.reply_to(asked)
            time.sleep(reply.pause)
            try:
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)
            except OSError:  # the caller has gone
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815  the names that http.server calls

        def log_message(self, *_: Any) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    echo.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield echo
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
