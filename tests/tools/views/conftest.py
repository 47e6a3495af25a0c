"""A shop with two tools, one that reads and one that moves money, behind a server that repeats what it was asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache

from tests.tools.targets.echo import Echo, running_echo
from tests.tools.views.target_cases import HOSTILE, SCHEMA, SECRET
from tools.authorize import book
from tools.catalog import catalog
from tools.credentials import set_credential
from tools.models import Target, Tool
from tools.targets import registry


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    cache.clear()
    yield
    registry.forget()
    catalog.forget()
    book.forget()


@pytest.fixture
def echo() -> Iterator[Echo]:
    with running_echo() as echo:
        yield echo


@pytest.fixture
def shop(db: None, echo: Echo) -> dict[str, Tool]:
    target = Target.objects.create(name="shop", kind="http", base_url=echo.url, is_internal=True)
    set_credential(target, kind="bearer", public={}, secret=SECRET, user=None)
    usual = {"description": f"Does it. {HOSTILE}", "input_schema": SCHEMA, "bindings": {"customer": "customer.email"}}
    rows: dict[str, dict[str, Any]] = {
        "get_order": {
            "effect": "read",
            "routes": [{"method": "GET", "path": "/orders/{order_id}", "query": {"customer": "{customer}"}}],
            "owners": [{"path": "customer", "is": "customer.email"}],
            "retries": 0,
            "progress": "Looking up",
        },
        "refund": {
            "effect": "money",
            "routes": [{"method": "POST", "path": "/refunds", "body": {"order": "{order_id}", "sum": "{amount}"}}],
            "idempotency": "key_header",
            "progress": "Refunding",
        },
    }
    made = {name: Tool.objects.create(target=target, name=name, **{**usual, **row}) for name, row in rows.items()}
    catalog.forget()
    return made
