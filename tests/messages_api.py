"""A local server of the Messages API's streaming form whose every answer is decided by a function.

For tests of what a model may do wrong, and, since it does next to nothing itself, for benchmarks. HTTP/1.1 with
kept connections over plain asyncio.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]
Block = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer.

    `cut` ends the stream before its end, `error` sends an error event in the middle of it. A `status` other than 200
    answers with an error body at once, `raw` with a body as it stands. `chunks` splits a text into that many deltas.
    It is held back for `delay_seconds`, and `until` says yes.
    """

    blocks: Sequence[Block] = ()
    stop_reason: str = "end_turn"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: str = ""
    cut: bool = False
    error: str = ""
    chunks: int = 1
    chunk_seconds: float = 0.0
    delay_seconds: float = 0.0
    until: Callable[[], bool] | None = None


def text(words: str, **fields: Any) -> Answer:
    return Answer(blocks=[{"type": "text", "text": words}], **fields)


def tool_use(name: str, arguments: object, *, use_id: str = "toolu_1", **fields: Any) -> Answer:
    block = {"type": "tool_use", "id": use_id, "name": name, "input": arguments}
    return Answer(blocks=[block], stop_reason="tool_use", **fields)


USAGE = {"input_tokens": 500, "output_tokens": 0, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}


def at_once(answer: Answer, model: str) -> str:
    """The body of an answer that is not streamed."""
    if answer.raw:
        return answer.raw
    if answer.status != 200:
        return json.dumps({"type": "error", "error": {"type": "api_error", "message": "no"}})
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": list(answer.blocks)}
    return json.dumps({**message, "stop_reason": answer.stop_reason, "usage": {**USAGE, "output_tokens": 50}})


def events_of(answer: Answer, model: str) -> Iterator[bytes]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [], "usage": USAGE}
    yield event("message_start", message=message)
    for index, block in enumerate(answer.blocks):
        yield from block_events(index, block, answer.chunks)
        if answer.error:
            yield event("error", error={"type": answer.error, "message": "Overloaded"})
            return
        if answer.cut:
            return
        yield event("content_block_stop", index=index)
    yield event("message_delta", delta={"stop_reason": answer.stop_reason}, usage={"output_tokens": 50})
    yield event("message_stop")


def block_events(index: int, block: Block, chunks: int) -> Iterator[bytes]:
    if block["type"] == "tool_use":
        yield event("content_block_start", index=index, content_block={**block, "input": {}})
        given = block["input"]
        partial = given if isinstance(given, str) else json.dumps(given)
        yield event("content_block_delta", index=index, delta={"type": "input_json_delta", "partial_json": partial})
        return
    yield event("content_block_start", index=index, content_block={"type": "text", "text": ""})
    size = max(1, -(-len(block["text"]) // chunks))
    for start in range(0, len(block["text"]), size):
        piece = block["text"][start : start + size]
        yield event("content_block_delta", index=index, delta={"type": "text_delta", "text": piece})


def event(kind: str, **data: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


# Of each server: several may run at once, each in a loop of its own.
open_connections: dict[asyncio.Server, set[asyncio.Transport]] = {}


class Connection(asyncio.Protocol):
    """Reads requests one after another and answers each."""

    def __init__(self, answer: Callable[[Body], Answer], connections: set[asyncio.Transport]) -> None:
        self._answer = answer
        self._connections = connections
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        assert self._transport is not None
        self._connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields.get(b"content-length", b"0"))
        if len(rest) >= length:
            self._buffer = rest[length:]
            task = asyncio.get_running_loop().create_task(self._respond(json.loads(rest[:length] or b"{}")))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _respond(self, body: Body) -> None:
        answer = self._answer(body)
        assert self._transport is not None
        if answer.delay_seconds:
            await asyncio.sleep(answer.delay_seconds)
        while answer.until is not None and not answer.until():  # noqa: ASYNC110  a test's thread says it
            await asyncio.sleep(0.01)
        if answer.status != 200 or answer.raw or not body.get("stream"):
            data = at_once(answer, body.get("model", "")).encode()
            self._transport.write(self._head(answer, "application/json", f"Content-Length: {len(data)}\r\n") + data)
            return
        events = list(events_of(answer, body.get("model", "")))
        if not answer.chunk_seconds and not answer.cut:
            data = b"".join(events)
            self._transport.write(self._head(answer, "text/event-stream", f"Content-Length: {len(data)}\r\n") + data)
            return
        self._transport.write(self._head(answer, "text/event-stream", "Connection: close\r\n"))
        for data in events:
            self._transport.write(data)
            await asyncio.sleep(answer.chunk_seconds)
        self._transport.close()

    @staticmethod
    def _head(answer: Answer, kind: str, length: str) -> bytes:
        given = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        return (
            f"HTTP/1.1 {answer.status} .\r\nContent-Type: {kind}\r\nrequest-id: req_1\r\n{given}{length}\r\n".encode()
        )


async def serve(answer: Callable[[Body], Answer], port: int = 0) -> asyncio.Server:
    connections: set[asyncio.Transport] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(answer, connections), "127.0.0.1", port)
    open_connections[server] = connections
    return server


@contextmanager
def running_messages_api(answer: Callable[[Body], Answer]) -> Iterator[str]:
    """The server in a thread; yields its base URL."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(serve(answer))
    thread = threading.Thread(target=loop.run_forever, name="messages-api", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(close(server))
        loop.close()


async def close(server: asyncio.Server) -> None:
    server.close()
    for transport in list(open_connections.pop(server)):
        transport.abort()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)  # lets aborted connections say goodbye
