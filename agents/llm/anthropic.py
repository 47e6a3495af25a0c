"""Claude through the official SDK, and the scripted model through the same door.

Found by running the SDK, and met here: a stream that is cut ends without an error and without a `stop_reason`; an
`overloaded_error` in the middle of a stream arrives with status 200; `retry-after` is obeyed without a cap, so the SDK
retries nothing and the loop decides.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

import anthropic
import httpx2
import orjson
from django.conf import settings

from agents.errors import ModelFailed
from agents.llm.base import Block, OnText, Reply, Request
from agents.llm.blocks import read_arguments
from agents.llm.connections import pool_limits, read_key, read_until, timeout_of
from agents.llm.deadline import within
from agents.llm.draft import CHARACTERS_PER_TOKEN
from agents.llm.failures import counted_so_far, kind_of_status, model_failed, retry_after_of
from observability.batch import encode
from observability.prices import Tokens

PATH = "/v1/messages"
KINDS_BY_ERROR_TYPE = {
    "overloaded_error": "overloaded",
    "rate_limit_error": "throttled",
    "timeout_error": "timeout",
    "api_error": "server",
}


class AnthropicModel:
    """One client for each address; threads share its connections."""

    def __init__(self, *, base_url: str = "", key_variable: str = "") -> None:
        self._key = read_key(key_variable)
        self._client = self._new_client(base_url)

    def _new_client(self, base_url: str) -> anthropic.Anthropic | anthropic.AnthropicBedrock:
        self._key = self._key or settings.ANTHROPIC_API_KEY
        return anthropic.Anthropic(
            api_key=self._key or "scripted",
            base_url=base_url or settings.ANTHROPIC_BASE_URL,
            max_retries=0,
            http_client=anthropic.DefaultHttpxClient(limits=pool_limits()),
            open_telemetry=False,  # the desk records its own spans
        )

    def close(self) -> None:
        self._client.close()

    def call(self, request: Request, on_text: OnText) -> Reply:
        reading = Reading(on_text, time.monotonic())
        with counted_so_far(reading.tokens_so_far), within(request.deadline) as seconds:
            try:
                return self._stream(request, reading, seconds)
            except anthropic.APITimeoutError as error:
                raise model_failed("timeout", f"no answer within {seconds:.0f} s") from error
            except anthropic.APIStatusError as error:
                raise self._failure_of_status(error) from error
            except (anthropic.APIConnectionError, OSError) as error:
                raise model_failed("connection", f"the connection failed: {error}") from error

    def _stream(self, request: Request, reading: Reading, seconds: float) -> Reply:
        stream = self._client.post(
            PATH,
            cast_to=object,
            **self._body_of(request),
            options={"timeout": timeout_of(seconds)},
            stream=True,
            stream_cls=anthropic.Stream[Any],
        )
        # Lines are read beneath the SDK's events, each of which would become a checked object.
        response = stream.response
        with closing(stream), read_until(request.deadline, response):
            for event in self._events_of(response):
                reading.take(event)
            return reading.reply(self._request_id_of(response))

    def _body_of(self, request: Request) -> dict[str, Any]:
        # The SDK's own `messages.create` copies the whole conversation before it writes it, at every call.
        body = {
            **message_body(request),
            "system": [{"type": "text", "text": request.system, "cache_control": {"type": "ephemeral"}}],
            "cache_control": {"type": "ephemeral"},
        }
        return {"content": encode(body).encode()}

    def _events_of(self, response: httpx2.Response) -> Iterator[dict[str, Any]]:
        return (read_event(line[5:]) for line in response.iter_lines() if line.startswith("data:"))

    def _request_id_of(self, response: httpx2.Response) -> str | None:
        return response.headers.get("request-id")

    def _kind_of(self, error: anthropic.APIStatusError) -> str:
        return kind_of_status(error.status_code)

    def _failure_of_status(self, error: anthropic.APIStatusError) -> ModelFailed:
        return model_failed(
            self._kind_of(error),
            f"{error.status_code}: {error.message}",
            status=error.status_code,
            request_id=self._request_id_of(error.response),
            retry_after=retry_after_of(error.response.headers),
            secret=self._key,
        )


def message_body(request: Request) -> dict[str, Any]:
    choice = {"type": "tool", "name": request.must_use, "disable_parallel_tool_use": True}
    return {
        "model": request.model,
        "messages": request.messages,
        "tools": request.tools,
        **({"tool_choice": choice} if request.must_use else {}),
        "max_tokens": request.max_tokens,
        "stream": True,
    }


def read_event(data: str | bytes) -> dict[str, Any]:
    try:
        event: dict[str, Any] = orjson.loads(data)
    except ValueError as error:
        raise model_failed("cut", "the stream has an event that cannot be read") from error
    return event


class Reading:
    """The state of one stream: events in, a reply out. Shapes: the Messages API's streaming events."""

    def __init__(self, on_text: OnText, started: float) -> None:
        self._on_text = on_text
        self._started = started
        self._blocks: list[Block] = []
        self._parts: list[str] = []
        self._usage: dict[str, Any] = {}
        self._is_counted = False
        self._characters = 0
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
                # Each number is that of the whole reply: it takes the place of the first one, and is not added to it.
                self._usage.update({key: value for key, value in event["usage"].items() if value is not None})
                self._is_counted = True
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
                self._add(delta["text"])
                self._on_text(delta["text"])
            case "input_json_delta":
                self._add(delta["partial_json"])
            case "thinking_delta":
                self._add(delta["thinking"])
            case "signature_delta":
                block["signature"] = delta["signature"]

    def _add(self, part: str) -> None:
        self._parts.append(part)
        self._characters += len(part)

    def _close_block(self) -> None:
        block, joined = self._blocks[-1], "".join(self._parts)
        match block["type"]:
            case "text":
                block["text"] += joined
            case "thinking":
                block["thinking"] += joined
            case "tool_use" if joined:
                block["input"] = read_arguments(joined)

    def reply(self, request_id: str | None) -> Reply:
        if not self._ended or self._stop_reason is None:
            raise model_failed("cut", "the stream ended before the reply did", request_id=request_id)
        return Reply(
            content=[block for block in self._blocks if block["type"] != "text" or block["text"]],
            stop_reason=self._stop_reason,
            tokens=tokens_of(self._usage),
            model=self._model,
            request_id=request_id,
            first_token_ms=self._first_token_ms,
        )

    def tokens_so_far(self) -> Tokens | None:
        """What a call that broke off is billed for; None where no answer had begun.

        The beginning of a message counts what was given, the end what was written. Without the end, the written is
        estimated from its length.
        """
        if not self._usage:
            return None
        counted = tokens_of(self._usage)
        if self._is_counted:
            return counted
        written = max(counted.output, math.ceil(self._characters / CHARACTERS_PER_TOKEN))
        return replace(counted, output=written, is_estimated=True)


def tokens_of(usage: Mapping[str, Any]) -> Tokens:
    """The Messages API's `usage`: what was read from and written to the cache is not among `input_tokens`.

    `cache_creation` parts what was written by how long it is kept; it is no further amount. What servers' tools were
    used for (`server_tool_use`), and how the output divides (`output_tokens_details`), are not tokens of their own.
    """
    kept = usage.get("cache_creation") or {}
    five_minutes, hour = kept.get("ephemeral_5m_input_tokens") or 0, kept.get("ephemeral_1h_input_tokens") or 0
    told = usage.get("cache_creation_input_tokens")
    written = five_minutes + hour if told is None else told
    return Tokens(
        input=usage.get("input_tokens") or 0,
        output=usage.get("output_tokens") or 0,
        cache_read=usage.get("cache_read_input_tokens") or 0,
        cache_write=written,
        cache_write_1h=min(hour, written),
    )


def failure_in_stream(error: dict[str, Any]) -> ModelFailed:
    kind = KINDS_BY_ERROR_TYPE.get(error.get("type", ""), "rejected")
    return model_failed(kind, str(error.get("message", error)), status=200)
