"""Deals the plan's blows to the processes, each at its instant."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass

import httpx2

from tests.faults.desk import Desk
from tests.faults.plan import Blow
from tests.faults.watch import Recovery, Rows, watch_recovery

EMPTY_BROKER = "TRUNCATE pgmq.q_tandem"
MANY = 1_000_000
QUICKLY = 0.1


@dataclass(frozen=True, kw_only=True)
class Dealt:
    """Times by `time.monotonic()`."""

    blow: Blow
    began_at: float
    ended_at: float


class Blows:
    def __init__(self, desk: Desk, rows: Rows) -> None:
        self._desk = desk
        self._rows = rows
        self._watches: list[asyncio.Task[Recovery]] = []
        self.dealt: list[Dealt] = []
        self.kinds: Counter[str] = Counter()

    async def deal(self, blows: list[Blow], *, started_at: float) -> None:
        """All of them, those that overlap included; back to normal at the end."""
        async with asyncio.TaskGroup() as group:
            for blow in blows:
                await asyncio.sleep(max(0.0, started_at + blow.at - time.monotonic()))
                group.create_task(self._deal_one(blow))

    async def recoveries(self) -> list[Recovery]:
        return list(await asyncio.gather(*self._watches))

    async def _deal_one(self, blow: Blow) -> None:
        began_at = time.monotonic()
        match blow.kind:
            case "kill_worker":
                if self._desk.is_down(blow.worker):
                    return
                await self._kill(blow.worker)
            case "stop_worker":
                await self._desk.stop_worker(blow.worker, blow.seconds)
            case "empty_broker":
                await self._rows.fetch(EMPTY_BROKER)
            case "restart_database":
                await self._restart_database()
            case "shop_outage":
                await self._break_shop(blow.seconds)
        self.kinds[blow.kind] += 1
        self.dealt.append(Dealt(blow=blow, began_at=began_at, ended_at=time.monotonic()))

    async def _kill(self, worker: int) -> None:
        await self._desk.kill_worker(worker)
        # What ran on it still bears its lease.
        watch = watch_recovery(self._rows, time.monotonic())
        self._watches.append(asyncio.get_running_loop().create_task(watch))
        await self._desk.restart_worker(worker)

    async def _restart_database(self) -> None:
        await self._desk.restart_database()

    async def _break_shop(self, seconds: float) -> None:
        """The shop refuses everything for a while, by its own switch."""
        address = f"{self._desk.shop_url}/_faults"
        async with httpx2.AsyncClient(trust_env=False) as client:
            (await client.put(address, json={"fail_next": MANY})).raise_for_status()
            await asyncio.sleep(seconds)
            (await client.delete(address)).raise_for_status()
