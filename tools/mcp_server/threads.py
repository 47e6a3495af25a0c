"""Where the endpoint's work with the database and the backends is done: off the event loop, in a few threads.

Two pools, so that calls that wait for a slow backend keep nobody from listing tools. The number of threads is also the
most connections to the database that the endpoint can hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from observability.database import give_back_connection

QUICK_THREADS = 4
CALL_THREADS = 16
P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    def __init__(self) -> None:
        self._quick = ThreadPoolExecutor(QUICK_THREADS, thread_name_prefix="mcp")
        self._calls = ThreadPoolExecutor(CALL_THREADS, thread_name_prefix="mcp-call")

    async def quickly(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Work that asks the database only."""
        return await run_in(self._quick, function, *args, **kwargs)

    async def calling(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Work that may wait for a backend. It goes on where the one who asked has gone away."""
        return await run_in(self._calls, function, *args, **kwargs)

    def stop(self) -> None:
        """What runs is finished; what has not begun never does."""
        self._quick.shutdown(wait=False, cancel_futures=True)
        self._calls.shutdown(wait=False, cancel_futures=True)


async def run_in(pool: ThreadPoolExecutor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    def work() -> T:
        try:
            return function(*args, **kwargs)
        finally:
            give_back_connection()

    return await asyncio.get_running_loop().run_in_executor(pool, work)
