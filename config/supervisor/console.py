"""What the person at the terminal sees: a line for each step with its seconds, then log lines by process."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from typing import TextIO

NAME_WIDTH = 8
TITLE_WIDTH = 44
TICK_SECONDS = 0.1
#: ANSI colours that are readable on light and dark grounds, given to processes in their order.
COLOURS = (36, 35, 33, 32, 34, 31)
CLEAR_LINE = "\r\033[K"


class Console:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        terminal = stream.isatty()
        self._live = terminal and os.environ.get("TERM") != "dumb"
        self._coloured = terminal and not os.environ.get("NO_COLOR")
        self._lock = threading.RLock()
        self._names: list[str] = []
        self._running = ""  # the line of the step that is under way, redrawn below whatever is printed meanwhile

    def say(self, line: str = "") -> None:
        with self._lock:
            self._write(f"{CLEAR_LINE if self._running else ''}{line}\n{self._running}")

    def log(self, name: str, line: str) -> None:
        """A line that the process `name` wrote."""
        with self._lock:
            if name not in self._names:
                self._names.append(name)
            colour = COLOURS[self._names.index(name) % len(COLOURS)]
        self.say(f"{self._in_colour(f'{name:<{NAME_WIDTH}}', colour)}| {line}")

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show the title with the seconds that the block takes, counting on a terminal."""
        began = time.monotonic()
        done = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(title, began, done), daemon=True)
        if self._live:
            ticker.start()
        try:
            yield
        except BaseException:
            self._finish(ticker, done, f"  {title:<{TITLE_WIDTH}} failed")
            raise
        self._finish(ticker, done, f"  {title:<{TITLE_WIDTH}} {time.monotonic() - began:5.1f} s")

    def _tick(self, title: str, began: float, done: threading.Event) -> None:
        while not done.is_set():
            with self._lock:
                self._running = f"  {title:<{TITLE_WIDTH}} {time.monotonic() - began:5.1f} s"
                self._write(CLEAR_LINE + self._running)
            done.wait(TICK_SECONDS)

    def _finish(self, ticker: threading.Thread, done: threading.Event, line: str) -> None:
        done.set()
        if self._live:
            ticker.join()
        with self._lock:
            self._write((CLEAR_LINE if self._running else "") + line + "\n")
            self._running = ""

    def _in_colour(self, text: str, colour: int) -> str:
        return f"\033[{colour}m{text}\033[0m" if self._coloured else text

    def _write(self, text: str) -> None:
        # The terminal may be gone (a closed window, `| head`): that is no reason to leave processes behind.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()
