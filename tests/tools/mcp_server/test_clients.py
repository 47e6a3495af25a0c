"""A stock MCP client of either era lists and calls what its key may use, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from agents.demo_tools import object_schema
from tests.tools.mcp_server.clients import ERAS, LIST, call, names, post, talk, text_of
from tests.tools.mcp_server.conftest import ADA, Door, reread
from tests.tools.policies_cases import publish_changed, publish_without
from tools import outside
from tools.binding import Customer
from tools.models import Target, Tool, ToolCall

BEN = Customer(id="018f0000-0000-7000-8000-00000000be20", email="ben@example.com", is_verified=True)
ALL = ["cancel_order", "get_order", "get_refund_status", "process_refund"]


@pytest.mark.parametrize("mode", ERAS)
def test_it_lists_and_calls(door: Door, mode: str) -> None:
    key, text = door.made_key()
    listed = talk(door.address, text, lambda client: client.list_tools(), mode=mode)
    assert [tool.name for tool in listed.tools] == ALL
    order = call(door.address, text, "get_order", mode=mode, order_id="1042")
    assert not order.is_error
    assert order.structured_content["order_id"] == "1042"
    assert order.structured_content["customer"] == ADA.email
    row = ToolCall.objects.get()
    assert (row.key_id, row.turn_id, row.session_id) == (key.pk, None, None)
    assert (row.tool_name, row.state, row.effect, row.decision) == ("get_order", "confirmed", "read", "allow")
    assert row.arguments == {"order_id": "1042"}


def test_what_a_client_may_ask_its_user_about_is_said(door: Door) -> None:
    listed = talk(door.address, door.key(), lambda client: client.list_tools())
    hints = {tool.name: (tool.annotations.read_only_hint, tool.annotations.destructive_hint) for tool in listed.tools}
    assert hints["get_order"] == (True, None)
    assert hints["process_refund"] == (False, True)
    assert listed.tools[1].input_schema["properties"].keys() == {"order_id"}


@pytest.mark.parametrize("mode", ["legacy", "auto"])  # a client that names 2026-07-28 does not ask
def test_the_gateways_own_words_reach_the_model(door: Door, mode: str) -> None:
    door.gateway.instructions = "Look an order up first."
    door.gateway.save()

    async def instructions(client: Any) -> str:
        return str(client.instructions)

    assert talk(door.address, door.key(), instructions, mode=mode) == "Look an order up first."


def test_a_key_for_reading_sees_and_calls_no_write(door: Door) -> None:
    key = door.key(scopes=["read"])
    assert names(door.address, key) == ["get_order", "get_refund_status"]
    refused = call(door.address, key, "process_refund", order_id="1042", reason="broken")
    assert refused.is_error
    assert "There is no tool" in text_of(refused)
    assert ToolCall.objects.get().state == "refused"
    assert door.refunds() == []


def test_a_key_for_writing_sees_no_read(door: Door) -> None:
    assert names(door.address, door.key(scopes=["write"])) == ["cancel_order", "process_refund"]


def test_a_tool_that_the_gateway_does_not_offer_is_not_there(door: Door) -> None:
    door.gateway.tools = ["shop___get_order", "desk___escalate_to_human", "shop___gone"]
    door.gateway.save()
    key = door.key()
    assert names(door.address, key) == ["get_order"]
    for name in ("cancel_order", "shop___cancel_order", "escalate_to_human", "nonsense"):
        assert "There is no tool" in text_of(call(door.address, key, name, order_id="1047", reason="why"))


def test_a_tool_that_is_switched_off_is_neither_listed_nor_called(door: Door) -> None:
    Tool.objects.filter(name="get_order").update(enabled=False)
    reread()
    key = door.key()
    assert "get_order" not in names(door.address, key)
    assert "switched off" in text_of(call(door.address, key, "get_order", order_id="1042"))


def test_what_no_policy_allows_is_not_listed_and_denied(door: Door) -> None:
    publish_without("cancellations")
    reread()
    key = door.key()
    assert "cancel_order" not in names(door.address, key)
    assert "do not allow" in text_of(call(door.address, key, "cancel_order", order_id="1042", reason="why"))


def test_a_policy_can_speak_of_the_key(door: Door) -> None:
    text = """forbid (principal, action, resource) when { principal.hasTag("kind") &&
      principal.getTag("kind") == "key" && principal.hasTag("gateway") && principal.getTag("gateway") == "support" };"""
    publish_changed(hand_over=text)
    reread()
    key = door.key()
    assert names(door.address, key) == []
    assert call(door.address, key, "get_order", order_id="1042").is_error


def test_stops_hold_outside_agents_too(door: Door) -> None:
    stopped = {"get_order"}
    outside.switches.append(lambda: frozenset(stopped))
    key = door.key()
    assert "get_order" not in names(door.address, key)
    assert "switched off" in text_of(call(door.address, key, "get_order", order_id="1042"))
    assert not call(door.address, key, "get_refund_status").is_error
    stopped.add(outside.EVERYTHING)
    assert names(door.address, key) == []
    assert "switched off" in text_of(call(door.address, key, "get_refund_status"))


# -- the customer


def test_another_customers_order_is_dropped(door: Door) -> None:
    """Of a backend that answers whatever it is asked: the shop is asked in her name."""
    routes = [{"method": "GET", "path": "/orders/{order_id}", "query": {"customer": ADA.email}}]
    Tool.objects.filter(name="get_order").update(routes=routes)
    reread()
    assert not call(door.address, door.key(), "get_order", order_id="1042").is_error
    result = call(door.address, door.key(customer=BEN), "get_order", order_id="1042")
    assert result.is_error
    assert ADA.email not in str(result)
    assert "nothing of this customer's" in text_of(result)


def test_a_refund_of_another_customers_order_is_refused(door: Door) -> None:
    result = call(door.address, door.key(customer=BEN), "process_refund", order_id="1042", reason="mine")
    assert result.is_error
    assert door.refunds() == []


def test_a_key_without_a_customer_touches_no_customers_data(door: Door) -> None:
    key = door.key(customer=None)
    assert names(door.address, key) == []
    assert "identity is not verified" in text_of(call(door.address, key, "get_order", order_id="1042"))


def test_the_customer_cannot_be_given_as_an_argument(door: Door) -> None:
    key = door.key(customer=BEN)
    for arguments in ({"customer": ADA.email}, {"customer.email": ADA.email}):
        result = call(door.address, key, "get_order", order_id="1042", **arguments)
        assert result.is_error
        assert ADA.email not in text_of(result).replace(repr(ADA.email), "")


def test_a_bound_argument_is_not_shown(door: Door) -> None:
    tool = Tool.objects.get(name="get_order")
    tool.input_schema["properties"]["customer"] = {"type": "string"}
    tool.bindings = {"customer": "customer.email"}
    tool.save()
    reread()
    key = door.key()
    listed = talk(door.address, key, lambda client: client.list_tools())
    assert "customer" not in listed.tools[1].input_schema["properties"]
    assert (
        "There is no argument" in text_of(call(door.address, key, "get_order", customer=ADA.email))
        or call(door.address, key, "get_order", customer=ADA.email).is_error
    )


# -- what cannot be stored, or is no argument


@pytest.mark.parametrize(
    "arguments", [{"order_id": "10\x0042"}, {"order_id": "1042", "more": "x" * 30_000}], ids=["nul", "long"]
)
def test_what_the_ledger_cannot_hold_is_refused_and_entered_without_it(door: Door, arguments: dict[str, Any]) -> None:
    assert call(door.address, door.key(), "get_order", **arguments).is_error
    row = ToolCall.objects.get()
    assert (row.state, row.arguments) == ("refused", {})


@pytest.mark.parametrize("spelt", ['"\\ud800"', "1e999", "NaN"], ids=["surrogate", "infinity", "nan"])
def test_json_that_is_none_elsewhere_breaks_nothing(door: Door, spelt: str) -> None:
    body = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_order","arguments":{"order_id":%s}}}'
    key = door.key()
    response = post(door.address, key, body % spelt)
    assert response.status_code < 500
    assert post(door.address, key, LIST).status_code == 200


def test_wrong_arguments_are_named(door: Door) -> None:
    result = call(door.address, door.key(), "get_order", order_id="ten", colour="red")
    assert result.is_error
    assert "order_id" in text_of(result)
    assert result.structured_content["error"]["code"] == "invalid_arguments"


def test_progress_is_told_to_who_asks(door: Door) -> None:
    said: list[str | None] = []

    async def ask(client: Any) -> None:
        async def hear(progress: float, total: float | None, message: str | None) -> None:
            said.append(message)

        await client.call_tool("get_order", {"order_id": "1042"}, progress_callback=hear)

    for mode in ("legacy", "2026-07-28"):
        talk(door.address, door.key(), ask, mode=mode)
    assert said == ["Looking up order 1042"] * 2


# -- many tools


@pytest.fixture
def many(door: Door) -> list[str]:
    shop = Target.objects.get(name="shop")
    made = [
        Tool.objects.create(
            target=shop,
            name=f"read_ledger_{number}",
            description=f"Reads page {number} of the warehouse ledger.",
            input_schema=object_schema({}, []),
            effect="read",
            progress="Reading",
            routes=[{"method": "GET", "path": "/orders", "query": {"customer": "{customer.email}"}}],
        )
        for number in range(40)
    ]
    names = ", ".join(f'AgentCore::Action::"{tool.key}"' for tool in made)
    publish_changed(hand_over=f"permit (principal, action in [{names}], resource);")
    door.gateway.tools += [tool.key for tool in made]
    door.gateway.save()
    reread()
    return [tool.name for tool in made]


@pytest.mark.parametrize("mode", ERAS)
def test_many_tools_are_found_by_words_and_called(door: Door, many: list[str], mode: str) -> None:
    key = door.key()
    assert names(door.address, key, mode=mode) == ["search_tools", "call_tool"]
    found = call(door.address, key, "search_tools", mode=mode, query="refund an order")
    tools = found.structured_content["tools"]
    assert tools[0]["name"] == "process_refund"
    assert "order_id" in tools[0]["input_schema"]["properties"]
    assert found.structured_content["of"] == 44
    direct = call(door.address, key, "get_order", mode=mode, order_id="1042")
    through = call(door.address, key, "call_tool", mode=mode, name="get_order", arguments={"order_id": "1042"})
    assert direct.structured_content == through.structured_content
    assert direct.structured_content["order_id"] == "1042"
    assert call(door.address, key, "search_tools", mode=mode, query=" ").is_error
    assert call(door.address, key, "call_tool", mode=mode, name="shop___gone", arguments={}).is_error


def test_a_search_finds_only_what_the_key_may_use(door: Door, many: list[str]) -> None:
    key = door.key(scopes=["read"])
    found = call(door.address, key, "search_tools", query="refund cancel order")
    shown = {tool["name"] for tool in found.structured_content["tools"]}
    assert shown == {"get_order", "get_refund_status"}
