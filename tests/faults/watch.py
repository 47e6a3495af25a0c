"""Looks at the desk's rows while it runs, through whatever happens to the database."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg

TICK_SECONDS = 0.1
CONNECT_AGAIN_SECONDS = 0.1
# How long a turn that was held by a killed worker is looked for.
LONGEST_WATCH_SECONDS = 90.0

# Sessions in which the agent has nothing left to do; where a person speaks, turns that wait are the person's matter.
QUIET = """
SELECT s.id::text FROM agents_session AS s WHERE s.id = ANY(%s::uuid[]) AND NOT EXISTS (
  SELECT FROM agents_turn AS t WHERE t.session_id = s.id
  AND (t.status IN ('running', 'waiting') OR (t.status = 'queued' AND s.controller = 'agent')))
"""
OPEN_TURNS = """
SELECT count(*) FROM agents_turn AS t JOIN agents_session AS s ON s.id = t.session_id
WHERE t.status IN ('running', 'waiting') OR (t.status = 'queued' AND s.controller = 'agent')
"""
RUNNING = "SELECT id::text, attempts FROM agents_turn WHERE status = 'running'"
ATTEMPTS = "SELECT id::text, attempts, status FROM agents_turn WHERE id = ANY(%s::uuid[])"
RESERVATIONS = "SELECT count(*) FROM agents_reservation"


class Rows:
    """One connection, made again as often as needed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = asyncio.Lock()
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def fetch(self, sql: str, params: tuple[Any, ...] = ()) -> list[Any]:
        """Asked until there is an answer."""
        async with self._lock:
            while True:
                try:
                    if self._connection is None:
                        self._connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
                    cursor = await self._connection.execute(sql, params)
                    return await cursor.fetchall() if cursor.description else []
                except psycopg.OperationalError:
                    self._connection = None
                    await asyncio.sleep(CONNECT_AGAIN_SECONDS)

    async def count(self, sql: str) -> int:
        return int((await self.fetch(sql))[0][0])

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()


class Quiet:
    """Tells customers that the desk has done with their conversation: one query for all who wait."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._waiting: dict[str, asyncio.Event] = {}

    async def wait(self, session_id: str, *, seconds: float) -> None:
        """Until nothing is left to do there, or patience is at its end."""
        event = self._waiting.setdefault(session_id, asyncio.Event())
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if self._waiting:
                for (session_id,) in await self._rows.fetch(QUIET, (list(self._waiting),)):
                    self._waiting.pop(session_id).set()


@dataclass(kw_only=True)
class Recovery:
    """The turns that a killed worker left running, and the seconds until each was begun again."""

    killed_at: float
    attempts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)

    @property
    def missing(self) -> list[str]:
        return [turn for turn in self.attempts if turn not in self.seconds and turn not in self.ended]


async def watch_recovery(rows: Rows, killed_at: float) -> Recovery:
    """`killed_at` by `time.monotonic()`, the worker already dead. A turn that ends in the attempt that was seen had
    another worker, and says nothing."""
    found = Recovery(killed_at=killed_at, attempts=dict(await rows.fetch(RUNNING)))
    while found.missing and time.monotonic() < killed_at + LONGEST_WATCH_SECONDS:
        await asyncio.sleep(TICK_SECONDS / 2)
        for turn_id, attempts, status in await rows.fetch(ATTEMPTS, (found.missing,)):
            if attempts > found.attempts[turn_id]:
                found.seconds[turn_id] = time.monotonic() - killed_at
            elif status != "running":
                found.ended.add(turn_id)
    return found
