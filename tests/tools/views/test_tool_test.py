"""The test of a tool: the call as it is shown and made, and what came of it told apart."""

from __future__ import annotations

import json
import re

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from observability.ids import uuid7
from tests.factories import client_of
from tests.tools.targets.calls import mcp_target
from tests.tools.targets.echo import Echo, Reply
from tests.tools.targets.front import Front, running
from tests.tools.targets.shelf import stock
from tests.tools.views.target_cases import ADA, HOSTILE, READ, SECRET, WRITE, shown, text_of
from tools.credentials import set_credential
from tools.listing import accept, propose
from tools.models import Target, Tool, ToolCall
from tools.targets import registry

pytestmark = pytest.mark.django_db


# -- the test


class TestTest:
    def test_only_an_admin(self, shop: dict[str, Tool], reviewer: User, admin: User) -> None:
        assert client_of(reviewer).get(f"{READ}test/").status_code == 403
        assert client_of(reviewer).post(f"{READ}test/").status_code == 403
        text = text_of(admin, f"{READ}test/")
        assert HOSTILE not in text
        assert "Filled by the gateway" in text

    def test_a_read_is_made_and_cut_down_to_what_is_the_customers(
        self, shop: dict[str, Tool], echo: Echo, admin: User
    ) -> None:
        echo.replies = [Reply(body=json.dumps({"id": "1042", "customer": "eve@example.com"}).encode())]
        text = shown(client_of(admin).post(f"{READ}test/", {"argument_0": "10/42", "do": "send", **ADA}))
        asked = echo.asked[0]
        assert (asked.method, asked.path) == ("GET", "/orders/10%2F42?customer=ada%40example.com")
        assert asked.headers["authorization"] == f"Bearer {SECRET}"
        assert f"{echo.url}{asked.path.replace('&', '&amp;')}" in text
        assert "Bearer ••••••••" in text
        assert SECRET not in text
        assert "eve@example.com" in text
        assert "Nothing: it belongs to somebody else" in text
        assert not ToolCall.objects.exists()

    def test_a_write_is_shown_first_and_then_sent_once_as_it_was_shown(
        self, shop: dict[str, Tool], echo: Echo, admin: User
    ) -> None:
        client, url = client_of(admin), f"{WRITE}test/"
        data = {"argument_0": "1042", "argument_1": "12.5", **ADA}
        page = shown(client.post(url, {**data, "do": "send"}))
        assert echo.asked == []
        assert "This will really be done." in page
        assert "Really call refund" in page
        key = re.search(r'name="key" value="([^"]+)"', page)
        assert key
        assert key[1] in page.split("Idempotency-Key")[1]
        confirmed = {
            "arguments": json.dumps({"order_id": "1042", "amount": 12.5}),
            "key": key[1],
            "email": "ada@example.com",
            "id": "c-1",
            "name": "",
            "do": "send-shown",
        }
        text = shown(client.post(url, confirmed))
        assert len(echo.asked) == 1
        assert json.loads(echo.asked[0].body) == {"order": "1042", "sum": 12.5}
        assert echo.asked[0].headers["idempotency-key"] == key[1]
        assert "Answered" in text
        assert "was sent already" in shown(client.post(url, confirmed), 409)
        assert len(echo.asked) == 1

    @pytest.mark.parametrize(
        ("reply", "said"),
        [
            (Reply(status=404, body=b'{"error": {"code": "gone", "message": "No such order"}}'), "404 gone"),
            (Reply(status=500, body=b"{}"), "the backend answered 500"),
            (Reply(body=b"<h1>Hi</h1>"), "the answer is not JSON"),
            (Reply(status=401, body=f'{{"error": {{"message": "{SECRET}"}}}}'.encode()), "http_401"),
        ],
        ids=["refused", "unclear", "unreadable", "echoed-secret"],
    )
    def test_what_came_of_it_is_told_apart(
        self, reply: Reply, said: str, shop: dict[str, Tool], echo: Echo, admin: User
    ) -> None:
        echo.replies = [reply]
        text = shown(client_of(admin).post(f"{READ}test/", {"argument_0": "1", "do": "send", **ADA}))
        assert said in text
        assert SECRET not in text

    def test_a_backend_that_is_not_there(self, shop: dict[str, Tool], admin: User) -> None:
        Target.objects.filter(name="shop").update(base_url="http://127.0.0.1:9", is_internal=True)
        set_credential(Target.objects.get(name="shop"), kind="bearer", public={}, secret=SECRET, user=None)
        text = shown(client_of(admin).post(f"{READ}test/", {"argument_0": "1", "do": "send", **ADA}))
        assert "Not reached" in text

    def test_a_public_target_never_reaches_a_private_address(
        self, shop: dict[str, Tool], echo: Echo, admin: User
    ) -> None:
        Target.objects.filter(name="shop").update(is_internal=False)
        text = shown(client_of(admin).post(f"{READ}test/", {"argument_0": "1", "do": "send", **ADA}))
        assert "Not reached" in text
        assert echo.asked == []

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            ({"argument_0": "1"}, "identity is not verified"),
            ({"argument_0": "", **ADA}, "required"),
            ({"argument_0": "1", "argument_1": "much", **ADA}, "A number is expected"),
            ({"argument_0": "1", "argument_1": "NaN", **ADA}, "A number is expected"),
        ],
        ids=["nobody", "missing", "number", "nan"],
    )
    def test_arguments_that_fit_nothing_send_nothing(
        self, data: dict[str, str], said: str, shop: dict[str, Tool], echo: Echo, admin: User
    ) -> None:
        for wish in ("show", "send"):
            response = client_of(admin).post(f"{WRITE}test/", {**data, "do": wish})
            assert said in shown(response, 422)
        assert echo.asked == []

    def test_a_confirmation_that_cannot_be_read_sends_nothing(
        self, shop: dict[str, Tool], echo: Echo, admin: User
    ) -> None:
        for broken in ({}, {"arguments": "[]", "key": str(uuid7())}, {"arguments": "{}", "key": "x\r\ny"}):
            text = shown(client_of(admin).post(f"{WRITE}test/", {**broken, "do": "send-shown"}), 422)
            assert "Nothing was sent" in text
        assert echo.asked == []

    def test_a_held_target_is_not_called(self, shop: dict[str, Tool], echo: Echo, admin: User) -> None:
        target = shop["get_order"].target
        Target.objects.filter(pk=target.pk).update(held_at=timezone.now(), proposed={})
        text = shown(client_of(admin).post(f"{READ}test/", {"argument_0": "1", "do": "send", **ADA}), 409)
        assert "is held until you have reviewed" in text
        assert echo.asked == []

    def test_a_lost_write_is_looked_up(self, shop: dict[str, Tool], echo: Echo, admin: User) -> None:
        Tool.objects.filter(name="refund").update(lookup={"method": "GET", "path": "/refunds/by-key/{idempotency_key}"})
        echo.replies = [Reply(status=503, body=b""), Reply(status=404, body=b"{}")]
        data = {"arguments": '{"order_id": "1"}', "key": str(uuid7()), "email": "ada@example.com", "do": "send-shown"}
        text = shown(client_of(admin).post(f"{WRITE}test/", data))
        assert "It is not known whether it was done." in text
        assert "The look-up found nothing: it was not done." in text
        assert [asked.method for asked in echo.asked] == ["POST", "GET"]

    def test_an_mcp_tool_is_shown_and_called(self, db: None, admin: User) -> None:
        with running(Front(server=stock())) as front:
            target = mcp_target(front.url)
            propose(target)
            accept(target, ["get_order"], None)
            Tool.objects.update(needs_customer=False)
            url = "/tools/shelf/get_order/test/"
            assert "tools/call" in shown(client_of(admin).post(url, {"argument_0": "7", "do": "show"}))
            text = shown(client_of(admin).post(url, {"argument_0": "7", "do": "send"}))
            assert "61.00" in text
            registry.forget()


