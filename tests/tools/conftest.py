"""A backend, and a target with a tool for each way to call it: `read`, `write` (with a look-up), `plain` (without)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tools.backend import Backend, running_backend
from tests.tools.calls import reread
from tools.authorize import book
from tools.catalog import catalog
from tools.models import PolicySetting, Target, Tool
from tools.targets import registry

KEYED = {"effect": "money", "idempotency": "key_header"}
LOOKUP = {"method": "GET", "path": "/by-key/{idempotency_key}"}


@pytest.fixture
def backend() -> Iterator[Backend]:
    with running_backend() as backend:
        yield backend
    registry.forget()


@pytest.fixture
def target(db: None, backend: Backend) -> Iterator[Target]:
    PolicySetting.objects.update_or_create(pk=1, defaults={"mode": PolicySetting.Mode.OFF})
    target = Target.objects.create(name="backend", kind=Target.Kind.HTTP, base_url=backend.url, is_internal=True)
    rows = {
        "read": {"effect": "read", "routes": [{"method": "GET", "path": "/things"}]},
        "write": {**KEYED, "lookup": LOOKUP, "routes": [{"method": "POST", "path": "/things", "body": {}}]},
        "plain": {**KEYED, "routes": [{"method": "POST", "path": "/things", "body": {}}]},
    }
    for name, fields in rows.items():
        Tool.objects.create(
            target=target,
            name=name,
            description=name,
            input_schema={"type": "object"},
            retries=0,
            deadline_ms=60_000,
            **fields,
        )
    reread()
    yield target
    catalog.forget()
    book.forget()
