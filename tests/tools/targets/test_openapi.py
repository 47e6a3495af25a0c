"""A described backend: its document is fetched, its operations become tools, and their calls arrive as described."""

from __future__ import annotations

import json

import pytest

from tests.tools.targets.calls import ask, call_of, made
from tests.tools.targets.documents import document
from tests.tools.targets.echo import Echo, Reply
from tools.catalog import catalog
from tools.credentials import set_credential
from tools.errors import OutcomeUnclear, TargetUnreachable, ToolFailed, ToolRefused
from tools.listing import ListingFailed, accept, list_now
from tools.models import Target, Tool
from tools.targets.registry import adapter_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def target(echo: Echo) -> Target:
    """With all its operations as tools."""
    echo.pages["/openapi.json"] = json.dumps(document()).encode()
    settings = {"document_url": f"{echo.url}/openapi.json"}
    target = made(kind=Target.Kind.OPENAPI, base_url=f"{echo.url}/v1/", settings=settings, is_internal=True)
    listing = list_now(target)
    accept(target, [definition.name for definition in listing.definitions], None)
    echo.asked.clear()
    return target


def test_more_than_fifty_operations_are_called_end_to_end(target: Target, echo: Echo) -> None:
    tools = list(Tool.objects.filter(target=target).order_by("name"))
    assert len(tools) == 56
    for tool in tools:
        required = tool.input_schema.get("required", [])
        answer = ask(target, tool.name, **{name: "a/b c" if name == "id" else "x" for name in required})
        assert answer["method"] == tool.recipe["method"]
        assert answer["path"] == "/v1" + tool.recipe["path"].replace("{id}", "a%2Fb%20c")
    assert len(echo.asked) == 56


def test_each_argument_goes_to_its_place(target: Target, echo: Echo) -> None:
    answer = ask(target, "list_orders", status=["open", "a & b"], X_Shop="north")
    assert answer["path"] == "/v1/orders?status=open&status=a%20%26%20b"
    assert echo.asked[-1].headers["x-shop"] == "north"
    answer = ask(target, "change_order", key="key-7", id="7", note="späť", amount=2.5)
    assert json.loads(answer["body"]) == {"note": "späť", "amount": 2.5}
    assert echo.asked[-1].headers["content-type"] == "application/json"
    assert echo.asked[-1].headers["idempotency-key"] == "key-7"
    assert ask(target, "login", name="a=b", colours=["red", "blue"])["body"] == "name=a%3Db&colours=red&colours=blue"
    assert echo.asked[-1].headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("hostile", ["..", ".", "%2e%2e/admin"])
def test_an_argument_stays_within_its_place(target: Target, echo: Echo, hostile: str) -> None:
    try:
        path = ask(target, "get_order", id=hostile)["path"]
    except ToolRefused:
        assert not echo.asked
    else:
        assert path == "/v1/orders/%252e%252e%2Fadmin"


def test_a_tool_without_a_recipe_is_refused(target: Target) -> None:
    with pytest.raises(ToolRefused):
        ask(target, "there_is_no_such_tool")


def test_statuses_mean_what_they_mean_for_any_backend(target: Target, echo: Echo) -> None:
    problem = b'{"error": {"code": "closed", "message": "The order is closed."}}'
    echo.replies = [Reply(status=409, body=problem), Reply(status=502, body=b"{}"), Reply(status=302, body=b"{}")]
    with pytest.raises(ToolFailed, match="The order is closed") as failed:
        ask(target, "get_order", id="1")
    assert (failed.value.code, failed.value.status) == ("closed", 409)
    with pytest.raises(OutcomeUnclear):
        ask(target, "get_order", id="1")
    with pytest.raises(ToolFailed, match="redirected"):
        ask(target, "get_order", id="1")


def test_a_deadline_is_kept(target: Target, echo: Echo) -> None:
    echo.replies = [Reply(body=b"{}", pause=60)]
    with pytest.raises(OutcomeUnclear, match="timeout"):
        ask(target, "get_order", id="1", seconds=3)


