"""Turns the document's schemas into self-contained JSON Schema of draft 2020-12.

What a `$ref` names goes to `$defs`, each once, so that recursion stays recursion. Words of OpenAPI 3.0 become those of
the draft; read-only properties are left out, as all schemas here are of requests.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import jsonschema_rs

from tools.definitions import plain_text
from tools.openapi.document import Document, Unusable

MAX_DEFINITIONS = 400
MAX_SCHEMA_CHARACTERS = 100_000  # some 25,000 tokens, which every model call would carry
MAX_EXPANSION = 2_000
MAX_WORK = 30_000_000  # characters of schemas of a whole document: seconds, not hours, for a hostile one
MAX_DESCRIPTION = 600
# fmt: off
SCHEMA = frozenset({
    "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then",
    "unevaluatedItems", "unevaluatedProperties",
})
KEPT = frozenset({
    "const", "contentEncoding", "contentMediaType", "default", "dependentRequired", "deprecated", "enum",
    "examples", "exclusiveMaximum", "exclusiveMinimum", "format", "maxContains", "maxItems", "maxLength",
    "maxProperties", "maximum", "minContains", "minItems", "minLength", "minProperties", "minimum",
    "multipleOf", "pattern", "required", "type", "uniqueItems",
})
# fmt: on
SCHEMAS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
NAMED_SCHEMAS = frozenset({"dependentSchemas", "patternProperties", "properties"})
TOO_LARGE = f"its schema, with all that it refers to, exceeds {MAX_SCHEMA_CHARACTERS:,} characters"
TEXTS = ("description", "title")
IN_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas")
Schema = Any  # a dict or a bool


@dataclass
class Found:
    """What turned up while a schema was converted: the references it uses, in order, and what was lost."""

    references: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Converter:
    """Converts the schemas of one document; what is referred to is converted once for all operations."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.referred: dict[str, tuple[Schema, Found, int] | Unusable] = {}  # the last is its size in characters
        self.work = 0

    def spend(self, value: Any) -> None:
        """Counts what is read for the operations together, which may all refer to the same large things."""
        self.work += 50 + (len(json.dumps(value)) if isinstance(value, dict | list) else len(str(value)))
        if self.work > MAX_WORK:
            raise Unusable("the document's schemas are too large, or referred to too often")

    def convert(self, node: Any, found: Found, hidden: frozenset[str] = frozenset()) -> Schema:
        """`hidden` are properties that another member of the same `allOf` declares read-only. Raises `Unusable`."""
        if isinstance(node, bool):
            return node
        if not isinstance(node, dict):
            raise Unusable(f"a schema is expected where {str(node)[:60]!r} stands")
        if "$dynamicRef" in node:
            raise Unusable("'$dynamicRef' is not supported")
        if "$ref" in node and isinstance(node["$ref"], str):
            return self.reference(node, found)
        return self.converted(node, found, hidden)

    def reference(self, node: dict[str, Any], found: Found) -> Schema:
        """In 3.0 a reference stands for itself; from 3.1 on, what is beside it holds too."""
        self.document.at(node["$ref"])
        found.references[node["$ref"]] = None
        beside = {key: value for key, value in node.items() if key != "$ref"}
        if self.document.is_30:
            beside = {key: value for key, value in beside.items() if key == "description"}
        return {"$ref": f"#/$defs/{name_of(node['$ref'])}", **self.converted(beside, found, frozenset())}

    def converted(self, node: dict[str, Any], found: Found, hidden: frozenset[str]) -> dict[str, Any]:
        self.spend("")
        hidden |= self.read_only_names(node)
        schema: dict[str, Any] = {}
        for key, value in node.items():
            if key in SCHEMA:
                schema[key] = self.convert(value, found)
            elif key in SCHEMAS and isinstance(value, list):
                inner = hidden if key == "allOf" else frozenset()
                schema[key] = [self.convert(item, found, inner) for item in value]
            elif key in NAMED_SCHEMAS and isinstance(value, dict):
                schema[key] = {name: self.convert(item, found) for name, item in self.shown(key, value).items()}
            elif key in TEXTS:
                schema |= {key: text} if (text := plain_text(value, MAX_DESCRIPTION)) else {}
            elif key in KEPT:
                self.spend(value)
                schema[key] = value
        if "example" in node and "examples" not in schema:
            schema["examples"] = [node["example"]]
        mend_required(schema, hidden)
        mend_limits(schema)
        mend_patterns(schema, found)
        return nullable(schema) if self.document.is_30 and node.get("nullable") is True else schema

    def shown(self, key: str, members: dict[str, Any]) -> dict[str, Any]:
        if key != "properties":
            return members
        return {name: member for name, member in members.items() if not self.is_read_only(member)}

    def is_read_only(self, node: Any) -> bool:
        if not isinstance(node, dict):
            return False
        if node.get("readOnly") is True:
            return True
        return "$ref" in node and self.document.follow(node).get("readOnly") is True

    def read_only_names(self, node: Any) -> frozenset[str]:
        """The read-only properties of a schema and of what its `allOf` puts together."""
        names: set[str] = set()
        passed: set[str] = set()
        pending = [node]
        while pending:
            part = pending.pop()
            if not isinstance(part, dict):
                continue
            if isinstance(reference := part.get("$ref"), str) and reference not in passed:
                passed.add(reference)
                pending.append(self.document.at(reference))
            properties = part.get("properties")
            if isinstance(properties, dict):
                self.spend(list(properties))
                names |= {name for name, member in properties.items() if self.is_read_only(member)}
            if isinstance(parts := part.get("allOf"), list):
                pending += parts
            if len(passed) > MAX_DEFINITIONS:
                raise Unusable(TOO_LARGE)
        return frozenset(names)

    # -- what references name

    def definitions(self, found: Found) -> dict[str, Schema]:
        """`$defs`: all that is referred to, directly or by others. Adds the notes of each. Raises `Unusable`."""
        pending = list(found.references)
        named: dict[str, Schema] = {}
        size = 0
        while pending:
            reference = pending.pop()
            if name_of(reference) in named:
                continue
            schema, inner, characters = self.definition(reference)
            named[name_of(reference)] = schema
            found.notes += inner.notes
            pending += inner.references
            size += characters
            if len(named) > MAX_DEFINITIONS or size > MAX_SCHEMA_CHARACTERS:
                raise Unusable(TOO_LARGE)
        return dict(sorted(named.items()))

    def definition(self, reference: str) -> tuple[Schema, Found, int]:
        if reference not in self.referred:
            found = Found()
            try:
                schema = self.convert(self.document.at(reference), found)
                self.referred[reference] = (schema, found, len(json.dumps(schema)))
            except Unusable as error:
                self.referred[reference] = error
        result = self.referred[reference]
        if isinstance(result, Unusable):
            raise Unusable(str(result))
        return result


