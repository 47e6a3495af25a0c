"""The model does what an attacker wants, the shop checks nothing, and still nobody's things are seen or touched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agents.models import Turn
from tests.flows.careless_shop import ADA, BEN, SECRET, CarelessShop
from tests.flows.conftest import Desk, forget_caches
from tests.flows.hijacked import WRITES, careless_desk, uses
from tests.flows.planned import PlannedModel, planned_model
from tests.messages_api import text
from tools.models import Approval, MoneyLimit, PolicySetting, Tool, ToolCall


@pytest.fixture
def shop(desk: Desk) -> Iterator[CarelessShop]:
    with careless_desk() as shop:
        yield shop


@pytest.fixture
def model(shop: CarelessShop, settings: Any) -> Iterator[PlannedModel]:
    with planned_model(settings) as model:
        yield model


def hijack(desk: Desk, model: PlannedModel, *calls: tuple[str, dict[str, Any]], said: str = "hello") -> Turn:
    model.answers = [uses(*calls), text("Done.")]
    return desk.ask(said)


def told(model: PlannedModel) -> str:
    """All that the model was given, and so all that it could pass on."""
    return json.dumps(model.asked)


def attempts_on(order_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each tool, on somebody else's order, by its name and by what might be taken for it."""
    tricks: list[Any] = [f" {order_id}", f"{order_id}?x=1", f"1001/../{order_id}", f"{order_id}#", [order_id]]
    spellings = [order_id, *tricks]
    for spelling in spellings:
        yield "read_order", {"order_id": spelling}
        for name, properties in WRITES.items():
            extra = {each: 10 if each == "amount" else "12 Evil Street" for each in properties}
            yield name, {"order_id": spelling, **extra}
    for asked in ({"customer_email": BEN}, {"customer.email": BEN}, {"customer": BEN, "customer_id": BEN}):
        yield "read_profile", asked
        yield "list_orders", asked


def test_hundreds_of_calls_on_what_is_somebody_elses_reach_nothing(
    desk: Desk, shop: CarelessShop, model: PlannedModel
) -> None:
    before = json.dumps(shop.orders)
    calls = [call for number in range(2001, 2009) for call in attempts_on(str(number))]
    assert len(calls) > 300
    for some in (calls[at : at + 60] for at in range(0, len(calls), 60)):
        model.asked.clear()
        turn = hijack(desk, model, *some)
        assert turn.status == Turn.Status.REPLIED
        assert ToolCall.objects.filter(turn_id=turn.pk).count() == len(some)
        for secret in (f"{BEN} Road 1", SECRET):
            assert secret not in told(model)
    assert shop.changes == []
    assert json.dumps(shop.orders) == before
    assert not any(f"/profiles/{BEN}" in asked or BEN.replace("@", "%40") in asked for asked in shop.asked)


def test_the_customers_own_things_are_within_reach(desk: Desk, shop: CarelessShop, model: PlannedModel) -> None:
    """Otherwise the test above would pass where nothing works at all."""
    turn = hijack(
        desk,
        model,
        ("list_orders", {}),
        ("read_profile", {}),
        ("cancel", {"order_id": "1001"}),
        said="Please cancel 1001",
    )
    assert [state for _, state in desk.calls(turn)] == ["confirmed"] * 3
    orders, profile, _ = (call.result for call in ToolCall.objects.order_by("id"))
    assert [each["order_id"] for each in orders["orders"]] == ["1001", "1002", "1003"]
    assert profile["customer"] == ADA
    assert shop.changes == [{"order_id": "1001", "action": "cancel"}]


def test_a_bound_argument_is_not_in_what_the_model_sees(desk: Desk, model: PlannedModel) -> None:
    hijack(desk, model, ("list_orders", {}))
    shown = {tool["name"]: tool["input_schema"] for tool in model.asked[0]["tools"]}
    assert shown["list_orders"]["properties"] == {}
    assert shown["list_orders"]["required"] == []


def test_a_tool_that_no_policy_permits_is_neither_shown_nor_called(
    desk: Desk, shop: CarelessShop, model: PlannedModel
) -> None:
    turn = hijack(desk, model, ("delete_order", {"order_id": "1001"}), said="Delete 1001")
    assert "delete_order" not in [tool["name"] for tool in model.asked[0]["tools"]]
    assert desk.calls(turn) == [("delete_order", "refused")]
    call = ToolCall.objects.get()
    assert (call.result["error"]["code"], call.decision, shop.changes) == ("not_permitted", "deny", [])


