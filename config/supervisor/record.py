"""What `up` leaves on disk while it runs, for a second start, a start after a kill, and a second terminal."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LEFTOVERS_SECONDS = 10.0


class AlreadyRunning(Exception):
    """Another `up` has this state folder; `url` is where its web answers, if it has come so far."""

    def __init__(self, pid: int | None, url: str) -> None:
        super().__init__(pid, url)
        self.pid = pid
        self.url = url


class Record:
    """`state/up.json`, owned by the holder of the lock `state/up.lock`, which ends with its process."""

    def __init__(self, state: Path) -> None:
        self._file = state / "up.json"
        self._lock = state / "up.lock"
        self._content: dict[str, Any] = {}
        self._descriptor: int | None = None

    def claim(self) -> None:
        """Raises AlreadyRunning."""
        self._lock.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            other = _read(self._file)
            raise AlreadyRunning(other.get("pid"), other.get("environment", {}).get("PUBLIC_URL", "")) from error
        self._descriptor = descriptor
        self._content = _read(self._file)

    def leftovers(self) -> list[int]:
        """Processes of an earlier `up` that was killed, and that have not ended yet."""
        found: dict[str, float] = self._content.get("processes", {})
        return [int(pid) for pid, began in found.items() if began_at(int(pid)) == began]

    def write(self, *, environment: Mapping[str, str], pids: list[int]) -> None:
        """Note the addresses and the processes; a write that fails costs no more than a help after a kill."""
        processes = {str(pid): began_at(pid) for pid in pids}
        self._content = {"pid": os.getpid(), "environment": dict(environment), "processes": processes}
        half = self._file.with_suffix(".half")
        try:
            half.write_text(json.dumps(self._content), encoding="utf-8")
            half.replace(self._file)
        except OSError:
            half.unlink(missing_ok=True)

    def close(self) -> None:
        if self._descriptor is not None:
            self._file.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None


def running_environment(state: Path) -> dict[str, str]:
    """The addresses that a running `up` gave its processes; empty when none runs on this state folder."""
    content = _read(state / "up.json")
    try:
        descriptor = os.open(state / "up.lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return {}
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return dict(content.get("environment", {}))
    finally:
        os.close(descriptor)
    return {}


def end_leftovers(pids: list[int]) -> None:
    """Wait for processes that were asked to end when their supervisor was killed; then kill their groups."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + LEFTOVERS_SECONDS
        began = {pid: began_at(pid) for pid in pids}
        for pid in pids:
            _signal_group(pid, number)
        while time.monotonic() < deadline and any(began_at(pid) is not None for pid in pids):
            time.sleep(0.05)
        pids = [pid for pid in pids if began_at(pid) is not None and began_at(pid) == began[pid]]


def began_at(pid: int) -> float | None:
    """When the process began, in clock ticks since the machine did (proc_pid_stat(5), field 22): tells it from a later
    one with the same id. None when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else float(fields[19])


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
