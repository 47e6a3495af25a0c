"""One LISTEN connection a process, fanned out to every stream of that process.

The rows are the truth. A notification says only that a session changed, so changes that a reader has not yet looked at
fold into one: a slow reader costs no memory and misses nothing. Whatever may have been missed (the first moments before
LISTEN stands, a lost connection, an overflow) is told as a resync, after which a reader reads again.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import psycopg
from django.db import connections
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from agents.journal import ANYTHING, NOTIFY_CHANNEL

logger = logging.getLogger(__name__)

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0
# So many changed sessions are named one by one; with more, "anything may have changed" is the shorter message.
MOST_NAMED = 500
# Django's options are partly for Django and psycopg; a connection string takes what libpq knows.
LIBPQ_OPTIONS = frozenset(option.keyword.decode() for option in Conninfo.get_defaults())


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Which sessions changed since the last look; with `resync`, any may have."""

    sessions: frozenset[UUID]
    resync: bool


class Subscription:
    """One reader's view of what changed; belongs to the loop that made it."""

    def __init__(self) -> None:
        self._sessions: set[UUID] = set()
        self._resync = False
        self._told = asyncio.Event()

    def tell(self, session_id: UUID | None) -> None:
        """None tells a resync."""
        if session_id is None or len(self._sessions) >= MOST_NAMED:
            self._sessions.clear()
            self._resync = True
        elif not self._resync:
            self._sessions.add(session_id)
        self._told.set()

    async def wait(self, seconds: float) -> Changes | None:
        """What changed, as soon as something did; None when nothing did for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._told.wait()
        except TimeoutError:
            return None
        return self.take()

    def take(self) -> Changes:
        """What changed until now, without waiting."""
        changes = Changes(sessions=frozenset(self._sessions), resync=self._resync)
        self._sessions.clear()
        self._resync = False
        self._told.clear()
        return changes


class Hub:
    """The subscriptions of one event loop, and the task that listens for them."""

    def __init__(self) -> None:
        self._subscriptions: dict[UUID | None, set[Subscription]] = {}
        self._listener: asyncio.Task[None] | None = None

    @contextmanager
    def subscribe(self, session_id: UUID | None = None) -> Iterator[Subscription]:
        """Changes of one session, or of all. The listener is started by its first subscriber."""
        if self._listener is None or self._listener.done():
            self._listener = asyncio.get_running_loop().create_task(self._listen(), name="tandem-listen")
            self._listener.add_done_callback(self._forget)
        subscription = Subscription()
        self._subscriptions.setdefault(session_id, set()).add(subscription)
        try:
            yield subscription
        finally:
            readers = self._subscriptions[session_id]
            readers.discard(subscription)
            if not readers:
                del self._subscriptions[session_id]

    def publish(self, session_id: UUID | None) -> None:
        """Tell the readers of this session and those of all; None tells everybody to resync."""
        if session_id is None:
            told = [reader for readers in self._subscriptions.values() for reader in readers]
        else:
            told = [*self._subscriptions.get(session_id, ()), *self._subscriptions.get(None, ())]
        for reader in told:
            reader.tell(session_id)

    def _forget(self, listener: asyncio.Task[None]) -> None:
        """A task that was cancelled while it connected holds that connection in its traceback."""
        self._listener = None

    async def _listen(self) -> None:
        delay = FIRST_DELAY_SECONDS
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(listen_dsn(), autocommit=True) as connection:
                    await connection.execute(f"LISTEN {NOTIFY_CHANNEL}")
                    delay = FIRST_DELAY_SECONDS
                    self.publish(None)
                    async for notify in connection.notifies():
                        self.publish(session_of(notify.payload))
            except (psycopg.Error, OSError) as error:
                logger.warning("the LISTEN connection is lost, next try in %.1f s: %s", delay, error)
            await asyncio.sleep(delay * (0.5 + random.random() / 2))  # noqa: S311  jitter
            delay = min(delay * 2, LONGEST_DELAY_SECONDS)


def session_of(payload: str) -> UUID | None:
    """The session in `<session uuid>:<base seq>`; a change of stops, and what cannot be read, mean a resync."""
    if payload == ANYTHING:
        return None
    try:
        return UUID(payload.partition(":")[0])
    except ValueError:
        logger.warning("a notification that cannot be read: %r", payload[:100])
        return None


def listen_dsn() -> str:
    """As the ORM connects now, so that tests listen on the test database."""
    database = connections["default"].settings_dict
    options = {name: value for name, value in database["OPTIONS"].items() if name in LIBPQ_OPTIONS}
    address = {
        "dbname": database["NAME"],
        "user": database["USER"] or None,
        "password": database["PASSWORD"] or None,
        "host": database["HOST"] or None,
        "port": database["PORT"] or None,
    }
    manners = {"application_name": "tandem-listen", "connect_timeout": 10, "keepalives_idle": 30}
    return make_conninfo(**{**options, **address, **manners})


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def get_hub() -> Hub:
    """The hub of the running loop: one a web process; tests begin new loops."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        for ended in [known for known in _hubs if known.is_closed()]:
            del _hubs[ended]
        _hubs[loop] = Hub()
    return _hubs[loop]
