"""A backend of each kind, connected, chosen from, set up and permitted as an admin does it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User

from agents.models import Agent
from agents.versions import draft_version, publish_version
from tests.flows import targets_shop
from tests.flows.conftest import forget_caches
from tests.flows.targets_http import lambda_tools, running_company
from tests.flows.targets_shop import Shop, mcp_server
from tests.tools.targets.front import Front, running
from tools.connecting import choose, connect
from tools.credentials import set_credential
from tools.definitions import tools_of_source
from tools.listing import proposed_of
from tools.models import Target, Tool
from tools.pasting import Pasted, put_pasted
from tools.policies import publish, save_rule
from tools.targets import registry
from tools.tool_changes import mark_of, save_tool, switch_tool

KINDS = (Target.Kind.OPENAPI, Target.Kind.MCP, Target.Kind.MCP_STDIO, Target.Kind.AWS_LAMBDA)
BOUND = {"customer_email": "customer.email"}
OWN = [{"path": "customer", "is": "customer.email"}, {"path": "orders.*.customer", "is": "customer.email"}]
# A program has to be started within it, and again after it has ended: more than a second's work on a quiet machine.
PATIENCE_MS = 60_000
TOOLS: dict[str, dict[str, Any]] = {
    "read_order": {"effect": "read", "bindings": BOUND, "owners": OWN, "deadline_ms": PATIENCE_MS},
    "list_all_orders": {"effect": "read", "bindings": BOUND, "owners": OWN, "deadline_ms": PATIENCE_MS},
    "annotate_order": {
        "effect": "write",
        "bindings": BOUND,
        "idempotency": "key_header",
        "precheck": {"tool": "read_order", "arguments": {"order_id": "order_id"}},
        "deadline_ms": PATIENCE_MS,
    },
    "delete_order": {"effect": "irreversible"},
}
RULE = """permit (principal, action in [
  AgentCore::Action::"orders___read_order",
  AgentCore::Action::"orders___list_all_orders",
  AgentCore::Action::"orders___annotate_order"
], resource) when { context.customer.verified };"""
AWS = {"access_key_id": "AKIAEXAMPLE", "region": "eu-central-1", "service": "lambda"}


@dataclass(frozen=True, kw_only=True)
class Connected:
    """`stop` takes the backend away."""

    kind: str
    shop: Shop
    listed: int | None
    stop: Callable[[], None]


@contextmanager
def connected(kind: str, folder: Path, admin: User) -> Iterator[Connected]:
    shop = Shop(folder)
    with ExitStack() as running_backend:
        stop: Callable[[], None] = running_backend.close
        match kind:
            case Target.Kind.OPENAPI:
                company = running_backend.enter_context(running_company(shop))
                url = f"{company.url}/openapi.json"
                target = Target(kind=kind, settings={"document_url": url}, is_internal=True)
            case Target.Kind.AWS_LAMBDA:
                company = running_backend.enter_context(running_company(shop))
                settings = {"function": "orders", "region": "eu-central-1", "endpoint": company.url}
                target = Target(kind=kind, settings=settings, is_internal=True)
            case Target.Kind.MCP:
                target = Target(
                    kind=kind, base_url=running_backend.enter_context(mcp_over_http(shop)), is_internal=True
                )
            case _:
                target = Target(kind=kind, command=[sys.executable, targets_shop.__file__, str(folder)])
                stop = lambda: end_program(shop)  # noqa: E731
        target.name = "orders"
        listed = set_up(target, admin)
        forget_caches()
        yield Connected(kind=kind, shop=shop, listed=listed, stop=stop)
        registry.forget()


@dataclass(kw_only=True)
class LosingFront(Front):
    """Where an answer is lost, the connection breaks off in its place."""

    losing: list[bool]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_unless_lost(message: Any) -> None:
            if self.losing:
                self.losing.clear()
                raise ConnectionError("lost")
            await send(message)

        await super().__call__(scope, receive, send_unless_lost)


@contextmanager
def mcp_over_http(shop: Shop) -> Iterator[str]:
    losing: list[bool] = []
    with running(LosingFront(server=mcp_server(shop, lambda: losing.append(True)), losing=losing)) as front:
        yield front.url


def end_program(shop: Shop) -> None:
    shop.down.touch()
    registry.forget()


def set_up(target: Target, admin: User) -> int | None:
    """How many tools it lists."""
    listed = connect(target, admin).listed
    if target.kind == Target.Kind.AWS_LAMBDA:
        set_credential(target, kind="sigv4", public=AWS, secret="aws-secret-key", user=admin)
        put_pasted(
            target,
            [
                Pasted(definition=definition, effect=str(TOOLS[definition.name]["effect"]))
                for definition in tools_of_source(lambda_tools())
            ],
            admin,
        )
    else:
        listing = proposed_of(target)
        assert listing is not None
        choose(target, TOOLS.keys(), admin, seen=listing.digest)
    for name, fields in TOOLS.items():
        tool = Tool.objects.get(target=target, name=name)
        save_tool(tool, admin, fields=fields, seen=mark_of(tool, fields))
        switch_tool(tool, admin, enabled=True)
    save_rule(name="orders", written=RULE)
    publish(user=admin, note="Orders")
    draft = draft_version(Agent.objects.get(slug="support"))
    draft.tools = [*draft.tools, *TOOLS]
    draft.save()
    publish_version(draft.agent, user=admin, note="Orders")
    return listed
