"""The model as one file in STATE_DIR/models: built from the weights at first use, under a lock, and checked."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from memory.embeddings.weights import Weights, WeightsUnusable, check, sha256_of

# To be counted up with every change of `graph.py` that gives another file.
EDITION = 1
FILE = f"all-MiniLM-L6-v2-int8-{EDITION}.onnx"
# It takes five seconds.
BUILD_SECONDS = 300


def ready_file(weights: Weights) -> Path:
    """The file, built if it is missing or broken; of several processes one builds and the others wait.

    Raises `WeightsUnusable`.
    """
    folder = Path(settings.STATE_DIR) / "models"
    file = folder / FILE
    if is_sound(file):
        return file
    try:
        # 0711: PostgreSQL's own user has to pass through STATE_DIR when it is not ours.
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        folder.mkdir(exist_ok=True)
        with locked(folder):
            if not is_sound(file):
                build(weights, file)
    except OSError as error:
        raise WeightsUnusable(f"The embedding model cannot be kept in {folder}: {error.strerror}.") from error
    return file


def is_sound(file: Path) -> bool:
    """Whether its checksum is the one that was written when it was built."""
    try:
        return checksum_of(file).read_text(encoding="ascii") == sha256_of(file)
    except (OSError, UnicodeDecodeError):
        return False


def checksum_of(file: Path) -> Path:
    return file.with_suffix(".sha256")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The folder itself is the lock: there is no file that could stay behind."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def build(weights: Weights, file: Path) -> None:
    """Whole under another name first. The checksum comes last: a kill before it leaves a file that is built again.

    The name is this process's own: a builder whose parent was killed may still write to another.
    """
    check(weights.weights)
    for left in file.parent.glob("*.half"):
        left.unlink(missing_ok=True)
    half = file.with_suffix(f".{os.getpid()}.half")
    try:
        run_builder(weights.weights, half)
        put(half, file)
        half.write_text(sha256_of(file), encoding="ascii")
        put(half, checksum_of(file))
    finally:
        half.unlink(missing_ok=True)


def run_builder(weights: Path, out: Path) -> None:
    command = [sys.executable, "-m", "memory.embeddings.graph", str(weights), str(out)]
    try:
        subprocess.run(
            command, cwd=settings.BASE_DIR, check=True, capture_output=True, text=True, timeout=BUILD_SECONDS
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or [f"it ended with {error.returncode}"]
        raise WeightsUnusable(f"The embedding model could not be built: {said[-1][:200]}") from error
    except subprocess.TimeoutExpired as error:
        raise WeightsUnusable(f"The embedding model could not be built within {BUILD_SECONDS} seconds.") from error


def put(half: Path, file: Path) -> None:
    descriptor = os.open(half, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    half.replace(file)
