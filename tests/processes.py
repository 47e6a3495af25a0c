"""Real workers and beats for tests, on the test's database and with the default broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

ROOT = Path(__file__).resolve().parent.parent


def database_dsn() -> str:
    """The test's database, as the login that settings name."""
    database = connection.settings_dict
    return make_conninfo(
        dbname=database["NAME"],
        user=database["USER"],
        password=database["PASSWORD"] or None,
        host=database["HOST"] or None,
        port=database["PORT"] or None,
    )


def environment(**values: object) -> dict[str, str]:
    """This test's environment for another process: its database, its shop, its model, short times."""
    given = {
        "DATABASE_URL": database_dsn(),
        "CELERY_BROKER_URL": "pgmq://localhost/",
        "DEMO_SHOP_URL": settings.DEMO_SHOP_URL,
        "ANTHROPIC_BASE_URL": settings.ANTHROPIC_BASE_URL,
        "SWEEP_SECONDS": 1,
        "NUDGE_AFTER_SECONDS": 0,
        "TURN_LEASE_SECONDS": 3,
        **values,
    }
    return {**os.environ, **{name: str(value) for name, value in given.items()}}


@contextmanager
def running(*arguments: str, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A Python module as a process of its own group; killed at the end, whatever became of it."""
    process = subprocess.Popen([sys.executable, "-m", *arguments], cwd=ROOT, env=env, start_new_session=True)
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """`kill -9`, children included."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def running_worker(**values: object):
    options = ["-P", "threads", "-c", "8", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    return running("celery", "-A", "config", "worker", "-l", "WARNING", *options, env=environment(**values))


def running_beat(folder: Path, **values: object):
    schedule = str(folder / "beat")
    return running("celery", "-A", "config", "beat", "-l", "WARNING", "-s", schedule, env=environment(**values))
