"""A machine with and without a browser, for the tests that need one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import find_chromium
from tests.config.conftest import ROOT

TESTS = """
import pytest

def test_first(page):
    pass

@pytest.mark.parametrize("number", [1, 2])
def test_second(number):
    pass
"""


def program(folder: Path, name: str, code: int = 0) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH; nothing fetched by Playwright, and no CHROMIUM."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "fetched"))
    monkeypatch.delenv("CHROMIUM", raising=False)
    return tmp_path / "bin"


def test_there_is_none(path: Path) -> None:
    assert find_chromium() is None


def test_one_on_the_path_is_found_in_order_of_names(path: Path) -> None:
    program(path, "google-chrome")
    found = program(path, "chromium")
    assert find_chromium() == found


def test_one_that_does_not_run_is_passed_over(path: Path) -> None:
    program(path, "chromium", code=127)
    found = program(path, "google-chrome")
    assert find_chromium() == found


def test_the_one_that_playwright_fetched_is_found(path: Path, tmp_path: Path) -> None:
    (tmp_path / "fetched" / "chromium-1234").mkdir(parents=True)
    found = program(tmp_path / "fetched" / "chromium-1234" / "chrome-linux64", "chrome")
    assert find_chromium() == found


def test_the_chosen_one_is_not_replaced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(path, "chromium")
    monkeypatch.setenv("CHROMIUM", str(path / "missing"))
    assert find_chromium() is None


def run(tmp_path: Path, *arguments: str, **values: str) -> subprocess.CompletedProcess[str]:
    """In a temporary folder of its own: each run sweeps up what others left in it, and some end in that moment."""
    (tmp_path / "temporary").mkdir()
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["tests.conftest"]\n')
    plugins = ["-p", "config.testing", "-p", "no:cacheprovider", "-c", os.devnull]
    command = [sys.executable, "-m", "pytest", *plugins, "--rootdir", str(tmp_path), *arguments, str(tmp_path)]
    left = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_") and name != "CI"}
    env = {**left, "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "config.settings", "CHROMIUM": "/none", **values}
    env["TMPDIR"] = str(tmp_path / "temporary")
    env["TEST_DATABASE_URL"] = env["DATABASE_URL"]
    return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [(), ("-n", "2")])
def test_without_one_the_tests_are_left_out_with_a_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("Browser tests were left out (1): no Chromium was found") == 1
    assert "2 passed" in done.stdout


def test_under_ci_leaving_them_out_is_a_failure(tmp_path: Path) -> None:
    done = run(tmp_path, CI="true")
    assert done.returncode == 1
    assert "no Chromium was found" in done.stdout
    assert "2 passed, 1 error" in done.stdout
