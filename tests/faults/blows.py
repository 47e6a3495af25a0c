"""Deals the plan's blows to the processes, each at its instant."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass

import httpx2

from tests.faults.decisions import Decision
from tests.faults.desk import Desk
from tests.faults.plan import WEB, Blow
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
    def __init__(self, desk: Desk, rows: Rows, *, started_at: float) -> None:
        self._desk = desk
        self._rows = rows
        self._started_at = started_at
        self._watches: list[asyncio.Task[Recovery]] = []
        self.dealt: list[Dealt] = []
        self.kinds: Counter[str] = Counter()

    async def deal(self, blows: list[Blow]) -> None:
        """All of them, those that overlap included; back to normal at the end."""
        async with asyncio.TaskGroup() as group:
            for blow in blows:
                await asyncio.sleep(max(0.0, self._started_at + blow.at - time.monotonic()))
                group.create_task(self._deal_one(blow))

    async def strike(self, decision: Decision) -> None:
        """What is to die at this decision, a moment after its button was pressed; back again when this returns."""
        if decision.strike != "none":
            await asyncio.sleep(decision.strike_after)
            at = time.monotonic() - self._started_at
            await self._deal_one(Blow(at=at, kind=decision.strike, worker=decision.worker, is_aimed=True))

    async def recoveries(self) -> list[Recovery]:
        return list(await asyncio.gather(*self._watches))

    async def _deal_one(self, blow: Blow) -> None:
        began_at = time.monotonic()
        match blow.kind:
            case "kill_worker" | "kill_web":
                if self._desk.is_down(blow.process):
                    return
                await self._kill(blow.process)
            case "stop_worker":
                await self._desk.pause(blow.process, blow.seconds)
            case "empty_broker":
                await self._rows.fetch(EMPTY_BROKER)
            case "restart_database":
                await self._restart_database()
            case "shop_outage":
                await self._break_shop(blow.seconds)
        self.kinds[blow.name] += 1
        self.dealt.append(Dealt(blow=blow, began_at=began_at, ended_at=time.monotonic()))

    async def _kill(self, process: str) -> None:
        await self._desk.kill(process)
        if process != WEB:
            # What ran on it still bears its lease.
            watch = watch_recovery(self._rows, time.monotonic())
            self._watches.append(asyncio.get_running_loop().create_task(watch))
        await self._desk.restart(process)

    async def _restart_database(self) -> None:
        await self._desk.restart_database()

    async def _break_shop(self, seconds: float) -> None:
        """The shop refuses everything for a while, by its own switch."""
        address = f"{self._desk.shop_url}/_faults"
        async with httpx2.AsyncClient(trust_env=False) as client:
            (await client.put(address, json={"fail_next": MANY})).raise_for_status()
            await asyncio.sleep(seconds)
            (await client.delete(address)).raise_for_status()
