from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config.command_line import needs_database
from tests.config.conftest import ROOT, processes_of

COUNT = "from django.db import connection; print(connection.introspection.table_names())"


def environment(state: Path, **values: str) -> dict[str, str]:
    """Without the test run's database: the command finds one by itself."""
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return {**kept, "STATE_DIR": str(state), **values}


def manage(state: Path, *arguments: str, **values: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    env = environment(state, **values)
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("line", "needs"),
    [
        ("", False),
        ("help", False),
        ("--version", False),
        ("check", False),
        ("makemigrations --check", False),
        ("up", False),
        ("ask --help", False),
        ("ask support", True),
        ("migrate", True),
        ("shell", True),
    ],
)
def test_only_what_needs_a_database_gets_one(line: str, needs: bool) -> None:
    assert needs_database(["manage.py", *line.split()]) is needs


def test_a_command_has_a_database_while_it_runs(state: Path) -> None:
    done = manage(state, "shell", "-v0", "-c", COUNT)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
    assert processes_of(state) == {}


def test_a_command_that_is_asked_to_end_stops_its_database(state: Path) -> None:
    command = [sys.executable, "manage.py", "shell", "-v0", "-c", "print(1, flush=True); import time; time.sleep(600)"]
    with subprocess.Popen(command, cwd=ROOT, env=environment(state), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"  # before that the database is being made, and there is none to stop
        assert any("postgres -D" in command for command in processes_of(state).values())
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
    assert processes_of(state) == {}


def test_a_database_of_ones_own_is_used_as_it_is(state: Path) -> None:
    done = manage(state, "shell", "-v0", "-c", COUNT, DATABASE_URL=os.environ["DATABASE_URL"])
    assert done.returncode == 0, done.stderr
    assert not (state / "postgres").exists()


@pytest.mark.parametrize("arguments", [["check"], ["makemigrations", "--check", "--dry-run"]])
def test_what_needs_none_starts_none(state: Path, arguments: list[str]) -> None:
    done = manage(state, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert not (state / "postgres").exists()


def test_what_a_person_can_mend_is_one_line(state: Path) -> None:
    done = manage(state, "migrate", LLM_CALL_SECONDS="soon")
    assert done.returncode == 1
    assert done.stderr == "manage.py: LLM_CALL_SECONDS is 'soon'; write a whole number\n"


def test_another_python_is_told_where_to_find_the_packages(tmp_path: Path) -> None:
    command = [sys.executable, "-S", "manage.py", "check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "use .venv/bin/python" in done.stderr
