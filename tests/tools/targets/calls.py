"""Calls as the gateway makes them of an adapter."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from tools.models import Target, Tool
from tools.targets.base import Call
from tools.targets.registry import adapter_of

SHELF = Path(__file__).with_name("shelf.py")


def call_of(target: Target, name: str, /, *, key: str | None = None, seconds: float = 60.0, **arguments: Any) -> Call:
    tool = Tool.objects.filter(target=target, name=name).first() or Tool(target=target, name=name, effect="read")
    tool.target = target
    values = {**arguments, "customer.email": "ada@example.com", "idempotency_key": "key-1"}
    return Call(tool=tool, arguments=arguments, values=values, key=key, deadline=time.monotonic() + seconds)


def ask(target: Target, name: str, /, *, key: str | None = None, seconds: float = 60.0, **arguments: Any) -> Any:
    return adapter_of(target).send(call_of(target, name, key=key, seconds=seconds, **arguments))


def mcp_target(url: str, **fields: Any) -> Target:
    return made(kind=Target.Kind.MCP, base_url=url, is_internal=True, **fields)


def stdio_target(*arguments: str, **fields: Any) -> Target:
    command = [sys.executable, str(SHELF), *arguments]
    return made(kind=Target.Kind.MCP_STDIO, command=command, **fields)


def made(**fields: Any) -> Target:
    """With its credential, as the catalog reads it: threads of a test must not ask the database."""
    target = Target.objects.create(**{"name": "shelf", **fields})
    return Target.objects.select_related("credential").get(pk=target.pk)
