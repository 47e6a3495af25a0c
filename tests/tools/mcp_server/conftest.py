"""The desk's own ASGI application behind a real address, with the demo's tools and policies and the demo shop."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from django.contrib.auth.models import User

from agents.demo import add_tools
from agents.demo_policies import add_policies
from config.asgi import application
from observability.access import Role
from observability.ids import uuid7
from tests.factories import make_user
from tools import outside
from tools.authorize import book
from tools.binding import Customer
from tools.catalog import catalog
from tools.demo_shop.testing import running_shop
from tools.gateways import make_key
from tools.models import Gateway, GatewayKey
from tools.targets import registry

TOOLS = ["shop___get_order", "shop___get_refund_status", "shop___process_refund", "shop___cancel_order"]
ADA = Customer(id="018f0000-0000-7000-8000-00000000ada0", email="ada@example.com", is_verified=True)
BOTH = ["read", "write"]


@dataclass(kw_only=True)
class Door:
    """A gateway with the shop's tools, and the address of the web process that serves it."""

    url: str
    shop_url: str
    gateway: Gateway
    owner: User

    @property
    def address(self) -> str:
        return f"{self.url}/mcp/{self.gateway.slug}/"

    def key(self, **fields: Any) -> str:
        return self.made_key(**fields)[1]

    def made_key(self, **fields: Any) -> tuple[GatewayKey, str]:
        values = {"name": f"key-{uuid7().hex[-8:]}", "scopes": BOTH, "owner": self.owner, "customer": ADA, **fields}
        made = make_key(self.gateway, **values)
        return made.key, made.text

    def refunds(self, order_id: str = "1042") -> list[dict[str, Any]]:
        rows = httpx2.get(f"{self.shop_url}/_refunds", timeout=60).json()["refunds"]
        return [row for row in rows if row["order_id"] == order_id]

    def fault(self, **fault: object) -> None:
        httpx2.put(f"{self.shop_url}/_faults", json=fault, timeout=60).raise_for_status()


@pytest.fixture(scope="session")
def web(_plain_static_files: None, django_db_setup: None) -> Iterator[str]:
    """The whole application with its lifespan, in a thread; its address."""
    options: dict[str, Any] = {"lifespan": "on", "ws": "none", "log_config": None, "access_log": False}
    server = uvicorn.Server(uvicorn.Config(application, timeout_graceful_shutdown=1, **options))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="web", daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive(), "the ASGI server did not stop"


@pytest.fixture
def door(
    django_db_serialized_rollback: None, transactional_db: None, web: str, settings: Any, tmp_path: Path
) -> Iterator[Door]:
    with running_shop(tmp_path / "shop.sqlite3") as shop_url:
        settings.DEMO_SHOP_URL = shop_url
        add_tools()
        add_policies()
        gateway = Gateway.objects.create(slug="support", label="Support tools", tools=TOOLS)
        reread()
        yield Door(url=web, shop_url=shop_url, gateway=gateway, owner=make_user(Role.ADMIN))
    outside.switches.clear()
    forget()


def reread() -> None:
    """As every process does after two seconds. The threads of the application share what they know with this one."""
    forget()
    assert catalog.tools()
    assert book.live().mode


def forget() -> None:
    registry.forget()
    catalog.forget()
    book.forget()
