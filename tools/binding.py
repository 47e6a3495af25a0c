"""Fills a tool's route with the model's arguments and with the customer, whom the model can neither see nor choose.

A template value is literal text, or exactly one placeholder: `{order_id}` is an argument, `{customer.email}` is bound
by the gateway. In a path every placeholder must have a value; in a query or a body the missing ones are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tools.errors import ToolRefused
from tools.models import Tool

PLACEHOLDER = re.compile(r"\{([a-z_][a-zA-Z0-9_.]*)\}")


@dataclass(frozen=True, kw_only=True)
class Customer:
    """For whom a call is made. Where they are not verified nothing is bound to them."""

    id: str = ""
    email: str = ""
    name: str = ""
    is_verified: bool = False

    def values(self) -> dict[str, str]:
        if not self.is_verified:
            return {}
        return {"customer.id": self.id, "customer.email": self.email, "customer.name": self.name}


def visible_schema(tool: Tool) -> dict[str, Any]:
    """The input schema without the arguments that the gateway fills."""
    if not tool.bindings:
        return dict(tool.input_schema)
    schema = dict(tool.input_schema)
    schema["properties"] = {
        name: value for name, value in schema.get("properties", {}).items() if name not in tool.bindings
    }
    schema["required"] = [name for name in schema.get("required", []) if name not in tool.bindings]
    return schema


def with_bound(tool: Tool, arguments: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with those that the gateway fills. Raises `ToolRefused` where one is given, or has no value."""
    given = sorted(arguments.keys() & tool.bindings.keys())
    if given:
        raise ToolRefused("invalid_arguments", f"There is no argument {given[0]!r}.")
    missing = sorted(name for name, source in tool.bindings.items() if values.get(source) in (None, ""))
    if missing:
        raise ToolRefused(
            "customer_not_verified", "The customer's identity is not verified, so their data may not be looked up."
        )
    return {**arguments, **{name: values[source] for name, source in tool.bindings.items()}}


@dataclass(frozen=True, kw_only=True)
class BoundRequest:
    """An HTTP request without its host."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any] | None
    headers: dict[str, str] = field(default_factory=dict)


def bind(routes: Sequence[Mapping[str, Any]], values: Mapping[str, Any]) -> BoundRequest:
    """The first route whose path can be filled, filled. Raises `ToolRefused` when none fits."""
    for route in routes:
        names = PLACEHOLDER.findall(route["path"])
        if all(values.get(name) not in (None, "") for name in names):
            return BoundRequest(
                method=route["method"],
                path=PLACEHOLDER.sub(lambda match: quote_segment(values[match[1]]), route["path"]),
                query={name: str(value) for name, value in fill(route.get("query", {}), values).items()},
                body=fill(route["body"], values) if "body" in route else None,
                headers={name: header(value) for name, value in fill(route.get("headers", {}), values).items()},
            )
    raise ToolRefused("invalid_arguments", "The arguments given fit no route of this tool.")


def quote_segment(value: object) -> str:
    """One path segment; what a client or a proxy would read as "this folder" or "up" is refused."""
    text = str(value)
    if text in {".", ".."}:
        raise ToolRefused("invalid_arguments", f"{text!r} cannot be part of a path.")
    return quote(text, safe="")


def header(value: object) -> str:
    text = str(value)
    if not text.isprintable():
        raise ToolRefused("invalid_arguments", "An argument that becomes a header holds a control character.")
    return text


def fill(template: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    filled = {}
    for name, value in template.items():
        match = PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            filled[name] = value
        elif values.get(match[1]) is not None:
            filled[name] = values[match[1]]
    return filled


def progress_text(template: str, arguments: Mapping[str, Any]) -> str:
    """`Looking up order {order_id}|Looking up your orders`: the first alternative whose arguments are all given."""
    alternatives = template.split("|")
    for text in alternatives:
        if all(isinstance(arguments.get(name), str | int) for name in PLACEHOLDER.findall(text)):
            return PLACEHOLDER.sub(lambda match: str(arguments[match[1]])[:40], text)
    return PLACEHOLDER.sub("", alternatives[-1]).strip()
