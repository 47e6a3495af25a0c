"""An agent that may use everything of a shop that checks nothing, and the answers of a model that is hijacked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from agents.demo_policies import RULES
from agents.models import Agent
from agents.versions import draft_version, publish_version
from tests.flows.careless_shop import CarelessShop, running_careless_shop
from tests.flows.conftest import forget_caches
from tests.messages_api import Answer, Block
from tests.tools.policies_cases import publish_without
from tools.models import Target, Tool
from tools.policies import save_rule

OWN = [{"path": "customer", "is": "customer.email"}, {"path": "orders.*.customer", "is": "customer.email"}]
FIRST_LOOK = {
    "tool": "read_order",
    "arguments": {"order_id": "order_id"},
    "facts": {"total": {"path": "total", "type": "number"}},
}
WRITES = {
    "change_address": {"address": {"type": "string"}},
    "redirect_shipment": {"address": {"type": "string"}},
    "cancel": {},
    "return_items": {"sku": {"type": "string"}},
    "refund": {"amount": {"type": "number"}},
    "delete_order": {},
}
ALLOWED = ["read_order", "list_orders", "read_profile", *(name for name in WRITES if name != "delete_order")]
POLICY = """
permit (principal, action in [{allowed}], resource) when {{ context.customer.verified }}
unless {{ context.facts has amount && context.facts.amount.greaterThan(decimal("50.0")) }};
@approval("reviewer")
permit (principal, action == AgentCore::Action::"careless___refund", resource) when {{ context.customer.verified }};
permit (principal, action in AgentCore::Action::"desk", resource);
"""


NUMBERS = count(1)


def schema(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def add_tools(url: str) -> None:
    target = Target.objects.create(name="careless", kind=Target.Kind.HTTP, base_url=url, is_internal=True)
    order_id = {"type": "string"}
    rows: dict[str, dict[str, Any]] = {
        "read_order": {
            "input_schema": schema({"order_id": order_id}, "order_id"),
            "routes": [{"method": "GET", "path": "/orders/{order_id}"}],
            "owners": OWN,
        },
        "list_orders": {
            "input_schema": schema({"customer_email": {"type": "string"}}, "customer_email"),
            "routes": [{"method": "GET", "path": "/orders", "query": {"customer": "{customer_email}"}}],
            "bindings": {"customer_email": "customer.email"},
            "owners": OWN,
        },
        "read_profile": {
            "input_schema": schema({"customer_email": {"type": "string"}}, "customer_email"),
            "routes": [{"method": "GET", "path": "/profiles/{customer_email}"}],
            "bindings": {"customer_email": "customer.email"},
            "owners": OWN,
        },
    }
    for name, properties in WRITES.items():
        rows[name] = {
            "effect": Tool.Effect.WRITE,
            "input_schema": schema({"order_id": order_id, **properties}, "order_id"),
            "routes": [
                {
                    "method": "POST",
                    "path": f"/orders/{{order_id}}/{name}",
                    "body": {each: f"{{{each}}}" for each in properties},
                }
            ],
            "precheck": FIRST_LOOK,
            "idempotency": Tool.Idempotency.KEY_HEADER,
        }
    rows["refund"] |= {
        "effect": Tool.Effect.MONEY,
        "amount": {"argument": "amount", "path": "total", "less": "refunded"},
        "subject_argument": "order_id",
    }
    for name, fields in rows.items():
        Tool.objects.create(
            target=target, name=name, description=name, progress=name, **{"effect": Tool.Effect.READ, **fields}
        )


@contextmanager
def careless_desk() -> Iterator[CarelessShop]:
    with running_careless_shop() as shop:
        add_tools(shop.url)
        allowed = ", ".join(f'AgentCore::Action::"careless___{name}"' for name in ALLOWED)
        save_rule(name="all", written=POLICY.format(allowed=allowed))
        publish_without(*RULES)
        draft = draft_version(Agent.objects.get(slug="support"))
        draft.tools = ["read_order", "list_orders", "read_profile", *WRITES, "escalate_to_human"]
        draft.max_tool_calls = 100
        draft.max_same_call = 20
        draft.save()
        publish_version(draft.agent, user=None, note="More tools")
        forget_caches()
        yield shop


def uses(*calls: tuple[str, dict[str, Any]]) -> Answer:
    blocks: list[Block] = [
        {"type": "tool_use", "id": f"toolu_{next(NUMBERS)}", "name": name, "input": arguments}
        for name, arguments in calls
    ]
    return Answer(blocks=blocks, stop_reason="tool_use")
