"""How clients are told of a gateway: what a person pastes into Claude Code, Claude Desktop and others."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from tools.models import Gateway

PLACEHOLDER = "YOUR_KEY"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
PYTHON = """\
import asyncio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

async def main():
    headers = {{"Authorization": "Bearer {key}"}}
    async with httpx2.AsyncClient(headers=headers, timeout=90) as http:
        async with Client(streamable_http_client("{address}", http_client=http)) as client:
            print([tool.name for tool in (await client.list_tools()).tools])

asyncio.run(main())"""


@dataclass(frozen=True, kw_only=True)
class Snippet:
    client: str
    where: str
    text: str


def address_of(gateway: Gateway) -> str:
    return f"{settings.PUBLIC_URL}/mcp/{gateway.slug}/"


def snippets(gateway: Gateway, key: str = PLACEHOLDER) -> list[Snippet]:
    address = address_of(gateway)
    desktop = "In claude_desktop_config.json; needs Node.js"
    return [
        Snippet(client="Claude Code", where="In a terminal", text=for_claude_code(gateway, address, key)),
        Snippet(client="Claude Desktop", where=desktop, text=for_claude_desktop(gateway, address, key)),
        Snippet(client="Others", where="In the client's list of MCP servers", text=for_others(gateway, address, key)),
        Snippet(client="Python", where="With the MCP SDK, 2.x", text=PYTHON.format(address=address, key=key)),
    ]


def for_claude_code(gateway: Gateway, address: str, key: str) -> str:
    return f'claude mcp add --transport http {gateway.slug} {address} \\\n  --header "Authorization: Bearer {key}"'


def for_claude_desktop(gateway: Gateway, address: str, key: str) -> str:
    """Its configuration starts programs only, so `mcp-remote` carries what it says over HTTP. The header's blank stands
    in a variable, as some systems split arguments there; http elsewhere than on this machine has to be allowed."""
    parts = urlsplit(address)
    is_plain = parts.scheme == "http" and parts.hostname not in LOOPBACK
    arguments = ["-y", "mcp-remote", address, "--header", "Authorization:${TANDEM_KEY}"]
    server = {
        "command": "npx",
        "args": [*arguments, *(["--allow-http"] if is_plain else [])],
        "env": {"TANDEM_KEY": f"Bearer {key}"},
    }
    return json.dumps({"mcpServers": {gateway.slug: server}}, indent=2)


def for_others(gateway: Gateway, address: str, key: str) -> str:
    server = {"type": "http", "url": address, "headers": {"Authorization": f"Bearer {key}"}}
    return json.dumps({"mcpServers": {gateway.slug: server}}, indent=2)
