"""The pages of one tool: what is stored of it, what is refused, for whom it is called and what was called."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from observability.access import Role
from observability.ids import uuid7
from tests.factories import client_of, make_session, make_user
from tests.tools.policies_cases import publish_rules
from tests.tools.views.target_cases import HOSTILE, READ, SCHEMA, WRITE, post, shown, text_of
from tools.models import Approval, Tool, ToolCall

pytestmark = pytest.mark.django_db


def form_of(user: User, url: str) -> dict[str, Any]:
    """The page's form, as a browser would send it unchanged."""
    context = client_of(user).get(url).context
    form, data = context["form"], {"seen": context["seen"]}
    for field in form:
        value = field.value()
        if value is True:
            data[field.name] = "on"
        elif value is not None and value is not False and value != "":
            data[field.name] = value
    return data


# -- what it is


class TestTool:
    def test_every_role_reads_it_and_an_admin_changes_it(
        self, shop: dict[str, Tool], support: User, admin: User, stranger: User
    ) -> None:
        for user in (support, make_user(Role.REVIEWER), make_user(Role.ANALYST)):
            text = text_of(user, READ)
            assert "shop___get_order" in text
            assert "Save get_order" not in text
            assert HOSTILE not in text
        assert "Save get_order" in text_of(admin, READ)
        assert HOSTILE not in text_of(admin, READ)
        assert '"/live/stop/tool/get_order/"' in text_of(admin, READ)
        assert client_of(support).post(READ).status_code == 403
        assert client_of(stranger).get(READ).status_code == 403
        assert Client().get(READ).status_code == 302
        assert client_of(admin).get("/tools/shop/nothing/").status_code == 404

    def test_it_is_saved_unchanged_and_changed(self, shop: dict[str, Tool], admin: User) -> None:
        before = Tool.objects.filter(name="refund").values().get()
        data = form_of(admin, WRITE)
        assert client_of(admin).post(WRITE, data).status_code == 302
        assert Tool.objects.filter(name="refund").values().get() == before
        data |= {"seen": form_of(admin, WRITE)["seen"], "risk": "high", "deadline_ms": "2500", "cost_usd": "0.02"}
        assert client_of(admin).post(WRITE, data).status_code == 302
        tool = Tool.objects.get(name="refund")
        assert (tool.risk, tool.deadline_ms, str(tool.cost_usd)) == ("high", 2500, "0.02000000")

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"input_schema": "{"}, "not JSON"),
            ({"input_schema": "{'type': 'object'}"}, "this is Python"),
            ({"input_schema": '{"type": "string"}'}, "must be an object schema"),
            ({"input_schema": '{"type": "object", "properties": {"a": {"$ref": "https://example.com/x"}}}'}, "schema"),
            ({"routes": '[{"method": "GET", "path": "/x?a=1"}]'}, "no ? and no #"),
            ({"routes": '[{"method": "GET", "path": "/{other}"}]'}, "neither an argument"),
            ({"routes": '[{"method": "GET", "path": "/x", "then": 1}]'}, "has no meaning"),
            (
                {"routes": '[{"method": "GET", "path": "/x", "query": {"q": "a {order_id}"}}]'},
                "exactly one placeholder",
            ),
            ({"routes": '[{"method": "GET", "path": "/x", "headers": {"Host": "a"}}]'}, "is not set here"),
            ({"lookup": '{"method": "POST", "path": "/x"}'}, "its method is GET"),
            ({"lookup": '{"tool": "refund"}'}, "no tool of this target that only reads"),
            ({"idempotency": "look_up"}, "Say how it is looked up"),
            ({"deadline_ms": "5"}, "greater than or equal to 100"),
            ({"retries": "50"}, "less than or equal to 5"),
            ({"description": ""}, "required"),
        ],
        ids=[
            *("json", "python", "type", "ref", "query", "placeholder", "key", "mixture", "header"),
            *("look-up", "look-up-tool", "no-look-up", "deadline", "retries", "description"),
        ],
    )
    def test_what_is_wrong_stands_at_its_field_and_nothing_is_lost(
        self, values: dict[str, str], said: str, shop: dict[str, Tool], admin: User
    ) -> None:
        before = Tool.objects.filter(name="refund").values().get()
        data = form_of(admin, WRITE) | {"progress": "Kept as it was written"} | values
        text = shown(client_of(admin).post(WRITE, data), 422)
        assert said in text
        assert "Kept as it was written" in text
        assert Tool.objects.filter(name="refund").values().get() == before

    def test_two_admins_at_once(self, shop: dict[str, Tool], admin: User) -> None:
        data = form_of(admin, READ)
        Tool.objects.filter(name="get_order").update(risk="high")
        text = shown(client_of(admin).post(READ, data | {"description": "Mine"}), 409)
        assert "Somebody else changed this tool meanwhile." in text
        assert "Mine" in text
        assert Tool.objects.get(name="get_order").description != "Mine"

    def test_a_schema_that_a_rule_in_force_needs_stays(self, shop: dict[str, Tool], admin: User) -> None:
        rule = 'permit(principal, action == AgentCore::Action::"shop___refund", resource) when { context.input.%s };'
        publish_rules(known=rule % 'order_id == "1"')
        data = form_of(admin, WRITE)
        schema = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}
        data |= {"input_schema": json.dumps(schema), "routes": '[{"method": "POST", "path": "/r"}]'}
        text = shown(client_of(admin).post(WRITE, data), 422)
        assert "policies in force would not fit" in text
        assert "/policies/draft/rules/known/" in text
        assert Tool.objects.get(name="refund").input_schema == SCHEMA

    def test_it_is_switched(self, shop: dict[str, Tool], admin: User, reviewer: User) -> None:
        assert client_of(reviewer).post(f"{READ}switch/").status_code == 403
        client_of(admin).post(f"{READ}switch/")
        assert not Tool.objects.get(name="get_order").enabled
        assert "Switch get_order on" in text_of(admin, READ)
        client_of(admin).post(f"{READ}switch/", {"enabled": "on"})
        assert Tool.objects.get(name="get_order").enabled
        Tool.objects.filter(name="get_order").update(routes=[], enabled=False)
        response = client_of(admin).post(f"{READ}switch/", {"enabled": "on"}, follow=True)
        assert "has no route yet" in response.content.decode()
        assert not Tool.objects.get(name="get_order").enabled

    def test_it_is_deleted_only_while_nothing_leans_on_it(self, shop: dict[str, Tool], admin: User) -> None:
        Tool.objects.filter(name="refund").update(precheck={"tool": "get_order", "arguments": {"order_id": "order_id"}})
        assert "refund asks it first" in shown(client_of(admin).post(f"{READ}delete/"), 409)
        assert post(admin, f"{WRITE}delete/").url == "/targets/shop/"
        assert post(admin, f"{READ}delete/").url == "/targets/shop/"
        assert not Tool.objects.filter(target__name="shop").exists()

    def test_one_that_waits_for_a_person_stays(self, shop: dict[str, Tool], admin: User) -> None:
        call = made_call(make_session().pk, name="refund")
        Approval.objects.create(
            call=call,
            tool_key="shop___refund",
            asked={},
            arguments={},
            digest="d",
            policy_version=1,
            role="reviewer",
            expires_at=call.created_at,
        )
        assert "waits for a person" in text_of(admin, f"{WRITE}delete/")