def test_what_is_private_is_refused_unless_it_is_internal(target: Target, echo: Echo) -> None:
    target.is_internal = False
    with pytest.raises(TargetUnreachable, match="refused"):
        ask(target, "get_order", id="1")
    assert not echo.asked


# -- credentials


@pytest.mark.parametrize(
    ("kind", "public", "place"),
    [
        ("bearer", {}, "authorization"),
        ("basic", {"username": "desk"}, "authorization"),
        ("header", {"name": "X-Api-Key"}, "x-api-key"),
    ],
)
def test_the_credential_travels_in_a_header(
    target: Target, echo: Echo, kind: str, public: dict[str, str], place: str
) -> None:
    set_credential(target, kind=kind, public=public, secret="s3cret-value", user=None)
    target.refresh_from_db()
    ask(target, "get_order", id="1")
    assert place in echo.asked[-1].headers


def test_a_key_in_the_address_is_sent_and_told_nobody(target: Target, echo: Echo) -> None:
    set_credential(target, kind="query", public={"name": "key"}, secret="s3cret value", user=None)
    target.refresh_from_db()
    answer = ask(target, "list_orders", status=["open"])
    assert echo.asked[-1].path == "/v1/orders?status=open&key=s3cret%20value"
    assert answer["path"] == "/v1/orders?status=open&key=[secret]"


def test_a_request_is_signed_for_aws(target: Target, echo: Echo) -> None:
    public = {"access_key_id": "AKIAEXAMPLE", "region": "eu-central-1", "service": "execute-api"}
    set_credential(target, kind="sigv4", public=public, secret="aws-secret", user=None)
    target.refresh_from_db()
    ask(target, "create_order", note="x")
    sent = echo.asked[-1].headers
    assert sent["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/")
    assert "content-type;host;x-amz-date" in sent["authorization"]


# -- look-ups


def test_a_look_up_by_another_operation(target: Target, echo: Echo) -> None:
    rule = {"tool": "list_orders", "arguments": {"X_Shop": "{idempotency_key}"}, "found": "orders.0"}
    Tool.objects.filter(target=target, name="create_order").update(lookup=rule)
    catalog.forget()
    echo.replies = [Reply(body=b'{"orders": [{"id": 1}]}'), Reply(body=b'{"orders": []}')]
    call = call_of(target, "create_order", note="x")
    assert adapter_of(target).send_look_up(call) == {"orders": [{"id": 1}]}
    assert echo.asked[-1].headers["x-shop"] == "key-1"
    with pytest.raises(ToolFailed) as failed:
        adapter_of(target).send_look_up(call)
    assert failed.value.status == 404


def test_a_look_up_by_a_route(target: Target, echo: Echo) -> None:
    rule = {"method": "GET", "path": "/by-key/{idempotency_key}"}
    Tool.objects.filter(target=target, name="create_order").update(lookup=rule)
    assert adapter_of(target).send_look_up(call_of(target, "create_order", note="x"))["path"] == "/v1/by-key/key-1"


def test_a_look_up_never_does_anything(target: Target, echo: Echo) -> None:
    Tool.objects.filter(target=target, name="create_order").update(lookup={"tool": "delete_order"})
    catalog.forget()
    with pytest.raises(ToolRefused):
        adapter_of(target).send_look_up(call_of(target, "create_order", note="x"))
    assert not echo.asked


# -- documents that cannot be had


@pytest.mark.parametrize("body", [b"<h1>Hello</h1>", b'{"swagger": "2.0"}', b""])
def test_what_is_no_document_is_said_to_be_none(target: Target, echo: Echo, body: bytes) -> None:
    echo.pages["/openapi.json"] = body
    with pytest.raises(ListingFailed):
        list_now(target)


def test_an_uploaded_document_is_read_as_it_is(db: None) -> None:
    text = json.dumps(document(things=("order",)))
    target = made(kind=Target.Kind.OPENAPI, base_url="https://api.example.com", settings={"document": text})
    assert len(list_now(target).definitions) == 6
    target.settings = {}
    with pytest.raises(ListingFailed, match="no document"):
        list_now(target)
