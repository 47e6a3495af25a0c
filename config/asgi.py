"""The ASGI application: static files straight from their folder, outside agents to our MCP server, the rest to Django.

Event streams are the only long-lived responses. Static files and MCP stand outside of Django's middleware and threads.
The MCP server lives as long as the web process, so the latter must be started with lifespan events on.
"""

from __future__ import annotations

import os
import re
from contextlib import AsyncExitStack
from typing import Any

import django
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402  settings are ready only now

from config.handlers import Dispatcher, Receive, Send  # noqa: E402
from tools.mcp_server.endpoint import McpEndpoint, is_ours  # noqa: E402

STATIC_PREFIX = "/static/"
HASHED_NAME = re.compile(r"\.[0-9a-f]{12}\.\w+$")
FOR_EVER = "public, max-age=31536000, immutable"


class HashedFiles(StaticFiles):
    """A name that bears its content's hash never changes its content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = FOR_EVER if HASHED_NAME.search(path) else "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


desk = Dispatcher(threads=settings.WEB_THREADS)
static_files = HashedFiles(directory=settings.STATIC_ROOT, check_dir=False)
mcp = McpEndpoint()


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await live(receive, send)
        return
    path: str = scope.get("path", "")
    if scope["type"] == "http" and path.startswith(STATIC_PREFIX):
        inner = {**scope, "path": path.removeprefix("/static"), "root_path": ""}
        await static_files(inner, receive, send)
    elif scope["type"] == "http" and is_ours(path.removeprefix(scope.get("root_path", ""))):
        await mcp(scope, receive, send)
    else:
        await desk(scope, receive, send)


async def live(receive: Receive, send: Send) -> None:
    """The server's own start and end. https://asgi.readthedocs.io/en/latest/specs/lifespan.html"""
    async with AsyncExitStack() as stack:
        while (await receive())["type"] == "lifespan.startup":
            await stack.enter_async_context(mcp.running())
            await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