# -- for whom


class TestBinding:
    url = f"{WRITE}customer/"

    def test_it_is_saved_unchanged(self, shop: dict[str, Tool], admin: User) -> None:
        full = {
            "owners": [{"path": "orders.*.customer", "is": "customer.email"}],
            "precheck": {
                "tool": "get_order",
                "arguments": {"order_id": "order_id"},
                "facts": {"total": {"path": "total", "type": "number"}},
            },
            "amount": {"argument": "amount", "path": "total", "less": "refunded", "currency": "EUR"},
            "subject_argument": "order_id",
            "free_text": ["reason"],
        }
        Tool.objects.filter(name="refund").update(**full)
        before = Tool.objects.filter(name="refund").values().get()
        assert client_of(admin).post(self.url, form_of(admin, self.url)).status_code == 302
        assert Tool.objects.filter(name="refund").values().get() == before

    def test_what_is_bound_is_hidden_from_the_model(self, shop: dict[str, Tool], admin: User) -> None:
        form = client_of(admin).get(self.url).context["form"]
        fields = {argument: field.html_name for argument, field in form.bound_rows()}
        data = form_of(admin, self.url) | {fields["order_id"]: "session.id", fields["customer"]: "", "do": "preview"}
        text = shown(client_of(admin).post(self.url, data, headers={"HX-Request": "true"}))
        assert "customer" in text
        assert "order_id" not in text
        assert Tool.objects.get(name="refund").bindings == {"customer": "customer.email"}
        client_of(admin).post(self.url, data | {"do": "save"})
        assert Tool.objects.get(name="refund").bindings == {"order_id": "session.id"}

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"owner_0_path": "customer"}, "It is missing"),
            ({"owner_0_path": "a..b", "owner_0_is": "customer.email"}, "Names with dots"),
            ({"asks": "refund"}, "not one of the available choices"),
            ({"asks": "get_order"}, "Say which of its arguments"),
            ({"fact_0_name": "total", "fact_0_path": "total"}, "choose it"),
            ({"asks": "get_order", "fact_0_name": "amount", "fact_0_path": "total"}, "the money&#x27;s own name"),
            ({"moves_money": "on", "currency": "EUR"}, "Name the argument with the amount"),
            ({"moves_money": "on", "amount_argument": "amount", "currency": "€"}, "Three capitals"),
            ({"moves_money": "on", "amount_path": "total", "currency": "EUR"}, "choose it"),
        ],
        ids=["half", "path", "write", "mapping", "facts", "reserved", "amount", "currency", "amount-path"],
    )
    def test_what_is_wrong_is_said(self, values: dict[str, str], said: str, shop: dict[str, Tool], admin: User) -> None:
        before = Tool.objects.filter(name="refund").values().get()
        text = shown(client_of(admin).post(self.url, form_of(admin, self.url) | values), 422)
        assert said in text
        assert Tool.objects.filter(name="refund").values().get() == before

    def test_what_of_a_result_remains_is_tried_and_nothing_saved(self, shop: dict[str, Tool], admin: User) -> None:
        example = {"orders": [{"id": 1, "customer": "Ada@example.com"}, {"id": 2, "customer": "eve@example.com"}]}
        data = form_of(admin, self.url) | {
            "owner_0_path": "orders.*.customer",
            "owner_0_is": "customer.email",
            "example": json.dumps(example),
            "example_email": "ada@example.com",
            "do": "try",
        }
        text = shown(client_of(admin).post(self.url, data, headers={"HX-Request": "true"}))
        assert "Ada@example.com" in text
        assert "eve@example.com" not in text
        whole = shown(client_of(admin).post(self.url, data | {"example_email": "dan@example.com", "owner_0_path": "x"}))
        assert "Nothing remains." in whole
        assert "<main" in whole
        assert "not JSON" in shown(client_of(admin).post(self.url, data | {"example": "{"}))
        assert Tool.objects.get(name="refund").owners == []

    def test_the_last_real_answer_is_taken(self, shop: dict[str, Tool], admin: User) -> None:
        made_call(uuid7(), name="refund", state="confirmed", result={"id": "re_77"})
        made_call(uuid7(), name="refund", state="failed", result={"error": {}})
        data = form_of(admin, self.url) | {"do": "last"}
        assert "re_77" in shown(client_of(admin).post(self.url, data))

    def test_others_read_it(self, shop: dict[str, Tool], support: User) -> None:
        text = text_of(support, f"{READ}customer/")
        assert "The customer&#x27;s e-mail address" in text
        assert "is the customer&#x27;s e-mail address" in text
        assert client_of(support).post(self.url, {}).status_code == 403


def made_call(session: Any, *, name: str, state: str = "reserved", result: Any = None) -> ToolCall:
    return ToolCall.objects.create(
        session_id=session,
        turn_id=uuid7(),
        tool_use_id="use_1",
        tool_name=name,
        arguments={"order_id": HOSTILE},
        state=state,
        result=result,
    )


def test_the_calls_are_listed(shop: dict[str, Tool], support: User, admin: User) -> None:
    session = make_session()
    made_call(session.pk, name="get_order", state="confirmed", result={})
    made_call(session.pk, name="other", state="confirmed", result={})
    text = text_of(support, f"{READ}calls/")
    assert text.count(f"/inbox/{session.pk}/") == 1
    assert HOSTILE not in text
    assert "No calls in the last 7 days" in text_of(admin, f"{WRITE}calls/")
