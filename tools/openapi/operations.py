"""The operations of a document as tools: what the model is shown, and the recipe by which a call becomes a request.

A recipe is JSON, kept in a column:

    {"kind": "openapi", "method": "POST", "path": "/orders/{order_id}/notes",
     "parameters": {argument: {"in": "path", "name": "order_id", "style": "simple", "explode": false}},
     "body": None or {"content_type": …, "form": bool, "required": bool,
                      "whole": the argument that is the body, or None where "fields" are its parts,
                      "fields": {argument: property}, "rest": whether it takes other properties,
                      "withheld": properties that it never takes, "encoding": {property: {"style", "explode"}}},
     "withheld": query parameters that belong to the credential,
     "key_header": the header for the idempotency key, or ""}
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tools.definitions import MAX_DESCRIPTION, MAX_NAME, Definition, fit_name, plain_text
from tools.openapi.arguments import Arguments
from tools.openapi.bodies import body_of
from tools.openapi.document import Document, Unusable, text_in
from tools.openapi.parameters import parameters_of
from tools.openapi.schemas import Converter
from tools.openapi.security import credential_names, security_needed
from tools.openapi.servers import own_servers

MAX_PATH = 500
EFFECTS = {"get": "read", "head": "read", "delete": "irreversible"}
PLACEHOLDER = re.compile(r"\{([^{}/]+)\}")
# A path as RFC 3986 has it (section 3.3), with its placeholders.
PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2}|\{[^{}/]+\})*")


@dataclass(frozen=True, kw_only=True)
class Operation:
    """`effect` is a value of `Tool.Effect`; `security` names schemes of the document. One with `problems` cannot be
    offered, and its schema and recipe are empty; `notes` say what it loses."""

    name: str
    summary: str
    description: str
    method: str
    path: str
    tags: list[str]
    effect: str
    input_schema: dict[str, Any] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    deprecated: bool
    security: list[str]
    problems: list[str]
    notes: list[str]

    @property
    def key_header(self) -> str:
        return str(self.recipe.get("key_header", ""))


def definition_of(operation: Operation) -> Definition:
    """Raises `ValueError` for one that cannot be offered."""
    if operation.problems:
        raise ValueError(f"{operation.name} cannot be offered: {operation.problems[0]}")
    return Definition(
        name=operation.name,
        description=operation.description,
        input_schema=operation.input_schema,
        effect=operation.effect,
        recipe=operation.recipe,
    )


def operations_of(document: Document) -> list[Operation]:
    """All that the document describes, in its order, those with problems too."""
    found = document.operations()
    names = names_of([(text_in(item[method], "operationId"), method, path) for path, method, item in found])
    converter = Converter(document)
    return [
        operation_of(document, converter, name=name, path=path, method=method, item=item)
        for name, (path, method, item) in zip(names, found, strict=True)
    ]


def operation_of(
    document: Document, converter: Converter, *, name: str, path: str, method: str, item: dict[str, Any]
) -> Operation:
    node = item[method]
    problems: list[str] = []
    notes: list[str] = []
    schema: dict[str, Any] = {}
    recipe: dict[str, Any] = {}
    security: list[str] = []
    try:
        security = security_needed(document, node)
        own_servers(document, item, node)
        arguments = arguments_of(document, converter, path=path, method=method, item=item)
        schema, notes = arguments.finish(), list(dict.fromkeys(arguments.notes))
        recipe = {
            "kind": "openapi",
            "method": method.upper(),
            "path": path,
            "parameters": arguments.parameters,
            "body": arguments.body,
            "withheld": sorted(name for place, name in credential_names(document) if place == "query"),
            "key_header": arguments.key_header,
        }
    except Unusable as error:
        problems.append(str(error))
    except RecursionError:
        problems.append("its schemas are nested too deeply")
    summary = plain_text(text_in(node, "summary"), 200)
    return Operation(
        name=name,
        summary=summary,
        description=description_of(summary, text_in(node, "description"), f"{method.upper()} {path}"),
        method=method.upper(),
        path=path,
        tags=tags_of(node),
        effect=EFFECTS.get(method, "write"),
        input_schema=schema,
        recipe=recipe,
        deprecated=node.get("deprecated") is True,
        security=security,
        problems=problems,
        notes=notes,
    )


def arguments_of(
    document: Document, converter: Converter, *, path: str, method: str, item: dict[str, Any]
) -> Arguments:
    """Raises `Unusable`."""
    node = item[method]
    parameters = parameters_of(document, item, node, credential_names(document))
    arguments = Arguments(converter, key_header=parameters.key_header, notes=parameters.notes)
    placeholders = placeholders_of(path)
    for parameter in parameters.given:
        if parameter.place == "path" and parameter.name not in placeholders:
            arguments.notes.append(f"the path has no place for the parameter {parameter.name[:80]!r}")
        else:
            arguments.add_parameter(parameter)
    described = {entry["name"] for entry in arguments.parameters.values() if entry["in"] == "path"}
    if missing := [name for name in placeholders if name not in described]:
        raise Unusable(f"the path's parameter {missing[0][:80]!r} is not described")
    body = body_of(document, node) if method not in {"get", "head"} else None
    if body is not None:
        arguments.add_body(document, body)
    elif method in {"get", "head"} and node.get("requestBody") is not None:
        if document.follow(node["requestBody"]).get("required") is True:
            raise Unusable(f"it needs a body, which {method.upper()} does not have")
        arguments.notes.append(f"its body is left out: {method.upper()} has none")
    return arguments


def placeholders_of(path: str) -> list[str]:
    """Raises `Unusable` for a path that could lead elsewhere than it says."""
    steps = PLACEHOLDER.sub("x", path).split("/")
    if len(path) > MAX_PATH or not PATH.fullmatch(path) or {".", ".."} & {re.sub("(?i)%2e", ".", s) for s in steps}:
        raise Unusable(f"its path {path[:120]!r} cannot be used in a request")
    return PLACEHOLDER.findall(path)


def tags_of(node: dict[str, Any]) -> list[str]:
    tags = node.get("tags")
    return [tag[:80] for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def description_of(summary: str, description: str, address: str) -> str:
    """Both, unless one says the other again; of an operation without either its address."""
    text = plain_text(description, MAX_DESCRIPTION)
    if not text or text.startswith(summary.rstrip(".")):
        return text or summary or plain_text(address, MAX_DESCRIPTION)
    end = "" if summary.endswith((".", "!", "?")) else "."
    return plain_text(f"{summary}{end}\n{text}" if summary else text, MAX_DESCRIPTION)


# -- names


def names_of(operations: list[tuple[str, str, str]]) -> list[str]:
    """A name for each (operationId, method, path). Where two want the same one, those whose identifier it is not
    exactly, or all, are told apart by a digest of method and path: no name moves to another operation when one is
    added, removed or put elsewhere in the document."""
    wanted = [name_wanted(*operation) for operation in operations]
    identifiers = Counter(identifier for identifier, _, _ in operations)
    counts = Counter(wanted)
    taken: set[str] = set()
    names = []
    for (identifier, method, path), name in zip(operations, wanted, strict=True):
        is_own = identifier == name and identifiers[identifier] == 1
        unique = name if is_own or counts[name] == 1 else told_apart(name, method, path, 6)
        for digits in range(8, MAX_NAME - 1, 2):
            if unique not in taken:
                break
            unique = told_apart(name, method, path, digits)
        taken.add(unique)
        names.append(unique)
    return names


def name_wanted(identifier: str, method: str, path: str) -> str:
    """`get_orders_by_order_id` for GET /orders/{order_id} without an operationId."""
    return fit_name(identifier.strip() or method + PLACEHOLDER.sub(r"by_\1", path))


def told_apart(name: str, method: str, path: str, digits: int) -> str:
    suffix = hashlib.sha256(f"{method} {path}".encode()).hexdigest()[:digits]
    return f"{name[: MAX_NAME - 1 - digits]}_{suffix}"