def name_of(reference: str) -> str:
    """The key in `$defs`: of a component its own name, of any other place one that no component has."""
    path, _, name = reference.rpartition("/")
    if path == "#/components/schemas" and re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name):
        return name
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:40]
    return f"{plain}__{hashlib.sha256(reference.encode()).hexdigest()[:8]}"


# -- words of OpenAPI 3.0, and what a validator would choke on


def mend_required(schema: dict[str, Any], hidden: Iterable[str]) -> None:
    """Without the names of properties that are left out; `required: true`, a word of draft 3, says nothing."""
    if "required" in schema:
        names = schema.pop("required")
        names = [name for name in names if name not in hidden] if isinstance(names, list) else []
        schema |= {"required": names} if names else {}


def mend_limits(schema: dict[str, Any]) -> None:
    """`minimum: 0, exclusiveMinimum: true` of 3.0 is `exclusiveMinimum: 0`."""
    for limit, flag in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(schema.get(flag), bool):
            exclusive = schema.pop(flag)
            if exclusive and limit in schema:
                schema[flag] = schema.pop(limit)


def mend_patterns(schema: dict[str, Any], found: Found) -> None:
    """A pattern that needs back-tracking could hang a worker; it is not checked here, only by the backend."""
    if "pattern" in schema and not is_linear(str(schema["pattern"])):
        found.notes.append(
            f"the pattern {str(schema.pop('pattern'))[:80]!r} is left out: it is not checked in linear time"
        )
    for pattern in [name for name in schema.get("patternProperties", {}) if not is_linear(name)]:
        del schema["patternProperties"][pattern]
        found.notes.append(f"properties named like {pattern[:80]!r} are left out: not checked in linear time")


@lru_cache(maxsize=2048)
def is_linear(pattern: str) -> bool:
    try:
        jsonschema_rs.validator_for({"pattern": pattern}, offline=True, pattern_options=jsonschema_rs.RegexOptions())
    except (jsonschema_rs.ValidationError, ValueError):
        return False
    return True


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if isinstance(kind, str):
        null: dict[str, Any] = {"type": [kind, "null"]}
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            null["enum"] = [*schema["enum"], None]
        if not any(key in schema for key in ("allOf", "anyOf", "oneOf", "not")):
            return {**schema, **null}
    texts = {key: schema.pop(key) for key in TEXTS if key in schema}
    return {**texts, "anyOf": [schema, {"type": "null"}]}


# -- the finished schema


def check_finished(schema: dict[str, Any]) -> None:
    """Raises `Unusable` for a schema that cannot be compiled, or would cost too much to check or to carry."""
    if len(json.dumps(schema)) > MAX_SCHEMA_CHARACTERS:
        raise Unusable(TOO_LARGE)
    try:
        expansions: dict[str, int | None] = {}
        for name in schema.get("$defs", {}):
            expansion({"$ref": f"#/$defs/{name}"}, schema["$defs"], expansions)
    except RecursionError as error:
        raise Unusable("its schemas refer to each other too deeply") from error
    try:
        jsonschema_rs.validator_for(schema, offline=True, pattern_options=jsonschema_rs.RegexOptions())
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise Unusable(f"its schema is not valid: {str(error).splitlines()[0][:200]}") from error


def expansion(schema: Schema, definitions: dict[str, Schema], known: dict[str, int | None]) -> int:
    """How many schemas one value is held against. `allOf: [A, A]`, with A made in the same way of B, and so on, doubles
    with each step: a few lines that would keep a worker busy for years. Raises `Unusable` above `MAX_EXPANSION`."""
    if not isinstance(schema, dict):
        return 1
    total = 1
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        if name not in known:
            known[name] = None
            known[name] = expansion(definitions[name], definitions, known)
        if (size := known[name]) is None:
            raise Unusable(f"the schema {name!r} consists of itself")
        total += size
    for key in IN_PLACE:
        parts = schema.get(key, [])
        parts = parts if isinstance(parts, list) else parts.values() if key == "dependentSchemas" else [parts]
        total += sum(expansion(part, definitions, known) for part in parts)
    if total > MAX_EXPANSION:
        raise Unusable("its schemas multiply each other beyond what can be checked")
    return total
