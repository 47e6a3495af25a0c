"""The Cedar schema of the gateway's tools.

`AgentCore::OAuthUser` calls `AgentCore::Action::"Target___tool"` on `AgentCore::Gateway::"tandem"`; a tool is in its
target's group, every target in `CallTool`, and that in `Mcp`. A tool's JSON Schema is mapped as AgentCore maps it
(Amazon Bedrock AgentCore, "Policy in AgentCore"): string to String, integer to Long, boolean to Bool, number to
decimal, arrays to sets, objects to records. What Cedar cannot express is left out, and then no policy can read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

NAMESPACE = "AgentCore"
PRINCIPAL = "AgentCore::OAuthUser"
ACTION = "AgentCore::Action"
GATEWAY_TYPE = "AgentCore::Gateway"
GATEWAY = "tandem"
GROUPS = ("CallTool", "Mcp")
SEPARATOR = "___"
KEY = re.compile(r"[A-Za-z0-9_.:/-]{1,200}")
# A schema that refers to itself has no end; deeper than this nothing is mapped.
MAX_DEPTH = 8
MAX_ATTRIBUTES = 500

CedarType = dict[str, Any]
STRING: CedarType = {"type": "String"}
LONG: CedarType = {"type": "Long"}
BOOLEAN: CedarType = {"type": "Boolean"}
DECIMAL: CedarType = {"type": "Extension", "name": "decimal"}
SCALARS = {"string": STRING, "integer": LONG, "boolean": BOOLEAN, "number": DECIMAL}
# Cedar reads a record with one of these keys as an escape, not as a record.
ESCAPES = {"__entity", "__extn", "__expr"}


@dataclass(frozen=True, kw_only=True)
class ToolShape:
    """What a policy can know of a tool.

    `key` is `Target___tool`; `input_schema` a JSON Schema of type object; `facts` what the gateway looks up before it
    decides, by name: "string", "integer", "boolean" or "number".
    """

    key: str
    target: str
    input_schema: Mapping[str, Any]
    facts: Mapping[str, str] = field(default_factory=dict)


def cedar_schema(tools: Iterable[ToolShape], bare: Iterable[str] = ()) -> dict[str, Any]:
    """The schema in Cedar's JSON form. `bare` are actions that are only known by name, and apply to nothing.

    Raises `ValueError` where a key is no `Target___tool`, a target has a group's name, or a fact has no such type.
    """
    shapes = list(tools)
    check_shapes(shapes)
    actions: dict[str, Any] = {name: {} for name in bare}
    actions |= {"Mcp": {}, "CallTool": member_of("Mcp")}
    actions |= {shape.target: member_of("CallTool") for shape in shapes}
    for shape in shapes:
        applies_to = {
            "principalTypes": ["OAuthUser"],
            "resourceTypes": ["Gateway"],
            "context": context_type(shape),
        }
        actions[shape.key] = {**member_of(shape.target), "appliesTo": applies_to}
    caller = {"shape": record({"id": (STRING, True)}), "tags": STRING}
    return {NAMESPACE: {"entityTypes": {"OAuthUser": caller, "Gateway": {}}, "actions": actions}}


def check_shapes(shapes: list[ToolShape]) -> None:
    for shape in shapes:
        if shape.target in GROUPS:
            raise ValueError(f"a target cannot be named {shape.target!r}: all tools are in a group of that name")
        target, separator, _ = shape.key.partition(SEPARATOR)
        if not separator or target != shape.target or not KEY.fullmatch(shape.key):
            raise ValueError(f"{shape.key!r} is not the key of a tool of the target {shape.target!r}")
        for name, kind in shape.facts.items():
            if kind not in SCALARS or name in ESCAPES:
                raise ValueError(f"the fact {name!r} of {shape.key!r} cannot be of type {kind!r}")


def member_of(group: str) -> dict[str, Any]:
    return {"memberOf": [{"id": group}]}


def groups_of(shape: ToolShape) -> tuple[str, ...]:
    return (shape.target, *GROUPS)


def context_type(shape: ToolShape) -> CedarType:
    """What a policy reads as `context`."""
    facts = {name: (SCALARS[kind], False) for name, kind in shape.facts.items()}
    return record(
        {
            "input": (record(Mapper(shape.input_schema).properties_of(shape.input_schema)), True),
            "customer": (record({"verified": (BOOLEAN, True), "id": (STRING, False), "email": (STRING, False)}), True),
            "channel": (STRING, True),
            "tainted": (BOOLEAN, True),
            "facts": (record(facts), True),
        }
    )


def record(attributes: Mapping[str, tuple[CedarType, bool]]) -> CedarType:
    """A record type from each attribute's type and whether it is always there."""
    return {
        "type": "Record",
        "attributes": {name: {**kind, "required": required} for name, (kind, required) in attributes.items()},
    }


def is_text(value: str) -> bool:
    """Whether it can be sent as UTF-8; JSON can name half of a surrogate pair."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


class Mapper:
    """Maps one JSON Schema document. What it refers to within itself is followed, until the types are too many."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root
        self.remaining = MAX_ATTRIBUTES

    def properties_of(self, schema: Mapping[str, Any], *, depth: int = 0) -> dict[str, tuple[CedarType, bool]]:
        properties = schema.get("properties")
        required = schema.get("required")
        required = required if isinstance(required, list) else []
        found = {}
        for name, inner in properties.items() if isinstance(properties, dict) else ():
            self.remaining -= 1
            kind, nullable = self.type_of(inner, depth=depth + 1) if self.remaining > 0 else (None, False)
            if kind is not None and name not in ESCAPES and is_text(name):
                found[name] = (kind, name in required and not nullable)
        return found

    def type_of(self, schema: object, *, depth: int) -> tuple[CedarType | None, bool]:
        """The Cedar type, or None where there is none, and whether a null is allowed as well."""
        if not isinstance(schema, dict) or depth > MAX_DEPTH:
            return None, False
        if isinstance(schema.get("$ref"), str):
            return self.type_of(self.referred(schema["$ref"]), depth=depth + 1)
        branches = schema.get("anyOf", schema.get("oneOf"))
        if isinstance(branches, list):
            return self.only_branch(branches, depth=depth)
        kinds = schema.get("type")
        if isinstance(kinds, list):
            return self.only_branch([{**schema, "type": kind} for kind in kinds], depth=depth)
        return self.plain_type(schema, depth=depth), False

    def referred(self, pointer: str) -> object:
        """What a `$ref` within the document names (RFC 6901), or None."""
        found: object = self.root if pointer.startswith("#") else None
        for step in pointer.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    def only_branch(self, branches: list[Any], *, depth: int) -> tuple[CedarType | None, bool]:
        """One alternative beside null is that alternative; more than one cannot be expressed."""
        others = [branch for branch in branches if not (isinstance(branch, dict) and branch.get("type") == "null")]
        if len(others) != 1:
            return None, False
        kind, nullable = self.type_of(others[0], depth=depth + 1)
        return kind, nullable or len(others) < len(branches)

    def plain_type(self, schema: dict[str, Any], *, depth: int) -> CedarType | None:
        kind = schema.get("type")
        if kind == "array":
            element, nullable = self.type_of(schema.get("items"), depth=depth + 1)
            return None if element is None or nullable else {"type": "Set", "element": element}
        if kind == "object":
            return record(self.properties_of(schema, depth=depth)) if schema.get("properties") else None
        if kind is None and isinstance(schema.get("enum"), list) and schema["enum"]:
            return STRING if all(isinstance(value, str) for value in schema["enum"]) else None
        return SCALARS.get(kind) if isinstance(kind, str) else None
