"""The embedded server as its users see it: take hold of it, and let go of it; the last to let go stops it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from config.embedded_postgres.account import account_for
from config.embedded_postgres.cluster import Cluster
from config.embedded_postgres.errors import NO_ROOM, PostgresUnavailable, no_room, not_ours
from config.embedded_postgres.places import cluster_home, find_binaries, make_home, make_socket_folder


class EmbeddedPostgres:
    """The PostgreSQL whose files lie in `state/postgres`, shared by every process that names the same folder.

    Each user holds a shared lock, which the kernel drops with the process however it ends; so a server is left
    running only when its last user was killed, and the next user finds it and stops it in the end.
    """

    def __init__(self, state: Path, *, durable: bool = True) -> None:
        self.state = state.resolve()
        self.durable = durable
        self._cluster: Cluster | None = None
        self._hold: int | None = None

    def acquire(self) -> str:
        """Make sure that the server runs, hold it, and return its `postgresql://` URL."""
        with self._told_plainly(), self._one_at_a_time():
            self._cluster = cluster = self._find_cluster()
            cluster.make()
            url = cluster.url
            self._hold = _lock(cluster.home / "holders.lock", fcntl.LOCK_SH)
            try:
                cluster.run()
            except BaseException:  # Ctrl-C during a long recovery as well
                self._give_back(cluster)
                raise
            return url

    def ensure_running(self) -> bool:
        """Start the server again if it died under its holders. Returns whether it had to."""
        if self._cluster is None or self._cluster.postmaster() is not None:
            return False
        with self._told_plainly(), self._one_at_a_time():
            if self._cluster.postmaster() is not None:
                return False
            self._cluster.run()
            return True

    def release(self) -> bool:
        """Let go; stop the server if nobody else holds it. Returns whether it was stopped."""
        if self._cluster is None or self._hold is None:
            return False
        with self._one_at_a_time():
            return self._give_back(self._cluster)

    def _give_back(self, cluster: Cluster) -> bool:
        if self._hold is None:
            return False
        try:
            fcntl.flock(self._hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            cluster.leave()
            return False
        else:
            cluster.stop()
            return True
        finally:
            os.close(self._hold)
            self._hold = None

    def _find_cluster(self) -> Cluster:
        account = account_for(cluster_home(self.state) / "data-18")
        home = make_home(self.state, account)
        socket = make_socket_folder(home, account)
        return Cluster(binaries=find_binaries(account), home=home, socket=socket, account=account, durable=self.durable)

    @contextlib.contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        self.state.mkdir(mode=0o711, parents=True, exist_ok=True)
        descriptor = _lock(self.state / "postgres.lock", fcntl.LOCK_EX)
        try:
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _told_plainly(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise PostgresUnavailable(not_ours(error.filename)) from error
        except OSError as error:
            if error.errno in NO_ROOM:
                raise PostgresUnavailable(no_room(self.state)) from error
            raise PostgresUnavailable(f"PostgreSQL's files cannot be made in {self.state}: {error}") from error


def _lock(path: Path, kind: int) -> int:
    """Wait for the lock; it lasts until the returned descriptor is closed. Children do not inherit it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, kind)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
