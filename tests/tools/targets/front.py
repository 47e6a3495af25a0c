"""The stock MCP server over HTTP, and ways to make it misbehave."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer

from tools.targets import registry


@dataclass(kw_only=True)
class Front:
    """Stands before the server. `status` is answered in its place, `token` is wanted, sessions in `forgotten` are not
    known; an old server knows no `server/discover`."""

    server: MCPServer
    url: str = ""
    is_old: bool = False
    status: int = 0
    token: str = ""
    forgets: bool = False
    drops: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)  # the headers of each POST
    queries: list[str] = field(default_factory=list)

    def methods(self) -> list[str]:
        return [headers.get("mcp-method", "") for headers in self.asked]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        if scope["method"] == "POST":
            self.asked.append(headers)
            self.queries.append(scope["query_string"].decode())
        status = self.refusal_of(headers)
        if self.drops:
            raise ConnectionError("dropped")
        if status:
            await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"no"})
            return
        await self.app(scope, receive, send)

    def refusal_of(self, headers: dict[str, str]) -> int:
        if self.status:
            return self.status
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            return 401
        if self.forgets and headers.get("mcp-session-id"):
            self.forgets = False
            return 404
        return 404 if self.is_old and headers.get("mcp-method") == "server/discover" else 0

    @property
    def app(self) -> Any:
        if not hasattr(self, "_app"):
            self._app = self.server.streamable_http_app()
        return self._app


@contextmanager
def running(front: Front) -> Iterator[Front]:
    config = uvicorn.Config(front, port=0, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    front.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/mcp"
    try:
        yield front
    finally:
        registry.forget()  # a server waits for those who still listen
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()
