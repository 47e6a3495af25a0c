"""A backend that is reached over HTTP with JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NewConnectionError,
    ReadTimeoutError,
)

from observability.batch import encode
from tools.binding import BoundRequest
from tools.errors import OutcomeUnclear, TargetUnreachable, ToolFailed, Unreadable

CONNECT_SECONDS = 3.0
MAX_ANSWER_BYTES = 256_000
CHUNK_BYTES = 65_536
KEY_HEADER = "Idempotency-Key"
UNCLEAR_STATUSES = frozenset({408, 429})


@cache
def connections() -> urllib3.PoolManager:
    """One for a process: its connections are kept open and shared by all threads. No proxy of the environment is used.

    urllib3 rather than the model client's httpx2: half the CPU for a request, and tool calls are most requests.
    """
    return urllib3.PoolManager(num_pools=64, maxsize=64, retries=False, headers={"User-Agent": "Tandem"})


def send(base_url: str, request: BoundRequest, *, key: str | None, deadline: float) -> Any:
    """The JSON that the backend answered.

    `deadline` is an instant of `time.monotonic()`. Raises `ToolFailed` (it said no), `TargetUnreachable` (nothing was
    sent), `OutcomeUnclear` (no answer, or none that can be read).
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TargetUnreachable("no time is left for this call")
    try:
        response = connections().urlopen(
            request.method,
            address_of(base_url, request),
            body=None if request.body is None else encode(request.body).encode(),
            headers=headers_of(request, key),
            timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds),
            redirect=False,
            preload_content=False,
        )
        with closing_response(response):
            return read_answer(response.status, read_limited(response, deadline))
    except (NewConnectionError, ConnectTimeoutError, LocationValueError) as error:
        raise TargetUnreachable(f"no connection: {type(error).__name__}") from error
    except ReadTimeoutError as error:
        raise OutcomeUnclear(f"timeout after {seconds:.1f} s") from error
    except HTTPError as error:
        raise OutcomeUnclear(f"no answer: {type(error).__name__}") from error


def address_of(base_url: str, request: BoundRequest) -> str:
    query = f"?{urlencode(request.query, doseq=True)}" if request.query else ""
    return base_url.rstrip("/") + request.path + query


def headers_of(request: BoundRequest, key: str | None) -> dict[str, str]:
    headers = {"User-Agent": "Tandem", "Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    if key:
        headers[KEY_HEADER] = key
    return headers


@contextmanager
def closing_response(response: urllib3.BaseHTTPResponse) -> Iterator[None]:
    """The connection goes back to be used again, unless the answer was not read to its end."""
    try:
        yield
    except OutcomeUnclear:
        response.close()
        raise
    finally:
        response.release_conn()


def read_limited(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """The body, read as it arrives: a backend that sends it in drops must not win time with each of them."""
    parts, size = [], 0
    while part := response.read1(CHUNK_BYTES):
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise Unreadable(f"the answer exceeds {MAX_ANSWER_BYTES} bytes")
        if time.monotonic() > deadline:
            raise OutcomeUnclear("timeout, the answer came too slowly")
    return b"".join(parts)


def read_answer(status: int, body: bytes) -> Any:
    if status >= 500 or status in UNCLEAR_STATUSES:
        raise OutcomeUnclear(f"the backend answered {status}")
    try:
        answer = json.loads(body) if body else {}
    except ValueError as error:
        if 400 <= status < 500:
            raise ToolFailed(f"http_{status}", "The backend refused the request.", status=status) from error
        raise Unreadable("the answer is not JSON") from error
    if status >= 400:
        problem = answer.get("error") if isinstance(answer, dict) else None
        problem = problem if isinstance(problem, dict) else {}
        raise ToolFailed(
            str(problem.get("code", f"http_{status}"))[:100],
            str(problem.get("message", "The backend refused the request."))[:500],
            status=status,
        )
    if status >= 300:
        raise ToolFailed(f"http_{status}", "The backend redirected, which is not followed.", status=status)
    if not isinstance(answer, dict | list):
        raise Unreadable("the answer is not a JSON object")
    return answer
