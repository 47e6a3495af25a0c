"""Where a document's service is, and which credential it asks for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tools.openapi.documents import document, only
from tools.openapi import security_of, server_warnings, servers_of

BASE = "https://docs.test/api/openapi.json"


@pytest.mark.parametrize(
    ("server", "urls"),
    [
        ({"url": "https://shop.test/v1/"}, ["https://shop.test/v1"]),
        ({"url": "/v2"}, ["https://docs.test/v2"]),
        ({"url": "v2"}, ["https://docs.test/api/v2"]),
        ({"url": "https://shop.test/{v}", "variables": {"v": {"default": "v3"}}}, ["https://shop.test/v3"]),
        ({"url": "http://[::1]:8080"}, ["http://[::1]:8080"]),
    ],
    ids=["absolute", "rooted", "relative", "variable", "ipv6"],
)
def test_server_urls_are_absolute(server: Any, urls: list[str]) -> None:
    found = document({}, servers=[server, server])
    assert (servers_of(found, base=BASE), server_warnings(found, base=BASE)) == (urls, [])


def test_without_servers_it_is_the_documents_own_host() -> None:
    assert servers_of(document({}), base=BASE) == ["https://docs.test"]
    assert servers_of(document({})) == []
    assert "own address is not known" in server_warnings(document({}))[0]


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ({"url": "https://{tenant}.shop.test"}, "no default"),
        ({"url": "file:///etc/passwd"}, "not HTTP"),
        ({"url": "javascript:alert(1)"}, "not HTTP"),
        ({"url": "https://user:password@shop.test"}, "user name"),
        ({"url": "https://shop.test@evil.test/"}, "user name"),
        ({"url": "https://shop.test/?x="}, "a query"),
        ({"url": "https://shop.test\\@evil.test"}, "left out"),
        ({"url": "https://shop.test:99999"}, "no URL"),
        ({"url": "https://[::1"}, "no URL"),
        ({"url": "https://shop.test/a b"}, "odd characters"),
        ({"url": ""}, "no URL"),
        ("text", "no URL"),
    ],
    ids=[
        "no default",
        "file",
        "script",
        "user",
        "disguise",
        "query",
        "backslash",
        "port",
        "bracket",
        "space",
        "empty",
        "text",
    ],
)
def test_servers_that_cannot_be_called_are_named(server: Any, told: str) -> None:
    found = document({}, servers=[server])
    assert servers_of(found, base=BASE) == []
    assert told in server_warnings(found, base=BASE)[0]


@pytest.mark.parametrize(
    ("url", "variable", "warned"),
    [
        ("https://{tenant}.shop.test/v1", {"default": "acme"}, True),
        ("{scheme}://shop.test", {"default": "https"}, True),
        ("https://{tenant}.shop.test/v1", {"default": "acme", "enum": ["acme", "demo"]}, False),
        ("https://shop.test/{tenant}", {"default": "acme"}, False),
    ],
    ids=["host", "scheme", "host from a list", "path"],
)
def test_a_variable_that_could_name_any_host_is_warned_of(url: str, variable: Any, warned: bool) -> None:
    name = url[url.index("{") + 1 : url.index("}")]
    found = document({}, servers=[{"url": url, "variables": {name: variable}}])
    assert len(servers_of(found)) == 1
    assert bool(server_warnings(found)) is warned


# -- security

SCHEMES = {
    "token": {"type": "http", "scheme": "Bearer"},
    "login": {"type": "http", "scheme": "basic"},
    "digest": {"type": "http", "scheme": "digest"},
    "header": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "query": {"type": "apiKey", "in": "query", "name": "key"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
    "client": {
        "type": "oauth2",
        "flows": {"clientCredentials": {"tokenUrl": "/token", "scopes": {"read": "", "all": ""}}},
    },
    "person": {"type": "oauth2", "flows": {"authorizationCode": {"tokenUrl": "https://id.test/token"}}},
    "connect": {"type": "openIdConnect", "openIdConnectUrl": "https://id.test"},
    "linked": {"$ref": "#/components/securitySchemes/token"},
}


def test_security_schemes_by_kind() -> None:
    found = {item.name: item for item in security_of(document({}, components={"securitySchemes": SCHEMES}), base=BASE)}
    assert {name: item.kind for name, item in found.items()} == {
        "token": "bearer",
        "login": "basic",
        "digest": "other",
        "header": "api_key_header",
        "query": "api_key_query",
        "cookie": "other",
        "client": "oauth2_client_credentials",
        "person": "other",
        "connect": "other",
        "linked": "bearer",
    }
    assert (found["header"].parameter, found["query"].parameter) == ("X-Key", "key")
    assert (found["client"].token_url, found["client"].scopes) == ("https://docs.test/token", ["read", "all"])


@pytest.mark.parametrize("url", ["file:///x", "https://a@b.test/t", "//", "", "token"])
def test_a_token_url_that_cannot_be_called_is_none(url: str) -> None:
    schemes = {"c": {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": url}}}}
    assert security_of(document({}, components={"securitySchemes": schemes}))[0].token_url == ""


@pytest.mark.parametrize(
    ("whole", "own", "needed"),
    [
        ([{"token": []}], None, ["token"]),
        ([{"token": []}], [{"header": []}], ["header"]),
        ([{"token": []}], [], []),
        ([{"token": []}], [{"token": []}, {}], []),
        (None, [{"connect": []}, {"login": []}], ["login"]),
        (None, [{"person": []}, {"connect": []}], ["person"]),
        (None, [{"token": [], "header": []}], ["token", "header"]),
        (None, None, []),
    ],
    ids=["document's", "own", "none", "optional", "one that can be filled", "none that can", "two at once", "unsaid"],
)
def test_what_an_operation_needs(whole: Any, own: Any, needed: list[str]) -> None:
    operation = {} if own is None else {"security": own}
    rest = {} if whole is None else {"security": whole}
    assert only({"/x": {"get": operation}}, components={"securitySchemes": SCHEMES}, **rest).security == needed
