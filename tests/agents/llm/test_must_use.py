"""A tool that has to be used, in each provider's form."""

from __future__ import annotations

from typing import Any

from tests.agents.llm.rigs import Rig
from tests.messages_api import text, tool_use

NAMED = {
    "anthropic": {"type": "tool", "name": "get_order", "disable_parallel_tool_use": True},
    "openai": {"type": "function", "function": {"name": "get_order"}},
    "converse": {"tool": {"name": "get_order"}},
}
FORMS = {**NAMED, "bedrock_claude": NAMED["anthropic"]}


def choice_of(body: dict[str, Any]) -> Any:
    return body.get("tool_choice") or body.get("toolConfig", {}).get("toolChoice")


def test_a_tool_that_has_to_be_used_is_named(rig: Rig) -> None:
    rig.answers = [tool_use("get_order", {"order_id": "1042"})]
    reply = rig.call(must_use="get_order")
    assert [use["name"] for use in reply.tool_uses] == ["get_order"]
    assert choice_of(rig.asked[0].body) == FORMS[rig.model.provider]


def test_else_the_model_chooses(rig: Rig) -> None:
    rig.answers = [text("Hello.")]
    rig.call()
    assert choice_of(rig.asked[0].body) is None
