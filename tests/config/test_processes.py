from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from config.supervisor.console import Console
from config.supervisor.processes import GUARD, Process
from config.supervisor.record import began_at
from tests.config.conftest import wait_for

Start = Callable[[str], Process]


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def start(out: io.StringIO) -> Iterator[Start]:
    """Start Python code as a process named "it"."""
    started: list[Process] = []

    def run(code: str) -> Process:
        process = Process("it", [sys.executable, "-c", code], stop_seconds=1, console=Console(out))
        started.append(process)
        process.start()
        return process

    yield run
    for process in started:
        process.kill()


def gone(pid: int) -> bool:
    return began_at(pid) is None


def test_its_lines_are_shown_under_its_name(start: Start, out: io.StringIO) -> None:
    start("import sys; print('one'); print(); print('two', file=sys.stderr)")
    assert wait_for(lambda: out.getvalue().count("\n") == 2)
    assert sorted(out.getvalue().splitlines()) == ["it      | one", "it      | two"]


def test_a_dead_one_is_started_again_after_a_growing_pause(
    start: Start, out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0  # a clock of its own: how long a busy machine takes to start a process is not in the pause
    monkeypatch.setattr("config.supervisor.processes.time", SimpleNamespace(monotonic=lambda: now))
    process = start("import sys; sys.exit(3)")
    for pause in (0.5, 1.0):
        assert wait_for(process.stopped)
        assert not process.tend()
        now += pause - 0.01
        assert not process.tend()
        now += 0.02
        assert process.tend()
        assert f"ended with code 3; starting it again in {pause} s" in out.getvalue()
    assert process.deaths == 2


def test_a_living_one_is_left_alone(start: Start) -> None:
    process = start("import time; time.sleep(60)")
    pid = process.pid
    assert not process.tend()
    assert process.pid == pid


def test_a_killed_one_says_by_what(start: Start, out: io.StringIO) -> None:
    process = start("import time; time.sleep(60)")
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    assert wait_for(process.stopped)
    process.tend()
    assert "was killed by SIGKILL" in out.getvalue()


def test_killing_it_ends_what_it_started(start: Start, out: io.StringIO) -> None:
    process = start(
        "import subprocess, sys, time;"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid, flush=True);"
        "time.sleep(60)"
    )
    assert wait_for(lambda: "|" in out.getvalue())
    grandchild = int(out.getvalue().split("|")[1])
    assert not gone(grandchild)
    process.kill()
    assert process.stopped()
    assert wait_for(lambda: gone(grandchild))


def became_another(guard: int) -> bool:
    command = Path(f"/proc/{guard}/cmdline").read_bytes()
    return b"sleep" in command and str(GUARD).encode() not in command


def test_the_guard_ends_a_process_whose_parent_was_killed(tmp_path: Path) -> None:
    parent = (
        "import os, subprocess, sys, time;"
        f"guard = [sys.executable, '-I', '-S', {str(GUARD)!r}, str(os.getpid())];"
        "child = subprocess.Popen([*guard, sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        # The request is made by the guard itself, some milliseconds after its start.
        assert wait_for(lambda: became_another(child))
        process.kill()
    assert wait_for(lambda: gone(child))


def test_the_guard_does_not_start_what_has_lost_its_parent_already() -> None:
    not_its_parent = "1"
    command = [sys.executable, "-I", "-S", str(GUARD), not_its_parent, sys.executable, "-c", "print('started')"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
