"""One child process: started under the guard, its lines shown, started again when it dies, stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from config.supervisor.console import Console

GUARD = Path(__file__).with_name("guard.py")
#: A process that lived this long is taken to have been well; its next death is its first.
WELL_AFTER_SECONDS = 30.0
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 15.0


class Process:
    def __init__(self, name: str, arguments: Sequence[str], *, stop_seconds: float, console: Console) -> None:
        self.name = name
        self.arguments = arguments
        self.stop_seconds = stop_seconds
        self.deaths = 0
        self._console = console
        self._child: subprocess.Popen[str] | None = None
        self._began = 0.0
        self._start_again_at = 0.0

    @property
    def pid(self) -> int | None:
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Must be called from the main thread: the kernel takes the death of the calling thread for the parent's."""
        # A session of its own: Ctrl-C reaches the supervisor only, and the group can be killed with what it started.
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), *self.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._began = time.monotonic()
        if self._child.stdout is not None:
            threading.Thread(target=self._show_lines, args=(self._child.stdout,), daemon=True).start()

    def _show_lines(self, output: IO[str]) -> None:
        with output:
            for line in output:
                if line.strip():
                    self._console.log(self.name, line.rstrip())

    def tend(self) -> bool:
        """Start it again if it died and its wait is over. Returns whether it was started."""
        if self._child is not None and self._child.poll() is not None:
            self._note_death(self._child)
            self._child = None
        if self._child is not None or time.monotonic() < self._start_again_at:
            return False
        self.start()
        return True

    def _note_death(self, child: subprocess.Popen[str]) -> None:
        _signal_group(child, signal.SIGKILL)  # what it may have started
        lived = time.monotonic() - self._began
        self.deaths = 1 if lived > WELL_AFTER_SECONDS else self.deaths + 1
        wait = min(FIRST_WAIT_SECONDS * 2 ** (self.deaths - 1), LONGEST_WAIT_SECONDS)
        self._start_again_at = time.monotonic() + wait
        self._console.log(self.name, f"{_ending(child.returncode)}; starting it again in {wait:.1f} s")

    def terminate(self) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()

    def stopped(self) -> bool:
        return self._child is None or self._child.poll() is not None

    def kill(self) -> None:
        """End it and whatever it started, at once."""
        if self._child is not None:
            _signal_group(self._child, signal.SIGKILL)
            self._child.wait()


def _signal_group(child: subprocess.Popen[str], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _ending(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
