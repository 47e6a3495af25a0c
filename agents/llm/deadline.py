"""Breaks off a model call when its time is up.

A blocked read cannot look at a clock, and a read timeout starts anew with every chunk, so one thread a process watches
the clock for all calls under way. It sleeps while there are none.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from agents.errors import ModelFailed

TICK_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True)
class Watch:
    due: float
    cancel: Callable[[], None]


class Watcher:
    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._watches: dict[int, Watch] = {}
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    @contextmanager
    def deadline(self, due: float, cancel: Callable[[], None]) -> Iterator[None]:
        """Calls `cancel` from the watcher's thread if the block still runs at `due` (`time.monotonic()`)."""
        number = next(self._numbers)
        with self._wake:
            self._watches[number] = Watch(due=due, cancel=cancel)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            elif len(self._watches) == 1:
                self._wake.notify()
        try:
            yield
        finally:
            self._watches.pop(number, None)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._watches:
                    self._wake.wait()
            now = time.monotonic()
            for number, watch in list(self._watches.items()):
                if watch.due <= now and self._watches.pop(number, None) is watch:
                    watch.cancel()
            time.sleep(TICK_SECONDS)


watcher = Watcher()


@contextmanager
def within(due: float) -> Iterator[float]:
    """Yields the seconds that are left until `due`; what fails after it, fails because the time was up."""
    seconds = due - time.monotonic()
    if seconds <= 0:
        raise ModelFailed("timeout", "no time is left for a model call", retryable=False)
    try:
        yield seconds
    except ModelFailed as error:
        if error.kind in {"cut", "connection"} and time.monotonic() >= due:
            raise ModelFailed("timeout", f"broken off after {seconds:.0f} s", retryable=True) from error
        raise
