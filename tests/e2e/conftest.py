"""The whole desk for a browser: web, broker, worker and beat, the demo shop and the scripted model, all of them real.

Worker and beat are started once a module. So the addresses that they were given stay, and what stands behind them is
made anew for each test.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from kombu import pools
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect
from pytest_django.plugin import DjangoDbBlocker

from agents.demo import load_demo
from agents.models import Session, Turn
from agents.publisher import publisher
from agents.scripted.server import create_app
from agents.tasks import run_turn
from config.celery import app as celery_app
from observability.ids import uuid7
from tests.consoles import is_complaint
from tests.factories import client_of
from tests.flows.conftest import forget_caches
from tests.kept_rows import own_connection
from tests.processes import environment, running_beat, running_worker
from tools.demo_shop.app import make_app
from tools.demo_shop.server import ClosableProtocol, base_url, listen
from tools.demo_shop.store import Store

# How long a page may take on a busy machine; a test waits only until what it waits for is there.
PATIENCE_SECONDS = 60
expect.set_options(timeout=PATIENCE_SECONDS * 1000)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS} s: {what}"
        time.sleep(0.02)


# -- services whose address outlives what they serve


class Gate:
    """Where a test makes a service wait, so that it can look at the moment in between."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    async def passed(self) -> None:
        # An event of threads: the test is one, the service's loop another.
        while not self._open.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class Shop:
    """The demo shop with the books of one test; while its gate is closed it begins no work."""

    def __init__(self) -> None:
        self.url = ""
        self.inside: Any = None
        self.gate = Gate()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not scope["path"].startswith("/_"):
            await self.gate.passed()
        await self.inside(scope, receive, send)

    def refunds(self, order_id: str) -> list[dict[str, Any]]:
        """What the shop holds, asked of the shop itself."""
        rows = httpx2.get(f"{self.url}/_refunds", timeout=PATIENCE_SECONDS).json()["refunds"]
        return [row for row in rows if row["order_id"] == order_id]


class Model:
    """The scripted model. With `hold_after` it falls silent in the middle of a reply, once these words are out."""

    def __init__(self) -> None:
        self.url = ""
        self.inside: Any = create_app()
        self.gate = Gate()
        self._last_words = ""

    def hold_after(self, words: str) -> None:
        """It writes slowly meanwhile, as a model does; `gate.open()` lets it go on."""
        self.inside, self._last_words = create_app(chunk_ms=100), words
        self.gate.close()

    def reset(self) -> None:
        self.inside, self._last_words = create_app(), ""
        self.gate.open()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        said = ""

        async def send_and_hold(message: Any) -> None:
            nonlocal said
            await send(message)
            said += "".join(text_of(message.get("body", b"")))
            if self._last_words and self._last_words in said:
                await self.gate.passed()

        await self.inside(scope, receive, send_and_hold)


def text_of(chunk: bytes) -> Iterator[str]:
    """The text deltas in a piece of the model's event stream."""
    for line in chunk.decode().splitlines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: ")).get("delta", {}).get("text", "")


@contextmanager
def serving(service: Shop | Model, **options: Any) -> Iterator[None]:
    """Serve on a free port from a thread; `service.url` is its address."""
    listener = listen("127.0.0.1", 0)
    service.url = base_url(listener)
    quiet: dict[str, Any] = {"ws": "none", "lifespan": "off", "access_log": False, "log_config": None, **options}
    server = uvicorn.Server(uvicorn.Config(service, timeout_graceful_shutdown=1, **quiet))
    thread = threading.Thread(target=server.run, args=([listener],), name=f"served-{type(service).__name__}")
    thread.start()
    try:
        yield
    finally:
        service.gate.open()
        server.should_exit = True
        thread.join()
        listener.close()


# -- the processes


