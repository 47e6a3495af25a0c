"""Any server of OpenAI's chat completions (vLLM, Ollama, llama.cpp, hosted ones), over plain HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import orjson

from agents.errors import ModelFailed
from agents.llm.base import OnText, Reply, Request
from agents.llm.connections import pool_limits, read_key, read_until, timeout_of
from agents.llm.deadline import within
from agents.llm.draft import Draft
from agents.llm.failures import counted_so_far, kind_of_status, model_failed, retry_after_of
from agents.llm.openai_form import COUNT_OPTION, ChatReading, Piece, chat_request
from observability.batch import encode


class OpenAIModel:
    """One client for each server; threads share its connections. `base_url` ends with the version, as in `/v1`."""

    def __init__(self, *, base_url: str, key_variable: str = "") -> None:
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._key = read_key(key_variable)
        headers = {"Content-Type": "application/json", "User-Agent": "Tandem"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._client = httpx2.Client(headers=headers, limits=pool_limits())
        # Some (Cohere's) refuse the request for a count of tokens; it is not asked of them again.
        self._counts_tokens = True

    def close(self) -> None:
        self._client.close()

    def call(self, request: Request, on_text: OnText) -> Reply:
        try:
            return self._call(request, on_text)
        except ModelFailed as error:
            if not self._counts_tokens or error.kind != "rejected" or COUNT_OPTION not in str(error):
                raise
            self._counts_tokens = False
            return self._call(request, on_text)

    def _call(self, request: Request, on_text: OnText) -> Reply:
        draft = Draft(request, on_text)
        with counted_so_far(draft.tokens_so_far), within(request.deadline) as seconds:
            body = encode(chat_request(request, counts_tokens=self._counts_tokens)).encode()
            try:
                with self._client.stream("POST", self._url, content=body, timeout=timeout_of(seconds)) as response:
                    return self._read(response, draft, request.deadline)
            except httpx2.TimeoutException as error:
                raise model_failed("timeout", f"no answer within {seconds:.0f} s") from error
            except (httpx2.HTTPError, OSError) as error:
                raise model_failed("connection", f"the connection failed: {error}", secret=self._key) from error

    def _read(self, response: httpx2.Response, draft: Draft, deadline: float) -> Reply:
        with read_until(deadline, response):
            request_id = response.headers.get("x-request-id")
            if response.status_code != 200:
                raise self._failure_of_status(response, request_id)
            reading = ChatReading(draft)
            for piece in pieces_of(response):
                if piece.get("error"):
                    raise self._failure_in_stream(piece["error"], request_id)
                reading.take(piece)
            return reading.reply(request_id)

    def _failure_of_status(self, response: httpx2.Response, request_id: str | None) -> ModelFailed:
        status = response.status_code
        return model_failed(
            kind_of_status(status),
            f"{status}: {message_of(response.read())}",
            status=status,
            request_id=request_id,
            retry_after=retry_after_of(response.headers),
            secret=self._key,
        )

    def _failure_in_stream(self, error: Any, request_id: str | None) -> ModelFailed:
        """Servers agree on no form: a status under `code`, else words of the type, tell what it is."""
        found = error if isinstance(error, dict) else {"message": str(error)}
        code, words = found.get("code"), f"{found.get('type')} {found.get('code')}".lower()
        if isinstance(code, int) and code >= 400:
            kind = kind_of_status(code)
        elif "overloaded" in words or "unavailable" in words:
            kind = "overloaded"
        elif "rate_limit" in words:
            kind = "throttled"
        elif "invalid_request" in words or "badrequest" in words:
            kind = "rejected"
        else:
            kind = "server"
        message = str(found.get("message") or found)
        return model_failed(kind, message, status=200, request_id=request_id, secret=self._key)


def pieces_of(response: httpx2.Response) -> Iterator[Piece]:
    """The data of server-sent events; or one, where the server does not stream."""
    if response.headers.get("content-type", "").startswith("application/json"):
        yield read_piece(response.read())
        return
    for line in response.iter_lines():
        data = line[5:].strip() if line.startswith("data:") else ""
        if data and data != "[DONE]":
            yield read_piece(data)


def read_piece(data: str | bytes) -> Piece:
    try:
        piece = orjson.loads(data)
    except ValueError as error:
        raise model_failed("cut", "the answer has a part that cannot be read") from error
    if not isinstance(piece, dict):
        raise model_failed("cut", "the answer has a part that is no object")
    return piece


def message_of(body: bytes) -> str:
    """The message of an error, which stands in `error.message`, in `error` or in `message`; else the body itself."""
    try:
        found = orjson.loads(body)
    except ValueError:
        return body.decode(errors="replace")
    error = found.get("error", found) if isinstance(found, dict) else found
    return str(error.get("message") or error) if isinstance(error, dict) else str(error)
