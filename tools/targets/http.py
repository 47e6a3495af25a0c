"""A backend that is reached over HTTP with JSON, by the routes that an admin wrote."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NewConnectionError,
    ReadTimeoutError,
)

from observability.batch import encode
from tools.binding import bind
from tools.credentials import Authorised, headers_for, renew, scrub
from tools.errors import OutcomeUnclear, TargetUnreachable, Unreadable
from tools.models import Target
from tools.net.addresses import AddressRefused, Reach
from tools.net.pools import pool
from tools.net.urls import check_url
from tools.routes import first_fitting, mapped
from tools.targets.answers import MAX_ANSWER_BYTES, read_answer
from tools.targets.base import Call
from tools.targets.lookups import found

CONNECT_SECONDS = 3.0
CHUNK_BYTES = 65_536
KEY_HEADER = "Idempotency-Key"
UNAUTHORISED = 401
JSON = "application/json"


@dataclass(frozen=True, kw_only=True)
class Request:
    """An HTTP request as it is sent, but for what proves who sends it. `signed` are the headers that a signature
    covers."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None
    signed: Mapping[str, str] = field(default_factory=dict)


class HttpAdapter:
    """urllib3 rather than the model client's httpx2: half the CPU for a request, and tool calls are most requests."""

    def send(self, call: Call) -> Any:
        route = route_of(call)
        return mapped(ask(call, route), route.get("result"))

    def send_look_up(self, call: Call) -> Any:
        return ask_by_route(call)

    def close(self) -> None:
        close_pools()


def ask_by_route(call: Call) -> Any:
    """The answer of a look-up that is an HTTP route; where it names what must be found, of one that was found."""
    rule = call.tool.lookup or {}
    answer = ask(call, rule)
    if rule.get("found"):
        found(answer, rule)
    return mapped(answer, rule.get("result"))


def ask(call: Call, route: Mapping[str, Any]) -> Any:
    """The JSON that the backend answers to a route. Raises as `Adapter.send` does."""
    return read_answer(*exchange(call.tool.target, request_by_route(call, route), deadline=call.deadline))


def route_of(call: Call) -> Mapping[str, Any]:
    """Of the tool's routes the one that is taken. Raises `ToolRefused` where none fits."""
    return first_fitting(call.tool.routes, call.values)


def request_by_route(call: Call, route: Mapping[str, Any]) -> Request:
    """Raises `ToolRefused`."""
    bound = bind([route], call.values)
    content = {} if bound.body is None else {"Content-Type": JSON}
    return Request(
        method=bound.method,
        url=address_of(call.tool.target.base_url, bound.path, bound.query),
        headers={**content, **bound.headers, **key_header(call)},
        body=None if bound.body is None else encode(bound.body).encode(),
        signed=content,
    )


def address_of(base_url: str, path: str, query: Any) -> str:
    """Spaces in the query as %20: a signature of AWS reads + as a plus."""
    return base_url.rstrip("/") + path + (f"?{urlencode(query, doseq=True, quote_via=quote)}" if query else "")


def key_header(call: Call, name: str = KEY_HEADER) -> dict[str, str]:
    return {name: call.key} if call.key else {}


def reach_of(target: Target) -> Reach:
    return Reach.INTERNAL if target.is_internal else Reach.PUBLIC


# -- one request and its answer, for all kinds of targets that are reached over HTTP


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def exchange(target: Target, request: Request, *, deadline: float) -> tuple[int, bytes]:
    """Status and body of the answer to a request with the target's credential, which is taken out of the body should it
    be in there. Once more where a token was refused for which there may be a newer one.

    Raises as `deliver` does, and `ToolRefused` for a credential that cannot be used.
    """
    answer, authorised = deliver_proven(target, request, deadline=deadline)
    if answer.status == UNAUTHORISED and renew(target, authorised):
        answer, authorised = deliver_proven(target, request, deadline=deadline)
    return answer.status, scrubbed(answer.body, target, authorised)


def deliver_proven(target: Target, request: Request, *, deadline: float) -> tuple[Answer, Authorised]:
    reach = reach_of(target)
    url = checked(request.url, reach)
    authorised = headers_for(
        target, method=request.method, url=url, body=request.body, headers=request.signed, deadline=deadline
    )
    proven = replace(
        request,
        url=with_query(url, authorised.query),
        headers=merged(USUAL_HEADERS, request.headers, authorised.headers),
    )
    return deliver(proven, reach, deadline=deadline), authorised


def deliver(request: Request, reach: Reach, *, deadline: float) -> Answer:
    """The answer to a request as it is.

    `deadline` is an instant of `time.monotonic()`. Raises `TargetUnreachable` (nothing was sent), `OutcomeUnclear` (no
    answer), and `Unreadable` (a huge one).
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TargetUnreachable("no time is left for this call")
    try:
        response = pool(reach).urlopen(
            request.method,
            checked(request.url, reach),
            body=request.body,
            headers=request.headers,
            timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), total=seconds),
            redirect=False,
            preload_content=False,
        )
        with closing_response(response):
            return Answer(status=response.status, headers=dict(response.headers), body=read_limited(response, deadline))
    except (NewConnectionError, ConnectTimeoutError, LocationValueError) as error:
        raise TargetUnreachable(f"no connection: {type(error).__name__}") from error
    except AddressRefused as error:
        raise TargetUnreachable(f"the address is refused: {error}") from error
    except ReadTimeoutError as error:
        raise OutcomeUnclear(f"timeout after {seconds:.1f} s") from error
    except HTTPError as error:
        raise OutcomeUnclear(f"no answer: {type(error).__name__}") from error


def checked(url: str, reach: Reach) -> str:
    """Raises `TargetUnreachable`."""
    try:
        return check_url(url, reach).url
    except AddressRefused as error:
        raise TargetUnreachable(f"the address is refused: {error}") from error


USUAL_HEADERS = {"User-Agent": "Tandem", "Accept": JSON, "Accept-Encoding": "gzip, deflate"}


def with_query(url: str, query: Mapping[str, str]) -> str:
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query, quote_via=quote)}"


def merged(*headers: Mapping[str, str]) -> dict[str, str]:
    """Of two headers with the same name the later one counts, however it is spelled."""
    by_name = {name.lower(): (name, value) for some in headers for name, value in some.items()}
    return dict(by_name.values())


@contextmanager
def closing_response(response: urllib3.BaseHTTPResponse) -> Iterator[None]:
    """The connection goes back to be used again, unless the answer was not read to its end."""
    try:
        yield
    except BaseException:
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


def scrubbed(body: bytes, target: Target, authorised: Authorised) -> bytes:
    """Some backends tell in an error what they were sent."""
    if not (authorised.headers or authorised.query):
        return body
    text = body.decode(errors="surrogateescape")
    clean = scrub(text, target, authorised)
    return body if clean == text else clean.encode(errors="surrogateescape")


def close_pools() -> None:
    if pool.cache_info().currsize:
        for reach in Reach:
            pool(reach).clear()
