"""Server-sent events: a reader of stored events, so that reconnecting and reloading are the same.

The protocol: https://html.spec.whatwg.org/multipage/server-sent-events.html. A stream's `id:` is the event's number in
its session; the browser sends the last one it saw in `Last-Event-ID`, our script in `?after=`.

Under ASGI a request keeps a thread, and what that thread connects to stays connected until the request ends, which for
a stream may be hours. So whatever a stream asks of the database goes through `in_thread`.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import ParamSpec, TypeVar
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.core.exceptions import BadRequest
from django.http import HttpRequest, StreamingHttpResponse

from agents.channels.hub import Subscription, get_hub
from agents.models import TurnEvent
from observability.access import Role, has_role
from observability.database import give_back_connection

HEARTBEAT_SECONDS = 20.0
DEBOUNCE_SECONDS = 0.25
BATCH = 200
RETRY = b"retry: 2000\n\n"
HEARTBEAT = b": heartbeat\n\n"
# The reader may no longer see this. `sse-close="end"` keeps a page from asking again.
END = b"event: end\ndata: end\n\n"
LINE_END = re.compile(r"\r\n|\r|\n")
LARGEST_SEQ = 2**63 - 1

P = ParamSpec("P")
T = TypeVar("T")
Until = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, kw_only=True)
class ServerEvent:
    """One event of a stream, as the page's script receives it: `event` is the name in `sse-swap`, `data` its HTML.

    `seq` is the number of the stored event that it shows. One with empty data is not seen by a page.
    """

    event: str
    data: str
    seq: int


Render = Callable[[list[TurnEvent]], Awaitable[list[ServerEvent]]]


async def session_events(
    session_id: UUID, after: int, render: Render, until: Until | None = None
) -> AsyncIterator[bytes]:
    """The events of a session numbered above `after`, first the stored ones and then as they are written.

    `render` is given them in order, up to `BATCH` at once, and says what the page is sent; events that it passes over
    are counted as read. `until` is asked at every heartbeat whether the stream is over (the reader's right may have
    ended).
    """
    yield RETRY
    asked_at = time.monotonic()
    with get_hub().subscribe(session_id) as subscription:
        while True:
            while events := await in_thread(read_events, session_id, after):
                after = events[-1].seq
                yield encode(await render(events), last=after)
            changes = await subscription.wait(HEARTBEAT_SECONDS)
            if time.monotonic() - asked_at >= HEARTBEAT_SECONDS:
                if until and await until():
                    yield END
                    return
                asked_at = time.monotonic()
            if changes is None:
                yield HEARTBEAT


async def desk_changes(until: Until | None = None) -> AsyncIterator[bytes]:
    """`changed` with a JSON list of the ids of the sessions that changed; an empty list means that any may have.

    The first one is sent at once: a list may have changed between its page and its stream.
    """
    asked_at = time.monotonic()
    with get_hub().subscribe() as subscription:
        yield RETRY + encode_changed([])
        while True:
            changed = await next_changed(subscription)
            if time.monotonic() - asked_at >= HEARTBEAT_SECONDS:
                if until and await until():
                    yield END
                    return
                asked_at = time.monotonic()
            yield HEARTBEAT if changed is None else encode_changed(changed)


async def next_changed(subscription: Subscription) -> Iterable[UUID] | None:
    """The sessions of a quarter of a second's changes; empty for any, None when nothing happened."""
    first = await subscription.wait(HEARTBEAT_SECONDS)
    if first is None:
        return None
    await asyncio.sleep(DEBOUNCE_SECONDS)
    more = subscription.take()
    return () if first.resync or more.resync else first.sessions | more.sessions


def read_events(session_id: UUID, after: int) -> list[TurnEvent]:
    return list(TurnEvent.objects.filter(session_id=session_id, seq__gt=after).order_by("seq")[:BATCH])


def encode(events: list[ServerEvent], *, last: int) -> bytes:
    """The bytes of a batch. An id stands only where all that shows its number has been sent, and `last` at the end."""
    lines: list[str] = []
    for number, event in enumerate(events):
        lines.append(f"event: {event.event}\n")
        lines.extend(f"data: {line}\n" for line in LINE_END.split(event.data))
        is_complete = number + 1 == len(events) or events[number + 1].seq != event.seq
        lines.append(f"id: {event.seq}\n\n" if is_complete else "\n")
    if not events or events[-1].seq != last:
        lines.append(f"id: {last}\n\n")
    return "".join(lines).encode()


def encode_changed(sessions: Iterable[UUID]) -> bytes:
    return f"event: changed\ndata: {json.dumps([str(session) for session in sessions])}\n\n".encode()


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Database work in a thread that streams share; its connection goes back to the pool at once."""

    def work() -> T:
        try:
            return function(*args, **kwargs)
        finally:
            give_back_connection()

    return await sync_to_async(work, thread_sensitive=False)()


def resume_after(request: HttpRequest) -> int:
    """The number after which a stream goes on: the higher of `Last-Event-ID` and `?after=`. Raises `BadRequest`."""
    seqs = [0]
    for value in (request.headers.get("Last-Event-ID", ""), request.GET.get("after", "")):
        if not value:
            continue
        if not (value.isascii() and value.isdigit() and int(value) <= LARGEST_SEQ):
            raise BadRequest("The number after which to go on is not a number.")
        seqs.append(int(value))
    return max(seqs)


def until_signed_out(request: HttpRequest, *roles: Role) -> Until:
    """Ends a stream of the desk when its reader has signed out, was shut out, or no longer has one of these roles."""
    session_key = request.session.session_key

    async def is_over() -> bool:
        return not await in_thread(is_signed_in, session_key, *roles)

    return is_over


def is_signed_in(session_key: str | None, *roles: Role) -> bool:
    """Asked afresh of the database, as a new request would be."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    return has_role(get_user(request), *roles)


def event_stream_response(stream: AsyncIterator[bytes]) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        stream,
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
