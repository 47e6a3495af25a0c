"""A body becomes arguments of their own where it can, and one argument where it cannot."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.tools.openapi.documents import only, posted
from tools.schemas import validator_of


def test_the_properties_of_a_body_become_arguments() -> None:
    operation = posted(
        {"type": "object", "required": ["first-name"], "properties": {"first-name": {"type": "string"}, "age": {}}}
    )
    assert operation.input_schema == {
        "type": "object",
        "properties": {"first_name": {"type": "string"}, "age": {}},
        "required": ["first_name"],
        "additionalProperties": False,
    }


def test_a_body_that_may_be_left_out_is_whole_or_absent() -> None:
    schema = {"type": "object", "required": ["a", "b"], "properties": {"a": {}, "b": {}, "c": {}}}
    operation = posted(schema, required=False)
    check = validator_of(json.dumps(operation.input_schema)).is_valid
    assert check({})
    assert check({"a": 1, "b": 2})
    assert not check({"a": 1})
    assert not check({"c": 1})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "string"}},
        {"oneOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]},
        {"properties": {"a": {}}, "minProperties": 1},
        {"properties": {"a": {}}, "if": {"required": ["a"]}, "then": {}},
        {"properties": {"a-b": {}, "a_b": {}}},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"allOf": [{"properties": {"a": {}}}, {"properties": {"a": {"type": "string"}}}]},
        {"type": ["object", "null"], "properties": {"a": {}}},
        {"properties": {"a": {}}, "required": ["b"]},
        True,
    ],
    ids=[
        "array",
        "oneOf",
        "minProperties",
        "if",
        "alike",
        "map",
        "declared twice",
        "nullable",
        "undeclared",
        "anything",
    ],
)
def test_bodies_that_stay_one_argument(schema: Any) -> None:
    operation = posted(schema)
    assert operation.problems == []
    assert (list(operation.input_schema["properties"]), operation.input_schema["required"]) == (["body"], ["body"])


def test_a_body_that_takes_further_properties_keeps_taking_them() -> None:
    operation = posted({"properties": {"a": {}}, "additionalProperties": {"type": "string"}})
    check = validator_of(json.dumps(operation.input_schema)).is_valid
    assert check({"a": 1, "more": "text"})
    assert not check({"more": 1})


@pytest.mark.parametrize(
    ("types", "chosen"),
    [
        (["text/plain", "application/json; charset=utf-8"], "application/json; charset=utf-8"),
        (["application/x-www-form-urlencoded", "application/merge-patch+json"], "application/merge-patch+json"),
        (["application/vnd.a+json", "application/json"], "application/json"),
        (["*/*"], "application/json"),
        (["application/json;\r\nX-Evil: 1", "application/x-www-form-urlencoded"], "application/x-www-form-urlencoded"),
    ],
    ids=["json", "dialect", "json first", "anything", "lines"],
)
def test_the_bodys_content_type(types: list[str], chosen: str) -> None:
    body = {"required": True, "content": {name: {"schema": {"properties": {"a": {}}}} for name in types}}
    operation = only({"/x": {"post": {"requestBody": body}}})
    assert operation.recipe["body"]["content_type"] == chosen


def test_a_read_has_no_body() -> None:
    body: dict[str, Any] = {"content": {"application/json": {"schema": {"properties": {"a": {}}}}}}
    operation = only({"/x": {"get": {"requestBody": body}}})
    assert (operation.recipe["body"], operation.notes) == (None, ["its body is left out: GET has none"])
    assert only({"/x": {"get": {"requestBody": {**body, "required": True}}}}).problems
