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
from tools.targets.registry import adapter_of

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
        ask(target, "read", seconds=1)
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
