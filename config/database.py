"""Give this process a database: the one that DATABASE_URL names, else the embedded one."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from config.embedded_postgres import EmbeddedPostgres
from config.env import env_str


def hold_database(state: Path) -> EmbeddedPostgres | None:
    """Set DATABASE_URL unless it is set; the embedded server is held until this process ends or releases it.

    Raises PostgresUnavailable.
    """
    if env_str("DATABASE_URL"):
        return None
    server = EmbeddedPostgres(state)
    os.environ["DATABASE_URL"] = server.acquire()
    atexit.register(_release, server, os.getpid())
    return server


def _release(server: EmbeddedPostgres, holder: int) -> None:
    if os.getpid() == holder:  # not in a forked child
        server.release()


def leave_on_signals() -> None:
    """End by the ordinary way on SIGTERM and SIGHUP, so that the hold on the server is given back."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _leave)


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
