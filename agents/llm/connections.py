"""Connections to model servers over httpx2, and how a blocked read from one is broken off."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx2
from django.conf import settings

from agents.llm.deadline import watcher
from agents.llm.failures import model_failed

CONNECT_SECONDS = 5.0


def read_key(variable: str) -> str:
    """The key in that environment variable; nothing where none is named."""
    if variable and not os.environ.get(variable):
        raise model_failed("rejected", f"The environment variable {variable!r}, which holds the key, is not set.")
    return os.environ[variable] if variable else ""


def pool_limits() -> httpx2.Limits:
    return httpx2.Limits(max_connections=None, max_keepalive_connections=settings.WORKER_CONCURRENCY)


def timeout_of(seconds: float) -> httpx2.Timeout:
    return httpx2.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))


@contextmanager
def read_until(deadline: float, response: httpx2.Response) -> Iterator[None]:
    """The body is read in here: it is broken off at the deadline, and what fails is a reply that was cut."""
    with watcher.deadline(deadline, lambda: break_off(response)):
        try:
            yield
        except httpx2.TimeoutException as error:
            raise model_failed("timeout", "the answer stood still") from error
        except (httpx2.HTTPError, OSError) as error:
            raise model_failed("cut", f"the connection was lost in the middle of the answer: {error}") from error


def break_off(response: httpx2.Response) -> None:
    """Wake a thread that reads from this response: a shut socket ends its `recv` at once, a closed one would not."""
    stream = response.extensions.get("network_stream")
    raw = stream.get_extra_info("socket") if stream else None
    if isinstance(raw, socket.socket):
        with suppress(OSError):  # it may have ended by itself this moment
            raw.shutdown(socket.SHUT_RDWR)
