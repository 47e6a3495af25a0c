"""The whole desk, really started: everything `make run` does after the packages are there."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
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
        return self.process.wait(60)


@pytest.fixture
def up(state: Path) -> Iterator[Callable[[], Up]]:
    started: list[Up] = []
    port = free_port("127.0.0.1", 0)

    def start() -> Up:
        started.append(Up(state, port))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.end(signal.SIGTERM)


def status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return int(answer.status)


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
    assert second.process.wait(30) == 1
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
    assert wait_for(lambda: "postgres| had died; it was started again" in third.output), third.output
    assert wait_for(lambda: status(third.url + "/accounts/login/") == 200)

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


@pytest.mark.parametrize("seconds", [0.5, 1.5, 2.5])
def test_it_can_be_broken_off_at_any_time(state: Path, up: Callable[[], Up], seconds: float) -> None:
    early = up()
    wait_for(lambda: False, seconds)
    assert early.end(signal.SIGINT) in {0, 130}
    assert "Traceback" not in early.output
    assert wait_for(lambda: processes_of(state) == {})
