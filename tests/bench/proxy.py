"""Counts the round trips between a program and PostgreSQL by standing between them.

A round trip is a `Sync` or a simple `Query` of the frontend protocol (PostgreSQL documentation, chapter 54): after
either the program waits for `ReadyForQuery`.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROUND_TRIPS = (ord("S"), ord("Q"))


class Counter:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.round_trips = 0

    def add(self, count: int) -> None:
        with self._lock:
            self.round_trips += count


class Frontend:
    """Follows the messages of one connection: a start-up message without a type byte, then type, length, body."""

    def __init__(self) -> None:
        self._buffer = b""
        self._started = False

    def count(self, data: bytes) -> int:
        self._buffer += data
        found = 0
        while True:
            offset = 1 if self._started else 0
            if len(self._buffer) < offset + 4:
                return found
            length = int.from_bytes(self._buffer[offset : offset + 4], "big") + offset
            if len(self._buffer) < length:
                return found
            found += self._started and self._buffer[0] in ROUND_TRIPS
            self._started = True
            self._buffer = self._buffer[length:]


def pump(source: socket.socket, sink: socket.socket, counter: Counter | None) -> None:
    frontend = Frontend()
    try:
        while data := source.recv(65536):
            if counter:
                counter.add(frontend.count(data))
            sink.sendall(data)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def counting_proxy(server: Path, folder: Path) -> Iterator[Counter]:
    """Serves `folder`/.s.PGSQL.5432 and passes everything on to the server's socket."""
    counter = Counter()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / ".s.PGSQL.5432"))
    listener.listen(64)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            backend = socket.socket(socket.AF_UNIX)
            backend.connect(str(server))
            threading.Thread(target=pump, args=(client, backend, counter), daemon=True).start()
            threading.Thread(target=pump, args=(backend, client, None), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield counter
    finally:
        listener.close()
