"""What every test shares: plain static files, the whole application behind a real address, and a browser."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
import pytest
import uvicorn
from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.cache import cache
from django.db import connections
from django.test import override_settings
from hypothesis import HealthCheck
from pytest_django.plugin import DjangoDbBlocker

from config.handlers import Dispatcher
from tests.browser import find_chromium
from tests.kept_caches import forget_rows, read_once
from tests.kept_rows import kept_rows

# Playwright's synchronous interface leaves a loop running in the main thread, which Django takes for async code.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

# How long an example takes says how busy the machine is. The rest stays as Hypothesis has it, which is fixed under CI.
hypothesis.settings.register_profile(
    "tests", parent=hypothesis.settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis.settings.load_profile("tests")

pytest_plugins = ["tests.factories"]
LONGEST = "test_accessibility.py"
LAST_SECONDS_OF_A_DAY = 60.0
LEFT_OUT = pytest.StashKey[int]()
NO_BROWSER = (
    "no Chromium was found: install one (Debian: apt-get install chromium), let Playwright fetch its own "
    "(.venv/bin/python -m playwright install --with-deps chromium), or name one in CHROMIUM"
)


# -- order, and a machine without a browser
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Browser tests run last, as the loop that Playwright leaves behind would break an async test after them.

    Without a browser they are left out, except under CI, where their fixture fails. The longest of them comes first, or
    one worker would be at it when the others have long ended.
    """
    items.sort(key=lambda item: (_uses_browser(item), item.path.name != LONGEST))
    for item in items:
        if _commits(item):
            item.fixturenames.append("django_db_serialized_rollback")  # type: ignore[attr-defined]  # of every Function
    browserless = not _under_ci() and any(_uses_browser(item) for item in items) and find_chromium() is None
    left_out = [item for item in items if browserless and _uses_browser(item)]
    config.stash[LEFT_OUT] = len(left_out)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not _uses_browser(item)]


def _uses_browser(item: pytest.Item) -> bool:
    return not {"page", "context", "new_context", "browser"}.isdisjoint(getattr(item, "fixturenames", ()))


def _commits(item: pytest.Item) -> bool:
    """Whether the test really commits. Afterwards all tables are emptied, and the rows of migrations have to be put
    back: for every such test, as what one leaves out would be missing in the next."""
    marker = item.get_closest_marker("django_db")
    by_marker = marker is not None and bool(marker.kwargs.get("transaction"))
    return by_marker or "transactional_db" in getattr(item, "fixturenames", ())


def _under_ci() -> bool:
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # in a worker of pytest-xdist, whose summary nobody sees
        session.config.workeroutput["left_out"] = session.config.stash.get(LEFT_OUT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    # Each worker collects all tests, so any one of them knows the number.
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    left_out = config.stash.get(LEFT_OUT, 0)
    if left_out:
        terminalreporter.write_line(f"Browser tests were left out ({left_out}): {NO_BROWSER}.", yellow=True)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    path = find_chromium()
    if path is None:
        pytest.fail(NO_BROWSER, pytrace=False)
    # Chromium's own sandbox does not start as root.
    arguments = ["--disable-dev-shm-usage", "--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    return {**browser_type_launch_args, "executable_path": path, "args": arguments}


@pytest.fixture(autouse=True)
def nothing_kept_of_another_test() -> Iterator[None]:
    yield
    forget_rows()


@pytest.fixture
def django_assert_max_num_queries(django_assert_max_num_queries: Any) -> Any:
    """As it comes, counted with `read_once`."""

    @contextmanager
    def counted(most: int, **options: Any) -> Iterator[Any]:
        with read_once(), django_assert_max_num_queries(most, **options) as context:
            yield context

    return counted


@pytest.fixture
def within_a_day() -> None:
    """Budgets, prices and the shop's dates go by the days of UTC: a test that uses them is not to see two of them."""
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    left = (midnight - now).total_seconds()
    if left < LAST_SECONDS_OF_A_DAY:
        time.sleep(left + 0.1)


# -- the database
@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Keep the rows of migrations where every connection finds them: Django keeps them with one, and a test that runs
    beside Playwright's loop has another."""
    with ExitStack() as cleanup:
        with django_db_blocker.unblock():
            connection = connections["default"]
            rows = getattr(connection, "_test_serialized_contents", "[]")
            type(connection)._test_serialized_contents = rows  # type: ignore[attr-defined]  # Django's own name for them
            connection.__dict__.pop("_test_serialized_contents", None)
            cleanup.enter_context(kept_rows())
        yield


# -- the application
@pytest.fixture(scope="session", autouse=True)
def _plain_static_files() -> Iterator[None]:
    """Static files straight from the source folders, under their own names: nothing is collected for a test."""
    storages = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    with override_settings(STORAGES=storages):
        yield


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    with override_settings(PASSWORD_HASHERS=["tests.passwords.CheapScrypt", *settings.PASSWORD_HASHERS[1:]]):
        yield


@pytest.fixture(scope="session")
def _listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture(scope="session")
def base_url(_listener: socket.socket) -> str:
    """What Playwright puts before a path in `page.goto("/inbox/")`."""
    return f"http://127.0.0.1:{_listener.getsockname()[1]}"


@pytest.fixture(scope="session")
def _asgi_thread(_listener: socket.socket, _plain_static_files: None, django_db_setup: None) -> Iterator[None]:
    """The ASGI application in a thread. Django's live_server is WSGI: it would collect an endless stream, and hang."""
    options: dict[str, Any] = {"lifespan": "off", "ws": "none", "log_config": None, "access_log": False}
    server = uvicorn.Server(
        uvicorn.Config(
            ASGIStaticFilesHandler(Dispatcher(threads=settings.WEB_THREADS)), timeout_graceful_shutdown=1, **options
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [_listener]}, name="asgi-server", daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    yield
    server.should_exit = True
    thread.join(60)
    assert not thread.is_alive(), "the ASGI server did not stop"


@pytest.fixture
def asgi_server(transactional_db: None, _asgi_thread: None, base_url: str) -> str:
    """The address of the running application; rows are really committed, those of migrations are put back."""
    cache.clear()  # sign-in limits are counted there
    return base_url
