"""A way out for httpx2 clients, which the MCP SDK uses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from ssl import SSLContext

import httpcore2
import httpx2

from tools.net.addresses import AddressRefused, Reach
from tools.net.connections import Resolver, check_addresses, start_resolving, system_resolver, tls_context
from tools.net.urls import check_url

CONNECT_SECONDS = 5.0  # where a request gives no timeout


class JudgedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to judged addresses. Raises `AddressRefused`, which passes through httpcore2 and httpx2 as it is."""

    def __init__(self, reach: Reach, resolver: Resolver) -> None:
        self._reach = reach
        self._resolver = resolver
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the base class's parameter
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        due = time.monotonic() + (CONNECT_SECONDS if timeout is None else timeout)
        addresses = await self._addresses(host, port, due)
        failure: Exception = httpcore2.ConnectTimeout(f"no connection to {host} in time")
        for number, address in enumerate(addresses):
            seconds = (due - time.monotonic()) / (len(addresses) - number)
            if seconds <= 0:
                break
            try:
                return await self._network.connect_tcp(address, port, seconds, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _addresses(self, host: str, port: int, due: float) -> Sequence[str]:
        """Off the loop: the resolver blocks."""
        pending = start_resolving(host.strip("[]"), port, reach=self._reach, resolver=self._resolver)
        try:
            async with asyncio.timeout(due - time.monotonic()):
                found = await asyncio.wrap_future(pending)
            return check_addresses(host, found, self._reach)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"{host} was not resolved in time") from error
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  the base class's parameter
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        raise AddressRefused("A socket in the file system is no address.")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class JudgedTransport(httpx2.AsyncHTTPTransport):
    """Each request's URL is judged, then each connection's addresses; so is what a client makes of a redirect."""

    def __init__(self, reach: Reach, resolver: Resolver, tls: SSLContext) -> None:
        self._reach = reach
        # Not super().__init__(): it makes a pool with a backend of its own, and has no parameter for another.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=30.0,
            network_backend=JudgedBackend(reach, resolver),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        check_url(str(request.url), self._reach)
        return await super().handle_async_request(request)


def async_transport(
    reach: Reach, *, resolver: Resolver = system_resolver, tls: SSLContext | None = None
) -> httpx2.AsyncBaseTransport:
    """For `httpx2.AsyncClient(transport=…)`, for one event loop; closing the client closes it.

    It follows no redirect. A client with `follow_redirects=True` sends each hop through here again, where it is judged.
    """
    return JudgedTransport(reach, resolver, tls or tls_context())
