"""What became of the HTTP requests of one MCP call.

The SDK tells a call's failure as a JSON-RPC error, in which "nothing was sent", "the server said 401" and "the answer
was lost" look alike, and a connection that fails ends the session of all other calls. Here the transport keeps account
of each call and turns such failures into answers, so that only the one call fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

import httpx2

from tools.credentials import Authorised, credential_of, headers_for, renew
from tools.errors import TargetUnreachable, ToolRefused
from tools.models import Target
from tools.net.addresses import AddressRefused

UNAUTHORISED = frozenset({401, 403})
NOT_REACHED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)


@dataclass(kw_only=True)
class Fate:
    """`target` comes with its credential, so that nothing is asked of the database here. `limit` is of the bytes of an
    answer, `deadline` an instant of `time.monotonic()`, `headers` are added to each request."""

    target: Target
    limit: int
    deadline: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    was_sent: bool = False
    unreached: str = ""  # why no connection was made
    refused: Exception | None = None  # why the credential cannot be used
    lost: str = ""  # why the answer did not come whole
    status: int = 0  # of the latest answer
    is_too_large: bool = False

    @property
    def is_settled(self) -> bool:
        """Nothing that is sent for the same call would fare better."""
        return bool(self.unreached) or self.refused is not None or self.status in UNAUTHORISED

    def begin_again(self) -> None:
        self.was_sent, self.status = False, 0


# Set where a call begins; the SDK carries the context of whoever sends a message to the task that posts it.
current: ContextVar[Fate] = ContextVar("fate_of_mcp_call")


class WatchedTransport(httpx2.AsyncBaseTransport):
    """Proves who sends a request, and keeps account in the fate of the call that it belongs to."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self.inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        fate = current.get()
        if fate.is_settled:
            return stand_in(request, fate.status or 503)
        was_sent, fate.was_sent = fate.was_sent, True  # whoever stops waiting now cannot know better
        try:
            response = await self.send_proven(request, fate)
        except (TargetUnreachable, ToolRefused) as error:
            fate.was_sent, fate.refused = was_sent, error
            return stand_in(request, 503)
        except (AddressRefused, *NOT_REACHED) as error:
            fate.was_sent = was_sent
            fate.unreached = str(error) if isinstance(error, AddressRefused) else type(error).__name__
            return stand_in(request, 503)
        except httpx2.TransportError as error:
            fate.lost = type(error).__name__
            return stand_in(request, 503)
        if request.method == "POST":
            fate.status = response.status_code
            response.stream = Watched(response.stream, fate)
        return response

    async def send_proven(self, request: httpx2.Request, fate: Fate) -> httpx2.Response:
        """Once more where a token was refused for which there may be a newer one. Raises as `headers_for` does."""
        if credential_of(fate.target) is None:
            return await self.inner.handle_async_request(with_proof(request, fate, Authorised()))
        authorised = await proof_of(request, fate)
        response = await self.inner.handle_async_request(with_proof(request, fate, authorised))
        if response.status_code != 401 or not renew(fate.target, authorised):
            return response
        await response.aclose()
        return await self.inner.handle_async_request(with_proof(request, fate, await proof_of(request, fate)))

    async def aclose(self) -> None:
        await self.inner.aclose()


async def proof_of(request: httpx2.Request, fate: Fate) -> Authorised:
    """Off the loop: a token may have to be fetched first."""
    return await asyncio.to_thread(
        headers_for,
        fate.target,
        method=request.method,
        url=str(request.url),
        body=request.content or None,
        headers={name: request.headers[name] for name in ("content-type",) if name in request.headers},
        deadline=fate.deadline,
    )


def with_proof(request: httpx2.Request, fate: Fate, authorised: Authorised) -> httpx2.Request:
    """A copy: the client writes the address of its own into the log, where a key has no place."""
    return httpx2.Request(
        request.method,
        request.url.copy_merge_params(authorised.query) if authorised.query else request.url,
        headers=httpx2.Headers({**request.headers, **fate.headers, **authorised.headers}),
        stream=request.stream,
        extensions=request.extensions,
    )


def stand_in(request: httpx2.Request, status: int) -> httpx2.Response:
    return httpx2.Response(status, headers={"Content-Type": "text/plain"}, content=b"", request=request)


class Watched(httpx2.AsyncByteStream):
    """An answer's body, which ends where it breaks off or grows too large."""

    def __init__(self, inner: object, fate: Fate) -> None:
        assert isinstance(inner, httpx2.AsyncByteStream)  # noqa: S101  what an asynchronous transport gives
        self.inner = inner
        self.fate = fate

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for part in self.inner:
                size += len(part)
                if size > self.fate.limit:
                    self.fate.is_too_large = True
                    return
                yield part
        except httpx2.TransportError as error:
            self.fate.lost = type(error).__name__

    async def aclose(self) -> None:
        await self.inner.aclose()
