"""What a call sends, held against what a server received."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.tools.openapi.conftest import Call
from tests.tools.openapi.documents import components, only, posted, query
from tools.demo_shop.openapi import DOCUMENT
from tools.errors import ToolRefused
from tools.openapi import Operation, build_request, operations_of, read_document

FORM = "application/x-www-form-urlencoded"
COLOURS = ["blue", "black"]
RGB = {"R": 100, "G": 200}


def path(template: str = "/x/{id}", **parameter: Any) -> Operation:
    given = [{"name": "id", "in": "path", "required": True, "schema": {}, **parameter}]
    return only({template: {"get": {"parameters": given}}})


def header(**parameter: Any) -> Operation:
    given = [{"name": "X-Things", "in": "header", "schema": {}, **parameter}]
    return only({"/x": {"get": {"parameters": given}}})


def refused(operation: Operation, arguments: dict[str, Any]) -> str:
    with pytest.raises(ToolRefused) as refusal:
        build_request(operation.recipe, arguments)
    assert refusal.value.code == "invalid_arguments"
    return str(refusal.value)


# -- OpenAPI's table of styles


@pytest.mark.parametrize(
    ("style", "explode", "value", "arrives"),
    [
        ("simple", False, "blue", "/x/blue"),
        ("simple", False, COLOURS, "/x/blue,black"),
        ("simple", True, COLOURS, "/x/blue,black"),
        ("simple", False, RGB, "/x/R,100,G,200"),
        ("simple", True, RGB, "/x/R=100,G=200"),
        ("label", False, "blue", "/x/.blue"),
        ("label", False, COLOURS, "/x/.blue,black"),
        ("label", True, COLOURS, "/x/.blue.black"),
        ("label", False, RGB, "/x/.R,100,G,200"),
        ("label", True, RGB, "/x/.R=100.G=200"),
        ("matrix", False, "blue", "/x/;id=blue"),
        ("matrix", False, COLOURS, "/x/;id=blue,black"),
        ("matrix", True, COLOURS, "/x/;id=blue;id=black"),
        ("matrix", False, RGB, "/x/;id=R,100,G,200"),
        ("matrix", True, RGB, "/x/;R=100;G=200"),
        ("simple", False, "a/b?c#d%e;f é", "/x/a%2Fb%3Fc%23d%25e%3Bf%20%C3%A9"),
        ("simple", False, 5.0, "/x/5"),
        ("simple", False, 2.5, "/x/2.5"),
        ("simple", False, True, "/x/true"),
    ],
)
def test_path_styles(call: Call, style: str, explode: bool, value: Any, arrives: str) -> None:
    assert call(path(style=style, explode=explode), {"id": value}).raw == arrives


@pytest.mark.parametrize(
    ("style", "explode", "value", "arrives"),
    [
        ("form", True, "blue & black", [("q", "blue & black")]),
        ("form", True, "", [("q", "")]),
        ("form", True, None, []),
        ("form", True, [], []),
        ("form", True, COLOURS, [("q", "blue"), ("q", "black")]),
        ("form", False, COLOURS, [("q", "blue,black")]),
        ("form", True, RGB, [("R", "100"), ("G", "200")]),
        ("form", False, RGB, [("q", "R,100,G,200")]),
        ("spaceDelimited", False, COLOURS, [("q", "blue black")]),
        ("spaceDelimited", True, COLOURS, [("q", "blue"), ("q", "black")]),
        ("pipeDelimited", False, COLOURS, [("q", "blue|black")]),
        ("pipeDelimited", False, RGB, [("q", "R|100|G|200")]),
        ("deepObject", True, RGB, [("q[R]", "100"), ("q[G]", "200")]),
        ("deepObject", True, {"a": {"b": [1, 2]}, "c": None}, [("q[a][b][]", "1"), ("q[a][b][]", "2")]),
        ("deepObject", True, [{"sku": "A"}, {"sku": "B"}], [("q[0][sku]", "A"), ("q[1][sku]", "B")]),
        ("form", True, ["a=b&c", "ü", None], [("q", "a=b&c"), ("q", "ü")]),
        ("form", True, False, [("q", "false")]),
        ("form", True, [{"a": 1}], [("q", '{"a":1}')]),
    ],
)
def test_query_styles(call: Call, style: str, explode: bool, value: Any, arrives: list[tuple[str, str]]) -> None:
    operation = query({"name": "q", "style": style, "explode": explode, "schema": {}})
    assert call(operation, {"q": value}).query == arrives


@pytest.mark.parametrize(
    ("explode", "value", "arrives"),
    [
        (False, "blue", "blue"),
        (False, COLOURS, "blue,black"),
        (False, RGB, "R,100,G,200"),
        (True, RGB, "R=100,G=200"),
        (False, 7, "7"),
    ],
)
def test_header_styles(call: Call, explode: bool, value: Any, arrives: str) -> None:
    assert call(header(explode=explode), {"X_Things": value}).headers["x-things"] == arrives


def test_a_parameter_sent_as_json(call: Call) -> None:
    operation = query({"name": "q", "content": {"application/json": {"schema": {"type": "object"}}}})
    ((name, text),) = call(operation, {"q": {"a": [1, "é"]}}).query
    assert (name, json.loads(text)) == ("q", {"a": [1, "é"]})


def test_defaults_of_the_styles(call: Call) -> None:
    assert call(path(), {"id": COLOURS}).raw == "/x/blue,black"
    assert call(query({"name": "q", "schema": {}}), {"q": COLOURS}).query == [("q", "blue"), ("q", "black")]
    assert call(query({"name": "q", "style": "pipeDelimited", "schema": {}}), {"q": COLOURS}).query == [
        ("q", "blue|black")
    ]
    assert call(query({"name": "q[]", "schema": {}}), {"q": COLOURS}).query == [("q[]", "blue"), ("q[]", "black")]


# -- bodies


def test_a_json_body_of_arguments_and_parameters(call: Call) -> None:
    given = [
        {"name": "id", "in": "path", "required": True, "schema": {}},
        {"name": "dry-run", "in": "query", "schema": {}},
    ]
    schema = {"properties": {"first-name": {"type": "string"}, "age": {"type": ["integer", "null"]}, "tags": {}}}
    body = {"required": True, "content": {"application/vnd.shop+json": {"schema": schema}}}
    operation = only({"/people/{id}": {"patch": {"parameters": given, "requestBody": body}}})
    received = call(operation, {"id": "a b", "dry_run": True, "first_name": "Zoë", "age": None})
    assert (received.method, received.raw) == ("PATCH", "/people/a%20b?dry-run=true")
    assert received.headers["content-type"] == "application/vnd.shop+json"
    assert received.json == {"first-name": "Zoë", "age": None}


def test_a_body_that_is_one_argument(call: Call) -> None:
    assert call(posted({"type": "array", "items": {}}), {"body": [1, {"a": None}]}).json == [1, {"a": None}]
    assert call(posted({"type": ["object", "null"]}), {"body": None}).json is None


def test_a_recursive_body(call: Call) -> None:
    node = {
        "properties": {
            "name": {"type": "string"},
            "under": {"type": "array", "items": {"$ref": "#/components/schemas/N"}},
        }
    }
    operation = posted({"$ref": "#/components/schemas/N"}, **components(N=node))
    tree = {"name": "a", "under": [{"name": "b", "under": [{"name": "c"}]}]}
    assert call(operation, tree).json == tree
    with pytest.raises(ToolRefused):
        call(operation, {"under": [{"under": [{"name": 1}]}]})


def test_a_body_is_left_out_or_empty_as_the_document_says(call: Call) -> None:
    schema = {"type": "object", "properties": {"a": {}}}
    absent = call(posted(schema, required=False), {})
    assert (absent.body, absent.headers.get("content-type")) == (b"", None)
    assert call(posted(schema), {}).json == {}
    assert call(posted({"type": "string"}, required=False), {}).body == b""


def test_further_properties_reach_the_body(call: Call) -> None:
    operation = posted({"properties": {"a-b": {}, "id": {"readOnly": True}}, "additionalProperties": True})
    assert call(operation, {"a_b": 1, "more": 2}).json == {"a-b": 1, "more": 2}
    assert "no argument 'a-b'" in refused(operation, {"a_b": 1, "a-b": "another"})
    assert "no argument 'id'" in refused(operation, {"id": 1})


def test_a_form(call: Call) -> None:
    schema: dict[str, Any] = {
        "properties": {"name": {}, "tags": {}, "address": {}, "meta": {}, "ids": {}, "raw": {}, "none": {}}
    }
    encoding = {
        "meta": {"style": "deepObject"},
        "ids": {"explode": False},
        "raw": {"contentType": "application/json"},
        "tags": {"contentType": "text/plain"},
    }
    operation = posted(schema, content_type=FORM, media={"encoding": encoding})
    received = call(
        operation,
        {
            "name": "A & B=C",
            "tags": ["x", "y"],
            "address": {"city": "Bonn"},
            "meta": {"a": {"b": True}},
            "ids": [1, 2],
            "raw": [1],
            "none": None,
        },
    )
    assert received.headers["content-type"] == FORM
    assert received.form == [
        ("name", "A & B=C"),
        ("tags", "x"),
        ("tags", "y"),
        ("address", '{"city":"Bonn"}'),
        ("meta[a][b]", "true"),
        ("ids", "1,2"),
        ("raw", "[1]"),
    ]


def test_a_form_that_is_one_argument(call: Call) -> None:
    operation = posted({"type": "object", "additionalProperties": {"type": "string"}}, content_type=FORM)
    assert call(operation, {"body": {"a": "1", "b": "2"}}).form == [("a", "1"), ("b", "2")]
    assert "named values" in refused(operation, {"body": [1]})


def test_the_demo_shops_refund(call: Call) -> None:
    refund = next(item for item in operations_of(read_document(json.dumps(DOCUMENT))) if item.name == "create_refund")
    arguments = {"customer": "ada@example.com", "order_id": "1042", "amount": "42.00", "reason": "Broken"}
    received = call(refund, arguments)
    assert (received.method, received.raw, received.json) == ("POST", "/refunds", arguments)
    assert received.headers["content-type"] == "application/json"


# -- arguments that would be more than values


@pytest.mark.parametrize(
    "value",
    [
        ".",
        "..",
        "../admin",
        "a/../../b",
        "..\\x",
        "%2e%2e",
        "%2E%2E%2Fadmin",
        "%252e%252e/x",
        "..;/x",
        "",
        "a\r\nb",
        "a\0b",
        "%0d%0aX",
        [],
        ["a", ".."],
        {},
        {"..": "a"},
    ],
)
def test_no_argument_leaves_its_place_in_the_path(value: Any) -> None:
    assert "path" in refused(path(), {"id": value})


@pytest.mark.parametrize("value", [None, "missing"])
def test_a_path_is_never_sent_with_a_hole(value: Any) -> None:
    assert "the path needs 'id'" in refused(path(), {} if value == "missing" else {"id": None}).lower()


def test_placeholders_share_a_segment(call: Call) -> None:
    given: list[Any] = [{"name": name, "in": "path", "required": True, "schema": {}} for name in ("a", "b")]
    operation = only({"/x/.{a}.{b}.json": {"get": {"parameters": given}}})
    assert call(operation, {"a": "{b}", "b": "2"}).path == "/x/.{b}.2.json"


@pytest.mark.parametrize(
    "value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0", "a\x7f", "naïve", ["a\r\nb"], {"a\n": 1}, "\u010d\u010aX: 1"]
)
def test_no_argument_ends_a_header(value: Any) -> None:
    assert "printable ASCII" in refused(header(), {"X_Things": value})


@pytest.mark.parametrize(
    "name",
    ["Host", "authorization", "Content-Length", "Cookie", "Transfer-Encoding", "X-Http-Method-Override", "A\r\nB"],
)
def test_no_recipe_sets_a_reserved_header(name: str) -> None:
    recipe = header().recipe
    recipe = {**recipe, "parameters": {"h": {**recipe["parameters"]["X_Things"], "name": name}}}
    with pytest.raises(ToolRefused, match="not set by an argument"):
        build_request(recipe, {"h": "x"})


def test_an_objects_keys_name_no_parameter_of_another() -> None:
    """`customer` is bound by the gateway; a free object beside it must not set it again."""
    spread = query({"name": "extra", "schema": {"type": "object"}}, {"name": "customer", "schema": {}})
    assert "may not set 'customer'" in refused(spread, {"customer": "ada", "extra": {"customer": "eve"}})
    assert "may not set 'customer'" in refused(spread, {"extra": {"customer": "eve"}})
    deep = query({"name": "f", "style": "deepObject", "schema": {}}, {"name": "f[customer]", "schema": {}})
    assert "may not set 'f[customer]'" in refused(deep, {"f": {"customer": "eve"}})
    assert "cannot be sent" in refused(deep, {"f": {"x][customer": "eve"}})


def test_an_objects_keys_name_no_credential() -> None:
    schemes = {"key": {"type": "apiKey", "in": "query", "name": "api_key"}}
    operation = query({"name": "extra", "schema": {}}, components={"securitySchemes": schemes})
    assert "may not set 'api_key'" in refused(operation, {"extra": {"api_key": "stolen"}})


def test_an_objects_keys_name_no_field_of_a_form() -> None:
    schema = {"properties": {"customer": {}, "extra": {"type": "object"}}}
    operation = posted(schema, content_type=FORM, media={"encoding": {"extra": {"style": "form"}}})
    assert "may not set 'customer'" in refused(operation, {"extra": {"customer": "eve"}, "customer": "ada"})
    assert "may not set 'customer'" in refused(operation, {"extra": {"customer": "eve"}})


@pytest.mark.parametrize(
    ("style", "value"),
    [("form", ["a,b"]), ("spaceDelimited", ["a b"]), ("pipeDelimited", ["a|b"]), ("form", {"a": "b,customer,eve"})],
)
def test_a_value_does_not_arrive_as_two(style: str, value: Any) -> None:
    operation = query({"name": "q", "style": style, "explode": False, "schema": {}})
    assert "separates them" in refused(operation, {"q": value})


def test_values_do_not_spill_from_the_query(call: Call) -> None:
    received = call(query({"name": "q", "schema": {}}), {"q": "a&customer=eve#x\r\nHost: evil"})
    assert received.query == [("q", "a&customer=eve#x\r\nHost: evil")]


@pytest.mark.parametrize(
    "arguments",
    [{"q": 1, "other": 2}, {"customer.email": "x"}, {"q": "\ud800"}, {"q": float("nan")}],
    ids=["unknown", "bound by another", "half a pair", "nan"],
)
def test_arguments_without_a_place_or_a_meaning(arguments: dict[str, Any]) -> None:
    assert refused(query({"name": "q", "schema": {}}), arguments)
