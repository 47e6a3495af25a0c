"""`make runtime` and `make dev` in a project of two tiny packages, with a broken `python3` first on the PATH."""

from __future__ import annotations

import base64
import errno
import hashlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

import bootstrap
from tests.config.conftest import ROOT, wait_for


def add_wheel(folder: Path, name: str) -> str:
    """Make a package of one module; returns its line in a lock file."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "works = True\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [f"{path},{record_hash(text)},{len(text)}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,"]) + "\n"
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return f"{name}==1.0 \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def record_hash(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


class Project:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "a project"
        wheels, shims, requirements = folder / "wheels", folder / "shims", self.folder / "requirements"
        for each in (wheels, shims, requirements):
            each.mkdir(parents=True)
        for name in ("bootstrap.py", "Makefile"):
            shutil.copy(ROOT / name, self.folder)
        runtime, dev = add_wheel(wheels, "tiny_runtime"), add_wheel(wheels, "tiny_dev")
        (requirements / "runtime.txt").write_text(runtime)
        (requirements / "dev.txt").write_text(dev + runtime)
        for name in ("python3", "python3.13"):
            (shims / name).write_text("#!/bin/sh\necho 'no such version' >&2\nexit 127\n")
            (shims / name).chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MAKE", "PYTHON"))}
        path = f"{shims}:{Path(sys.base_prefix) / 'bin'}:/usr/bin:/bin"
        self.environment = {**kept, "PATH": path, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}

    def start(self, target: str, **values: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["/usr/bin/env", "make", target],
            cwd=self.folder,
            env={**self.environment, **values},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def make(self, target: str, **values: str) -> tuple[int, str]:
        with self.start(target, **values) as process:
            output = process.communicate()[0]
        return process.returncode, output

    def can_import(self, module: str) -> bool:
        python = self.folder / ".venv" / "bin" / "python"
        return subprocess.run([python, "-c", f"import {module}"], check=False, capture_output=True).returncode == 0


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_one_environment_for_running_and_for_tests(project: Project) -> None:
    both = [project.start("runtime"), project.start("runtime")]
    outputs = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sorted("Waiting for another start" in output for output in outputs) == [False, True]
    assert sorted("Making .venv with Python" in output for output in outputs) == [False, True]
    assert project.can_import("tiny_runtime")

    began = time.monotonic()
    assert project.make("runtime") == (0, "")
    assert time.monotonic() - began < 2  # 0.07 s on a quiet machine

    code, output = project.make("dev")
    assert code == 0, output
    assert "Making" not in output
    assert project.can_import("tiny_dev")
    assert project.make("runtime") == (0, "")


def test_after_being_killed_in_the_middle_it_begins_anew(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/simple/"
        hanging = project.start("runtime", PIP_NO_INDEX="", PIP_FIND_LINKS="", PIP_INDEX_URL=address)
        assert wait_for((project.folder / ".venv" / "pip.log").exists, 60)
        os.killpg(hanging.pid, signal.SIGKILL)
        hanging.communicate()
    code, output = project.make("runtime")
    assert code == 0, output
    assert "Making" in output
    assert project.can_import("tiny_runtime")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("NewConnectionError('...: [Errno 111] Connection refused')", "the package index could not be reached"),
        ("Retrying ...\nERROR: No matching distribution found for x==1", "found for x==1"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "pip failed: ERROR: THESE PACKAGES DO NOT MATCH"),
    ],
)
def test_what_pip_says_is_told_in_one_line(said: str, told: str) -> None:
    explained = bootstrap.explain_pip(said)
    assert told in explained
    assert "\n" not in explained


def test_no_suitable_python_is_told_in_one_line(project: Project, tmp_path: Path) -> None:
    code, output = project.make("runtime", PYTHON=str(tmp_path / "shims" / "python3"))
    assert code == 2
    assert f"{tmp_path}/shims/python3 does not run, or is older than 3.11" in output


def test_a_python_without_venv_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "UNFINISHED", tmp_path / ".venv" / ".unfinished")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else object())
    assert bootstrap.main(["runtime"]) == 1
    assert "has no ensurepip: apt-get install python3-venv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "may not be written by this user"),
        (errno.EROFS, "may not be written by this user"),
    ],
)
def test_what_the_system_refuses_is_told_in_one_line(number: int, told: str) -> None:
    explained = bootstrap.explain(OSError(number, os.strerror(number), "/some/where"))
    assert told in explained
    assert "\n" not in explained
