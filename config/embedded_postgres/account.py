"""Who PostgreSQL runs as: ourselves, or, as it refuses to run as root, a system user made for it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from config.embedded_postgres.errors import PostgresUnavailable

SYSTEM_USER = "tandem-postgres"
# Nothing of ours reaches the server: a PGDATA or LC_ALL of the person's shell would change what it does.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, kw_only=True)
class Account:
    name: str
    uid: int
    gid: int
    #: True when it is another user than ourselves, so that files have to be handed over to it.
    switched: bool

    def run(self, arguments: Sequence[str | Path], *, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run to the end; `stdout` holds both streams. In a session of its own, so that Ctrl-C cannot halve it."""
        return subprocess.run(
            [str(argument) for argument in arguments],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            cwd="/",
            env=ENVIRONMENT,
            start_new_session=True,
            umask=0o077,
            user=self.uid if self.switched else None,
            group=self.gid if self.switched else None,
            extra_groups=[] if self.switched else None,
        )

    def spawn(self, arguments: Sequence[str | Path], *, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [str(argument) for argument in arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=ENVIRONMENT,
            start_new_session=True,
            umask=0o077,
            user=self.uid if self.switched else None,
            group=self.gid if self.switched else None,
            extra_groups=[] if self.switched else None,
        )

    def can_execute(self, program: Path) -> bool:
        try:
            return self.run([program, "--version"]).returncode == 0
        except PermissionError:
            return False

    def can_enter(self, folder: Path) -> bool:
        return not self.switched or self.run(["/bin/sh", "-c", 'test -x "$0"', folder]).returncode == 0

    def own(self, path: Path, mode: int) -> None:
        path.chmod(mode)
        if self.switched:
            os.chown(path, self.uid, self.gid)


def account_for(data: Path) -> Account:
    """The owner of an existing data folder, whoever starts it now; else ourselves, or the system user for root."""
    if os.geteuid() != 0:
        return _account(pwd.getpwuid(os.geteuid()), switched=False)
    try:
        owner = data.stat().st_uid
    except FileNotFoundError:
        owner = 0
    return _account(pwd.getpwuid(owner) if owner else _system_user(), switched=True)


def _account(entry: pwd.struct_passwd, *, switched: bool) -> Account:
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, switched=switched)


def _system_user() -> pwd.struct_passwd:
    """Find or make the system user; `nobody` where users cannot be made."""
    found = _find_user(SYSTEM_USER)
    program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if found is None and program is not None:
        options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
        command = [program, *options, "--shell", "/usr/sbin/nologin", SYSTEM_USER]
        subprocess.run(command, check=False, capture_output=True)
        found = _find_user(SYSTEM_USER)
    found = found or _find_user("nobody")
    if found is None:
        raise PostgresUnavailable(
            f"PostgreSQL does not run as root, and there is no useradd to make the user {SYSTEM_USER!r} with. "
            "Run as an ordinary user, or set DATABASE_URL"
        )
    return found


def _find_user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
