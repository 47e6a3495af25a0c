"""The ASGI application behind `/mcp/<gateway>/`: who asks is checked before anything is read, the rest is the SDK's.

Every request stands by itself: no session is kept, so any web process answers it and a restart loses nothing. It needs
the server's lifespan events, as the SDK's tasks live as long as the server does.
"""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from tools.gateways import KeyRefused, check_key
from tools.mcp_server.buckets import Buckets
from tools.mcp_server.protocol import KEY, make_server
from tools.mcp_server.refusals import INVALID_REQUEST, Refusal, not_known
from tools.mcp_server.threads import Threads
from tools.models import Gateway, GatewayKey

PREFIX = "/mcp/"
ADDRESS = re.compile(r"/mcp/(?P<slug>[-a-zA-Z0-9_]{1,60})/?")
MOST_BYTES = 500_000


def is_ours(path: str) -> bool:
    return path.startswith(PREFIX) or path == PREFIX.rstrip("/")


@dataclass(frozen=True)
class Running:
    manager: StreamableHTTPSessionManager
    threads: Threads
    buckets: Buckets = field(default_factory=Buckets)


class McpEndpoint:
    def __init__(self) -> None:
        self._running: Running | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """For as long as the server runs; it may be started again afterwards."""
        threads = Threads()
        manager = StreamableHTTPSessionManager(make_server(threads), stateless=True, max_request_body_size=MOST_BYTES)
        try:
            async with manager.run():
                self._running = Running(manager, threads)
                yield
        finally:
            self._running = None
            threads.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            running, key = await self.admit(scope)
        except Refusal as refusal:
            await refusal.response()(scope, receive, send)
            return
        # The key is on the request, which the SDK hands to whoever answers it.
        await running.manager.handle_request({**scope, KEY: key}, receive, send)

    async def admit(self, scope: Scope) -> tuple[Running, GatewayKey]:
        """Who asks, if they may. Raises `Refusal`. What is cheap to find out is found out first."""
        headers = Headers(scope=scope)
        check_origin(scope, headers)
        slug = slug_of(scope)
        if scope["method"] != "POST":
            # No stream is kept open for what a server might say by itself, and there is no session to end.
            raise Refusal(405, "Use POST.", code=INVALID_REQUEST, headers={"Allow": "POST"})
        check_length(headers)
        if self._running is None:
            raise Refusal(503, "The MCP endpoint does not run: the web process was started without lifespan events.")
        key = await self._running.threads.quickly(get_key_for, slug, bearer_of(headers))
        seconds = self._running.buckets.take(key.pk)
        if seconds:
            after = math.ceil(seconds)
            raise Refusal(429, f"Too many requests. Try again in {after} s.", headers={"Retry-After": str(after)})
        return self._running, key


# -- what a request must be, whoever sends it


def check_origin(scope: Scope, headers: Headers) -> None:
    """Against DNS rebinding: the host must be ours, and so must the page be that a browser sends it from. Raises
    `Refusal`."""
    host = headers.get("host", "")
    domain, _ = split_domain_port(host)
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        raise Refusal(421, "This host is not served here. ALLOWED_HOSTS names those that are.", code=INVALID_REQUEST)
    if settings.SECURE_SSL_REDIRECT and not is_secure(scope, headers):
        raise Refusal(403, "Use https: a key that was sent without it is to be revoked.", code=INVALID_REQUEST)
    origin = headers.get("origin")
    if origin is not None and not is_own_origin(origin, host):
        raise Refusal(403, "Pages of other sites may not call this.", code=INVALID_REQUEST)


def is_secure(scope: Scope, headers: Headers) -> bool:
    if scope.get("scheme") == "https":
        return True
    if settings.SECURE_PROXY_SSL_HEADER is None:
        return False
    name, value = settings.SECURE_PROXY_SSL_HEADER
    return headers.get(name.removeprefix("HTTP_").replace("_", "-")) == value


def is_own_origin(origin: str, host: str) -> bool:
    parts = urlsplit(origin)
    own = urlsplit(settings.PUBLIC_URL)
    if (parts.scheme, parts.netloc) == (own.scheme, own.netloc):
        return True
    return parts.scheme in {"http", "https"} and parts.netloc.lower() == host.lower()


def slug_of(scope: Scope) -> str:
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    match = ADDRESS.fullmatch(path)
    if match is None:
        raise Refusal(404, "There is no gateway at this address.", code=INVALID_REQUEST)
    return match["slug"]


def check_length(headers: Headers) -> None:
    """Where the length is said; a body of unknown length is cut off by the SDK at the same size. Raises `Refusal`."""
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > MOST_BYTES:
        raise Refusal(413, f"A request may have {MOST_BYTES:,} bytes.", code=INVALID_REQUEST)


def bearer_of(headers: Headers) -> str:
    """Raises `Refusal`. A key in the address would end up in logs, so it is not looked for there."""
    scheme, _, text = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise not_known("A key is needed: Authorization: Bearer tdm_…", was_given=False)
    return text.strip()


def get_key_for(slug: str, text: str) -> GatewayKey:
    """The key, if it is good for this gateway. Raises `Refusal`."""
    try:
        key = check_key(text)
    except KeyRefused as error:
        raise not_known(str(error), was_given=True) from None
    if key.gateway.slug != slug:
        if not Gateway.objects.filter(slug=slug).exists():
            raise Refusal(404, "There is no gateway at this address.", code=INVALID_REQUEST)
        raise Refusal(403, "This key is for another gateway.")
    if not key.gateway.enabled:
        raise Refusal(403, "This gateway is switched off at present.")
    return key