def test_the_call_that_is_shown_is_the_one_that_is_made(shop: dict[str, Tool], echo: Echo, admin: User) -> None:
    """For a target with a key in the query and a signed-off header, too."""
    target = shop["get_order"].target
    set_credential(target, kind="query", public={"name": "api key"}, secret=SECRET, user=None)
    text = shown(client_of(admin).post(f"{READ}test/", {"argument_0": "1", "do": "send", **ADA}))
    path = echo.asked[0].path
    assert SECRET in path
    assert f"{echo.url}{path.replace(SECRET, '••••••••')}".replace("&", "&amp;") in text
    assert SECRET not in text


def test_the_call_of_a_function_is_shown(admin: User) -> None:
    target = Target.objects.create(name="jobs", kind="aws_lambda", settings={"function": "f", "region": "eu-west-1"})
    public = {"access_key_id": "AKIDEXAMPLE", "region": "eu-west-1", "service": "lambda"}
    set_credential(target, kind="sigv4", public=public, secret=SECRET, user=None)
    Tool.objects.create(target=target, name="run", description="Runs", input_schema={"type": "object"}, effect="write")
    text = shown(client_of(admin).post("/tools/jobs/run/test/", {"whole": '{"a": 1}', "customer_id": "c-1"}))
    assert "https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/f/invocations" in text
    assert "AWS4-HMAC-SHA256 ••••••••" in text
    assert "X-Amz-Client-Context" in text
    assert SECRET not in text
