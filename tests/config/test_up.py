"""The whole desk, really started: everything `make run` does after the packages are there."""

from __future__ import annotations

import fcntl
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agents.demo import SIGN_INS
from config.supervisor.ports import free_port
from tests.config.conftest import ROOT, processes_of, wait_for
from tests.config.test_command_line import environment, manage

READY_SECONDS = 120


def heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Up:
    def __init__(self, state: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = state / "up.log"
        command = [sys.executable, "manage.py", "up", "--demo", "--port", str(port)]
        with self.log.open("w") as log:
            env = environment(state, WORKER_CONCURRENCY="2")
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=env,
                stdout=log,
                stderr=log,
                start_new_session=True,
                # A run of the tests in the background is started with SIGINT ignored, and so would be its children.
                preexec_fn=heed_interrupts,  # noqa: PLW1509  one call, before anything else runs in the child
            )

    @property
    def output(self) -> str:
        return self.log.read_text()

    def ready(self) -> bool:
        return wait_for(
            lambda: "Ctrl-C stops everything" in self.output or self.process.poll() is not None, READY_SECONDS
        ) and (self.process.poll() is None)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(READY_SECONDS)


@pytest.fixture
def up(state: Path) -> Iterator[Callable[[], Up]]:
    """One test at a time, whichever process runs it: the demo's shop and model have ports that each would take."""
    started: list[Up] = []
    with (Path(tempfile.gettempdir()) / f"tandem-test-up-{os.geteuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        port = port_to_keep()

        def start() -> Up:
            started.append(Up(state, port))
            return started[-1]

        yield start
        for one in started:
            if one.process.poll() is None:
                one.end(signal.SIGTERM)


def port_to_keep() -> int:
    """Free, and of those that the kernel gives nobody who asks for any: it is listened at seconds later."""
    return next(port for port in random.sample(range(11_000, 30_000), 100) if free_port("127.0.0.1", port) == port)


def status(url: str) -> int:
    """Also of a failure; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def test_one_desk_from_its_first_start_to_its_last(state: Path, up: Callable[[], Up]) -> None:
    first = up()
    assert first.ready(), first.output
    for step in ("PostgreSQL", "Migrations", "Demo data", "Static files", "Web, worker and beat"):
        assert re.search(rf"^  {step} +\d+\.\d s$", first.output, re.MULTILINE), first.output
    assert f"Tandem is ready at {first.url} " in first.output
    assert all(email in first.output and password in first.output for _, email, password in SIGN_INS)
    assert "The model is scripted" in first.output
    assert status(first.url + "/healthz") == 200
    running = json.loads((state / "up.json").read_text())
    assert len(running["processes"]) == 5
    assert status(running["environment"]["DEMO_SHOP_URL"] + "/healthz") == 200

    # A second one on the same folder, and a command in a second terminal.
    second = up()
    assert second.process.wait(READY_SECONDS) == 1
    assert f"runs from this folder already (process {first.process.pid}) at {first.url}" in second.output
    asked = manage(state, "shell", "-v0", "-c", "from django.conf import settings; print(settings.DEMO_SHOP_URL)")
    assert asked.stdout.strip() == running["environment"]["DEMO_SHOP_URL"], asked.stderr

    # Killed: its children are asked to end, the database stays, and the next start takes it over.
    postmaster = [pid for pid, command in processes_of(state).items() if "bin/postgres -D" in command]
    first.end(signal.SIGKILL)
    third = up()
    assert third.ready(), third.output
    assert [pid for pid, command in processes_of(state).items() if "bin/postgres -D" in command] == postmaster
    assert not any(pid in map(str, processes_of(state)) for pid in running["processes"])

    # The database is killed under it, and comes back.
    os.kill(postmaster[0], signal.SIGKILL)
    restarted = "postgres| had died; it was started again"
    assert wait_for(lambda: restarted in third.output, READY_SECONDS), third.output
    assert wait_for(lambda: status(third.url + "/accounts/login/") == 200, READY_SECONDS)

    assert third.end(signal.SIGINT) == 0
    assert re.findall(r"Stopping (.+?)  ", third.output) == ["web, worker and beat", "model and shop", "PostgreSQL"]
    assert processes_of(state) == {}
    assert not (state / "up.json").exists()


def test_a_taken_port_is_told_in_one_line_before_anything_is_started(state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = manage(state, "up", "--port", str(port))
    assert done.returncode == 1
    assert re.fullmatch(rf"NotStarted: port {port} is taken by process \d+ .*; make run PORT=\d+\n", done.stderr)
    assert not (state / "postgres").exists()


def test_a_database_that_does_not_answer_is_told_in_one_line(state: Path) -> None:
    port = free_port("127.0.0.1", 0)
    done = manage(state, "up", "--port", str(port), DATABASE_URL=f"postgresql://127.0.0.1:{port}/none")
    assert done.returncode == 1
    assert re.fullmatch(r"NotStarted: the database that DATABASE_URL names does not answer: .*\n", done.stderr)
    assert processes_of(state) == {}


@pytest.mark.parametrize("seconds", [0.0, 1.0, 2.0])
def test_it_can_be_broken_off_at_any_time(state: Path, up: Callable[[], Up], seconds: float) -> None:
    """Once its own code runs: until then it is Python that starts, and answers Ctrl-C in words of its own."""
    early = up()
    assert wait_for((state / "up.lock").exists)
    wait_for(lambda: False, seconds)
    assert early.end(signal.SIGINT) in {0, 130}
    assert "Traceback" not in early.output
    assert wait_for(lambda: processes_of(state) == {})
