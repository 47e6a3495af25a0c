"""A tool's JSON Schema as Cedar's types, and what is left out."""

from __future__ import annotations

import json
from typing import Any

import cedarpy
import pytest

from tests.tools.policy.shapes import TOOLS
from tools.policy.schema import ToolShape, cedar_schema, context_type
from tools.policy.values import entities_of

STRING: dict[str, Any] = {"type": "String"}
LONG: dict[str, Any] = {"type": "Long"}
RECURSIVE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "parent": {"$ref": "#"}},
}
MAPPED: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "string": ({"type": "string"}, STRING),
    "integer": ({"type": "integer"}, LONG),
    "number": ({"type": "number"}, {"type": "Extension", "name": "decimal"}),
    "boolean": ({"type": "boolean"}, {"type": "Boolean"}),
    "array": ({"type": "array", "items": {"type": "integer"}}, {"type": "Set", "element": LONG}),
    "array of arrays": (
        {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
        {"type": "Set", "element": {"type": "Set", "element": STRING}},
    ),
    "object": (
        {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a", "b"]},
        {"type": "Record", "attributes": {"a": {**STRING, "required": True}}},
    ),
    "reference": ({"$ref": "#/$defs/a~1b"}, LONG),
    "enumeration": ({"enum": ["a", "b"]}, STRING),
    "any": ({}, None),
    "true": (True, None),  # type: ignore[dict-item]  # JSON Schema allows it
    "null": ({"type": "null"}, None),
    "union": ({"type": ["string", "integer"]}, None),
    "alternatives": ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, None),
    "free object": ({"type": "object"}, None),
    "array of anything": ({"type": "array"}, None),
    "array with nulls": ({"type": "array", "items": {"type": ["string", "null"]}}, None),
    "mixed enumeration": ({"enum": ["a", 1]}, None),
    "reference to nothing": ({"$ref": "#/$defs/none"}, None),
    "reference to another host": ({"$ref": "https://example.com/schema"}, None),
    "odd type": ({"type": {"a": 1}}, None),
}


def input_of(schema: dict[str, Any]) -> dict[str, Any]:
    kind = context_type(ToolShape(key="t___a", target="t", input_schema=schema))
    attributes: dict[str, Any] = kind["attributes"]["input"]["attributes"]
    return attributes


@pytest.mark.parametrize("name", MAPPED)
def test_types_are_mapped_or_left_out(name: str) -> None:
    schema, expected = MAPPED[name]
    root = {"type": "object", "properties": {"x": schema}, "required": ["x"], "$defs": {"a/b": {"type": "integer"}}}
    assert input_of(root) == ({} if expected is None else {"x": {**expected, "required": True}})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "null"}, {"type": "string"}]},
        {"oneOf": [{"type": ["string", "null"]}]},
    ],
    ids=["types", "alternatives", "within"],
)
def test_what_may_be_null_may_be_missing(schema: dict[str, Any]) -> None:
    root = {"type": "object", "properties": {"x": schema}, "required": ["x"]}
    assert input_of(root) == {"x": {**STRING, "required": False}}


def test_a_schema_without_an_end_is_cut() -> None:
    found = input_of(RECURSIVE)
    depth = 0
    while "parent" in found:
        found = found["parent"]["attributes"]
        depth += 1
    assert 1 <= depth <= 8


def test_a_schema_that_multiplies_itself_stays_small() -> None:
    names = [f"p{n}" for n in range(200)]
    root = {"type": "object", "properties": {name: {"$ref": "#"} for name in names}}
    assert len(json.dumps(input_of(root))) < 100_000


@pytest.mark.parametrize("name", ["__entity", "__extn", "__expr", "\ud800"], ids=repr)
def test_names_that_the_engine_would_misread_are_left_out(name: str) -> None:
    assert input_of({"type": "object", "properties": {name: {"type": "string"}}}) == {}


@pytest.mark.parametrize("schema", [{}, {"properties": None}, {"properties": []}, {"required": 3}], ids=str)
def test_a_schema_that_says_nothing_has_no_arguments(schema: dict[str, Any]) -> None:
    assert input_of(schema) == {}


def test_the_engine_takes_the_schema_and_knows_the_groups() -> None:
    schema = cedarpy.Schema.from_json_str(json.dumps(cedar_schema(TOOLS)))
    text = str(schema)
    assert 'action "shop___process_refund" in [Action::"shop"]' in text or '"shop___process_refund"' in text
    entities = cedarpy.Entities.from_json_str("[]", schema)
    request = {
        "principal": 'AgentCore::OAuthUser::"a"',
        "action": 'AgentCore::Action::"mail___send"',
        "resource": 'AgentCore::Gateway::"tandem"',
        "context": {
            "input": {"to": "x"},
            "customer": {"verified": True},
            "channel": "chat",
            "tainted": False,
            "facts": {},
        },
    }
    for group in ("mail", "CallTool", "Mcp"):
        policy = f'permit(principal, action in AgentCore::Action::"{group}", resource);'
        assert cedarpy.is_authorized(request, policy, entities, schema).allowed
    other = 'permit(principal, action in AgentCore::Action::"shop", resource);'
    assert not cedarpy.is_authorized(request, other, entities, schema).allowed


@pytest.mark.parametrize(
    "shape",
    [
        ToolShape(key="Mcp___a", target="Mcp", input_schema={}),
        ToolShape(key="CallTool___a", target="CallTool", input_schema={}),
        ToolShape(key="a", target="a", input_schema={}),
        ToolShape(key="b___a", target="a", input_schema={}),
        ToolShape(key='a___"', target="a", input_schema={}),
        ToolShape(key="a___\u00e9", target="a", input_schema={}),
        ToolShape(key="a___b", target="a", input_schema={}, facts={"x": "array"}),
        ToolShape(key="a___b", target="a", input_schema={}, facts={"__extn": "string"}),
    ],
    ids=repr,
)
def test_a_tool_that_cannot_be_named_is_refused(shape: ToolShape) -> None:
    with pytest.raises(ValueError, match=r"cannot be|is not the key"):
        cedar_schema([shape])


def test_no_target_has_the_name_of_a_tool() -> None:
    tool = ToolShape(key="a___b___c", target="a", input_schema={})
    assert "a___b___c" in cedar_schema([tool])["AgentCore"]["actions"]
    with pytest.raises(ValueError, match="is not the key"):
        cedar_schema([ToolShape(key="a___b___c", target="a___b", input_schema={})])


def test_a_caller_is_parsed_once() -> None:
    known = entities_of("a", (("kind", "agent"),), "shop___charge", ("shop", "CallTool", "Mcp"))
    assert entities_of("a", (("kind", "agent"),), "shop___charge", ("shop", "CallTool", "Mcp")) is known
    assert entities_of("a", (), "shop___charge", ("shop", "CallTool", "Mcp")) is not known
