"""A backend that remembers whole requests, and a token server of OAuth's client credentials beside it."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode

from tools.credentials import Authorised, headers_for, renew
from tools.models import Target
from tools.net.addresses import Reach
from tools.net.pools import pool


@dataclass(frozen=True, kw_only=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def header(self, name: str) -> str:
        return {key.lower(): value for key, value in self.headers.items()}.get(name.lower(), "")


@dataclass(kw_only=True)
class CredentialServer:
    """`/token` gives `token-1`, `token-2`, …, and takes this client only; any other path is the backend, which takes
    every token but those in `refused`."""

    url: str = ""
    client: tuple[str, str] = ("desk", "client s3cret/+=%")
    expires_in: object = 3600
    token_status: int = 200
    token_answer: dict[str, object] | None = None
    refused: set[str] = field(default_factory=set)
    asked: list[Asked] = field(default_factory=list)
    grants: list[Asked] = field(default_factory=list)
    is_asked: threading.Event = field(default_factory=threading.Event)  # for a token
    slow: threading.Event | None = None  # the token comes when it is set

    def answer_token(self, asked: Asked) -> tuple[int, dict[str, object]]:
        self.grants.append(asked)
        self.is_asked.set()
        if self.slow is not None:
            self.slow.wait(60)
        if self.token_answer is not None or self.token_status != 200:
            return self.token_status, self.token_answer or {"error": "server_error"}
        if client_of(asked) != self.client:
            return 401, {"error": "invalid_client", "error_description": asked.body.decode()}
        answer = {"access_token": f"token-{len(self.grants)}", "token_type": "bearer", "expires_in": self.expires_in}
        return 200, {name: value for name, value in answer.items() if value is not None}

    def answer(self, asked: Asked) -> tuple[int, dict[str, object]]:
        self.asked.append(asked)
        is_refused = asked.header("Authorization").removeprefix("Bearer ") in self.refused
        return (401, {"error": "expired"}) if is_refused else (200, {"ok": True})


def client_of(asked: Asked) -> tuple[str, str]:
    """RFC 6749, section 2.3.1: both ways."""
    scheme, _, both = asked.header("Authorization").partition(" ")
    if scheme == "Basic":
        name, _, secret = base64.b64decode(both).decode().partition(":")
        return unquote_plus(name), unquote_plus(secret)
    form = parse_qs(asked.body.decode())
    return form.get("client_id", [""])[0], form.get("client_secret", [""])[0]


@contextmanager
def running_credential_server() -> Iterator[CredentialServer]:
    known = CredentialServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(method=self.command, path=self.path, headers=dict(self.headers.items()), body=body)
            status, answer = known.answer_token(asked) if self.path == "/token" else known.answer(asked)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = answer  # noqa: N815  the names that http.server calls

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    known.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        pool(Reach.INTERNAL).clear()


def send(target: Target, path: str = "/orders?state=open", body: bytes | None = None) -> tuple[int, Authorised]:
    """As an adapter does it: one request, and once more after a 401 where that may help."""
    method, url = "POST" if body else "GET", target.base_url + path
    authorised = headers_for(target, method=method, url=url, body=body)
    status = request(method, url, body, authorised)
    if status == 401 and renew(target, authorised):
        authorised = headers_for(target, method=method, url=url, body=body)
        status = request(method, url, body, authorised)
    return status, authorised


def request(method: str, url: str, body: bytes | None, authorised: Authorised) -> int:
    if authorised.query:
        url += ("&" if "?" in url else "?") + urlencode(authorised.query)
    return pool(Reach.INTERNAL).request(method, url, body=body, headers=authorised.headers).status