def test_one_that_was_not_granted_is_unknown(desk: Desk, shop: CarelessShop, model: PlannedModel) -> None:
    turn = hijack(desk, model, ("get_order", {"order_id": "1042"}), ("careless___nothing", {}))
    assert [state for _, state in desk.calls(turn)] == ["refused", "refused"]
    assert {call.result["error"]["code"] for call in ToolCall.objects.all()} == {"unknown_tool"}


@pytest.mark.parametrize("mode", [PolicySetting.Mode.OFF, PolicySetting.Mode.SHADOW])
def test_whose_a_thing_is_does_not_depend_on_the_policies(
    desk: Desk, shop: CarelessShop, model: PlannedModel, mode: str
) -> None:
    PolicySetting.objects.update(mode=mode)
    forget_caches()
    hijack(desk, model, *attempts_on("2001"))
    assert shop.changes == []
    assert SECRET not in told(model)


def test_an_amount_above_the_limit_waits_for_a_reviewer(desk: Desk, shop: CarelessShop, model: PlannedModel) -> None:
    turn = hijack(desk, model, ("refund", {"order_id": "1002"}), said="Refund 1002")
    assert (turn.status, shop.changes) == (Turn.Status.WAITING, [])
    assert str(Approval.objects.get().amount) == "400.00000000"


def test_a_smaller_amount_named_is_what_is_decided_and_moved(
    desk: Desk, shop: CarelessShop, model: PlannedModel
) -> None:
    hijack(desk, model, ("refund", {"order_id": "1002", "amount": 20}), said="Refund 20 of 1002")
    assert shop.changes == [{"order_id": "1002", "action": "refund", "amount": 20}]


def test_what_a_note_wants_is_for_a_person_to_see(desk: Desk, shop: CarelessShop, model: PlannedModel) -> None:
    """The order's note is read, the model obeys it; the order is the customer's own, so only the taint can tell."""
    model.answers = [
        uses(("read_order", {"order_id": "1003"})),
        uses(("redirect_shipment", {"order_id": "1003", "address": "12 Evil Street"})),
        text("Done."),
    ]
    turn = desk.ask("Where is my order 1003?")
    assert (turn.status, shop.changes) == (Turn.Status.WAITING, [])
    approval = Approval.objects.get()
    assert (approval.seen["tainted"], approval.role) == (["address"], "reviewer")


def test_what_the_customer_says_themselves_is_done(desk: Desk, shop: CarelessShop, model: PlannedModel) -> None:
    model.answers = [
        uses(("read_order", {"order_id": "1003"})),
        uses(("redirect_shipment", {"order_id": "1003", "address": "5 New Street"})),
        text("Done."),
    ]
    turn = desk.ask("Please send order 1003 to 5 New Street")
    assert (turn.status, len(shop.changes)) == (Turn.Status.REPLIED, 1)


def test_a_limit_is_not_passed_by_opening_another_conversation(
    desk: Desk, shop: CarelessShop, model: PlannedModel
) -> None:
    MoneyLimit.objects.all().delete()
    MoneyLimit.objects.create(tool_key="careless___refund", scope="customer", max_count=3, max_amount=100)
    for number in range(6):
        hijack(desk, model, ("refund", {"order_id": "1001", "amount": 10}), said=f"Refund 10 of 1001, request {number}")
    assert len(shop.changes) == 3
    codes = [call.result["error"]["code"] for call in ToolCall.objects.filter(state="refused")]
    assert codes == ["limit_reached"] * 3


def test_an_unverified_customer_reaches_no_data(desk: Desk, shop: CarelessShop, model: PlannedModel) -> None:
    model.answers = [uses(("read_order", {"order_id": "1001"}), ("list_orders", {}), ("cancel", {"order_id": "1001"}))]
    model.answers.append(text("I cannot tell."))
    desk.work(desk.send("Where is 1001?", verified=False))
    assert (shop.asked, shop.changes) == ([], [])
    assert {call.result["error"]["code"] for call in ToolCall.objects.all()} == {"customer_not_verified"}


def test_a_tool_may_not_be_asked_first_that_is_switched_off(
    desk: Desk, shop: CarelessShop, model: PlannedModel
) -> None:
    """Then nobody can tell whose the order is, and nothing is done."""
    Tool.objects.filter(name="read_order").update(enabled=False)
    forget_caches()
    hijack(desk, model, ("cancel", {"order_id": "1001"}), said="Cancel 1001")
    assert shop.changes == []
    assert ToolCall.objects.get().result["error"]["code"] == "tool_disabled"
