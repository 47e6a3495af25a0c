"""Every model family answers the order scenario with tools, through its adapter, before a server of its wire form."""

from __future__ import annotations

import json
from copy import copy
from datetime import datetime
from typing import Any

import pytest

from agents.models import LanguageModel
from agents.scripted.worlds import worlds_for
from tests.agents.llm.rigs import FAMILIES, Rig, model_before_server
from tests.wire.scripted import scripted_answer
from tests.wire.server import Asked


@pytest.fixture(params=list(FAMILIES))
def family(request: pytest.FixtureRequest) -> LanguageModel:
    return copy(FAMILIES[request.param])


def converse(rig: Rig, question: str) -> tuple[list[str], str]:
    """One turn as the loop runs it: the tools that were called, and what was said in the end."""
    (world,) = (found for found in worlds_for("", datetime.now().astimezone().date()) if found.name == "one delivered")
    messages: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": question}]}]
    called: list[str] = []
    for _ in range(8):
        reply = rig.call(messages)
        if not reply.tool_uses:
            assert reply.stop_reason == "end_turn"
            assert "".join(rig.said).strip() == reply.text
            return called, reply.text
        assert reply.stop_reason == "tool_use"
        messages.append({"role": "assistant", "content": reply.content})
        messages.append({"role": "user", "content": [answer(world, use) for use in reply.tool_uses]})
        called += [use["name"] for use in reply.tool_uses]
    raise AssertionError("it never stopped calling tools")


def answer(world: Any, use: dict[str, Any]) -> dict[str, Any]:
    found = world.answer(use["name"], use["input"])
    block = {"type": "tool_result", "tool_use_id": use["id"], "content": json.dumps(found)}
    return {**block, "is_error": True} if "error" in found else block


def test_it_answers_the_order_scenario_with_tools(family: LanguageModel) -> None:
    rig = Rig(model=family)

    def heard(asked: Asked) -> Any:
        rig.asked.append(asked)
        return scripted_answer(asked)

    with model_before_server(family, heard):
        called, said = converse(rig, "Where is my order 1042?")
        assert called == ["get_order"]
        assert "1042" in said
        called, said = converse(rig, "I want to return my order 1042, please refund it. It does not fit.")
        assert called[0] == "get_order"
        assert called[-1] == "process_refund"
        assert "42.00" in said
    streamed = ["stream" in asked.heard.path or asked.body.get("stream", False) for asked in rig.asked]
    assert all(streamed) == family.streams_tools
