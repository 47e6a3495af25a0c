"""Claude through the official SDK, and the scripted model through the same door.

Found by running the SDK, and met here: a stream that is cut ends without an error and without a `stop_reason`; an
`overloaded_error` in the middle of a stream arrives with status 200; `retry-after` is obeyed without a cap, so the SDK
retries nothing and the loop decides.
"""

from __future__ import annotations

import socket
import time
from contextlib import AbstractContextManager, closing, suppress
from typing import Any

import anthropic
import httpx2
import orjson
from django.conf import settings

from agents.errors import ModelFailed
from agents.llm.base import Block, OnText, Reply, Request
from agents.llm.deadline import watcher
from observability.batch import encode
from observability.prices import Tokens

PATH = "/v1/messages"
CONNECT_SECONDS = 5.0
KINDS_BY_ERROR_TYPE = {
    "overloaded_error": "overloaded",
    "rate_limit_error": "throttled",
    "timeout_error": "timeout",
    "api_error": "server",
}


class AnthropicModel:
    """One client a process; threads share its connections."""

    def __init__(self) -> None:
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=settings.WORKER_CONCURRENCY)
        self._client = anthropic.Anthropic(
            api_key=settings.ANTHROPIC_API_KEY or "scripted",
            base_url=settings.ANTHROPIC_BASE_URL,
            max_retries=0,
            http_client=anthropic.DefaultHttpxClient(limits=limits),
            open_telemetry=False,  # the desk records its own spans
        )

    def close(self) -> None:
        self._client.close()

    def call(self, request: Request, on_text: OnText) -> Reply:
        seconds = request.deadline - time.monotonic()
        if seconds <= 0:
            raise ModelFailed("timeout", "no time is left for a model call", retryable=False)
        try:
            return self._stream(request, on_text, seconds)
        except ModelFailed as error:
            if error.kind == "cut" and time.monotonic() >= request.deadline:
                raise ModelFailed("timeout", f"broken off after {seconds:.0f} s", retryable=True) from error
            raise
        except anthropic.APITimeoutError as error:
            raise ModelFailed("timeout", f"no answer within {seconds:.0f} s", retryable=True) from error
        except anthropic.APIStatusError as error:
            raise failure_of_status(error) from error
        except (anthropic.APIConnectionError, httpx2.HTTPError, OSError) as error:
            if time.monotonic() >= request.deadline:
                raise ModelFailed("timeout", f"broken off after {seconds:.0f} s", retryable=True) from error
            raise ModelFailed("connection", f"the connection failed: {error}", retryable=True) from error

    def _stream(self, request: Request, on_text: OnText, seconds: float) -> Reply:
        started = time.monotonic()
        timeout = httpx2.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
        # The SDK's own `messages.create` copies the whole conversation before it writes it, at every call.
        stream = self._client.post(
            PATH,
            cast_to=object,
            content=encode(body_of(request)).encode(),
            options={"timeout": timeout},
            stream=True,
            stream_cls=anthropic.Stream[Any],
        )
        # Lines are read beneath the SDK's events, each of which would become a checked object.
        response = stream.response
        with closing(stream), watched(response, request.deadline):
            reading = Reading(on_text, started)
            for line in response.iter_lines():
                if line.startswith("data:"):
                    reading.take(read_event(line))
            return reading.reply(response.headers.get("request-id"))


def body_of(request: Request) -> dict[str, Any]:
    return {
        "model": request.model,
        "system": [{"type": "text", "text": request.system, "cache_control": {"type": "ephemeral"}}],
        "messages": request.messages,
        "tools": request.tools,
        "max_tokens": request.max_tokens,
        "cache_control": {"type": "ephemeral"},
        "stream": True,
    }


def read_event(line: str) -> dict[str, Any]:
    try:
        event: dict[str, Any] = orjson.loads(line[5:])
    except ValueError as error:
        raise ModelFailed("cut", "the stream has a line that cannot be read", retryable=True) from error
    return event


def watched(response: httpx2.Response, deadline: float) -> AbstractContextManager[None]:
    return watcher.deadline(deadline, lambda: break_off(response))