@pytest.fixture(scope="module")
def broker(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The web process, which is this one, publishes where the worker listens: the queue in the test's database."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        given = environment()
        options = {"init_extension": False, "use_notify": True, "notify_throttle_interval_ms": 0, "pool_size": 4}
        patch.setitem(os.environ, "CELERY_BROKER_URL", given["CELERY_BROKER_URL"])
        patch.setitem(celery_app.conf, "broker_url", given["CELERY_BROKER_URL"])
        patch.setitem(celery_app.conf, "broker_transport_options", {**options, "conn_string": given["DATABASE_URL"]})
        forget_connections()
        purge_queue()
        yield
        forget_connections()


def forget_connections() -> None:
    """What the publisher holds open; its next nudge connects anew, wherever the settings then say."""
    wait_for_publisher()
    pools.reset()
    celery_app._pool = None  # type: ignore[attr-defined]  # Celery's own way after a fork
    celery_app.amqp._producer_pool = None  # type: ignore[attr-defined]  # as above


@dataclass(frozen=True, kw_only=True)
class Services:
    shop: Shop
    model: Model


@pytest.fixture(scope="module")
def services(
    broker: None, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Services]:
    """Shop, model, worker and beat, ready when the worker has taken a task that this process published."""
    shop, model = Shop(), Model()
    with serving(shop, http=ClosableProtocol), serving(model), django_db_blocker.unblock():
        values = {
            "DEMO_SHOP_URL": shop.url,
            "ANTHROPIC_BASE_URL": model.url,
            "SCRIPTED_MODEL_URL": model.url,
            # The times of an installation, not short ones: a nudge that is lost is to be noticed.
            "SWEEP_SECONDS": 5,
            "NUDGE_AFTER_SECONDS": django_settings.NUDGE_AFTER_SECONDS,
            "TURN_LEASE_SECONDS": django_settings.TURN_LEASE_SECONDS,
        }
        with running_worker(**values), running_beat(tmp_path_factory.mktemp("beat"), **values):
            run_turn.delay(str(uuid7()))
            wait_for(lambda: messages_in_queue() == 0, "a worker takes tasks")
            yield Services(shop=shop, model=model)


def wait_for_publisher() -> None:
    """Until all nudges that were given to it are with the broker."""
    assert publisher.finish(seconds=PATIENCE_SECONDS), "the publisher hangs"


def messages_in_queue() -> int:
    """Asked as the owner: the application's own role has nothing to do with the broker's tables."""
    with own_connection() as own:
        found = own.execute("SELECT count(*) FROM pgmq.q_tandem").fetchone()
    assert found is not None
    return int(found[0])


def purge_queue() -> None:
    """Tests with workers of their own kill them, and their messages stay."""
    with own_connection() as own:
        found = own.execute("SELECT to_regclass('pgmq.q_tandem')").fetchone()
        if found is not None and found[0] is not None:
            own.execute("TRUNCATE pgmq.q_tandem")


# -- one test's desk


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The running installation: `url` of the web, and the services that a test may ask or slow down."""

    url: str
    shop: Shop
    model: Model

    def wait_until_idle(self) -> None:
        """Until every turn has ended and every task is done."""
        wait_for(lambda: not Turn.objects.filter(status__in=Turn.OPEN).exists(), "the turns end")
        wait_for_publisher()
        wait_for(lambda: messages_in_queue() == 0, "the tasks end")

    def session_of(self, email: str) -> Session:
        return Session.objects.get(customer__email=email)


@pytest.fixture
def desk(within_a_day: None, services: Services, asgi_server: str, settings: Any, tmp_path: Path) -> Iterator[Desk]:
    """A fresh installation with the demo's data, and a shop that has refunded nothing yet but what its data says."""
    settings.DEMO = True
    settings.DEMO_SHOP_URL = services.shop.url
    settings.ANTHROPIC_BASE_URL = settings.SCRIPTED_MODEL_URL = services.model.url
    with Store(tmp_path / "shop.sqlite3") as store:
        services.shop.inside = make_app(store)
        forget_caches()
        load_demo()
        running = Desk(url=asgi_server, shop=services.shop, model=services.model)
        yield running
        services.shop.gate.open()
        services.model.reset()
        # The tables are emptied next; a worker in the middle of a turn would be in the way.
        running.wait_until_idle()
    forget_caches()


# -- browsers


@dataclass
class Browsers:
    """Opens browsers of different people, and notes what goes wrong in their consoles."""

    desk: Desk
    new_context: Callable[..., BrowserContext]
    complaints: list[str] = field(default_factory=list)

    def open(self, **options: Any) -> Page:
        context = self.new_context(**options)
        context.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => console.error(e.violatedDirective, e.blockedURI))"
        )
        context.on("console", self._note)
        context.on(
            "weberror", lambda error: self.complaints.append(f"{error.page.url if error.page else ''}: {error.error}")
        )
        return context.new_page()

    def _note(self, message: ConsoleMessage) -> None:
        if is_complaint(message):
            self.complaints.append(f"{message.page.url if message.page else ''}: {message.type}: {message.text}")

    def customer(self, name: str, **options: Any) -> Page:
        """A demo customer's browser, in front of an empty chat."""
        page = self.open(**options)
        page.goto(f"{self.desk.url}/chat/support/")
        page.get_by_role("button", name=name).click()
        expect(page.get_by_label("Your message")).to_be_visible()
        page.wait_for_load_state()
        return page

    def staff(self, path: str = "/", *, role: str = "support", **options: Any) -> Page:
        """A signed-in person's browser; how one signs in is a story of its own."""
        page = self.open(**options)
        client = client_of(User.objects.get(email=f"{role}@demo.example"))
        cookie = client.cookies[django_settings.SESSION_COOKIE_NAME]
        page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": self.desk.url}])
        page.goto(f"{self.desk.url}{path}")
        return page


@pytest.fixture
def browsers(desk: Desk, new_context: Callable[..., BrowserContext]) -> Iterator[Browsers]:
    opened = Browsers(desk, new_context)
    yield opened
    assert opened.complaints == []


def send(page: Page, text: str) -> None:
    """Write as a customer; afterwards the message is stored, and stands in the thread."""
    page.get_by_label("Your message").fill(text)
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#thread").get_by_text(text)).to_be_visible()
