"""A backend with JSON over HTTP, by an admin's routes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.tools.targets.calls import ask, call_of, made
from tests.tools.targets.echo import Echo, Reply
from tests.tools.targets.front import Front, running
from tests.tools.targets.shelf import stock
from tools.credentials import set_credential
from tools.errors import OutcomeUnclear, TargetUnreachable, ToolFailed, ToolRefused, Unreadable
from tools.models import Target, Tool
from tools.routes import RouteRefused, check_routes
from tools.targets.registry import adapter_of
from tools.trying import shown_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def target(echo: Echo) -> Target:
    return made(kind=Target.Kind.HTTP, base_url=f"{echo.url}/api", is_internal=True)


def add_tool(target: Target, name: str, *routes: dict[str, Any], **fields: Any) -> None:
    values = {"description": name, "input_schema": {"type": "object"}, "effect": "read", **fields}
    Tool.objects.create(target=target, name=name, routes=list(routes), **values)


def use_oauth(target: Target, echo: Echo, *tokens: str) -> None:
    echo.pages.clear()
    public = {"token_url": f"{echo.url}/token", "client_id": "desk"}
    set_credential(target, kind="oauth", public=public, secret="client-secret", user=None)
    target.refresh_from_db()
    echo.replies = [Reply(body=json.dumps({"access_token": token, "expires_in": 600}).encode()) for token in tokens]


def test_a_route_is_filled_and_sent(target: Target, echo: Echo) -> None:
    route = {"method": "POST", "path": "/orders/{id}", "query": {"by": "{by}"}, "body": {"note": "{note}"}}
    add_tool(
        target,
        "annotate",
        {**route, "headers": {"X-Customer": "{customer.email}", "Content-Type": "application/x+json"}},
    )
    answer = ask(target, "annotate", key="key-7", id="a/b", by="me & you", note="x")
    assert answer == {"method": "POST", "path": "/api/orders/a%2Fb?by=me%20%26%20you", "body": '{"note":"x"}'}
    sent = echo.asked[-1].headers
    assert (sent["x-customer"], sent["idempotency-key"]) == ("ada@example.com", "key-7")
    assert sent["content-type"] == "application/x+json"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(status=404, body=b"{}"), ToolFailed),
        (Reply(status=404, body=b"<h1>"), ToolFailed),
        (Reply(status=301, body=b"{}", headers={"Location": "/elsewhere"}), ToolFailed),
        (Reply(status=429, body=b"{}"), OutcomeUnclear),
        (Reply(status=500, body=b"{}"), OutcomeUnclear),
        (Reply(body=b"<h1>"), Unreadable),
        (Reply(body=b"1"), Unreadable),
        (Reply(body=b"[" * 100_000), Unreadable),
        (Reply(body=b'"' + b"x" * 300_000 + b'"'), Unreadable),
        (Reply(body=b"{", headers={"Content-Length": "100"}, pause=0.0), OutcomeUnclear),
    ],
    ids=["404", "404-page", "redirect", "429", "500", "page", "number", "deep", "huge", "cut"],
)
def test_failures_are_told_apart(target: Target, echo: Echo, reply: Reply, error: type[Exception]) -> None:
    add_tool(target, "read", {"method": "GET", "path": "/things"})
    echo.replies = [reply]
    with pytest.raises(error) as raised:
        ask(target, "read", seconds=3)
    assert type(raised.value) is error
    assert len(echo.asked) == 1


@pytest.mark.parametrize("url", ["http://user@127.0.0.1:1", "ftp://127.0.0.1", "http://169.254.169.254", "nonsense"])
def test_an_address_that_is_refused_was_sent_nothing(target: Target, url: str) -> None:
    add_tool(target, "read", {"method": "GET", "path": "/things"})
    target.base_url = url
    with pytest.raises(TargetUnreachable):
        ask(target, "read")


def test_an_error_does_not_tell_the_secret(target: Target, echo: Echo) -> None:
    add_tool(target, "read", {"method": "GET", "path": "/things"})
    set_credential(target, kind="bearer", public={}, secret="s3cret-value", user=None)
    target.refresh_from_db()
    echo.replies = [Reply(status=403, body=b'{"error": {"message": "Bearer s3cret-value may not."}}')]
    with pytest.raises(ToolFailed) as failed:
        ask(target, "read")
    assert "s3cret" not in str(failed.value)


def test_a_credential_that_does_not_open_is_not_left_out(target: Target, echo: Echo) -> None:
    add_tool(target, "read", {"method": "GET", "path": "/things"})
    set_credential(target, kind="bearer", public={}, secret="s3cret-value", user=None)
    target.refresh_from_db()
    target.base_url = f"{echo.url.replace('127.0.0.1', 'localhost')}/api"
    with pytest.raises(ToolRefused):
        ask(target, "read")
    assert not echo.asked


def test_a_refused_token_is_fetched_anew_once(target: Target, echo: Echo) -> None:
    add_tool(target, "read", {"method": "GET", "path": "/things"})
    use_oauth(target, echo, "first")
    echo.replies.append(Reply(status=401, body=b"{}"))
    echo.replies.append(Reply(body=b'{"access_token": "second", "expires_in": 600}'))
    assert ask(target, "read")["path"] == "/api/things"
    assert [asked.path for asked in echo.asked] == ["/token", "/api/things", "/token", "/api/things"]
    assert echo.asked[-1].headers["authorization"] == "Bearer second"


def test_a_look_up_names_what_must_be_found(target: Target, echo: Echo) -> None:
    rule = {"method": "GET", "path": "/refunds", "query": {"key": "{idempotency_key}"}, "found": "refunds.0.id"}
    add_tool(target, "refund", {"method": "POST", "path": "/refunds"}, effect="money", lookup=rule)
    echo.replies = [Reply(body=b'{"refunds": []}'), Reply(body=b'{"refunds": [{"id": 1}]}')]
    with pytest.raises(ToolFailed) as failed:
        adapter_of(target).send_look_up(call_of(target, "refund"))
    assert failed.value.status == 404
    assert adapter_of(target).send_look_up(call_of(target, "refund")) == {"refunds": [{"id": 1}]}
    assert echo.asked[-1].path == "/api/refunds?key=key-1"


# -- which part of an answer is the tool's

ANSWER = {"data": {"id": 7, "items": [{"sku": "a", "count": 1}, {"count": 2}, {"sku": "c"}]}, "page": 1}


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("data.items", ANSWER["data"]["items"]),
        ("data.id", {"result": 7}),
        ("data.items.*.sku", ["a", "c"]),
        ("data.items.0", {"sku": "a", "count": 1}),
        ({"id": "data.id", "skus": "data.items.*.sku", "none": "data.none"}, {"id": 7, "skus": ["a", "c"]}),
    ],
    ids=["list", "number", "every", "first", "names"],
)
def test_a_route_takes_its_part_of_the_answer(target: Target, echo: Echo, result: Any, expected: Any) -> None:
    add_tool(target, "read", {"method": "GET", "path": "/things", "result": result})
    echo.replies = [Reply(body=json.dumps(ANSWER).encode())]
    assert ask(target, "read") == expected


def test_each_route_has_a_part_of_its_own(target: Target, echo: Echo) -> None:
    one = {"method": "GET", "path": "/things/{id}", "result": "data.id"}
    add_tool(target, "read", one, {"method": "GET", "path": "/things"})
    echo.replies = [Reply(body=json.dumps(ANSWER).encode()), Reply(body=json.dumps(ANSWER).encode())]
    assert ask(target, "read", id="7") == {"result": 7}
    assert ask(target, "read") == ANSWER
    assert [asked.path for asked in echo.asked] == ["/api/things/7", "/api/things"]


@pytest.mark.parametrize("result", ["data.none", "page.*", {"id": "none", "sku": "data.items.sku"}])
def test_an_answer_without_that_part_cannot_be_used(target: Target, echo: Echo, result: Any) -> None:
    add_tool(target, "read", {"method": "GET", "path": "/things", "result": result})
    echo.replies = [Reply(body=json.dumps(ANSWER).encode())]
    with pytest.raises(Unreadable, match="the answer has nothing"):
        ask(target, "read")


def test_a_refusal_is_read_whole(target: Target, echo: Echo) -> None:
    add_tool(target, "read", {"method": "GET", "path": "/things", "result": "data"})
    echo.replies = [Reply(status=409, body=b'{"error": {"code": "closed", "message": "It is closed."}}')]
    with pytest.raises(ToolFailed, match="It is closed"):
        ask(target, "read")


def test_what_must_be_found_is_looked_for_in_the_whole_answer(target: Target, echo: Echo) -> None:
    rule = {"method": "GET", "path": "/refunds", "found": "data.id", "result": "data.items"}
    add_tool(target, "refund", {"method": "POST", "path": "/refunds"}, effect="money", lookup=rule)
    echo.replies = [Reply(body=b'{"data": {"items": []}}'), Reply(body=json.dumps(ANSWER).encode())]
    with pytest.raises(ToolFailed) as failed:
        adapter_of(target).send_look_up(call_of(target, "refund"))
    assert failed.value.status == 404
    assert adapter_of(target).send_look_up(call_of(target, "refund")) == ANSWER["data"]["items"]


@pytest.mark.parametrize(
    "result",
    ["", ".", "data.", "data..id", "da*ta", 7, None, [], ["data"], {}, {"id": 7}, {"": "data"}, {"a\n": "data"}],
    ids=str,
)
def test_a_mapping_that_cannot_be_is_refused_where_it_is_written(result: Any) -> None:
    with pytest.raises(RouteRefused, match="result"):
        check_routes([{"method": "GET", "path": "/things", "result": result}], [])


@pytest.mark.parametrize("result", ["*.id", "data.@type", {"order-id": "data.0.order id"}], ids=str)
def test_a_mapping_may_be_of_any_names(result: Any) -> None:
    assert check_routes([{"method": "GET", "path": "/things", "result": result}], [])


def test_a_call_is_shown_as_it_is_sent(target: Target, echo: Echo) -> None:
    route = {"method": "POST", "path": "/orders/{id}", "query": {"by": "{by}"}, "body": {"note": "{note}"}}
    add_tool(target, "annotate", {**route, "headers": {"X-Customer": "{customer.email}"}, "result": "body"})
    call = call_of(target, "annotate", key="key-7", id="a/b", by="me & you", note="x")
    shown = shown_of(call)
    adapter_of(target).send(call)
    (sent,) = echo.asked
    assert (shown.method, shown.url) == (sent.method, f"{echo.url}{sent.path}")
    assert json.loads(shown.body) == json.loads(sent.body)
    assert {name.lower(): value for name, value in shown.headers.items()}.items() <= sent.headers.items()


# -- the same credentials on the way to an MCP server


@pytest.fixture
def front() -> Iterator[Front]:
    with running(Front(server=stock())) as front:
        yield front


def test_a_refused_token_is_fetched_anew_for_mcp(echo: Echo, front: Front) -> None:
    target = made(kind=Target.Kind.MCP, base_url=front.url, is_internal=True)
    use_oauth(target, echo, "first", "second")
    front.token = "first"
    assert ask(target, "words")
    front.token = "second"
    assert ask(target, "words") == {"text": "It ships on Monday."}
    assert [asked.path for asked in echo.asked] == ["/token", "/token"]


def test_a_key_in_the_address_is_not_written_into_the_log(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    target = made(kind=Target.Kind.MCP, base_url=front.url, is_internal=True)
    set_credential(target, kind="query", public={"name": "key"}, secret="s3cret-value", user=None)
    target.refresh_from_db()
    ask(target, "words")
    assert front.queries[-1] == "key=s3cret-value"
    assert "s3cret" not in caplog.text


def test_a_request_to_mcp_is_signed_for_aws(front: Front) -> None:
    target = made(kind=Target.Kind.MCP, base_url=front.url, is_internal=True)
    public = {"access_key_id": "AKIAEXAMPLE", "region": "eu-central-1", "service": "bedrock-agentcore"}
    set_credential(target, kind="sigv4", public=public, secret="aws-secret", user=None)
    target.refresh_from_db()
    assert ask(target, "get_order", order_id="1")
    assert front.asked[-1]["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/")
