"""How a tool is called over HTTP, and how what it did is looked up: the JSON that an admin writes, checked.

A route is `{"method", "path", "query"?, "body"?, "headers"?, "result"?}`. Its `result` says which part of the answer
is the tool's: a path (`data.order`), or names and their paths (`{"id": "data.id", "skus": "data.items.*.sku"}`). Whose
a result is, what a precheck tells the policies, and an amount are read from that part. A look-up's `found` is a path
into the whole answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from tools.binding import PLACEHOLDER
from tools.errors import ToolRefused, Unreadable
from tools.models import Tool
from tools.openapi.parameters import TOKEN
from tools.paths import EVERY, Missing, names_of, step

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
READING = ("GET", "HEAD")
# What the gateway gives beside the arguments.
GIVEN = ("customer.email", "customer.id", "customer.name", "session.id", "idempotency_key")
KEYS = {"method", "path", "query", "body", "headers", "result"}
MAX_ROUTES = 10
MAX_PATH = 500
MAX_NAMES = 100
MAX_STEPS = 10
MAX_STEP = 200
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
    if "result" in route:
        check_result(route["result"])


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


def check_result(result: Any) -> None:
    """Which part of an answer is taken. Raises `RouteRefused`."""
    if isinstance(result, dict):
        if not 0 < len(result) <= MAX_NAMES:
            raise RouteRefused(f"result names 1 to {MAX_NAMES} parts of the answer.")
        if odd := [name for name in result if not name.strip() or not name.isprintable() or len(name) > MAX_STEP]:
            raise RouteRefused(f"result: {odd[0][:60]!r} is no name for a part of the answer.")
    for path in result.values() if isinstance(result, dict) else [result]:
        if not is_path(path):
            raise RouteRefused(
                'result is a path into the answer such as "data.order", or an object of names and such paths; * stands '
                f"for every item of a list. {str(path)[:60]!r} is no path."
            )


def is_path(value: object) -> bool:
    names = names_of(value) if isinstance(value, str) else []
    return 0 < len(names) <= MAX_STEPS and all(
        name == EVERY or (name.strip() and name.isprintable() and len(name) <= MAX_STEP and EVERY not in name)
        for name in names
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


# -- taken


def first_fitting(routes: Iterable[Mapping[str, Any]], values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first route whose path can be filled. Raises `ToolRefused` where there is none."""
    for route in routes:
        if all(values.get(name) not in (None, "") for name in PLACEHOLDER.findall(route["path"])):
            return route
    raise ToolRefused("invalid_arguments", "The arguments given fit no route of this tool.")


def mapped(answer: Any, result: str | Mapping[str, str] | None) -> Any:
    """The part of an answer that a route takes: an object or a list. Of several parts those that are not there are
    left out. Raises `Unreadable` where nothing that is asked for is there: then the answer is not what it was taken
    for, whatever its status says."""
    if not result:
        return answer
    if isinstance(result, str):
        try:
            part = part_at(answer, names_of(result))
        except Missing as error:
            raise Unreadable(f"the answer has nothing at {result!r}") from error
        return part if isinstance(part, dict | list) else {"result": part}
    parts = {}
    for name, path in result.items():
        try:
            parts[name] = part_at(answer, names_of(path))
        except Missing:
            continue
    if not parts:
        raise Unreadable("the answer has nothing of what the route takes")
    return parts


def part_at(value: Any, names: list[str]) -> Any:
    """Items of a list that lack what is behind a `*` are left out. Raises `Missing`."""
    for position, name in enumerate(names):
        if name == EVERY:
            if not isinstance(value, list):
                raise Missing(name)
            return parts_of(value, names[position + 1 :])
        value = step(value, name)
    return value


def parts_of(items: list[Any], names: list[str]) -> list[Any]:
    found = []
    for item in items:
        try:
            found.append(part_at(item, names))
        except Missing:
            continue
    return found
