"""Gateways with keys in every state and a morning of calls, and the pages that show them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page

from agents.sessions import find_or_add_customer
from observability.ids import uuid7
from tests.shots.camera import Shot
from tools.binding import Customer
from tools.gateways import make_key, revoke_key
from tools.models import Gateway, GatewayKey, ToolCall

ADMIN = "admin@demo.example"
OFFERED = ["shop___get_order", "shop___get_refund_status", "shop___process_refund"]
UNKNOWN_TOOL = "There is no tool 'cancel_order'. Use one of the tools you were given."
UNCLEAR = "It is not known whether this was done. Do not repeat it; hand over to a person."
CALLS: list[tuple[str, str, str, dict[str, Any], str]] = [
    ("claude-desktop", "get_order", "confirmed", {"order_id": "1042"}, ""),
    ("returns-robot", "process_refund", "confirmed", {"order_id": "1042", "reason": "A cup", "amount": "12.50"}, ""),
    ("claude-desktop", "cancel_order", "refused", {"order_id": "1047", "reason": "Too late"}, UNKNOWN_TOOL),
    ("returns-robot", "process_refund", "unknown", {"order_id": "1044", "reason": "Lost on the way"}, UNCLEAR),
    ("returns-robot", "get_refund_status", "confirmed", {}, ""),
]


def open_some(user: User) -> None:
    """Three gateways, one of them in use."""
    ada = find_or_add_customer(email="ada@example.com", name="Ada")
    customer = Customer(id=str(ada.pk), email=ada.email, is_verified=True)
    words = "Look an order up before you say anything about it."
    door = Gateway.objects.create(slug="support", label="Support tools", instructions=words, tools=OFFERED)
    Gateway.objects.create(slug="finance", label="Finance")
    Gateway.objects.create(slug="pilot", label="Last year's pilot", tools=OFFERED[:1], enabled=False)
    now = timezone.now()
    for name, scopes, days in (("claude-desktop", ["read"], 30), ("returns-robot", ["read", "write"], 365)):
        make_key(door, name=name, scopes=scopes, owner=user, customer=customer, expires_at=now + timedelta(days=days))
    make_key(door, name="trial", scopes=["read"], owner=user, expires_at=now - timedelta(days=2))
    revoke_key(make_key(door, name="first-try", scopes=["read"], owner=user).key, user=user)
    keys = {key.name: key for key in GatewayKey.objects.all()}
    for number, (name, tool, state, arguments, problem) in enumerate(CALLS):
        at = now - timedelta(minutes=4 + 7 * number)
        result = {"error": {"code": state, "message": problem}} if problem else {}
        add_call(keys[name], tool, state=state, arguments=arguments, result=result, created_at=at)
        GatewayKey.objects.filter(name=name, last_used_at=None).update(last_used_at=at)


def add_call(key: GatewayKey, tool: str, **fields: Any) -> None:
    ToolCall.objects.create(
        id=uuid7(), key_id=key.pk, tool_use_id="1", tool_name=tool, digest="", duration_ms=84, **fields
    )


def gateway_pages() -> list[Shot]:
    return [
        Shot(name="gateways", path="/gateways/", who=ADMIN),
        Shot(name="gateway", path="/gateways/support/", who=ADMIN, whole=True),
        Shot(name="gateway-new", path="/gateways/new/", who=ADMIN),
        Shot(name="gateway-key-new", path="/gateways/support/keys/new/", who=ADMIN),
        Shot(name="gateway-key-refused", path="/gateways/finance/keys/new/", who=ADMIN, act=refuse_one),
    ]


def refuse_one(page: Page) -> None:
    page.get_by_label("Name").fill("two words")
    page.get_by_role("button", name="Make the key").click()
    page.wait_for_load_state()