class Reading:
    """The state of one stream: events in, a reply out. Shapes: the Messages API's streaming events."""

    def __init__(self, on_text: OnText, started: float) -> None:
        self._on_text = on_text
        self._started = started
        self._blocks: list[Block] = []
        self._parts: list[str] = []
        self._usage: dict[str, Any] = {}
        self._model = ""
        self._stop_reason: str | None = None
        self._ended = False
        self._first_token_ms: int | None = None

    def take(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "message_start":
                self._model = event["message"]["model"]
                self._usage.update(event["message"]["usage"])
            case "content_block_start":
                self._blocks.append(dict(event["content_block"]))
                self._parts = []
            case "content_block_delta":
                self._take_delta(event["delta"])
            case "content_block_stop":
                self._close_block()
            case "message_delta":
                self._stop_reason = event["delta"].get("stop_reason")
                self._usage.update({key: value for key, value in event["usage"].items() if value is not None})
            case "message_stop":
                self._ended = True
            case "error":
                raise failure_in_stream(event["error"])

    def _take_delta(self, delta: dict[str, Any]) -> None:
        if self._first_token_ms is None:
            self._first_token_ms = round((time.monotonic() - self._started) * 1000)
        block = self._blocks[-1]
        match delta["type"]:
            case "text_delta":
                self._parts.append(delta["text"])
                self._on_text(delta["text"])
            case "input_json_delta":
                self._parts.append(delta["partial_json"])
            case "thinking_delta":
                self._parts.append(delta["thinking"])
            case "signature_delta":
                block["signature"] = delta["signature"]

    def _close_block(self) -> None:
        block, joined = self._blocks[-1], "".join(self._parts)
        match block["type"]:
            case "text":
                block["text"] += joined
            case "thinking":
                block["thinking"] += joined
            case "tool_use" if joined:
                try:
                    block["input"] = orjson.loads(joined)
                except ValueError:
                    # The gateway refuses it by schema and the model is told; the conversation stays valid JSON.
                    block["input"] = {"malformed_json": joined}

    def reply(self, request_id: str | None) -> Reply:
        if not self._ended or self._stop_reason is None:
            raise ModelFailed("cut", "the stream ended before the reply did", retryable=True, request_id=request_id)
        usage = self._usage
        return Reply(
            content=[block for block in self._blocks if block["type"] != "text" or block["text"]],
            stop_reason=self._stop_reason,
            tokens=Tokens(
                input=usage.get("input_tokens") or 0,
                output=usage.get("output_tokens") or 0,
                cache_read=usage.get("cache_read_input_tokens") or 0,
                cache_write=usage.get("cache_creation_input_tokens") or 0,
            ),
            model=self._model,
            request_id=request_id,
            first_token_ms=self._first_token_ms,
        )


def break_off(response: httpx2.Response) -> None:
    """Wake a thread that reads from this response: a shut socket ends its `recv` at once, a closed one would not."""
    stream = response.extensions.get("network_stream")
    raw = stream.get_extra_info("socket") if stream else None
    if isinstance(raw, socket.socket):
        with suppress(OSError):  # it may have ended by itself this moment
            raw.shutdown(socket.SHUT_RDWR)


def failure_in_stream(error: dict[str, Any]) -> ModelFailed:
    kind = KINDS_BY_ERROR_TYPE.get(error.get("type", ""), "rejected")
    return ModelFailed(kind, str(error.get("message", error)), retryable=kind != "rejected", status=200)


def failure_of_status(error: anthropic.APIStatusError) -> ModelFailed:
    status = error.status_code
    if status == 529:
        kind = "overloaded"
    elif status == 429:
        kind = "throttled"
    elif status in {408, 504}:
        kind = "timeout"
    elif status >= 500 or status == 409:
        kind = "server"
    else:
        kind = "rejected"
    retry_after = error.response.headers.get("retry-after", "")
    return ModelFailed(
        kind,
        f"{status}: {error.message}",
        retryable=kind != "rejected",
        status=status,
        request_id=error.request_id,
        retry_after=float(retry_after) if retry_after.replace(".", "", 1).isdigit() else None,
    )
