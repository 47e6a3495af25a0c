"""Ctrl-C and its kin as a question that the supervisor asks, not as an exception that meets it anywhere."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Self

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: One request may come twice at once: sent to the whole process group, and passed on by make.
ECHO_SECONDS = 0.2


class StopRequested(BaseException):
    """Not an Exception, as KeyboardInterrupt is none: no `except Exception` on the way may swallow it."""


class StopSignals:
    def __init__(self) -> None:
        self.count = 0
        self._last = float("-inf")
        self._asked = threading.Event()
        self._interrupting = False

    def __enter__(self) -> Self:
        for number in STOPPING:
            # Under nohup a hang-up is ignored, and stays so.
            if not (number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN):
                signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number in STOPPING:
            signal.signal(number, signal.SIG_DFL)

    def _receive(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._last > ECHO_SECONDS:
            self.count += 1
        self._last = now
        self._asked.set()
        if self._interrupting:
            self._interrupting = False
            raise StopRequested

    def check(self) -> None:
        """Raise StopRequested if somebody asked meanwhile."""
        if self.count:
            raise StopRequested

    @contextlib.contextmanager
    def interrupting(self) -> Iterator[None]:
        """For a block that may be broken off anywhere: raise StopRequested in it at once."""
        self._interrupting = True
        try:
            self.check()
            yield
        finally:
            self._interrupting = False

    def wait(self, seconds: float) -> bool:
        """Sleep, but not past a signal. Returns whether one has come."""
        return self._asked.wait(seconds)
