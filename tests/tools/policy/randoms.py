"""Random callers, calls and rules over the small gateway of `shapes`, all from one seeded generator."""

from __future__ import annotations

import random
from typing import Any

from tests.tools.policy.shapes import CHARGE, GET, REFUND, SEND, TOOLS
from tools.policy.authorize import Principal, Request
from tools.policy.statements import Rule
from tools.policy.values import Customer

SCOPES = (
    "action",
    'action in AgentCore::Action::"Mcp"',
    'action in AgentCore::Action::"CallTool"',
    'action in AgentCore::Action::"shop"',
    'action in [AgentCore::Action::"mail", AgentCore::Action::"shop___charge"]',
    *(f'action == AgentCore::Action::"{tool.key}"' for tool in TOOLS),
)
CALLERS = ("principal", "principal is AgentCore::OAuthUser", 'principal == AgentCore::OAuthUser::"a"')
CONDITIONS = (
    "context.customer.verified",
    "context.tainted",
    'context.channel == "chat"',
    'principal.hasTag("role") && principal.getTag("role") == "support"',
    'context.customer has email && context.customer.email like "*@example.com"',
    'context.input has order_id && context.input.order_id == "1"',
    'context.facts has amount && context.facts.amount.lessThan(decimal("10.00"))',
    'context.input has to && context.input.to != "b"',
    'action in AgentCore::Action::"shop"',
)
INPUTS: dict[str, tuple[dict[str, Any], ...]] = {
    REFUND.key: ({"order_id": "1", "reason": "x"}, {"order_id": "2", "reason": "x"}, {"order_id": "2"}),
    GET.key: ({}, {"order_id": "1"}, {"order_id": 1}),
    CHARGE.key: ({"amount": 3}, {"amount": 3.5, "count": 2}, {"amount": 0.00001}),
    SEND.key: ({"to": "a"}, {"to": "b"}, {}),
}


def random_rule(chance: random.Random, name: str) -> Rule:
    texts = [random_statement(chance) for _ in range(chance.choice((1, 1, 2)))]
    return Rule(name=name, text="\n".join(texts), mode=chance.choice(("enforce", "enforce", "shadow")))


def random_statement(chance: random.Random) -> str:
    effect = chance.choice(("permit", "permit", "forbid", '@approval("reviewer") permit'))
    scope = chance.choice(SCOPES)
    narrow = "==" in scope or "[" in scope
    usable: tuple[str, ...] = CONDITIONS[:5] if narrow else CONDITIONS
    if not (scope == "action" or "Mcp" in scope or "CallTool" in scope) and not narrow:
        usable = CONDITIONS[:7]
    chosen = chance.sample(usable, chance.randint(0, 2))
    clauses = " ".join(f"{chance.choice(('when', 'when', 'unless'))} {{ {each} }}" for each in chosen)
    return f"{effect} ({chance.choice(CALLERS)}, {scope}, resource) {clauses};"


def random_request(chance: random.Random) -> Request:
    tool = chance.choice(TOOLS)
    role = chance.choice(({}, {"role": "support"}, {"role": "sales"}))
    return Request(
        principal=Principal(id=chance.choice("ab"), tags={"kind": "agent", **role}),
        tool=tool.key,
        input=chance.choice(INPUTS[tool.key]),
        customer=Customer(
            verified=chance.random() < 0.5, email=chance.choice(("", "ada@example.com", "ben@example.org"))
        ),
        channel=chance.choice(("chat", "email")),
        tainted=chance.random() < 0.3,
        facts=chance.choice(({}, {"amount": "5.00"}, {"amount": "10.00"})) if tool is REFUND else {},
    )
