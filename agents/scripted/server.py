"""The HTTP server: `POST /v1/messages`, `POST /v1/messages/count_tokens`, `GET /healthz`."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from agents.scripted import MODEL, wire
from agents.scripted.conversation import Json
from agents.scripted.dialogue import next_blocks
from agents.scripted.requests import InvalidRequestError, check_request, offered_tools, system_text
from agents.scripted.tokens import PrefixTable, count_input

# The API's own ceiling for a request (32 MB).
MOST_BODY_BYTES = 32 * 1024 * 1024


class _TooLargeError(Exception):
    """The body is over the ceiling."""


class ScriptedServer:
    """The endpoints with their settings: pauses in milliseconds, the ceiling of a body in bytes."""

    def __init__(self, *, delay_ms: int = 0, chunk_ms: int = 0, most_body_bytes: int = MOST_BODY_BYTES) -> None:
        self._delay_seconds = delay_ms / 1000
        self._chunk_seconds = chunk_ms / 1000
        self._most_body_bytes = most_body_bytes
        self._prefixes = PrefixTable()

    async def healthz(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok", "model": MODEL})

    async def messages(self, request: Request) -> Response:
        body = check_request(await self._read_json(request))
        answer = wire.make_answer(
            next_blocks(system_text(body), body["messages"], offered_tools(body), datetime.now().astimezone().date()),
            usage=self._prefixes.account(body),
            max_tokens=body["max_tokens"],
            stop_sequences=[stop for stop in body.get("stop_sequences") or [] if isinstance(stop, str)],
        )
        headers = {"request-id": wire.new_request_id()}
        if body.get("stream") is True:
            headers |= {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
            return StreamingResponse(self._stream(answer), media_type="text/event-stream", headers=headers)
        await self._pause(self._delay_seconds)
        return JSONResponse(wire.message_json(answer), headers=headers)

    async def count_tokens(self, request: Request) -> Response:
        body = check_request(await self._read_json(request), needs_max_tokens=False)
        return JSONResponse({"input_tokens": count_input(body)}, headers={"request-id": wire.new_request_id()})

    async def _stream(self, answer: wire.Answer) -> AsyncIterator[bytes]:
        """Events as they are due; those without a pause between them go out in one piece."""
        ready: list[bytes] = []
        delayed = False
        for data, is_delta in wire.stream_events(answer):
            pause = self._chunk_seconds if delayed else self._delay_seconds
            if is_delta and pause:
                yield b"".join(ready)
                ready.clear()
                await self._pause(pause)
            delayed = delayed or is_delta
            ready.append(data)
        yield b"".join(ready)

    async def _read_json(self, request: Request) -> object:
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self._most_body_bytes:
            raise _TooLargeError
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._most_body_bytes:
                raise _TooLargeError
        try:
            value: object = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise InvalidRequestError("The request body is not valid JSON.") from error
        return value

    @staticmethod
    async def _pause(seconds: float) -> None:
        if seconds:
            await asyncio.sleep(seconds)


def create_app(*, delay_ms: int = 0, chunk_ms: int = 0, most_body_bytes: int = MOST_BODY_BYTES) -> Starlette:
    """The ASGI application. `delay_ms` passes before the first token, `chunk_ms` between deltas."""
    server = ScriptedServer(delay_ms=delay_ms, chunk_ms=chunk_ms, most_body_bytes=most_body_bytes)
    return Starlette(
        routes=[
            Route("/healthz", server.healthz, methods=["GET"]),
            Route("/v1/messages", server.messages, methods=["POST"]),
            Route("/v1/messages/count_tokens", server.count_tokens, methods=["POST"]),
        ],
        exception_handlers={
            InvalidRequestError: _invalid,
            _TooLargeError: _too_large,
            HTTPException: _http_error,
            Exception: _bug,
        },
    )


async def _invalid(_request: Request, error: Exception) -> Response:
    return _error(400, "invalid_request_error", str(error))


async def _too_large(_request: Request, _error_raised: Exception) -> Response:
    return _error(413, "request_too_large", "Request exceeds the maximum size")


async def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    kind = "not_found_error" if status == 404 else "invalid_request_error"
    return _error(status, kind, "Not found" if status == 404 else "Method not allowed")


async def _bug(_request: Request, _error_raised: Exception) -> Response:
    return _error(500, "api_error", "Internal server error")


def _error(status: int, kind: str, message: str) -> Response:
    request_id = wire.new_request_id()
    content: Json = wire.error_json(kind, message, request_id)
    return JSONResponse(content, status_code=status, headers={"request-id": request_id})
