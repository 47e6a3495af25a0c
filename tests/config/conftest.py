"""State folders for tests that start servers of their own, and a look at what they left behind."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.embedded_postgres import EmbeddedPostgres

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def state() -> Iterator[Path]:
    """A folder that PostgreSQL's own user can enter, which pytest's `tmp_path` is not for root. Left without users."""
    folder = Path(tempfile.mkdtemp(prefix="desk-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    # Whoever stops a server that another started sees its file go, a moment before the process itself has gone.
    wait_for(lambda: not processes_of(folder))
    left = processes_of(folder)
    home = (folder / "postgres").resolve()
    shutil.rmtree(home, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    assert not left, f"left behind: {left}"


@pytest.fixture
def server(state: Path) -> Iterator[EmbeddedPostgres]:
    found = EmbeddedPostgres(state, durable=False)
    yield found
    found.release()


def processes_of(folder: Path) -> dict[int, str]:
    """The command lines, by process id, of what runs with the folder's name in its arguments; zombies do not."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            # Of whatever runs on this machine: nobody promises that its name is UTF-8, or read whole.
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state_letter = (process / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
        except (OSError, IndexError):
            continue
        if str(folder) in command and state_letter not in "ZX" and int(process.name) != os.getpid():
            found[int(process.name)] = command
    return found


def wait_for(condition: object, seconds: float = 60.0) -> bool:
    """Poll `condition()` until it is true or the time is over."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())
