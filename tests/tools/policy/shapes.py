"""A small gateway: a shop with three tools, a mailer with one, and how tests ask about them."""

from __future__ import annotations

from typing import Any

from tools.policy.authorize import Decision, Principal, Request, decide
from tools.policy.check import compile_rules
from tools.policy.schema import ToolShape
from tools.policy.slices import Compiled
from tools.policy.statements import Problem, Rule, RulesRefused
from tools.policy.values import Customer

REFUND = ToolShape(
    key="shop___process_refund",
    target="shop",
    input_schema={
        "type": "object",
        "properties": {
            "order_id": {"type": "string"},
            "amount": {"type": "string", "pattern": "^[0-9]{1,7}\\.[0-9]{2}$"},
            "reason": {"type": "string"},
        },
        "required": ["order_id", "reason"],
    },
    facts={"amount": "number", "currency": "string", "refunds": "integer", "in_window": "boolean"},
)
GET = ToolShape(
    key="shop___get_order",
    target="shop",
    input_schema={"type": "object", "properties": {"order_id": {"type": "string"}}},
)
CHARGE = ToolShape(
    key="shop___charge",
    target="shop",
    input_schema={
        "type": "object",
        "properties": {
            "amount": {"type": "number"},
            "count": {"type": "integer"},
            "express": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "address": {
                "type": "object",
                "properties": {"country": {"type": "string"}, "in": {"type": "string"}},
                "required": ["country"],
            },
            "weird-name": {"type": "string"},
        },
        "required": ["amount"],
    },
)
SEND = ToolShape(
    key="mail___send",
    target="mail",
    input_schema={"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]},
)
TOOLS = (REFUND, GET, CHARGE, SEND)
AGENT = Principal(id="shop-assistant", tags={"kind": "agent", "role": "support"})
ADA = Customer(verified=True, id="42", email="ada@example.com")
REFUNDING = 'action == AgentCore::Action::"shop___process_refund"'
CHARGING = 'action == AgentCore::Action::"shop___charge"'


def rules_of(*texts: str, shadow: tuple[str, ...] = ()) -> list[Rule]:
    """Named rule-1, rule-2, …; those in shadow are named shadow-1, …"""
    enforced = [Rule(name=f"rule-{place}", text=text) for place, text in enumerate(texts, start=1)]
    return enforced + [Rule(name=f"shadow-{n}", text=text, mode="shadow") for n, text in enumerate(shadow, start=1)]


def compiled(*texts: str, shadow: tuple[str, ...] = ()) -> Compiled:
    return compile_rules(rules_of(*texts, shadow=shadow), TOOLS)


def problems_of(*texts: str) -> list[Problem]:
    try:
        compiled(*texts)
    except RulesRefused as refused:
        return refused.problems
    return []


def request(tool: ToolShape = REFUND, **given: Any) -> Request:
    usual: dict[str, Any] = {"order_id": "1042", "reason": "Too small"} if tool is REFUND else {}
    values = {"principal": AGENT, "customer": ADA, "channel": "chat", "input": usual, **given}
    return Request(tool=tool.key, **values)


def ask(rules: Compiled, tool: ToolShape = REFUND, **given: Any) -> Decision:
    return decide(rules, request(tool, **given))
