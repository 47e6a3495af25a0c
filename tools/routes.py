"""How a tool is called over HTTP, and how what it did is looked up: the JSON that an admin writes, checked."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from tools.binding import PLACEHOLDER
from tools.models import Tool
from tools.openapi.parameters import TOKEN

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
READING = ("GET", "HEAD")
# What the gateway gives beside the arguments.
GIVEN = ("customer.email", "customer.id", "customer.name", "session.id", "idempotency_key")
KEYS = {"method", "path", "query", "body", "headers"}
MAX_ROUTES = 10
MAX_PATH = 500
# A path as RFC 3986 has it (section 3.3); its placeholders are taken out before.
PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
RESERVED = frozenset({"host", "content-length", "transfer-encoding", "connection", "authorization", "cookie"})


class RouteRefused(ValueError):
    """The text is meant for the form."""


def check_routes(routes: Any, names: Collection[str]) -> list[dict[str, Any]]:
    """`names` are those of the tool's arguments. Raises `RouteRefused`."""
    if not isinstance(routes, list) or len(routes) > MAX_ROUTES:
        raise RouteRefused(f"A list of at most {MAX_ROUTES} routes is expected.")
    for number, route in enumerate(routes, start=1):
        try:
            check_route(route, {*names, *GIVEN})
        except RouteRefused as error:
            raise RouteRefused(f"Route {number}: {error}") from error
    return routes


def check_route(route: Any, names: Collection[str], *, extra: Collection[str] = ()) -> None:
    """`names` are those that a placeholder may have, `extra` further keys of the route. Raises `RouteRefused`."""
    if not isinstance(route, dict):
        raise RouteRefused('an object such as {"method": "GET", "path": "/orders/{order_id}"} is expected.')
    if unknown := sorted(route.keys() - KEYS - {*extra}):
        raise RouteRefused(f"the key {unknown[0][:60]!r} has no meaning. Known: {', '.join(sorted({*KEYS, *extra}))}.")
    if route.get("method") not in METHODS:
        raise RouteRefused(f"the method is one of {', '.join(METHODS)}.")
    path = route.get("path")
    if not isinstance(path, str) or len(path) > MAX_PATH or not PATH.fullmatch(PLACEHOLDER.sub("x", path)):
        raise RouteRefused("the path begins with / and has letters, digits and {placeholders}; no ? and no #.")
    if {".", ".."} & {re.sub("(?i)%2e", ".", part) for part in path.split("/")}:
        raise RouteRefused("the path must not contain . or .. as a part.")
    templates = [route.get(key, {}) for key in ("query", "body", "headers")]
    if not all(isinstance(template, dict) for template in templates):
        raise RouteRefused("query, body and headers are objects.")
    check_headers(route.get("headers", {}))
    check_placeholders([path], names)
    for template in templates:
        check_template(template, names)


def check_headers(headers: Mapping[str, Any]) -> None:
    for name, value in headers.items():
        if not TOKEN.fullmatch(name) or name.lower() in RESERVED:
            raise RouteRefused(f"the header {name[:60]!r} is not set here; a credential is set on the target's page.")
        if not isinstance(value, str) or not value.isprintable():
            raise RouteRefused(f"the header {name[:60]!r} needs a text in one line.")


def check_template(template: Mapping[str, Any], names: Collection[str]) -> None:
    """A value is plain, or exactly one placeholder: anything else would be sent as it stands here."""
    for key, value in template.items():
        if isinstance(value, str) and PLACEHOLDER.search(value) and not PLACEHOLDER.fullmatch(value):
            raise RouteRefused(f"{key[:60]!r}: a value is plain text or exactly one placeholder, not a mixture.")
        if isinstance(value, dict | list) and PLACEHOLDER.search(json.dumps(value)):
            raise RouteRefused(f"{key[:60]!r}: placeholders are filled at the first level only.")
    check_placeholders([value for value in template.values() if isinstance(value, str)], names)


def check_placeholders(texts: Iterable[str], names: Collection[str]) -> None:
    for text in texts:
        for name in PLACEHOLDER.findall(text):
            if name not in names:
                known = ", ".join(sorted(names))[:300]
                raise RouteRefused(
                    f"{{{name[:60]}}} is neither an argument nor given by the gateway. There are: {known}."
                )


def check_lookup(rule: Any, tool: Tool, names: Collection[str]) -> dict[str, Any]:
    """An HTTP route that only reads, or `{"tool", "arguments", "found"?}`. Raises `RouteRefused`."""
    if not isinstance(rule, dict):
        raise RouteRefused(
            'An object such as {"method": "GET", "path": "/refunds/by-key/{idempotency_key}"} is expected.'
        )
    if "tool" not in rule:
        check_route(rule, {*names, *GIVEN}, extra=("found",))
        if rule["method"] not in READING:
            raise RouteRefused("A look-up changes nothing: its method is GET or HEAD.")
        return rule
    if unknown := sorted(rule.keys() - {"tool", "arguments", "found"}):
        raise RouteRefused(f"The key {unknown[0][:60]!r} has no meaning. Known: arguments, found, tool.")
    other = Tool.objects.filter(target_id=tool.target_id, name=str(rule["tool"])).exclude(pk=tool.pk).first()
    if other is None or not other.is_read:
        raise RouteRefused(f"{str(rule['tool'])[:64]!r} is no tool of this target that only reads.")
    arguments = rule.get("arguments", {})
    if not isinstance(arguments, dict):
        raise RouteRefused("arguments is an object: its argument, and what it is filled with.")
    if unknown := sorted(arguments.keys() - other.input_schema.get("properties", {}).keys()):
        raise RouteRefused(f"{other.name} has no argument {unknown[0][:60]!r}.")
    check_template(arguments, {*names, *GIVEN})
    return rule
