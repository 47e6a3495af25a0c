"""A request that may fail for a moment, made again until its time is up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TypeVar

from memory.embeddings.base import EmbeddingFailed, Vector

PAUSES = (0.25, 1.0)  # seconds, before the second and the third try
# RFC 9110: request timeout, too early, too many requests; 529 is what some say when they are overloaded.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
LONGEST_MESSAGE = 300

Sent = TypeVar("Sent", Vector, list[Vector])


def until_it_works(send: Callable[[float], Sent], *, seconds: float) -> Sent:
    """`send` is given the moment (`time.monotonic()`) at which all tries together must have ended."""
    deadline = time.monotonic() + seconds
    for pause in PAUSES:
        try:
            return send(deadline)
        except EmbeddingFailed as error:
            wait = max(error.retry_after or 0.0, pause * random.uniform(0.5, 1.0))  # noqa: S311  it spreads, no more
            if not error.retryable or time.monotonic() + wait >= deadline:
                raise
        time.sleep(wait)
    return send(deadline)


def refused(status: int, said: str, *, retry_after: float | None = None) -> EmbeddingFailed:
    """The error for an answer of that status, to be raised."""
    message = f"{status}: {said[:LONGEST_MESSAGE]}"
    return EmbeddingFailed(message, retryable=status in PASSING, status=status, retry_after=retry_after)


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """Seconds, from either form of the header (RFC 9110, section 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.replace(".", "", 1).isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time()) if value else None
    except ValueError:
        return None


def presentable(text: str, most_characters: int) -> str:
    """Cut, and never empty, which all services refuse; half a surrogate pair cannot be sent."""
    return text.strip()[:most_characters].encode(errors="replace").decode() or "."
