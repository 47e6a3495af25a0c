"""What can go wrong with the embedded server, said so that a person can act on it."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
NO_ROOM_WORDS = ("No space left on device", "Check free disk space", "Disk quota exceeded", "File too large")


class PostgresUnavailable(Exception):
    """The server cannot be had; the message is one line for the person at the terminal."""


def unavailable(what: str, output: str, place: Path) -> PostgresUnavailable:
    """The error for a failed step: `what` went wrong, `output` is what the program said of it."""
    if tells_of_no_room(output):
        return PostgresUnavailable(no_room(place))
    return PostgresUnavailable(f"{what}: {_reason(output)}")


def _reason(output: str) -> str:
    """The line that says why, out of PostgreSQL's output."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    marks = ("FATAL:", "PANIC:", "ERROR:", "error:")
    telling = [line[line.index(mark) :] for line in lines for mark in marks if mark in line]
    return (telling or lines or ["no reason given"])[-1]


def tells_of_no_room(output: str) -> bool:
    return any(words in output for words in NO_ROOM_WORDS)


def no_room(place: Path) -> str:
    return (
        f"the disk is full: nothing can be written to {place} any more ({free_megabytes(place)} MB free). "
        "Make room (200 MB is plenty) and start again, or set STATE_DIR to a folder on another disk"
    )


def not_ours(place: str | Path) -> str:
    return (
        f"{place} belongs to another user. Start as the user who did so first, or set STATE_DIR to a folder of your own"
    )


def free_megabytes(place: Path) -> int:
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free // 1_000_000
