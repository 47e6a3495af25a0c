"""Kept sessions with MCP servers, one for each target, all in the background loop.

A session lives in a task of its own, which opens it and closes it: what the SDK opens in one task must be closed in
the same. It ends when its child does, when nobody has used it for a while, and when its target is changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import Implementation, ToolListChangedNotification

from tools.errors import TargetUnreachable, ToolFailed
from tools.net.addresses import Reach
from tools.net.transports import async_transport
from tools.targets.mcp.fates import UNAUTHORISED, Fate, WatchedTransport, current
from tools.targets.mcp.stdio import running_program

logger = logging.getLogger(__name__)
CLIENT = Implementation(name="Tandem", version="1")
# A program that is started by a package manager may be downloaded first.
OPEN_SECONDS = 30.0
IDLE_SECONDS = 600.0
CLOSE_SECONDS = 5.0
CONNECT_SECONDS = 3.0
SILENCE_SECONDS = 300.0
LISTING_BYTES = 4_000_000
LONGEST_PAUSE_SECONDS = 60.0
# Calls without an answer in a row, after which a child is taken to hang and started anew.
MUTE_CALLS = 3


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a server is: an URL, or a command with what its environment has besides the usual. A session is kept as
    long as this stays the same."""

    target_id: UUID
    name: str
    url: str = ""
    reach: Reach = Reach.PUBLIC
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


class Session:
    """`client` is there once `opened` is set, or `failure` says why it is not."""

    def __init__(self, place: Place, fate: Fate, on_changed: Callable[[UUID], None]) -> None:
        self.place = place
        self.fate = fate
        self.on_changed = on_changed
        self.client: Client | None = None
        self.failure: Exception = TargetUnreachable("the session has ended")
        self.opened = asyncio.Event()
        self.over = asyncio.Event()
        self.has_died = False
        self.running = 0  # calls
        self.unanswered = 0
        self.used_at = asyncio.get_running_loop().time()
        self.task = asyncio.create_task(self.hold())

    async def hold(self) -> None:
        current.set(self.fate)
        try:
            async with AsyncExitStack() as stack:
                # Not anyio's: its scopes cannot be left while those that the client opens are still entered.
                async with asyncio.timeout(OPEN_SECONDS):
                    client = Client(self.transport(), cache=None, message_handler=self.note, client_info=CLIENT)
                    self.client = await stack.enter_async_context(client)
                self.opened.set()
                await self.until_over()
        except Exception as error:  # noqa: BLE001  the boundary of a task; the SDK raises groups of anything
            self.has_died = True
            self.failure = why_not_open(error, self.fate)
            logger.info("MCP session with %s: %s", self.place.name, self.failure)
        finally:
            self.client = None
            self.over.set()
            self.opened.set()

    def transport(self) -> AbstractAsyncContextManager[Any]:
        if self.place.url:
            return http_streams(self.place)
        return running_program(self.place.command, self.place.environment, name=self.place.name, on_end=self.note_death)

    async def until_over(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.over.is_set():
            left = self.used_at + IDLE_SECONDS - loop.time()
            if left <= 0 and not self.running:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(max(left, 1.0)):
                    await self.over.wait()

    def stop(self) -> None:
        self.over.set()
        if not self.opened.is_set():
            self.task.cancel()

    def note_death(self) -> None:
        if not self.over.is_set():
            self.has_died = True
            self.over.set()

    async def note(self, message: Any) -> None:
        if isinstance(message, ToolListChangedNotification):
            self.on_changed(self.place.target_id)

    def note_silence(self) -> None:
        self.unanswered += 1
        if self.place.command and self.unanswered >= MUTE_CALLS:
            self.note_death()


def why_not_open(error: BaseException, fate: Fate) -> Exception:
    """Nothing of a call has left yet, whatever went wrong."""
    if fate.refused is not None:
        return fate.refused
    if fate.status in UNAUTHORISED:
        return ToolFailed(f"http_{fate.status}", "The backend refused the credential.", status=fate.status)
    if fate.unreached:
        return TargetUnreachable(f"no connection: {fate.unreached}")
    if fate.status >= 400:
        return TargetUnreachable(f"no MCP session: the server answered {fate.status}")
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, TimeoutError):
        return TargetUnreachable(f"no MCP session within {OPEN_SECONDS:.0f} s")
    return TargetUnreachable(f"no MCP session: {type(error).__name__}")


@asynccontextmanager
async def http_streams(place: Place) -> AsyncIterator[Any]:
    """Streams of messages over streamable HTTP."""
    transport = WatchedTransport(async_transport(place.reach))
    timeout = httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
    async with (
        httpx2.AsyncClient(
            transport=transport, timeout=timeout, trust_env=False, headers={"User-Agent": "Tandem"}
        ) as client,
        streamable_http_client(place.url, http_client=client, max_sse_event_size=LISTING_BYTES) as streams,
    ):
        yield streams


class Sessions:
    """All of a process, by target. Everything here runs in the background loop."""

    def __init__(self, on_changed: Callable[[UUID], None]) -> None:
        self.on_changed = on_changed
        self.sessions: dict[UUID, Session] = {}
        self.pauses: dict[UUID, Pause] = {}

    @asynccontextmanager
    async def open_for(self, place: Place, fate: Fate) -> AsyncIterator[tuple[Session, Client]]:
        """The session, open. Raises `TargetUnreachable`, and what a refused credential raises."""
        session = self.sessions.get(place.target_id)
        if session is None or session.over.is_set() or session.place != place:
            if session is not None:
                self.put_away(session)
            self.pauses.setdefault(place.target_id, Pause()).check(place)
            own = Fate(target=fate.target, limit=LISTING_BYTES)
            session = self.sessions[place.target_id] = Session(place, own, self.on_changed)
        session.fate.target = fate.target  # with its credential as it is now
        session.running += 1
        try:
            await session.opened.wait()
            if session.client is None or session.over.is_set():
                self.put_away(session)
                raise session.failure
            yield session, session.client
        finally:
            session.running -= 1
            session.used_at = asyncio.get_running_loop().time()

    def put_away(self, session: Session) -> None:
        session.stop()
        if self.sessions.get(session.place.target_id) is session:
            del self.sessions[session.place.target_id]
            if session.has_died and session.place.command:
                self.pauses.setdefault(session.place.target_id, Pause()).note_death()

    def note_answer(self, session: Session) -> None:
        session.unanswered = 0
        self.pauses.pop(session.place.target_id, None)

    async def close(self) -> None:
        sessions = list(self.sessions.values())
        self.sessions.clear()
        self.pauses.clear()
        for session in sessions:
            session.stop()
        if sessions:
            await asyncio.wait([session.task for session in sessions], timeout=CLOSE_SECONDS)


@dataclass
class Pause:
    """Between the starts of a program that dies: none, then a second, then twice as long each time."""

    deaths: int = 0
    until: float = 0.0

    def note_death(self) -> None:
        self.deaths += 1
        seconds = 0.0 if self.deaths == 1 else min(2.0 ** (self.deaths - 2), LONGEST_PAUSE_SECONDS)
        self.until = asyncio.get_running_loop().time() + seconds

    def check(self, place: Place) -> None:
        """Raises `TargetUnreachable` before the pause is over."""
        left = self.until - asyncio.get_running_loop().time()
        if left > 0:
            raise TargetUnreachable(f"{place.name} ended {self.deaths} times and is started again in {left:.0f} s")
