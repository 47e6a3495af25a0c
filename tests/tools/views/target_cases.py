"""What the tests of targets and tools share: rows, pages and what is posted."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from tests.factories import client_of
from tools.models import Target, Tool

URL = "/targets/"
SECRET = "s3cret-that-nobody-reads"
HOSTILE = '<img src=x onerror="alert(1)">'
READ, WRITE = "/tools/shop/get_order/", "/tools/shop/refund/"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "order_id": {"type": "string", "description": HOSTILE},
        "customer": {"type": "string"},
        "amount": {"type": "number"},
        "reason": {"type": "string"},
    },
    "required": ["order_id", "customer"],
    "additionalProperties": False,
}
ADA = {"customer_email": "ada@example.com", "customer_id": "c-1"}


def make_target(name: str = "shop", **fields: Any) -> Target:
    return Target.objects.create(name=name, **{"kind": "http", "base_url": "https://api.example.com", **fields})


def make_tool(target: Target, name: str = "get_order", **fields: Any) -> Tool:
    usual = {"description": "d", "input_schema": {"type": "object"}, "effect": "read", "progress": "p"}
    return Tool.objects.create(target=target, name=name, **{**usual, **fields})


def text_of(user: User, url: str = URL) -> str:
    response = client_of(user).get(url)
    assert response.status_code == 200
    return str(response.content.decode())


def post(user: User, url: str, **data: Any) -> Any:
    return client_of(user).post(url, data)


def shown(response: Any, status: int = 200) -> str:
    assert response.status_code == status, response.content.decode()[:3000]
    return str(response.content.decode())


def read_offer(user: User, url: str) -> Any:
    """The listing that a page of choices shows."""
    return client_of(user).get(url).context["listing"]
