"""A request's schema is self-contained, of draft 2020-12, and can be checked in little time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.tools.openapi.documents import components, document, only, posted, query
from tools.openapi import operations_of
from tools.schemas import validator_of

V30 = {"version": "3.0.3"}
NODE = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}, "n": {"type": "integer"}}}


def accepts(schema: Any, value: Any) -> bool:
    return bool(validator_of(json.dumps(schema)).is_valid(value))


def schema_of(schema: Any, **rest: Any) -> Any:
    """What becomes of the schema of one query parameter."""
    operation = query({"name": "q", "schema": schema}, **rest)
    assert operation.problems == []
    return operation.input_schema["properties"]["q"]


def test_recursion_stays_recursion() -> None:
    operation = query({"name": "q", "schema": {"$ref": "#/components/schemas/Node"}}, **components(Node=NODE))
    schema = operation.input_schema
    assert schema["properties"]["q"] == {"$ref": "#/$defs/Node"}
    assert schema["$defs"]["Node"]["properties"]["next"] == {"$ref": "#/$defs/Node"}
    assert accepts(schema, {"q": {"next": {"next": {"n": 1}}}})
    assert not accepts(schema, {"q": {"next": {"next": {"n": "one"}}}})


def test_schemas_that_refer_to_each_other() -> None:
    schemas = components(
        A={"type": "object", "properties": {"b": {"$ref": "#/components/schemas/B"}}},
        B={"type": "array", "items": {"$ref": "#/components/schemas/A"}},
        Unused={"$ref": "#/nowhere"},
    )
    operation = query({"name": "q", "schema": {"$ref": "#/components/schemas/A"}}, **schemas)
    assert operation.input_schema["$defs"].keys() == {"A", "B"}
    assert not accepts(operation.input_schema, {"q": {"b": [{"b": 1}]}})


def test_references_to_any_place_have_names_of_their_own() -> None:
    schemas = components(
        A={"properties": {"items": {"type": "string"}}},
        B={"properties": {"items": {"type": "integer"}}},
        **{"odd/na~me %": {"type": "boolean"}},
    )
    references = [
        "#/components/schemas/A/properties/items",
        "#/components/schemas/B/properties/items",
        "#/components/schemas/odd~1na~0me%20%25",
    ]
    operation = posted({"type": "array", "prefixItems": [{"$ref": reference} for reference in references]}, **schemas)
    assert len(operation.input_schema["$defs"]) == 3
    assert accepts(operation.input_schema, {"body": ["text", 1, True]})
    assert not accepts(operation.input_schema, {"body": [1, "text", True]})


def test_what_stands_beside_a_reference_holds_from_31_on() -> None:
    schemas = components(Text={"type": "string"})
    node = {"$ref": "#/components/schemas/Text", "maxLength": 3, "description": "Short."}
    assert schema_of(node, **schemas) == {"$ref": "#/$defs/Text", "maxLength": 3, "description": "Short."}
    assert schema_of(node, **schemas, **V30) == {"$ref": "#/$defs/Text", "description": "Short."}


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": False}, {"type": "string"}),
        ({"type": "string", "nullable": True, "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
        (
            {"oneOf": [{"type": "string"}], "nullable": True},
            {"anyOf": [{"oneOf": [{"type": "string"}]}, {"type": "null"}]},
        ),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": True}, {"type": "number", "exclusiveMinimum": 1}),
        ({"type": "number", "maximum": 9, "exclusiveMaximum": False}, {"type": "number", "maximum": 9}),
        ({"type": "number", "exclusiveMaximum": True}, {"type": "number"}),
        ({"type": "string", "example": "x"}, {"type": "string", "examples": ["x"]}),
        ({"type": "string", "xml": {}, "x-internal": 1, "externalDocs": {}}, {"type": "string"}),
        ({"type": "object", "discriminator": {"propertyName": "k"}}, {"type": "object"}),
        ({"type": "string", "required": True}, {"type": "string"}),
        ({"type": "object", "additionalProperties": False}, {"type": "object", "additionalProperties": False}),
        (
            {"type": "object", "additionalProperties": {"type": "integer", "nullable": True}},
            {"type": "object", "additionalProperties": {"type": ["integer", "null"]}},
        ),
        ({"type": "integer", "format": "int64"}, {"type": "integer", "format": "int64"}),
    ],
    ids=[
        "nullable",
        "not nullable",
        "enum",
        "oneOf",
        "exclusive minimum",
        "not exclusive",
        "without limit",
        "example",
        "extensions",
        "discriminator",
        "draft 3",
        "closed",
        "map",
        "format",
    ],
)
def test_words_of_30(given: Any, becomes: Any) -> None:
    assert schema_of(given, **V30) == becomes


def test_words_of_31_pass() -> None:
    schema = {
        "type": ["object", "null"],
        "properties": {"k": {"const": "a"}, "tuple": {"prefixItems": [{"type": "string"}], "items": False}},
        "patternProperties": {"^x-": {"type": "string"}},
        "propertyNames": {"maxLength": 9},
        "unevaluatedProperties": False,
        "if": {"required": ["k"]},
        "then": {"minProperties": 1},
        "else": True,
        "dependentSchemas": {"k": {"required": ["tuple"]}},
        "dependentRequired": {"tuple": ["k"]},
        "examples": [{"k": "a"}],
    }
    assert schema_of({**schema, "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "x"}) == schema


def test_read_only_properties_are_left_out_wherever_they_are_declared() -> None:
    schemas = components(
        Id={"type": "string", "readOnly": True},
        Base={"properties": {"made": {"type": "string", "readOnly": True}}},
    )
    inner = {
        "allOf": [{"$ref": "#/components/schemas/Base"}, {"required": ["made", "name"], "properties": {"name": {}}}],
    }
    body = {"required": ["id", "inner"], "properties": {"id": {"$ref": "#/components/schemas/Id"}, "inner": inner}}
    operation = posted(body, **schemas)
    schema = operation.input_schema
    assert (list(schema["properties"]), schema["required"]) == (["inner"], ["inner"])
    assert accepts(schema, {"inner": {"name": "A"}})
    assert not accepts(schema, {"inner": {}})
    assert operation.recipe["body"]["withheld"] == ["id"]


def test_all_of_at_the_top_is_one_object() -> None:
    schemas = components(Base={"required": ["a"], "properties": {"a": {"type": "integer"}}})
    operation = posted({"allOf": [{"$ref": "#/components/schemas/Base"}, {"properties": {"b": {}}}]}, **schemas)
    assert (list(operation.input_schema["properties"]), operation.input_schema["required"]) == (["a", "b"], ["a"])


@pytest.mark.parametrize(
    "pattern",
    ["^(?=a)b$", r"^(a)\1$", "(", "(a{1000}){1000}", "^(?<!x)y"],
    ids=["look-ahead", "back-reference", "broken", "huge", "look-behind"],
)
def test_patterns_that_could_hang_a_worker_are_left_out_and_said_so(pattern: str) -> None:
    operation = query({"name": "q", "schema": {"type": "string", "pattern": pattern, "maxLength": 5}})
    assert operation.input_schema["properties"]["q"] == {"type": "string", "maxLength": 5}
    assert "is left out" in operation.notes[0]


def test_a_pattern_that_is_slow_elsewhere_is_fast_here() -> None:
    operation = query({"name": "q", "schema": {"type": "string", "pattern": "^(a+)+$"}})
    assert operation.notes == []
    assert not accepts(operation.input_schema, {"q": "a" * 5000 + "b"})


# -- hostile schemas


def doubling(steps: int) -> Any:
    schemas = {f"D{n}": {"allOf": [{"$ref": f"#/components/schemas/D{n + 1}"}] * 2} for n in range(steps)}
    return components(**schemas, **{f"D{steps}": {"type": "object"}})


def chain(length: int, **last: Any) -> Any:
    schemas = {f"C{n}": {"allOf": [{"$ref": f"#/components/schemas/C{n + 1}"}]} for n in range(length)}
    return components(**schemas, **{f"C{length}": last})


@pytest.mark.parametrize(
    ("schema", "rest", "told"),
    [
        ({"$ref": "#/components/schemas/D0"}, doubling(40), "multiply each other"),
        ({"$ref": "#/components/schemas/C0"}, chain(3000), "exceeds"),
        ({"$ref": "#/components/schemas/C0"}, chain(390), "too deeply"),
        ({"$ref": "#/components/schemas/A"}, components(A={"allOf": [{"$ref": "#/components/schemas/A"}]}), "itself"),
        ({"$ref": "#/components/schemas/A"}, components(A={"$ref": "#/components/schemas/A"}), "itself"),
        (
            {"$ref": "#/components/schemas/A"},
            components(A={"$ref": "#/components/schemas/B"}, B={"anyOf": [{"$ref": "#/components/schemas/A"}]}),
            "itself",
        ),
        ({"$ref": "#/components/schemas/Gone"}, {}, "leads to nothing"),
        (
            {"properties": {"x": {"$ref": "#/components/schemas/A"}}},
            components(A={"items": {"$ref": "#/no"}}),
            "nothing",
        ),
        ({"$ref": "#anchor"}, {}, "no JSON pointer"),
        ({"$ref": "file:///etc/passwd"}, {}, "outside the document"),
        ({"items": {"$ref": "http://169.254.169.254/"}}, {}, "outside the document"),
        ({"$dynamicRef": "#x"}, {}, "$dynamicRef"),
        ({"enum": ["x" * 200_000]}, {}, "exceeds 100,000 characters"),
        ({"$ref": "#/components/schemas/Big"}, components(Big={"enum": ["x" * 200_000]}), "exceeds"),
        ({"type": "any"}, {}, "is not valid"),
        ({"minimum": "3"}, {}, "is not valid"),
        ({"items": [{"type": "string"}]}, {}, "a schema is expected"),
    ],
    ids=[
        "doubling",
        "long chain",
        "deep chain",
        "allOf itself",
        "ring of one",
        "ring of two",
        "broken",
        "broken inside",
        "anchor",
        "file",
        "metadata address",
        "dynamic",
        "huge",
        "huge by reference",
        "type",
        "limit",
        "list of items",
    ],
)
def test_hostile_or_broken_schemas_are_problems(schema: Any, rest: Any, told: str) -> None:
    for operation in (query({"name": "q", "schema": schema}, **rest), posted(schema, **rest)):
        assert told in operation.problems[0]
        assert (operation.input_schema, operation.recipe) == ({}, {})


def test_one_large_thing_referred_to_by_all_costs_a_document_its_budget() -> None:
    body = {"content": {"application/json": {"schema": {"properties": {"a": {"enum": ["x" * 60_000]}}}}}}
    paths = {f"/{n}": {"post": {"requestBody": {"$ref": "#/components/requestBodies/Big"}}} for n in range(1000)}
    operations = operations_of(document(paths, components={"requestBodies": {"Big": body}}))
    offered = [operation for operation in operations if not operation.problems]
    assert 100 < len(offered) < 600
    assert "referred to too often" in operations[-1].problems[0]


def test_a_problem_of_one_operation_is_not_anothers() -> None:
    good = {"get": {"parameters": [{"name": "q", "in": "query", "schema": {"$ref": "#/components/schemas/Node"}}]}}
    bad = {"get": {"parameters": [{"name": "q", "in": "query", "schema": {"$ref": "#/components/schemas/Gone"}}]}}
    paths = {"/bad": bad, "/good": good, "/worse": bad}
    problems = [bool(item.problems) for item in operations_of(document(paths, **components(Node=NODE)))]
    assert problems == [True, False, True]


def test_a_path_item_may_be_a_reference() -> None:
    item = {"get": {"operationId": "shared"}}
    assert only({"/x": {"$ref": "#/components/pathItems/X"}}, components={"pathItems": {"X": item}}).name == "shared"
