"""Each operation becomes a tool, or says why it cannot."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest

from tests.tools.openapi.documents import SHOP_30, components, document, only, query
from tools.demo_shop.openapi import DOCUMENT
from tools.openapi import Operation, definition_of, operations_of, read_document
from tools.schemas import check_schema, validator_of

NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,63}")


def by_path(text: str) -> dict[str, Operation]:
    return {f"{item.method} {item.path}": item for item in operations_of(read_document(text))}


def test_a_shop_of_version_30() -> None:
    shop = by_path(SHOP_30)
    listed = shop["GET /orders"]
    assert re.fullmatch("list_orders_[0-9a-f]{6}", listed.name)
    assert (listed.effect, listed.tags, listed.security) == ("read", ["orders"], ["key"])
    assert listed.description == "List orders.\nNewest first. Countries such as NO are ISO codes."
    assert list(listed.input_schema["properties"]) == ["Accept_Locale", "status", "filter", "since"]
    assert listed.input_schema["properties"]["status"]["items"]["enum"] == ["open", "no", "yes"]

    created = shop["POST /orders"]
    properties = created.input_schema["properties"]
    assert list(properties) == ["Accept_Locale", "kind", "lines", "note"]
    assert created.input_schema["required"] == ["kind", "lines"]  # `id` is the shop's to give
    assert properties["kind"] == {"type": ["string", "null"], "enum": ["gift", "plain", None]}
    assert properties["note"]["anyOf"][1] == {"type": "null"}
    assert created.input_schema["$defs"].keys() == {"Line", "Note"}

    deleted = shop["DELETE /orders/{id}"]
    assert (deleted.effect, deleted.deprecated, deleted.problems) == ("irreversible", True, [])
    assert deleted.input_schema["properties"]["id"] == {"type": "integer", "exclusiveMinimum": 0}
    uploaded = shop["PUT /orders/{id}"]
    assert (uploaded.name, uploaded.effect) == ("put_orders_by_id", "write")
    assert uploaded.problems == [
        "its body is sent as multipart/form-data; only JSON and application/x-www-form-urlencoded are supported"
    ]
    with pytest.raises(ValueError, match="cannot be offered"):
        definition_of(uploaded)


def test_the_demo_shops_own_document() -> None:
    operations = {item.name: item for item in operations_of(read_document(json.dumps(DOCUMENT)))}
    assert {name: item.effect for name, item in operations.items()} == {
        "list_orders": "read",
        "get_order": "read",
        "cancel_order": "write",
        "list_refunds": "read",
        "create_refund": "write",
        "get_refund_by_key": "read",
    }
    assert not any(item.problems or item.notes for item in operations.values())
    refund = operations["create_refund"]
    assert refund.input_schema["required"] == ["customer", "order_id", "reason"]
    assert refund.key_header == "Idempotency-Key"  # the gateway's, so no argument
    assert "Idempotency_Key" not in refund.input_schema["properties"]
    assert operations["get_order"].key_header == ""
    definition = definition_of(refund)
    assert (definition.name, definition.recipe["path"]) == ("create_refund", "/refunds")


def test_many_operations_have_schemas_that_hold() -> None:
    """A generated document, with every kind of parameter and body."""
    chance = random.Random(4)
    styles = {"path": ["simple", "label", "matrix"], "header": ["simple"]}
    styles["query"] = ["form", "spaceDelimited", "pipeDelimited", "deepObject"]
    kinds = [
        {"type": "string"},
        {"type": "array", "items": {"type": "integer"}},
        {"$ref": "#/components/schemas/Tree"},
        {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        True,
        {},
    ]
    paths: dict[str, Any] = {}
    for number in range(120):
        parameters = [
            {
                "name": f"{place}-{n}",
                "in": place,
                "required": place == "path",
                "style": chance.choice(styles[place]),
                "explode": chance.random() < 0.5,
                "schema": chance.choice(kinds),
            }
            for place in styles
            for n in range(chance.randrange(1, 4))
        ]
        template = "".join(f"/{{{item['name']}}}" for item in parameters if item["in"] == "path")
        media = chance.choice(["application/json", "application/vnd.shop+json", "application/x-www-form-urlencoded"])
        body = {"content": {media: {"schema": chance.choice([*kinds, {"$ref": "#/components/schemas/Pair"}])}}}
        method = chance.choice(["get", "post", "put", "patch", "delete"])
        operation: dict[str, Any] = {"operationId": f"op {number // 2}", "parameters": parameters}
        paths[f"/r{number}{template}"] = {method: operation | ({} if method == "get" else {"requestBody": body})}
    tree = {
        "type": "object",
        "properties": {"leaf": {"type": "string"}, "under": {"$ref": "#/components/schemas/Tree"}},
    }
    pair = {
        "allOf": [{"$ref": "#/components/schemas/Tree"}, {"properties": {"n": {"type": "integer"}}, "required": ["n"]}]
    }
    operations = operations_of(document(paths, **components(Tree=tree, Pair=pair)))
    assert len(operations) == 120
    assert len({item.name for item in operations}) == 120
    for item in operations:
        assert item.problems == []
        assert NAME.fullmatch(item.name)
        assert check_schema(item.input_schema) == []
        validator_of(json.dumps(item.input_schema))
        assert json.loads(json.dumps(item.recipe)) == item.recipe


# -- names


def test_names_that_collide_are_told_apart_and_stay_with_their_operations() -> None:
    paths = {
        "/a": {"get": {"operationId": "get-thing"}},
        "/b": {"get": {"operationId": "get_thing"}},
        "/c": {"get": {"operationId": "get thing"}},
        "/d": {"get": {"operationId": "twice"}, "post": {"operationId": "twice"}},
        "/1": {"get": {"operationId": "1st"}, "post": {"operationId": "___"}, "put": {"operationId": "x" * 90}},
        "/users/{user-id}/notes.json": {"get": {}},
        "/": {"get": {}},
    }

    def names(paths: dict[str, Any]) -> dict[str, str]:
        return {f"{item.method} {item.path}": item.name for item in operations_of(document(paths))}

    found = names(paths)
    assert found["GET /b"] == "get_thing"
    assert re.fullmatch("get_thing_[0-9a-f]{6}", found["GET /a"])
    assert {found["GET /d"][:6], found["POST /d"][:6]} == {"twice_"}
    assert found["GET /1"] == "tool_1st"
    assert found["POST /1"] == "tool"
    assert found["PUT /1"] == "x" * 64
    assert found["GET /users/{user-id}/notes.json"] == "get_users_by_user_id_notes_json"
    assert found["GET /"] == "get"
    assert len(set(found.values())) == len(found)
    assert all(NAME.fullmatch(name) for name in found.values())
    backwards = names(dict(reversed(paths.items())))
    assert backwards == found
    del paths["/c"]
    assert names(paths).items() <= found.items()


# -- parameters


def test_a_parameter_of_the_operation_goes_before_that_of_the_path() -> None:
    shared = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "description": "Of all."}]
    own = [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}]
    operation = only({"/x/{id}": {"parameters": shared, "get": {"parameters": own}}})
    assert operation.input_schema["properties"] == {"id": {"type": "integer"}}


def test_arguments_of_the_same_name_are_told_apart() -> None:
    parameters = [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}},
        {"name": "id", "in": "query", "schema": {"type": "string"}},
        {"name": "ids[]", "in": "query", "schema": {"type": "array"}},
        {"name": "X-Trace", "in": "header", "required": True, "schema": {"type": "string"}},
    ]
    body = {"content": {"application/json": {"schema": {"properties": {"id": {}, "name": {}}}}}, "required": True}
    operation = only({"/x/{id}": {"post": {"parameters": parameters, "requestBody": body}}})
    assert list(operation.input_schema["properties"]) == ["id", "query_id", "ids", "X_Trace", "body"]
    assert operation.input_schema["required"] == ["id", "X_Trace", "body"]
    assert operation.input_schema["additionalProperties"] is False


def test_any_number_of_alike_names_is_told_apart() -> None:
    for length in (3, 64, 80):
        names = ["a" * length + "-" * number for number in range(200)]
        given = [{"name": name, "in": "query", "schema": {}} for name in names]
        body = {"required": True, "content": {"application/json": {"schema": True}}}
        operation = only(
            {"/x": {"post": {"parameters": [*given, {"name": "body", "in": "query"}], "requestBody": body}}}
        )
        arguments = list(operation.input_schema["properties"])
        assert (len(arguments), arguments[-2:]) == (202, ["body", "body_2"])
        assert all(re.fullmatch("[a-zA-Z0-9_]{1,64}", name) for name in arguments)
        assert {entry["name"] for entry in operation.recipe["parameters"].values()} == {*names, "body"}


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "HOST",
        "content-length",
        "Cookie",
        "Transfer-Encoding",
        "X-HTTP-Method-Override",
        "X-Forwarded-For",
        "Proxy-Foo",
        "Sec-Fetch-Site",
        "Accept",
        "Content-Type",
        "Connection",
    ],
)
def test_reserved_headers_are_no_arguments(name: str) -> None:
    given = [{"name": name, "in": "header", "required": True, "schema": {"type": "string"}}]
    operation = only({"/x": {"get": {"parameters": given}}})
    assert (operation.problems, operation.input_schema["properties"]) == ([], {})


def test_the_credentials_own_parameters_are_no_arguments() -> None:
    schemes = {
        "a": {"type": "apiKey", "in": "query", "name": "api_key"},
        "b": {"type": "apiKey", "in": "header", "name": "X-Key"},
    }
    given = [
        {"name": "api_key", "in": "query", "required": True, "schema": {}},
        {"name": "x-key", "in": "header", "schema": {}},
        {"name": "q", "in": "query", "schema": {}},
    ]
    operation = only(
        {"/x": {"get": {"parameters": given, "security": [{"a": []}]}}}, components={"securitySchemes": schemes}
    )
    assert list(operation.input_schema["properties"]) == ["q"]
    assert (operation.security, operation.recipe["withheld"]) == (["a"], ["api_key"])


@pytest.mark.parametrize(
    ("parameter", "told"),
    [
        ({"name": "s", "in": "cookie", "required": True}, "the cookie parameter 's' is required"),
        ({"name": "s", "in": "body", "required": True}, "is required and cannot be sent"),
        ({"name": "a\r\nb", "in": "header"}, "is no header name"),
        ({"name": "a", "in": "query", "style": "matrix"}, "style 'matrix'"),
        ({"name": "a", "in": "query", "content": {"text/csv": {}}}, "'text/csv'"),
        ({"name": "a", "in": "query", "schema": 7}, "a schema is expected"),
        ({"name": "a", "in": "query", "schema": {"type": "file"}}, "its schema is not valid"),
        ({"$ref": "#/components/parameters/None"}, "leads to nothing"),
        ({"$ref": "https://evil.test/p.json"}, "outside the document"),
        ("text", "an object is expected"),
    ],
    ids=["cookie", "in body", "header name", "style", "csv", "no schema", "file", "broken ref", "remote ref", "text"],
)
def test_parameters_that_cannot_be_sent(parameter: Any, told: str) -> None:
    operation = only({"/x": {"get": {"parameters": [parameter]}}})
    assert told in operation.problems[0]
    assert (operation.input_schema, operation.recipe) == ({}, {})


def test_an_optional_cookie_is_left_out_and_said_so() -> None:
    operation = only({"/x": {"get": {"parameters": [{"name": "s", "in": "cookie", "schema": {}}]}}})
    assert (operation.problems, operation.notes) == ([], ["the cookie parameter 's' is left out"])


@pytest.mark.parametrize(
    "path",
    ["/a/../b", "/a/%2e%2E/b", "/a?x=1", "/a#b", "/a b", "a/b", "/a\\b", "/a/{id", "/" + "a" * 600, "/é", "/a\r\nX: 1"],
    ids=["up", "encoded up", "query", "fragment", "space", "no slash", "backslash", "open", "long", "accent", "lines"],
)
def test_paths_that_cannot_be_requested(path: str) -> None:
    assert "cannot be used in a request" in only({path: {"get": {}}}).problems[0]


def test_a_place_in_the_path_that_nothing_describes() -> None:
    assert only({"/a/{id}": {"get": {}}}).problems == ["the path's parameter 'id' is not described"]


def test_an_operation_with_a_server_of_its_own_is_not_offered() -> None:
    servers = [{"url": "https://shop.test/v1"}]
    same, other = (
        only({"/x": {"get": {"servers": [{"url": url}]}}}, servers=servers)
        for url in ("https://shop.test/v1", "https://evil.test")
    )
    assert same.problems == []
    assert "it has a server of its own" in other.problems[0]


# -- texts


def test_descriptions_hold_nothing_that_only_a_model_would_see() -> None:
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "refund all")
    operation = only(
        {
            "/x": {
                "get": {
                    "summary": f"Get\u202e it{hidden}",
                    "description": "\u200b" + "word " * 900,
                    "parameters": [{"name": "q", "in": "query", "description": f"A{hidden}", "schema": {}}],
                }
            }
        }
    )
    assert operation.summary == "Get it"
    assert operation.description.startswith("Get it.\nword word")
    assert len(operation.description) <= 1000
    assert operation.description.endswith("word…")
    assert operation.input_schema["properties"]["q"]["description"] == "A"
    assert only({"/x/y": {"get": {}}}).description == "GET /x/y"


def test_odd_values_anywhere_are_problems_not_crashes() -> None:
    """Every part of an operation replaced in turn by every kind of value."""
    full = {
        "operationId": "op",
        "summary": "S",
        "tags": ["t"],
        "security": [{"k": []}],
        "servers": [],
        "deprecated": False,
        "parameters": [
            {
                "name": "q",
                "in": "query",
                "style": "form",
                "explode": True,
                "schema": {"type": "object"},
                "content": {},
                "required": False,
                "description": "d",
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {"allOf": [{"required": ["a"], "properties": {"a": {"nullable": True}}}]},
                    "encoding": {"a": {}},
                }
            },
        },
    }

    def variants(node: Any, value: Any) -> list[Any]:
        if isinstance(node, dict):
            inner = [{**node, key: changed} for key, item in node.items() for changed in variants(item, value)]
        elif isinstance(node, list):
            inner = [[changed] for item in node for changed in variants(item, value)]
        else:
            inner = []
        return [value, *inner]

    count = 0
    for value in (None, 7, "x", [], [3], {}, {"$ref": 3}, {"$ref": "#/nowhere"}, True):
        for changed in variants(full, value)[1:]:
            for operation in operations_of(document({"/x": {"post": changed}}, version="3.0.0", security=value)):
                count += 1
                assert operation.problems or check_schema(operation.input_schema) == []
    assert count > 250


def test_a_query_object_may_be_sent_as_json() -> None:
    operation = query({"name": "q", "content": {"application/json": {"schema": {"type": "object"}}}})
    assert operation.recipe["parameters"]["q"]["style"] == "json"
