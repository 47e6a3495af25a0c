"""A Lambda endpoint: boto3's request on our own connections, and what its answers mean."""

from __future__ import annotations

import base64
import json
import socket
from typing import Any

import pytest

from tests.tools.targets.calls import ask, call_of, made
from tests.tools.targets.echo import Echo, Reply
from tools.credentials import set_credential
from tools.errors import OutcomeUnclear, TargetUnreachable, ToolFailed, Unreadable
from tools.models import Target, Tool
from tools.targets.registry import adapter_of

pytestmark = pytest.mark.django_db
KEYS = {"access_key_id": "AKIAEXAMPLE", "region": "eu-central-1", "service": "lambda"}


@pytest.fixture
def target(echo: Echo) -> Target:
    settings = {"function": "orders", "region": "eu-central-1", "endpoint": echo.url}
    target = made(kind=Target.Kind.AWS_LAMBDA, settings=settings, is_internal=True)
    set_credential(target, kind="sigv4", public=KEYS, secret="aws-secret-key", user=None)
    target.refresh_from_db()
    return target


def failed(kind: str, how: str = "Unhandled", message: str = "No.") -> Reply:
    body = json.dumps({"errorType": kind, "errorMessage": message, "stackTrace": []}).encode()
    return Reply(body=body, headers={"X-Amz-Function-Error": how})


def service_error(status: int, code: str) -> Reply:
    headers = {"x-amzn-ErrorType": code, "Content-Type": "application/json"}
    return Reply(status=status, body=b'{"Type": "User", "Message": "Said the service."}', headers=headers)


def test_the_function_is_called_in_agentcores_form(target: Target, echo: Echo) -> None:
    echo.replies = [Reply(body=b'{"total": "61.00"}')]
    assert ask(target, "get_order", key="key-7", order_id="4471") == {"total": "61.00"}
    (asked,) = echo.asked
    assert (asked.method, asked.path) == ("POST", "/2015-03-31/functions/orders/invocations")
    assert json.loads(asked.body) == {"order_id": "4471"}
    assert asked.headers["x-amz-invocation-type"] == "RequestResponse"
    assert asked.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/")
    custom = json.loads(base64.b64decode(asked.headers["x-amz-client-context"]))["custom"]
    assert custom["bedrockAgentCoreToolName"] == "shelf___get_order"
    assert custom["bedrockAgentCoreMessageVersion"] == "1.0"
    assert custom["idempotencyKey"] == "key-7"


def test_a_name_that_was_fitted_is_called_as_it_was(target: Target, echo: Echo) -> None:
    Tool.objects.create(
        target=target,
        name="get_order",
        description="d",
        input_schema={"type": "object"},
        effect="read",
        recipe={"source_name": "get-order"},
    )
    echo.replies = [Reply(body=b"{}")]
    ask(target, "get_order")
    custom = json.loads(base64.b64decode(echo.asked[0].headers["x-amz-client-context"]))["custom"]
    assert custom["bedrockAgentCoreToolName"] == "shelf___get-order"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'["a"]', ["a"]),
        (b'"It ships."', {"text": "It ships."}),
        (b"42", {"result": 42}),
        (b"null", {"result": None}),
        (b"", {"result": None}),
        (b'{"statusCode": 200, "body": "{\\"a\\": 1}"}', {"a": 1}),
        (b'{"statusCode": 200, "body": "shipped"}', {"text": "shipped"}),
        (b'{"content": [{"type": "text", "text": "{\\"a\\": 1}"}]}', {"a": 1}),
    ],
    ids=["list", "text", "number", "null", "nothing", "http", "http-text", "content"],
)
def test_any_json_is_an_answer(target: Target, echo: Echo, body: bytes, expected: Any) -> None:
    echo.replies = [Reply(body=body)]
    assert ask(target, "get_order") == expected


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (failed("ValueError"), ToolFailed),
        (failed("ValueError", "Handled"), ToolFailed),
        (failed("Runtime.ImportModuleError"), ToolFailed),
        (failed("Sandbox.Timedout", message="RequestId: 1 Error: Task timed out after 3.00 seconds"), OutcomeUnclear),
        (failed("", message="2026-11-22 x Task timed out after 3.00 seconds"), OutcomeUnclear),
        (failed("Runtime.ExitError", message="RequestId: 1 Error: Runtime exited"), OutcomeUnclear),
        (Reply(body=b'{"statusCode": 409, "body": "{}"}'), ToolFailed),
        (Reply(body=b'{"statusCode": 502, "body": "{}"}'), OutcomeUnclear),
        (Reply(body=b'{"content": [{"text": "No."}], "isError": true}'), ToolFailed),
        (Reply(body=b"<h1>"), Unreadable),
        (Reply(body=b'"' + b"x" * 300_000 + b'"'), Unreadable),
        (service_error(404, "ResourceNotFoundException"), ToolFailed),
        (service_error(403, "AccessDeniedException"), ToolFailed),
        (service_error(429, "TooManyRequestsException"), TargetUnreachable),
        (service_error(500, "ServiceException"), OutcomeUnclear),
    ],
    ids=lambda value: None if isinstance(value, Reply) else value.__name__,
)
def test_failures_are_told_apart(target: Target, echo: Echo, reply: Reply, error: type[Exception]) -> None:
    echo.replies = [reply]
    with pytest.raises(error) as raised:
        ask(target, "get_order")
    assert type(raised.value) is error
    assert len(echo.asked) == 1  # boto3 repeats nothing


