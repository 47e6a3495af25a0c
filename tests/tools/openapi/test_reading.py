"""A document is read whole, or refused with the place that is wrong."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.tools.openapi.documents import SHOP_30
from tools.openapi import DocumentRefused, operations_of, read_document
from tools.openapi.reading import MAX_CHARACTERS, MAX_DEPTH, Builder, read_tree

HEAD = "openapi: 3.0.0\ninfo: {title: T, version: '1'}\npaths: {}\n"
LAUGHS = "\n".join(
    ["l0: &l0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    + [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12)]
)
QUADRATIC = "a: &a [" + ", ".join(["x"] * 5000) + "]\nb: [" + ", ".join(["*a"] * 5000) + "]\n"


def refusal(text: str | bytes) -> str:
    with pytest.raises(DocumentRefused) as refused:
        read_document(text)
    return str(refused.value)


def test_json_and_yaml_say_the_same() -> None:
    tree = read_document(SHOP_30).tree
    from_json = read_document(json.dumps(tree))
    assert from_json.tree == tree
    assert operations_of(from_json) == operations_of(read_document(SHOP_30.encode("utf-8-sig")))
    assert (from_json.title, from_json.version) == ("Shop", "3.0.3")


def test_yaml_is_read_as_its_core_schema() -> None:
    tree = read_tree(
        "codes: [NO, yes, on, 1_000, 2026-01-31, 12:30, 0x1F, 0o17, 007, -1.5e3, .5, ~, null, TRUE, '3', !!str 4]\n"
        "404: not found\n? plain\n: |\n  two\n  lines\n"
    )
    assert tree["codes"] == [
        "NO",
        "yes",
        "on",
        "1_000",
        "2026-01-31",
        "12:30",
        31,
        15,
        7,
        -1500.0,
        0.5,
        None,
        None,
        True,
        "3",
        "4",
    ]
    assert (tree["404"], tree["plain"]) == ("not found", "two\nlines\n")


def test_yaml_aliases_and_merges_are_followed() -> None:
    tree = read_tree(
        "base: &base {a: 1, b: 2}\nmore: &more {c: 3, a: 9}\nall: {<<: [*base, *more], b: 5}\nlist: [*base]"
    )
    assert tree["all"] == {"a": 1, "b": 5, "c": 3}
    assert tree["list"] == [{"a": 1, "b": 2}]


def test_the_parser_without_its_c_library_says_the_same() -> None:
    text = SHOP_30 + "x: {<<: {a: 1}, '<<': 2, b: !!str 3}\n"
    assert Builder(yaml.parse(text, Loader=yaml.SafeLoader)).build() == read_tree(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(HEAD + LAUGHS, "with its aliases", id="billion laughs"),
        pytest.param(HEAD + QUADRATIC, "with its aliases", id="quadratic"),
        pytest.param(HEAD + "ring: &ring [*ring]", "Line 4: the alias 'ring' names nothing", id="alias of itself"),
        pytest.param(HEAD + "x: *nowhere", "alias", id="alias of nothing"),
        pytest.param(HEAD + "x: !!python/object/apply:os.system [ls]", "Line 4: the tag", id="python tag"),
        pytest.param(HEAD + "x: !!binary aGk=", "tag", id="binary tag"),
        pytest.param(HEAD + "x: {<<: 1}", "merged", id="merge of a number"),
        pytest.param(HEAD + "x: .inf", "no number", id="infinity"),
        pytest.param(HEAD + "x: 1e999", "no number", id="infinite exponent"),
        pytest.param(HEAD + "? [a, b]\n: c", "plain text", id="list as a key"),
        pytest.param(HEAD + "a: 1\na: 2", "Line 5: the key 'a' appears twice", id="key twice"),
        pytest.param(HEAD + "---\nx: 1", "more than one", id="two documents"),
        pytest.param(HEAD + "x: [1", "not YAML", id="broken yaml"),
        pytest.param(HEAD + "x: \x01", "YAML", id="control character"),
        pytest.param(HEAD + 'x: "\\0"', "NUL", id="nul in yaml"),
        pytest.param(HEAD + "x: " + "[" * 500 + "]" * 500, "deep", id="deep yaml"),
        pytest.param(HEAD + "x: " + "[" * 100_000, "deep", id="deep and open yaml"),
        pytest.param('{"openapi": "3.1.0", "x": ' + "[" * 500 + "]" * 500 + "}", "deep", id="deep json"),
        pytest.param("[" * 200_000, "deep", id="very deep json"),
        pytest.param('{"openapi": "3.1.0", "openapi": "3.0.0"}', "twice", id="key twice in json"),
        pytest.param('{"x": NaN}', "no number", id="nan"),
        pytest.param('{"x": 1e999}', "no number", id="infinity in json"),
        pytest.param('{"x": 1' + "0" * 5000 + "}", "too long", id="long number"),
        pytest.param('{"info": {"x": "\\u0000"}}', "#/info/x", id="nul in json"),
        pytest.param('{"info": {"\\ud800": 1}}', "surrogate", id="half a pair as a key"),
        pytest.param('{"x": 1', "Line 1: not JSON", id="broken json"),
        pytest.param("x: \ud800", "UTF-8", id="half a pair"),
        pytest.param(b"x: \xff\xfe", "UTF-8", id="not utf-8"),
        pytest.param("", "empty", id="empty"),
        pytest.param("# a comment", "empty", id="only a comment"),
        pytest.param("x" * (MAX_CHARACTERS + 1), "characters", id="too long"),
        pytest.param("[" + "1," * 1_100_000 + "1]", "values", id="too many values"),
        pytest.param("just text", "not an object", id="text"),
        pytest.param("swagger: '2.0'\npaths: {}", "Swagger 2.0", id="swagger 2"),
        pytest.param("openapi: 3.2.0\npaths: {}", "'3.2.0' is not supported", id="3.2"),
        pytest.param("openapi: 3.10.0\npaths: {}", "not supported", id="3.10"),
        pytest.param("info: {}", "no key 'openapi'", id="no version"),
        pytest.param("openapi: 3.0.0\npaths: [1]", "#/paths", id="paths a list"),
        pytest.param("openapi: 3.0.0\npaths: {/x: 1}", "'/x'", id="path item a number"),
        pytest.param("openapi: 3.0.0\npaths: {/x: {$ref: ./x.yaml}}", "'./x.yaml', outside", id="path item elsewhere"),
        pytest.param("openapi: 3.0.0\npaths: {/x: {$ref: '#/paths/~1x'}}", "back to itself", id="path item a ring"),
    ],
)
def test_what_is_refused(text: str | bytes, told: str) -> None:
    assert told in refusal(text)


def test_an_alias_may_be_used_often_where_it_is_small() -> None:
    tree = read_tree("a: &a {type: string}\n" + "\n".join(f"k{n}: *a" for n in range(1000)))
    assert tree["k999"] == {"type": "string"}


def test_aliases_cannot_make_a_tree_too_deep() -> None:
    lines = ["a0: &a0 [1]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, MAX_DEPTH + 5))]
    with pytest.raises(DocumentRefused, match="deep"):
        read_tree("\n".join(lines))


def test_too_many_operations_are_refused() -> None:
    paths: dict[str, object] = {f"/p{number}": {"get": {}} for number in range(2_001)}
    assert "2,001 operations" in refusal(json.dumps({"openapi": "3.1.0", "paths": paths}))
