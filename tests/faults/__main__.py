"""`make faults`: many conversations against real processes that are killed, stopped, cut off and lied to.

Prints one table, and ends with 1 if anything is there that must not be. The same seed gives the same conversations and
the same faults; what they meet depends on the machine, too.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2

from tests.faults.blows import Blows
from tests.faults.customers import DEMO_REVIEWERS, Browser, Customer, Record, Staff
from tests.faults.deciders import Deciders
from tests.faults.desk import ROOT, Desk, until_answers
from tests.faults.plan import RATE, Conversation, Plan, make_plan
from tests.faults.proxy import Proxy
from tests.faults.reconcile import reconcile
from tests.faults.records import read_all
from tests.faults.report import Run, evidence, table
from tests.faults.trouble import ModelTrouble, ShopTrouble
from tests.faults.watch import OPEN_TURNS, RESERVATIONS, Quiet, Rows

CONVERSATIONS = 150
# A desk that has more to do than the machine can is slow, not stuck: so long nothing may move.
SETTLE_SECONDS = 90.0
# Nothing may be begun for so long before it counts as quiet.
CALM_SECONDS = 1.0
AT_ONCE = 64
PREFIX = "tandem-faults-"


def main() -> int:
    options = read_options()
    plan = make_plan(seed=options.seed, conversations=options.conversations, rate=options.rate)
    if options.plan:
        for line in [*map(str, plan.conversations), *map(str, plan.blows)]:
            say(line)
        return 0
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    folder.chmod(0o711)  # PostgreSQL may run as another user
    run = asyncio.run(Faults(plan, folder).run())
    for line in table(run):
        say(line)
    if run.is_clean and not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
        return 0
    say("")
    for line in evidence(run):
        say(line)
    say(f"\nLogs and books are kept in {folder}.")
    return int(not run.is_clean)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--conversations", type=int, default=CONVERSATIONS)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rate", type=float, default=RATE, help="conversations that begin in a second")
    parser.add_argument("--plan", action="store_true", help="print what would be done, and do nothing")
    parser.add_argument("--keep", action="store_true", help="keep logs and databases of a clean run, too")
    return parser.parse_args()


class Faults:
    """One run in one folder."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.desk = Desk(folder)
        self.model = ModelTrouble(plan)
        self.shop = ShopTrouble(plan)
        self.proxies = [Proxy(self.desk.model_port, self.model.treat), Proxy(self.desk.shop_port, self.shop.treat)]
        self.problems: list[str] = []

    async def run(self) -> Run:
        began_at = time.monotonic()
        try:
            links = await self._start()
            async with self._watching() as (rows, quiet):
                return await self._run(links, rows, quiet, began_at)
        finally:
            for proxy in self.proxies:
                await proxy.stop()
            await asyncio.to_thread(self.desk.stop)

    async def _start(self) -> dict[int, str]:
        """Everything up; the customers' links by conversation."""
        say(f"Starting the desk in {self.desk.folder} ...")
        await asyncio.to_thread(self.desk.start_database)
        model_url, shop_url = [await proxy.start() for proxy in self.proxies]
        self.desk.set_environment(shop_url=shop_url, model_url=model_url)
        links = await asyncio.to_thread(self._prepare)
        self.desk.start_services()
        self.desk.start()
        for url in (self.desk.web_url, self.desk.shop_url, f"http://127.0.0.1:{self.desk.model_port}"):
            await until_answers(f"{url}/healthz")
        return links

    def _prepare(self) -> dict[int, str]:
        given = [str(self.desk.folder), str(self.plan.seed), str(len(self.plan.conversations))]
        ran = subprocess.run(
            [sys.executable, "-m", "tests.faults.prepare", *given],
            cwd=ROOT,
            env=self.desk.env,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return {int(number): link for number, link in json.loads(ran.stdout).items()}

    @asynccontextmanager
    async def _watching(self) -> AsyncIterator[tuple[Rows, Quiet]]:
        """What runs beside the conversations: the look at the rows, and the supervisor."""
        rows = Rows(self.desk.database_url)
        quiet = Quiet(rows)
        try:
            async with working(quiet.run(), self.desk.tend()):
                yield rows, quiet
        finally:
            await rows.close()

    async def _run(self, links: dict[int, str], rows: Rows, quiet: Quiet, began_at: float) -> Run:
        transport = httpx2.AsyncHTTPTransport(
            limits=httpx2.Limits(max_connections=AT_ONCE * 2, max_keepalive_connections=AT_ONCE), verify=False
        )
        staff = Staff(Browser(self.desk.web_url, transport))
        reviewers = [Staff(Browser(self.desk.web_url, transport), login) for login in DEMO_REVIEWERS]
        for person in [staff, *reviewers]:
            await person.sign_in()
        say(f"{len(self.plan.conversations)} conversations over {self.plan.seconds:.0f} s ...")
        started_at = time.monotonic()
        blows = Blows(self.desk, rows, started_at=started_at)
        deciders = Deciders(self.plan, reviewers, rows, blows.strike)
        async with working(deciders.run()):
            dealing = asyncio.create_task(blows.deal(self.plan.blows))
            records = await self._converse(links, transport, staff, quiet, started_at=started_at)
            await dealing
            say("All have spoken; waiting until all is quiet ...")
            settled = await self._settle(rows)
        recoveries = await blows.recoveries()
        found = await asyncio.to_thread(read_all, self.desk.database_url, self.desk.shop_url, self.shop.arrived)
        return Run(
            plan=self.plan,
            records=records,
            dealt=blows.dealt,
            recoveries=recoveries,
            kinds=blows.kinds + self.model.kinds + self.shop.kinds,
            troubles=self.troubles(),
            rows=found,
            findings=reconcile(found, records, deciders.answers),
            died=self.desk.died,
            logs=self.desk.logs,
            started_at=started_at,
            seconds=time.monotonic() - began_at,
            settled_seconds=settled,
            answers=deciders.answers,
            decided=deciders.decided,
            problems=[*self.problems, *deciders.problems],
        )

    def troubles(self) -> dict[int, list[str]]:
        numbers = {*self.model.of_conversation, *self.shop.of_conversation}
        both = (self.model.of_conversation, self.shop.of_conversation)
        return {number: [text for found in both for text in found.get(number, [])] for number in numbers}

    # -- the conversations

    async def _converse(
        self,
        links: dict[int, str],
        transport: httpx2.AsyncHTTPTransport,
        staff: Staff,
        quiet: Quiet,
        *,
        started_at: float,
    ) -> list[Record]:
        """Each begins at its time, as long as not too many are under way."""
        places = asyncio.Semaphore(AT_ONCE)
        records: list[Record] = []

        async def one(conversation: Conversation) -> None:
            async with places:
                browser = Browser(self.desk.web_url, transport)
                customer = Customer(conversation, links[conversation.number], browser, staff, quiet)
                records.append(customer.record)
                await self._noting(conversation, customer.converse)

        async with asyncio.TaskGroup() as group:
            for conversation in self.plan.conversations:
                await asyncio.sleep(max(0.0, started_at + conversation.begins_at - time.monotonic()))
                group.create_task(one(conversation))
        return records

    async def _noting(self, conversation: Conversation, converse: Callable[[], Coroutine[None, None, Record]]) -> None:
        """A customer who cannot go on is told of, and the others go on."""
        try:
            await converse()
        except (AssertionError, TimeoutError, KeyError) as error:
            self.problems.append(f"conversation {conversation.number} broke off: {type(error).__name__}: {error}")

    async def _settle(self, rows: Rows) -> float | None:
        """Seconds until nothing was left to do; None where that did not come about."""
        began_at = time.monotonic()
        quiet_since: float | None = None
        busy, moved_at = -1, began_at
        while time.monotonic() < moved_at + SETTLE_SECONDS:
            before, busy = busy, await rows.count(OPEN_TURNS) + await rows.count(RESERVATIONS)
            if busy != before:
                moved_at = time.monotonic()
            if busy or any(proxy.under_way for proxy in self.proxies):
                quiet_since = None
            elif quiet_since is None:
                quiet_since = time.monotonic()
            elif time.monotonic() > quiet_since + CALM_SECONDS:
                return quiet_since - began_at
            await asyncio.sleep(0.2)
        return None


@asynccontextmanager
async def working(*works: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """They go on beside the block, and end with it; what one of them ended of is raised then."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  the harness's output


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
