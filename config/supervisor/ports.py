"""Ports: whether one is free, who has it, and another one instead."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
LISTENING = "0A"  # TCP_LISTEN in /proc/net/tcp, proc_pid_net(5)


class PortRefused(Exception):
    """The port cannot be used; the message says why, by whom it is taken where that can be known, and the way out."""


def check_port(host: str, port: int) -> None:
    """Raise PortRefused unless a server could listen at `host`:`port`."""
    if not 0 < port < 65536:
        raise PortRefused(f"port {port} does not exist; take one between 1 and 65535")
    try:
        _listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            instead = next((other for other in range(port + 1, 65536) if _can_listen(host, other)), 8001)
            raise PortRefused(f"port {port} is taken{_by_whom(port)}; make run PORT={instead}") from error
        if error.errno in {errno.EACCES, errno.EPERM}:
            raise PortRefused(f"port {port} is not for this user: those below 1024 are root's") from error
        raise PortRefused(f"nothing can listen at {host}:{port}: {error.strerror or error}") from error


def free_port(host: str, wanted: int) -> int:
    """`wanted` if it is free, else one that is."""
    try:
        return _listen(host, wanted)
    except OSError:
        return _listen(host, 0)


def _can_listen(host: str, port: int) -> bool:
    try:
        _listen(host, port)
    except OSError:
        return False
    return True


def _listen(host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do: connections of an earlier one that are still being closed are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        probe.listen(1)
        return int(probe.getsockname()[1])


def _by_whom(port: int) -> str:
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in PROC.glob("[0-9]*"):
        if sockets & set(_open_files(process)):
            return f" by process {process.name} ({_command(process)})"
    return ""


def _open_files(process: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):  # another user's process, or one that has just ended
        for link in (process / "fd").iterdir():
            with contextlib.suppress(OSError):  # a file that has just been closed
                yield str(link.readlink())


def _listening_inodes(port: int) -> Iterator[str]:
    for name in ("tcp", "tcp6"):
        try:
            lines = (PROC / "net" / name).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _command(process: Path) -> str:
    try:
        words = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return "?"
    return " ".join(words).strip()[:60] or "?"
