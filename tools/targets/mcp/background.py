"""One event loop in a thread of its own, for libraries that are written for one while turns run in threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

Result = TypeVar("Result")


class Background:
    """Started when something is first run in it, and kept for the life of the process."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()

    def start(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        """What the coroutine gives or raises, for any thread to wait for."""
        return asyncio.run_coroutine_threadsafe(work, self._running_loop())

    def run(self, work: Coroutine[Any, Any, Result], *, seconds: float) -> Result:
        """Wait that long at most, then cancel it. Raises `TimeoutError`, and what the coroutine raises."""
        future = self.start(work)
        try:
            return future.result(timeout=max(seconds, 0))
        except TimeoutError:
            future.cancel()
            raise

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                # A daemon: it must never keep a process from ending.
                threading.Thread(target=self._loop.run_forever, name="background-loop", daemon=True).start()
            return self._loop


background = Background()
