"""pytest plugin (`-p config.testing`): a throw-away PostgreSQL, and an environment that is the same everywhere.

Each run has a server of its own, in a folder under the system's temporary one, with fsync off: two runs at the same
time do not meet. TEST_DATABASE_URL names a server to use instead. Workers of pytest-xdist inherit the environment.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.embedded_postgres import EmbeddedPostgres, PostgresUnavailable

PREFIX = "tandem-tests-"
SETTINGS = Path(__file__).with_name("settings.py")


def names_read_by_settings() -> list[str]:
    """The environment variables that `config/settings.py` reads, in its order."""
    found = re.findall(r'env_[a-z]+\(\s*"([A-Z_]+)"', SETTINGS.read_text(encoding="utf-8"))
    return list(dict.fromkeys(found))


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Runs before Django reads its settings."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    # What a person has set up for `make run` must not reach a test: a key would call, and pay, a real model.
    for name in names_read_by_settings():
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    _sweep()
    state = Path(tempfile.mkdtemp(prefix=PREFIX))
    state.chmod(0o711)
    early_config.add_cleanup(lambda: shutil.rmtree(state, ignore_errors=True))
    os.environ["STATE_DIR"] = str(state)
    os.environ["SECRET_KEY"] = "not-secret-in-tests"  # noqa: S105
    # The default broker's tables are in the database, and a test's database is not the one in DATABASE_URL. A test that
    # runs a worker gives it and the web process the real one.
    os.environ["CELERY_BROKER_URL"] = "memory://"
    # Texts that share words are near enough for most tests, and cost neither a build nor 90 MB a process.
    os.environ["EMBEDDINGS"] = "lexical"
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        os.environ["DATABASE_URL"] = given
        return
    server = EmbeddedPostgres(state, durable=False)

    def stop() -> None:
        server.release()

    early_config.add_cleanup(stop)  # before the folder is removed: the last one added is the first to run
    try:
        os.environ["DATABASE_URL"] = server.acquire()
    except PostgresUnavailable as error:
        raise pytest.UsageError(f"{error}, or TEST_DATABASE_URL for the tests") from error


def _sweep() -> None:
    """Stop and remove what a killed run left behind; a run that still goes on holds its server's lock."""
    for state in _own_folders():
        holders = (state / "postgres").resolve() / "holders.lock"
        if not holders.exists() or _is_held(holders):
            continue
        server = EmbeddedPostgres(state, durable=False)
        try:
            server.acquire()
        except PostgresUnavailable:
            continue
        if server.release():
            shutil.rmtree(holders.parent, ignore_errors=True)
            shutil.rmtree(state, ignore_errors=True)


def _own_folders() -> Iterator[Path]:
    for state in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        found = state.lstat()
        if found.st_uid == os.geteuid() and not state.is_symlink():
            yield state


def _is_held(lock: Path) -> bool:
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
