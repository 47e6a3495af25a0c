"""The SDK's own client, in both eras, and plain requests for what no well-behaved client sends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult

ERAS = ["legacy", "2026-07-28", "auto"]
Answer = TypeVar("Answer")
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}


@asynccontextmanager
async def connected(address: str, key: str, *, mode: str = "auto") -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http,
        Client(streamable_http_client(address, http_client=http), mode=mode, read_timeout_seconds=60) as client,
    ):
        yield client


def talk(address: str, key: str, say: Callable[[Client], Awaitable[Answer]], *, mode: str = "auto") -> Answer:
    """Connect, say something and go away."""

    async def run() -> Answer:
        async with connected(address, key, mode=mode) as client:
            return await say(client)

    return anyio.run(run)


def call(address: str, key: str, tool: str, /, *, mode: str = "auto", **arguments: Any) -> CallToolResult:
    return talk(address, key, lambda client: client.call_tool(tool, arguments), mode=mode)


def names(address: str, key: str, *, mode: str = "auto") -> list[str]:
    listed = talk(address, key, lambda client: client.list_tools(), mode=mode)
    return [tool.name for tool in listed.tools]


def text_of(result: CallToolResult) -> str:
    return "".join(block.text for block in result.content)


def post(address: str, key: str = "", body: Any = None, **headers: str) -> httpx2.Response:
    """`body` is text as it is sent, or an object."""
    given = {
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        **({"Authorization": f"Bearer {key}"} if key else {}),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    content = body if isinstance(body, str) else json.dumps(LIST if body is None else body)
    return httpx2.post(address, content=content.encode(), headers=given, timeout=60)
