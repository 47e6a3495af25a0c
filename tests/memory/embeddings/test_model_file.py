"""The model's file: built once by however many, and again when it is broken."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from memory.embeddings import DIMENSIONS, embedder, why_lexical
from memory.embeddings.model_file import FILE, is_sound, ready_file
from memory.embeddings.weights import Weights
from tests.config.conftest import ROOT

SCRIPT = """
import django
django.setup()
from memory.embeddings.model_file import ready_file
from memory.embeddings.weights import find_weights
print(ready_file(find_weights()).stat().st_ino)
"""


def test_of_two_processes_one_builds(weights: Weights, tmp_path: Path) -> None:
    environment = {"DJANGO_SETTINGS_MODULE": "config.settings", "STATE_DIR": str(tmp_path), "SECRET_KEY": "x"}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    outputs = [process.communicate() for process in both]
    file = tmp_path / "models" / FILE
    # A second build would have put another file in the place of the first.
    assert [int(output) for output, _ in outputs] == [file.stat().st_ino] * 2, outputs
    kept = hashlib.sha256(file.read_bytes()).hexdigest()
    assert file.with_suffix(".sha256").read_text() == kept
    assert len(list(file.parent.iterdir())) == 2


@pytest.mark.parametrize("harm", ["flipped", "cut", "empty", "no checksum", "half a checksum", "no file"])
def test_a_broken_file_is_seen(local: Any, settings: Any, tmp_path: Path, harm: str) -> None:
    whole = (settings.STATE_DIR / "models" / FILE).read_bytes()
    harmed = {"flipped": whole[:-1] + bytes([whole[-1] ^ 1]), "cut": whole[:-100], "empty": b""}
    sums = {"no checksum": "", "half a checksum": hashlib.sha256(whole).hexdigest()[:32]}
    file = tmp_path / FILE
    if harm != "no file":
        file.write_bytes(harmed.get(harm, whole))
    file.with_suffix(".sha256").write_text(sums.get(harm, hashlib.sha256(whole).hexdigest()))
    assert not is_sound(file)


def test_a_broken_file_is_built_again(local: Any, weights: Weights, settings: Any, tmp_path: Path) -> None:
    whole = (settings.STATE_DIR / "models" / FILE).read_bytes()
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / FILE).write_bytes(whole[:1000])
    (folder / "left-by-a-kill.1.half").write_bytes(whole)
    settings.STATE_DIR = tmp_path
    built = ready_file(weights)
    assert is_sound(built)
    assert sorted(path.suffix for path in folder.iterdir()) == [".onnx", ".sha256"]


def test_a_sound_file_is_taken_as_it_is(local: Any, weights: Weights, settings: Any) -> None:
    def stands() -> tuple[int, ...]:
        """Without the time of the last reading, which the checksum's own may move."""
        found = (settings.STATE_DIR / "models" / FILE).stat()
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    before = stands()
    assert ready_file(weights) == settings.STATE_DIR / "models" / FILE
    assert stands() == before


def test_the_package_may_lose_the_weights_after_the_build(local: Any, package: Path, settings: Any) -> None:
    """They are read for the build only: what was built from the published ones is good."""
    settings.EMBEDDINGS = ""
    (package / "model.safetensors").unlink()
    (package / "model.safetensors").write_bytes(b"")
    assert why_lexical() == ""
    assert len(embedder().embed(["hello"])[0]) == DIMENSIONS
