"""Downloads a document."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin

import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError

from tools.net.addresses import AddressRefused, Reach
from tools.net.pools import pool
from tools.net.urls import DEFAULT_PORTS, CheckedUrl, check_characters, check_url

REDIRECTS = 5
CONNECT_SECONDS = 5.0
CHUNK_BYTES = 65_536
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE | re.ASCII)
ENCODINGS = frozenset({"", "identity", "gzip", "deflate"})


class FetchFailed(Exception):
    """The document did not come, or not within its limits. The text is fit for the form of whoever named it."""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """`url` is where it was found, after redirects; `status` may be any but a redirect that was followed;
    `content_type` is the header as it came; `body` is unpacked."""

    url: str
    status: int
    content_type: str
    body: bytes


def fetch(
    url: str,
    *,
    reach: Reach,
    max_bytes: int,
    deadline_seconds: float,
    accept: str = "*/*",
    connections: Callable[[Reach], urllib3.PoolManager] = pool,
) -> Fetched:
    """The document at the URL, with at most 5 redirects, each judged like the URL itself.

    `max_bytes` is of the unpacked body, `deadline_seconds` for everything together. No cookies, no credentials. Raises
    `AddressRefused` (of the URL, or of what it redirects to) and `FetchFailed`.
    """
    due = time.monotonic() + deadline_seconds
    start = wanted = check_url(url, reach)
    allowed = reach
    for _ in range(REDIRECTS + 1):
        with asked(wanted, connections(allowed), accept=accept, due=due) as response:
            location = response.get_redirect_location()
            if not location:
                return Fetched(
                    url=wanted.url,
                    status=response.status,
                    content_type=response.headers.get("Content-Type", ""),
                    body=read_body(response, max_bytes=max_bytes),
                )
        wanted, allowed = check_redirect(start, wanted, location, reach)
    raise FetchFailed(f"It redirects more than {REDIRECTS} times.")


def check_redirect(start: CheckedUrl, here: CheckedUrl, location: str, reach: Reach) -> tuple[CheckedUrl, Reach]:
    """Where a redirect leads, and how far from there. INTERNAL was said of the place that an admin named, not of what
    that place may point to: elsewhere only public addresses are within reach."""
    try:
        there = check_url(target_of(here, location), Reach.INTERNAL)
        same = there.host == start.host and there.port in {start.port, DEFAULT_PORTS["https"]}
        allowed = reach if same else Reach.PUBLIC
        there = check_url(there.url, allowed)
    except AddressRefused as error:
        raise AddressRefused(f"It redirects to an address that is refused. {error}") from error
    if here.scheme == "https" and there.scheme == "http":
        raise AddressRefused("It redirects from https to http, where others could read and change what is sent.")
    return there, allowed


def target_of(here: CheckedUrl, location: str) -> str:
    """The URL that a redirect names. `urljoin` alone would repair what must be refused: "http:///x", or a tab."""
    check_characters(location)
    if SCHEME.match(location):
        return location
    if location.startswith("//"):
        return f"{here.scheme}:{location}"
    if location.startswith("/"):
        return here.origin + location
    return urljoin(here.url, location)


@contextmanager
def asked(
    wanted: CheckedUrl, connections: urllib3.PoolManager, *, accept: str, due: float
) -> Iterator[urllib3.BaseHTTPResponse]:
    """The answer, of which only the headers were read. Its connection is kept only if it was read to the end."""
    seconds = due - time.monotonic()
    if seconds <= 0:
        raise FetchFailed("It took too long.")
    try:
        response = connections.urlopen(
            "GET",
            wanted.url,
            headers={"User-Agent": "Tandem", "Accept": accept, "Accept-Encoding": "gzip, deflate"},
            timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), total=seconds),
            redirect=False,
            preload_content=False,
        )
        try:
            yield response
        finally:
            response.close()
    except HTTPError as error:
        if isinstance(error, ReadTimeoutError) or time.monotonic() >= due:
            raise FetchFailed("It took too long.") from error
        raise FetchFailed(f"{wanted.origin} did not answer: {type(error).__name__}.") from error


def read_body(response: urllib3.BaseHTTPResponse, *, max_bytes: int) -> bytes:
    """Read and unpacked piece by piece, so that what is small when packed cannot become large before it is counted.
    The connection itself ends a body that comes too slowly (`TimedSocket`)."""
    if response.headers.get("Content-Encoding", "").strip().lower() not in ENCODINGS:
        raise FetchFailed("It is packed in a way that was not asked for.")
    parts, size = [], 0
    while part := response.read1(CHUNK_BYTES):
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise FetchFailed(f"It has more than {max_bytes} bytes.")
    return b"".join(parts)
