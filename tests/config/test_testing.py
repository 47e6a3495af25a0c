"""The pytest plugin, in a pytest of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from config.testing import PREFIX, names_read_by_settings
from tests.config.conftest import ROOT, processes_of

TEST = """
import os
import psycopg
import pytest

@pytest.mark.parametrize("number", [1, 2])
def test_it(number):
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        fsync, = connection.execute("select current_setting('fsync')").fetchone()
    print("saw", os.environ.get("ANTHROPIC_API_KEY"), fsync, os.environ["DATABASE_URL"], os.environ["STATE_DIR"])
"""


@pytest.fixture(autouse=True)
def _temporary_folder(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each test: a run sweeps up what it finds, and would come upon another that is just ending."""
    monkeypatch.setenv("TMPDIR", str(state))


def outside_of_pytest() -> dict[str, str]:
    """The environment as a shell has it: without this run's database, and not that of a worker of pytest-xdist."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    kept.pop("DATABASE_URL")
    return {**kept, "PYTHONPATH": str(ROOT)}


def run(tmp_path: Path, *arguments: str, **values: str) -> str:
    (tmp_path / "test_it.py").write_text(TEST)
    plugin = ["-p", "config.testing", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-c", os.devnull]
    command = [sys.executable, "-m", "pytest", "-rP", *plugin, *arguments, str(tmp_path)]
    env = {**outside_of_pytest(), "DJANGO_SETTINGS_MODULE": "config.settings", **values}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_run_has_a_careless_database_and_a_clean_environment(tmp_path: Path) -> None:
    output = run(tmp_path, ANTHROPIC_API_KEY="a person's own")
    found = re.findall(r"^saw (\S+) (\S+) (\S+) (\S+)$", output, re.MULTILINE)
    assert len(found) == 2
    key, fsync, _, state = found[0]
    assert (key, fsync) == ("None", "off")
    assert Path(state).name.startswith(PREFIX)
    assert not Path(state).exists()
    assert processes_of(Path(state)) == {}


def test_workers_share_the_server_of_their_controller(tmp_path: Path) -> None:
    output = run(tmp_path, "-n", "2")
    found = re.findall(r"^saw \S+ off (\S+) \S+$", output, re.MULTILINE)
    assert len(found) == 2
    assert len(set(found)) == 1


def test_another_server_may_be_named(tmp_path: Path) -> None:
    given = os.environ["DATABASE_URL"]
    assert f"saw None off {given} " in run(tmp_path, TEST_DATABASE_URL=given)


def test_what_a_killed_run_left_behind_is_swept_up(tmp_path: Path, state: Path) -> None:
    start = (
        "from config import testing\n"
        "class Config:\n    def add_cleanup(self, _): pass\n"
        "testing.pytest_load_initial_conftests(Config())\n"
        "import os, signal\nprint(os.environ['STATE_DIR'], flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", start]
    killed = subprocess.run(command, cwd=ROOT, env=outside_of_pytest(), capture_output=True, text=True, check=False)
    left = Path(killed.stdout.strip())
    assert left.parent == state
    assert processes_of(left)
    run(tmp_path)
    assert processes_of(left) == {}
    assert not left.exists()


def test_the_names_of_the_settings_are_found() -> None:
    assert {"DATABASE_URL", "ANTHROPIC_BASE_URL", "STATE_DIR", "SECRET_KEY"} <= set(names_read_by_settings())