def test_a_deadline_is_kept(target: Target, echo: Echo) -> None:
    echo.replies = [Reply(body=b"{}"), Reply(body=b"{}", pause=60)]
    ask(target, "get_order")  # which makes the client
    with pytest.raises(OutcomeUnclear, match="timeout"):
        ask(target, "get_order", seconds=3)
    assert len(echo.asked) == 2


def test_where_nobody_listens_nothing_was_sent(target: Target) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    target = made(
        name="away",
        kind=Target.Kind.AWS_LAMBDA,
        settings={**target.settings, "endpoint": f"http://127.0.0.1:{port}"},
        is_internal=True,
    )
    set_credential(target, kind="sigv4", public=KEYS, secret="aws-secret-key", user=None)
    target.refresh_from_db()
    with pytest.raises(TargetUnreachable):
        ask(target, "get_order")


def test_a_private_endpoint_is_refused_unless_it_is_internal(target: Target, echo: Echo) -> None:
    target.is_internal = False
    with pytest.raises(TargetUnreachable, match="refused"):
        ask(target, "get_order")
    assert not echo.asked


def test_without_a_credential_the_environment_counts(echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFROMENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x" * 20)
    settings = {"function": "orders", "region": "eu-central-1", "endpoint": echo.url}
    target = made(kind=Target.Kind.AWS_LAMBDA, settings=settings, is_internal=True)
    echo.replies = [Reply(body=b"{}")]
    ask(target, "get_order")
    assert "Credential=AKIAFROMENV/" in echo.asked[0].headers["authorization"]


def test_a_new_credential_counts_at_once(target: Target, echo: Echo) -> None:
    echo.replies = [Reply(body=b"{}"), Reply(body=b"{}")]
    ask(target, "get_order")
    set_credential(
        target, kind="sigv4", public={**KEYS, "access_key_id": "AKIANEW"}, secret="another-secret", user=None
    )
    target.refresh_from_db()
    ask(target, "get_order")
    assert ["AKIANEW" in asked.headers["authorization"] for asked in echo.asked] == [False, True]


def test_an_answer_does_not_tell_the_secret(target: Target, echo: Echo) -> None:
    echo.replies = [Reply(body=b'{"key": "aws-secret-key"}')]
    assert ask(target, "get_order") == {"key": "[secret]"}


@pytest.mark.parametrize("body", [b"null", b"[]", b"{}", b'{"refund": null}'])
def test_a_look_up_that_finds_nothing(target: Target, echo: Echo, body: bytes) -> None:
    Tool.objects.create(
        target=target, name="find_refund", description="d", input_schema={"type": "object"}, effect="read"
    )
    rule = {"tool": "find_refund", "arguments": {"key": "{idempotency_key}"}, "found": "refund"}
    tool = Tool(target=target, name="refund", description="d", input_schema={}, effect="money", lookup=rule)
    tool.save()
    echo.replies = [Reply(body=body), Reply(body=b'{"refund": {"id": 1}}')]
    with pytest.raises(ToolFailed) as raised:
        adapter_of(target).send_look_up(call_of(target, "refund"))
    assert raised.value.status == 404
    assert json.loads(echo.asked[0].body) == {"key": "key-1"}
    assert adapter_of(target).send_look_up(call_of(target, "refund")) == {"refund": {"id": 1}}
