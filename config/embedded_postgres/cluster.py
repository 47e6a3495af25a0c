"""One PostgreSQL cluster: made whole or not at all, started, asked whether it runs, stopped."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import quote

from config.embedded_postgres.account import Account
from config.embedded_postgres.errors import PostgresUnavailable, unavailable

PROC = Path("/proc")
#: Above the largest process id that Linux or macOS gives (PID_MAX_LIMIT is 4,194,304).
NOBODYS_PID = 4_194_305
START_SECONDS = 300
STOP_SECONDS = 60
ORPHANS_SECONDS = 15
LOG_BYTES = 10_000_000
ANSWERING = frozenset({"ready", "standby"})

SETTINGS = {
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "500",
    "log_checkpoints": "off",
}
# For tests: what a crash of the machine would lose is thrown away anyway.
CARELESS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "300",
    "autovacuum": "off",
}


class Postmaster(NamedTuple):
    """What `postmaster.pid` says; `state` is PostgreSQL's own word: starting, ready, stopping or standby."""

    pid: int
    state: str


class Cluster:
    def __init__(self, *, binaries: Path, home: Path, socket: Path, account: Account, durable: bool = True) -> None:
        self.binaries = binaries
        self.home = home
        self.socket = socket
        self.account = account
        self.durable = durable
        self.data = home / "data-18"
        self.log = home / "postgres.log"
        self._password = home / "password"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://tandem:{self._read_password()}@/tandem?host={quote(str(self.socket), safe='')}"

    def _read_password(self) -> str:
        try:
            return self._password.read_text(encoding="ascii").strip()
        except FileNotFoundError as error:
            raise PostgresUnavailable(
                f"{self._password} is missing, so nobody can sign in to the database in {self.data}. "
                f"Restore it, or remove {self.home} to begin with an empty database"
            ) from error

    # -- making it
    def make(self) -> None:
        """Make the cluster with its role and database, in a folder that gets its name only when all of it is there."""
        if self.data.exists():
            return
        for left in self.home.glob("data-18.half-*"):
            shutil.rmtree(left, ignore_errors=True)
        # A name of its own: the `initdb` of a start that was killed may still be at work on the last one.
        half = self.home / f"data-18.half-{secrets.token_hex(4)}"
        try:
            self._fill(half)
        except BaseException:
            shutil.rmtree(half, ignore_errors=True)
            raise
        half.rename(self.data)

    def _fill(self, half: Path) -> None:
        half.mkdir(mode=0o700)
        self.account.own(half, 0o700)
        options = ["--username=tandem", "--auth=trust", "--encoding=UTF8"]
        # PostgreSQL's own rules for characters: the same on every system, whatever locales it has.
        options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options += [f"--set={name}={value}" for name, value in SETTINGS.items()]
        if not self.durable:
            options.append("--no-sync")
        self._must([self.binaries / "initdb", "-D", half, *options])
        password = secrets.token_urlsafe(24)
        self._write_password(password)
        statements = f"alter role tandem password '{password}';\ncreate database tandem;\n"
        single = ["--single", "-D", str(half), "-c", "exit_on_error=on", *self._options(), "template1"]
        self._must([self.binaries / "postgres", *single], stdin=statements)
        rules = half / "pg_hba.conf"
        rules.write_text("local all all scram-sha-256\n", encoding="ascii")

    def _must(self, arguments: Sequence[str | Path], *, stdin: str = "") -> None:
        done = self.account.run(arguments, stdin=stdin)
        if done.returncode != 0:
            raise unavailable("PostgreSQL could not make its database", done.stdout, self.home)

    def _write_password(self, password: str) -> None:
        half = self._password.with_suffix(".half")
        half.unlink(missing_ok=True)
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(password)
        half.rename(self._password)

    def _options(self) -> list[str]:
        settings = {} if self.durable else CARELESS
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    # -- running it
    def postmaster(self) -> Postmaster | None:
        """The running server of this cluster, or None; a zombie or another process with its old id does not count."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            found = Postmaster(int(lines[0]), lines[7].strip() if len(lines) > 7 else "starting")
        except (FileNotFoundError, ValueError, IndexError):
            return None
        if self._child is not None and self._child.pid == found.pid and self._child.poll() is not None:
            return None
        return found if self._serves(found.pid) else None

    def _serves(self, pid: int) -> bool:
        if not PROC.exists():
            return _signal(pid, 0)
        try:
            state = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
            arguments = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
        except (OSError, IndexError):
            return False
        return state not in "ZX" and os.fsencode(self.data) in arguments

    def run(self) -> None:
        """Start the server unless it runs, and wait until it answers, through a recovery if it has one to do."""
        deadline = time.monotonic() + START_SECONDS
        while (found := self.postmaster()) is not None and time.monotonic() < deadline:
            if found.state in ANSWERING:
                return
            time.sleep(0.05)
        if found is not None:
            raise PostgresUnavailable(f"PostgreSQL is {found.state} and does not answer; its log: {self.log}")
        patience = time.monotonic() + ORPHANS_SECONDS
        while (output := self._try_to_start()) is not None:
            # After `kill -9` of the server its last children need a moment to notice.
            if "still in use" not in output or time.monotonic() > patience:
                raise unavailable(f"PostgreSQL did not start (its log: {self.log})", output, self.home)
            time.sleep(0.2)

    def _try_to_start(self) -> str | None:
        """None when the server answers, else what it said as it gave up."""
        self._forget_dead_postmaster()
        if self._child is not None:
            with suppress(subprocess.TimeoutExpired):  # the one before, killed: until it is waited for it stays
                self._child.wait(STOP_SECONDS)
        command: list[str | Path] = [self.binaries / "postgres", "-D", self.data, "-c", "listen_addresses="]
        command += ["-c", f"unix_socket_directories={_listed(self.socket)}", "-c", "unix_socket_permissions=0700"]
        with self._open_log() as log:
            said_before = log.tell()
            child = self._child = self.account.spawn([*command, *self._options()], log=log)
        deadline = time.monotonic() + START_SECONDS
        while child.poll() is None:
            found = self.postmaster()
            if found is not None and found.pid == child.pid and found.state in ANSWERING:
                return None
            if time.monotonic() > deadline:
                self.stop()
                raise PostgresUnavailable(f"PostgreSQL was not ready after {START_SECONDS} s; its log: {self.log}")
            time.sleep(0.01)
        return self.log.read_bytes()[said_before:].decode("utf-8", "replace")

    def _forget_dead_postmaster(self) -> None:
        """Take the dead server's process id out of its files: a zombie, or a stranger that has the id now, answers
        to a signal, and PostgreSQL would not start. The rest stays, for it is how PostgreSQL finds orphaned children.
        """
        pid_file = self.data / "postmaster.pid"
        if pid_file.exists():
            rest = pid_file.read_text(encoding="utf-8").partition("\n")[2]
            pid_file.write_text(f"{NOBODYS_PID}\n{rest}", encoding="utf-8")
        (self.socket / ".s.PGSQL.5432.lock").unlink(missing_ok=True)

    def _open_log(self) -> IO[bytes]:
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.old"))
        log = self.log.open("ab")
        self.account.own(self.log, 0o600)
        return log

    def leave(self) -> None:
        """Leave the server to its other holders; it is not a child to wait for any more."""
        if self._child is not None:
            self._child.returncode = 0  # what `Popen` asks for before it lets go of a process without a warning
            self._child = None

    def stop(self) -> None:
        """Stop at once but cleanly ("fast"): running statements are rolled back, nothing is left to recover."""
        for request in (signal.SIGINT, signal.SIGQUIT):
            deadline = time.monotonic() + STOP_SECONDS
            found = self.postmaster()
            if found is not None:
                _signal(found.pid, request)
            while self.postmaster() is not None and time.monotonic() < deadline:
                time.sleep(0.01)
        if self._child is not None and self.postmaster() is None:
            self._child.wait(STOP_SECONDS)  # its file is gone a moment before it is


def _signal(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _listed(folder: Path) -> str:
    """The folder as one member of a PostgreSQL list, which would split it at a comma."""
    return '"' + str(folder).replace('"', '""') + '"'
