"""Stands in front of a service and decides about each request: passed on, answered, delayed, cut, or lost.

HTTP/1.1 over plain asyncio, with kept connections towards the client and one connection for each request behind. What
was begun is finished whether the client still listens or not: a request that its client gave up arrives all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

MOST_HEAD_BYTES = 64 * 1024
GONE = (ConnectionError, asyncio.IncompleteReadError)


@dataclass(frozen=True, kw_only=True)
class Request:
    """`head` is the request line and the header lines as they came; `headers` by names in small letters."""

    method: str
    path: str
    head: bytes
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """All that may name whose request it is."""
        return f"{self.path}\n{self.body.decode(errors='replace')}"


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def head(self, length: int) -> bytes:
        given = {"Content-Type": self.content_type, **self.headers, "Content-Length": str(length)}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        return f"HTTP/1.1 {self.status} .\r\n{lines}\r\n".encode()


class Exchange:
    """One request, and the means to treat it."""

    def __init__(self, request: Request, writer: asyncio.StreamWriter, upstream_port: int) -> None:
        self.request = request
        self._writer = writer
        self._upstream_port = upstream_port

    async def forward(self) -> Answer:
        """What the service answers; 502 where it cannot be reached."""
        try:
            return await self._ask()
        except GONE:
            return Answer(status=502, body=b'{"error": {"code": "bad_gateway", "message": "No answer from behind."}}')

    async def _ask(self) -> Answer:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        try:
            lines = [line for line in self.request.head.split(b"\r\n") if not line.lower().startswith(HOP_BY_HOP)]
            writer.write(b"\r\n".join([*lines, b"Connection: close", b"Accept-Encoding: identity", b"", b""]))
            writer.write(self.request.body)
            await writer.drain()
            return read_answer(await reader.read())
        finally:
            await close(writer)

    async def answer(self, answer: Answer, *, pieces: int = 1, gap_seconds: float = 0.0) -> None:
        """Sent in so many pieces with a pause between them."""
        self._writer.write(answer.head(len(answer.body)))
        size = max(1, -(-len(answer.body) // pieces))
        for start in range(0, len(answer.body), size):
            if start:
                await asyncio.sleep(gap_seconds)
            self._writer.write(answer.body[start : start + size])
            await self._writer.drain()

    async def answer_in_part(self, answer: Answer, *, hold_seconds: float = 0.0) -> None:
        """Half of the body, and then the connection ends."""
        self._writer.write(answer.head(len(answer.body)) + answer.body[: len(answer.body) // 2])
        await self._writer.drain()
        await asyncio.sleep(hold_seconds)
        self.hang_up()

    def hang_up(self) -> None:
        self._writer.close()

    @property
    def is_over(self) -> bool:
        return self._writer.is_closing()


HOP_BY_HOP = (b"connection:", b"accept-encoding:")
Treat = Callable[[Exchange], Awaitable[None]]


class Proxy:
    """`treat` gives every request its answer, or hangs up."""

    def __init__(self, upstream_port: int, treat: Treat) -> None:
        self._upstream_port = upstream_port
        self._treat = treat
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.under_way = 0

    async def start(self) -> str:
        """Listen on a free port; the base URL."""
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, limit=MOST_HEAD_BYTES, backlog=512)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                exchange = Exchange(await read_request(reader), writer, self._upstream_port)
                self.under_way += 1
                try:
                    await self._treat(exchange)
                finally:
                    self.under_way -= 1
        except GONE:
            pass
        finally:
            await close(writer)


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def read_request(reader: asyncio.StreamReader) -> Request:
    """Raises `asyncio.IncompleteReadError` where the client has gone."""
    head = (await reader.readuntil(b"\r\n\r\n")).removesuffix(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (given.partition(":") for given in fields)}
    method, path, _ = line.split(" ", 2)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method=method, path=path, head=head, headers=headers, body=body)


def read_answer(data: bytes) -> Answer:
    """A whole response, as a server sends it that closes the connection after it."""
    head, separator, rest = data.partition(b"\r\n\r\n")
    if not separator:
        raise ConnectionResetError("the service closed the connection without an answer")
    line, *fields = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (given.partition(":") for given in fields)}
    is_chunked = headers.get("transfer-encoding", "").lower() == "chunked"
    kept = {name: headers[name] for name in ("idempotency-replayed", "request-id", "allow") if name in headers}
    return Answer(
        status=int(line.split(" ", 2)[1]),
        body=dechunk(rest) if is_chunked else rest,
        content_type=headers.get("content-type", "application/json"),
        headers=kept,
    )


def dechunk(data: bytes) -> bytes:
    parts = []
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        if not length:
            break
        parts.append(data[:length])
        data = data[length + 2 :]
    return b"".join(parts)
