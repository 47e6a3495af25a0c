"""Bring database, demo data and static files up to date, in this process, before anything is served."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import django
import psycopg
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import Error as DatabaseError
from django.db import connections
from django.utils.module_loading import import_string

from config.embedded_postgres.errors import no_room, tells_of_no_room
from config.supervisor.console import Console
from config.supervisor.plan import state_folder
from config.supervisor.signals import StopSignals

CONNECT_SECONDS = 10
Expected = (CommandError, DatabaseError, ImproperlyConfigured, OSError)


class NotPrepared(Exception):
    """A step failed for a reason that a person can mend; the message is one line."""


def check_database(url: str) -> None:
    """Raise NotPrepared unless a server answers at `url`; asked before Django's pool, which would wait for 30 s."""
    try:
        psycopg.connect(url, connect_timeout=CONNECT_SECONDS).close()
    except psycopg.Error as error:
        raise NotPrepared(f"the database that DATABASE_URL names does not answer: {_one_line(error)}") from error


def prepare(console: Console, signals: StopSignals, *, demo: bool) -> None:
    """Migrations, the cache's table, demo data, static files. Raises NotPrepared."""
    quiet = {"verbosity": 0, "stdout": io.StringIO()}
    try:
        with console.step("Settings and apps"), signals.interrupting():
            django.setup()
            call_command("check", **quiet)
        with console.step("Migrations"), signals.interrupting():
            call_command("migrate", interactive=False, **quiet)
            call_command("createcachetable", **quiet)
        if demo:
            with console.step("Demo data"), signals.interrupting():
                call_command("load_demo", **quiet)
        with console.step("Static files"), signals.interrupting():
            _collect_static()
    except Expected as error:
        raise NotPrepared(no_room(state_folder()) if tells_of_no_room(str(error)) else _one_line(error)) from error
    finally:
        _close_connections()


def sign_ins() -> list[tuple[str, str, str]]:
    """(role, e-mail, password) of the people in the demo data."""
    found: list[tuple[str, str, str]] = import_string("agents.demo.SIGN_INS")
    return found


def _close_connections() -> None:
    """Give every connection back: the supervisor lives for days and needs none."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        close_pool = getattr(connection, "close_pool", None)
        if close_pool is not None:
            close_pool()


def _collect_static() -> None:
    """Collect unless the last time was of the same files: naming them by their content takes a second or two."""
    mark = Path(settings.STATIC_ROOT) / ".collected"
    sources = _sources()
    try:
        if mark.read_text(encoding="ascii") == sources:
            return
    except FileNotFoundError:
        pass
    call_command("collectstatic", interactive=False, clear=True, verbosity=0, stdout=io.StringIO())
    mark.write_text(sources, encoding="ascii")


def _sources() -> str:
    """A digest of the paths, sizes and times of all static files."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            found = os.stat(storage.path(path))  # noqa: PTH116 - a storage gives text
            digest.update(f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
