"""A backend that is reached over HTTP with JSON."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import httpx2

from tools.binding import BoundRequest
from tools.errors import OutcomeUnclear, TargetUnreachable, ToolFailed

CONNECT_SECONDS = 3.0
MAX_ANSWER_BYTES = 256_000
KEY_HEADER = "Idempotency-Key"
UNCLEAR_STATUSES = frozenset({408, 429})


@cache
def client() -> httpx2.Client:
    """One client a process: its connections are kept open and shared by all threads."""
    return httpx2.Client(
        follow_redirects=False,
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64),
        headers={"User-Agent": "Tandem"},
        trust_env=False,
    )


def send(base_url: str, request: BoundRequest, *, key: str | None, deadline: float) -> Any:
    """The JSON that the backend answered.

    `deadline` is an instant of `time.monotonic()`. Raises `ToolFailed` (it said no), `TargetUnreachable` (nothing was
    sent), `OutcomeUnclear` (no answer, or none that can be read).
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TargetUnreachable("no time is left for this call")
    try:
        with client().stream(
            request.method,
            base_url.rstrip("/") + request.path,
            params=request.query or None,
            json=request.body,
            headers={KEY_HEADER: key} if key else None,
            timeout=httpx2.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
        ) as response:
            body = read_limited(response, deadline)
            return read_answer(response, body)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
        raise TargetUnreachable(f"the backend cannot be reached: {error}") from error
    except httpx2.HTTPError as error:
        raise OutcomeUnclear(f"no answer: {type(error).__name__}") from error


def read_limited(response: httpx2.Response, deadline: float) -> bytes:
    parts, size = [], 0
    for chunk in response.iter_bytes():
        parts.append(chunk)
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            raise OutcomeUnclear(f"the answer exceeds {MAX_ANSWER_BYTES} bytes")
        if time.monotonic() > deadline:
            raise OutcomeUnclear("the answer came too slowly")
    return b"".join(parts)


def read_answer(response: httpx2.Response, body: bytes) -> Any:
    status = response.status_code
    if status >= 500 or status in UNCLEAR_STATUSES:
        raise OutcomeUnclear(f"the backend answered {status}")
    try:
        answer = httpx2.Response(status, content=body).json() if body else {}
    except ValueError as error:
        if 400 <= status < 500:
            raise ToolFailed(f"http_{status}", "The backend refused the request.", status=status) from error
        raise OutcomeUnclear("the answer is not JSON") from error
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
        raise OutcomeUnclear("the answer is not a JSON object")
    return answer
