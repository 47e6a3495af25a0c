"""Each kind of target through whole turns of the desk: a described API, MCP both ways, and a Lambda function."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from agents.models import Turn
from agents.tasks import run_turn
from observability.access import Role
from tests.factories import make_user
from tests.flows.conftest import Desk
from tests.flows.planned import PlannedModel, planned_model
from tests.flows.targets_connected import KINDS, Connected, connected
from tests.flows.targets_shop import ADA, BEN, SECRET
from tests.messages_api import Answer, Block, text
from tools.models import PolicySetting, Target, Tool, ToolCall

NOTE = "leave it at the door"
SAID = f"Please note on order 1001: {NOTE}"
NUMBERS = count(1)


@pytest.fixture(params=[str(kind) for kind in KINDS])
def backend(request: pytest.FixtureRequest, desk: Desk, tmp_path: Path) -> Iterator[Connected]:
    folder = tmp_path / "orders"
    folder.mkdir()
    with connected(request.param, folder, make_user(Role.ADMIN)) as backend:
        assert PolicySetting.objects.get().mode == PolicySetting.Mode.ENFORCE
        yield backend


@pytest.fixture
def model(backend: Connected, settings: Any) -> Iterator[PlannedModel]:
    with planned_model(settings) as model:
        yield model


def uses(*calls: tuple[str, dict[str, Any]]) -> Answer:
    blocks: list[Block] = [
        {"type": "tool_use", "id": f"toolu_{next(NUMBERS)}", "name": name, "input": arguments}
        for name, arguments in calls
    ]
    return Answer(blocks=blocks, stop_reason="tool_use")


def annotate(order_id: str = "1001") -> tuple[str, dict[str, Any]]:
    return "annotate_order", {"order_id": order_id, "note": NOTE}


def codes(turn: Turn) -> list[str]:
    return [str(call.result["error"]["code"]) for call in ToolCall.objects.filter(turn_id=turn.pk).order_by("id")]


def test_a_read_and_a_write_from_a_message_to_its_reply(desk: Desk, backend: Connected, model: PlannedModel) -> None:
    model.answers = [uses(("read_order", {"order_id": "1001"})), uses(annotate()), text("It is noted.")]
    turn = desk.ask(SAID)

    assert (turn.status, desk.reply(turn)) == (Turn.Status.REPLIED, "It is noted.")
    assert desk.calls(turn) == [("read_order", "confirmed"), ("annotate_order", "confirmed")]
    read, write = ToolCall.objects.filter(turn_id=turn.pk).order_by("id")
    assert (read.result["status"], write.result) == ("shipped", {"done": "annotate_order", "order_id": "1001"})
    assert [(call.decision, call.decided["rules"]) for call in (read, write)] == [("allow", ["orders"])] * 2
    (done,) = backend.shop.done()
    assert done["arguments"] == {"order_id": "1001", "note": NOTE, "customer_email": ADA}
    assert done["key"] == write.idempotency_key
    assert {entry["arguments"]["customer_email"] for entry in backend.shop.asked()} == {ADA}

    asked = len(backend.shop.asked())
    run_turn(str(turn.pk))  # a nudge that comes twice
    assert (len(backend.shop.asked()), len(backend.shop.done())) == (asked, 1)


def test_a_write_whose_answer_is_lost_is_done_once(desk: Desk, backend: Connected, model: PlannedModel) -> None:
    backend.shop.lose.touch()
    model.answers = [uses(annotate()), text("It is noted.")]
    turn = desk.ask(SAID)
    assert desk.calls(turn) == [("annotate_order", "confirmed")]
    writes = [entry for entry in backend.shop.asked() if entry["name"] == "annotate_order"]
    assert len(writes) == 2
    assert {entry["key"] for entry in writes} == {ToolCall.objects.get(turn_id=turn.pk).idempotency_key}
    assert len(backend.shop.done()) == 1


def test_a_tool_that_no_policy_permits_does_not_reach_it(desk: Desk, backend: Connected, model: PlannedModel) -> None:
    model.answers = [uses(("delete_order", {"order_id": "1001"})), text("I may not.")]
    turn = desk.ask("Delete order 1001")
    shown = {tool["name"] for tool in model.asked[0]["tools"]}
    assert {"read_order", "list_all_orders", "annotate_order"} <= shown
    assert "delete_order" not in shown
    assert (desk.calls(turn), codes(turn)) == ([("delete_order", "refused")], ["not_permitted"])
    assert backend.shop.asked() == []


def test_the_model_cannot_say_who_the_customer_is(desk: Desk, backend: Connected, model: PlannedModel) -> None:
    name, arguments = annotate()
    model.answers = [
        uses(
            ("read_order", {"order_id": "1001", "customer_email": BEN}),
            ("list_all_orders", {"customer_email": BEN}),
            (name, {**arguments, "customer_email": BEN}),
        ),
        text("No."),
    ]
    turn = desk.ask(SAID)
    for tool in model.asked[0]["tools"]:
        assert "customer_email" not in json.dumps(tool["input_schema"])
    assert codes(turn) == ["invalid_arguments"] * 3
    assert backend.shop.asked() == []


def test_what_is_somebody_elses_is_neither_seen_nor_touched(
    desk: Desk, backend: Connected, model: PlannedModel
) -> None:
    model.answers = [
        uses(("read_order", {"order_id": "2001"}), ("list_all_orders", {}), annotate("2001")),
        text("There is no such order."),
    ]
    turn = desk.ask(f"Please note on order 2001: {NOTE}")
    states = [state for _, state in desk.calls(turn)]
    assert states == ["failed", "confirmed", "refused"]
    read, listed, write = (call.result for call in ToolCall.objects.filter(turn_id=turn.pk).order_by("id"))
    assert read["error"]["code"] == write["error"]["code"] == "not_found"
    assert [order["order_id"] for order in listed["orders"]] == ["1001"]
    assert SECRET not in json.dumps(model.asked)
    assert backend.shop.done() == []


def test_what_does_not_exist_is_told_by_the_same_code(desk: Desk, backend: Connected, model: PlannedModel) -> None:
    model.answers = [uses(("read_order", {"order_id": "9999"}), annotate("9999")), text("There is no such order.")]
    turn = desk.ask(f"Please note on order 9999: {NOTE}")
    assert codes(turn) == ["not_found", "not_found"]
    assert backend.shop.done() == []


def test_a_backend_that_is_away_is_told_honestly_and_the_desk_goes_on(
    desk: Desk, backend: Connected, model: PlannedModel
) -> None:
    model.answers = [uses(("read_order", {"order_id": "1001"})), text("It is shipped.")]
    assert [state for _, state in desk.calls(desk.ask("Where is order 1001?"))] == ["confirmed"]
    backend.stop()

    model.answers = [uses(("read_order", {"order_id": "1001"}), annotate()), text("I cannot reach it.")]
    turn = desk.ask(SAID)
    assert (turn.status, desk.reply(turn)) == (Turn.Status.REPLIED, "I cannot reach it.")
    assert desk.calls(turn) == [("read_order", "failed"), ("annotate_order", "failed")]
    assert codes(turn) == ["unreachable", "target_unavailable"]  # by then it is left alone
    assert backend.shop.done() == []

    model.answers = [uses(("get_order", {"order_id": "1042"})), text("Your other order is here.")]
    other = desk.ask("And order 1042?", session_id=turn.session_id)
    assert (other.status, desk.calls(other)) == (Turn.Status.REPLIED, [("get_order", "confirmed")])


def test_a_write_that_cannot_leave_is_not_called_done(desk: Desk, backend: Connected, model: PlannedModel) -> None:
    Tool.objects.filter(name="annotate_order").update(precheck=None)
    backend.stop()
    model.answers = [uses(annotate()), text("It was not possible.")]
    turn = desk.ask(SAID)
    assert (desk.calls(turn), codes(turn)) == ([("annotate_order", "failed")], ["unreachable"])
    assert backend.shop.done() == []


@pytest.mark.parametrize("backend", [str(Target.Kind.OPENAPI)], indirect=True)
def test_of_more_than_fifty_operations_those_are_tools_that_were_chosen(desk: Desk, backend: Connected) -> None:
    assert backend.listed == 55
    target = Target.objects.get(name="orders")
    assert target.is_open
    assert target.base_url.endswith("/api")
    assert Tool.objects.filter(target=target).count() == 4
