"""A shop with two tools for the tests of policies: an order is read, a refund moves money."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from agents import decisions_replay
from agents.models import Session
from observability.ids import uuid7
from tests.factories import client_of
from tools.authorize import book
from tools.catalog import catalog
from tools.ledger import digest_of
from tools.models import PolicySetting, PolicyVersion, Target, Tool, ToolCall
from tools.policies import delete_rule, publish, save_rule
from tools.policy.forms import Condition, FormRule
from tools.policy_modes import Mode

URL = "/policies/"
GET, REFUND = "shop___get_order", "shop___process_refund"
VERIFIED = "permit (principal, action == AgentCore::Action::{tool}, resource) when {{ context.customer.verified }};"
READS = VERIFIED.format(tool=f'"{GET}"')
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}


def reread() -> None:
    """As every process does after two seconds."""
    catalog.forget()
    book.forget()


@pytest.fixture(name="shop")
def shop_tools(db: None) -> Iterator[dict[str, Tool]]:
    """The shop, with the policies enforced, and the agents known as they are once the desk runs."""
    decisions_replay.register()
    tools = make_shop()
    set_mode(Mode.ENFORCE)
    yield tools
    reread()


def make_shop() -> dict[str, Tool]:
    shop = Target.objects.create(name="shop", kind=Target.Kind.HTTP, base_url="http://127.0.0.1:9", is_internal=True)
    rows: dict[str, dict[str, Any]] = {
        "get_order": {"effect": "read", "input_schema": SCHEMA},
        "process_refund": {
            "effect": "money",
            "input_schema": {
                **SCHEMA,
                "properties": {
                    **SCHEMA["properties"],
                    "amount": {"type": "string"},
                    "customer": {"type": "string"},
                    "urgent": {"type": "boolean"},
                },
            },
            "amount": {"argument": "amount", "path": "total", "currency": "EUR"},
            "bindings": {"customer": "customer.email"},
        },
    }
    made = {name: Tool.objects.create(target=shop, name=name, description=name, **row) for name, row in rows.items()}
    reread()
    return made


def refunds_up_to(amount: str, **more: Any) -> FormRule:
    condition = Condition(of="fact", name="amount", operator="at_most", value=amount)
    return FormRule(effect="permit", scope=REFUND, verified_customer=True, conditions=(condition,), **more)


def publish_rules(**rules: str | FormRule) -> PolicyVersion:
    """Each added to the draft (`_` in a name stands for a hyphen), then published by nobody."""
    for name, written in rules.items():
        save_rule(name=name.replace("_", "-"), written=written)
    version = publish(user=None, note="For the test")
    reread()
    return version


def publish_changed(**texts: str) -> PolicyVersion:
    """What is in force with another text of these rules (`_` in a name stands for a hyphen), as the next version."""
    for name, text in texts.items():
        save_rule(name=name.replace("_", "-"), written=text, replaces=name.replace("_", "-"))
    version = publish(user=None, note="For the test")
    reread()
    return version


def publish_without(*names: str) -> PolicyVersion:
    """What is in force without these rules, as the next version."""
    for name in names:
        delete_rule(name)
    version = publish(user=None, note="For the test")
    reread()
    return version


def set_mode(mode: Mode) -> None:
    PolicySetting.objects.update_or_create(pk=1, defaults={"mode": mode})
    reread()


def decided(
    session: Session | None, tool: str = "process_refund", *, decision: str = "deny", amount: str = "", **record: Any
) -> ToolCall:
    """A call in the ledger as it stands after its decision."""
    arguments = {"order_id": "1042"}
    facts = {"facts": {"amount": amount}} if amount else {}
    return ToolCall.objects.create(
        session_id=session.pk if session else uuid7(),
        turn_id=uuid7(),
        tool_use_id="use_1",
        tool_name=tool,
        arguments=arguments,
        digest=digest_of(tool, arguments),
        state=ToolCall.State.REFUSED,
        result={},
        decision=decision,
        policy_version=1,
        decided={"rules": [], "verified": True, **facts, **record},
    )


# -- pages


def text_of(user: User, path: str = "", status: int = 200, **headers: str) -> str:
    response = client_of(user).get(f"{URL}{path}", headers=headers)
    assert response.status_code == status, response.content.decode()[:500]
    return plain(response.content.decode())


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", html)


def said(text: str) -> str:
    """Without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def post(user: User, path: str, status: int = 302, **values: Any) -> str:
    response = client_of(user).post(f"{URL}{path}", values)
    assert response.status_code == status, response.content.decode()[:500]
    return plain(response.content.decode())
