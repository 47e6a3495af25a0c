"""Makes the HTTP request of a call from its recipe and its arguments.

The arguments come from a model that may have been talked into anything: each one may fill its own place and nothing
else. It cannot leave its path segment, end a header, name a parameter that is another's, or set what belongs to the
connection or the credential.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tools.openapi.parameters import TOKEN, is_reserved
from tools.openapi.styles import Pairs, form_pairs, header_text, path_text, refuse

PLACEHOLDER = re.compile(r"\{([^{}/]+)\}")


@dataclass(frozen=True, kw_only=True)
class Request:
    """An HTTP request without its host. `query` is not yet encoded; `path` is. `body` is a JSON value, or for a form
    a tuple of (name, value) to be encoded like a query, or None; without a body `content_type` is empty."""

    method: str
    path: str
    query: Pairs
    headers: dict[str, str]
    body: Any | None
    content_type: str


def build_request(recipe: Mapping[str, Any], arguments: Mapping[str, Any]) -> Request:
    """`arguments` have passed the input schema, and hold what is bound for the customer. Raises `ToolRefused`."""
    check_arguments_known(recipe, arguments)
    parameters = recipe["parameters"]
    given = {name: value for name, value in arguments.items() if name in parameters and value is not None}
    places: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
    for argument, value in given.items():
        places[parameters[argument]["in"]][argument] = value
    body, content_type = body_of(recipe, arguments)
    return Request(
        method=recipe["method"],
        path=filled_path(recipe["path"], parameters, places["path"]),
        query=query_of(parameters, places["query"], recipe.get("withheld", ())),
        headers=headers_of(parameters, places["header"]),
        body=body,
        content_type=content_type,
    )


def check_arguments_known(recipe: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """Raises `ToolRefused` for an argument without a place, and for text that cannot be sent at all."""
    body = recipe.get("body") or {}
    known = {*recipe["parameters"], *body.get("fields", ()), body.get("whole")}
    unknown = [name for name in arguments if name not in known]
    if unknown and not body.get("rest"):
        raise refuse(f"there is no argument {unknown[0][:64]!r}")
    try:
        json.dumps(arguments, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise refuse("the arguments hold a broken character, a number that is none, or too much nesting") from error


# -- path


def filled_path(template: str, parameters: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    texts = {
        parameters[argument]["name"]: path_text(argument, parameters[argument], value)
        for argument, value in values.items()
    }
    missing = [name for name in PLACEHOLDER.findall(template) if name not in texts]
    if missing:
        raise refuse(f"the path needs {missing[0][:64]!r}")
    return PLACEHOLDER.sub(lambda match: texts[match[1]], template)


# -- query and headers


def query_of(parameters: Mapping[str, Any], values: Mapping[str, Any], withheld: Iterable[str]) -> Pairs:
    names = {entry["name"] for entry in parameters.values() if entry["in"] == "query"} | {*withheld}
    pairs: list[tuple[str, str]] = []
    for argument, value in values.items():
        entry = parameters[argument]
        pairs += own_pairs(argument, form_pairs(argument, entry["name"], entry, value), names - {entry["name"]})
    return tuple(pairs)


def own_pairs(argument: str, pairs: Pairs, others: Collection[str]) -> Pairs:
    """An object that is spread over several parameters names them by its keys: never one that is another's."""
    for name, _ in pairs:
        if name in others:
            raise refuse(f"{argument} may not set {name[:64]!r}")
    return pairs


def headers_of(parameters: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, str]:
    headers = {}
    for argument, value in values.items():
        name = parameters[argument]["name"]
        if is_reserved("header", name) or not TOKEN.fullmatch(name):
            raise refuse(f"the header {name[:64]!r} is not set by an argument")
        headers[name] = header_text(argument, parameters[argument], value)
    return headers


# -- body


def body_of(recipe: Mapping[str, Any], arguments: Mapping[str, Any]) -> tuple[Any | None, str]:
    """The body and its content type. One that is not required and got no argument is not sent."""
    body = recipe.get("body")
    if body is None:
        return None, ""
    if body["whole"]:
        value = arguments.get(body["whole"])
        is_given = body["whole"] in arguments
    else:
        value = object_of(recipe, body, arguments)
        is_given = bool(value) or body["required"]
    if not is_given:
        return None, ""
    return (form_of(body, value) if body["form"] else value), body["content_type"]


def object_of(recipe: Mapping[str, Any], body: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are described, and what else the arguments hold where the body takes more."""
    fields = body["fields"]
    value = {name: arguments[argument] for argument, name in fields.items() if argument in arguments}
    taken = {*fields.values(), *body["withheld"]}
    for argument in arguments:
        if argument in fields or argument in recipe["parameters"]:
            continue
        if argument in taken:
            raise refuse(f"there is no argument {argument[:64]!r}")
        value[argument] = arguments[argument]
    return value


def form_of(body: Mapping[str, Any], value: Any) -> Pairs:
    if not isinstance(value, dict):
        raise refuse("a form is made of named values")
    names = {*value, *body["fields"].values(), *body["withheld"]}
    pairs: list[tuple[str, str]] = []
    for name, item in value.items():
        if item is not None:
            usual = {"style": "json" if isinstance(item, dict) else "form", "explode": True}
            made = form_pairs(name, name, body["encoding"].get(name, usual), item)
            pairs += own_pairs(name, made, names - {name})
    return tuple(pairs)
