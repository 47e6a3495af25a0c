"""What holds for every adapter, each over HTTP before a server of its wire form."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.agents.llm.rigs import ASK, Rig
from tests.messages_api import Answer, text, tool_use

ORDER = '{"order_id":"1042","status":"delivered"}'


def uses(*names: str) -> Answer:
    blocks: list[dict[str, Any]] = [
        {"type": "tool_use", "id": f"tooluse_{number}", "name": name, "input": {"order_id": f"{1042 + number}"}}
        for number, name in enumerate(names)
    ]
    return Answer(blocks=blocks, stop_reason="tool_use")


def result(use_id: str, content: str = ORDER, **fields: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": use_id, "content": content, **fields}


def words(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}]


# -- answers
def test_a_text_is_streamed_and_returned(rig: Rig) -> None:
    rig.answers = [text("It was delivered on Monday.", chunks=3)]
    reply = rig.call()
    assert (reply.text, reply.stop_reason) == ("It was delivered on Monday.", "end_turn")
    assert "".join(rig.said) == reply.text
    assert reply.request_id
    assert reply.model
    assert reply.first_token_ms is not None
    assert rig.asked[0].system.startswith("You are the support agent")
    assert rig.asked[0].messages == ASK
    assert rig.asked[0].model == rig.model.provider_model or rig.model.provider == "anthropic"


def test_tokens_are_those_that_the_server_counted(rig: Rig) -> None:
    rig.answers = [text("Hello.")]
    reply = rig.call()
    assert (reply.tokens.input, reply.tokens.output) == (500, 50)
    assert reply.tokens.cache_read == (0 if "claude" in rig.model.provider_model else 20)
    assert not reply.are_tokens_estimated


def test_a_tool_use_and_its_result_go_there_and_back(rig: Rig) -> None:
    rig.answers = [uses("get_order"), text("It was delivered.")]
    reply = rig.call()
    assert reply.stop_reason == "tool_use"
    (use,) = reply.tool_uses
    assert (use["name"], use["input"]) == ("get_order", {"order_id": "1042"})
    reply = rig.call([*ASK, {"role": "assistant", "content": reply.content}, answered(result(use["id"]))])
    assert reply.text == "It was delivered."
    *_, asked_use, asked_result = (block for message in rig.asked[1].messages for block in message["content"])
    assert (asked_use["name"], asked_use["input"]) == ("get_order", {"order_id": "1042"})
    assert asked_result["tool_use_id"] == asked_use["id"]
    assert asked_result["content"] == ORDER


def answered(*results: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(results)}


def test_tools_asked_for_at_once_keep_their_order_and_their_results(rig: Rig) -> None:
    rig.answers = [uses("get_order", "get_refund_status", "get_order"), text("Here is all of it.")]
    reply = rig.call()
    assert [use["name"] for use in reply.tool_uses] == ["get_order", "get_refund_status", "get_order"]
    assert [use["input"]["order_id"] for use in reply.tool_uses] == ["1042", "1043", "1044"]
    results = [result(use["id"], f'{{"n":{number}}}') for number, use in enumerate(reply.tool_uses)]
    rig.call([*ASK, {"role": "assistant", "content": reply.content}, answered(*results)])
    *_, asked_uses, asked_results = rig.asked[1].messages
    assert [block["tool_use_id"] for block in asked_results["content"]] == [use["id"] for use in asked_uses["content"]]
    assert [block["content"] for block in asked_results["content"]] == ['{"n":0}', '{"n":1}', '{"n":2}']


def test_text_before_a_tool_use_is_kept(streaming: Rig) -> None:
    streaming.answers = [Answer(blocks=[*words("Let me look."), *uses("get_order").blocks], stop_reason="tool_use")]
    reply = streaming.call()
    assert [block["type"] for block in reply.content] == ["text", "tool_use"]
    assert streaming.said == ["Let me look."] or "".join(streaming.said) == "Let me look."


def test_two_turns_of_history_are_what_the_server_gets(rig: Rig) -> None:
    failure = '{"error":{"code":"order_not_found","message":"There is no such order."}}'
    history = [
        {"role": "user", "content": words("Where is my order?")},
        {"role": "assistant", "content": list(uses("get_order").blocks)},
        answered(result("tooluse_0", failure, is_error=True)),
        {"role": "assistant", "content": words("I cannot find it.")},
        {"role": "user", "content": words("It is 1042.")},
    ]
    rig.answers = [text("It was delivered.")]
    rig.call(history)
    asked = rig.asked[0].messages
    assert [message["role"] for message in asked] == ["user", "assistant", "user", "assistant", "user"]
    (use,), (found,) = asked[1]["content"], asked[2]["content"]
    assert (use["type"], use["input"]) == ("tool_use", {"order_id": "1042"})
    assert (found["tool_use_id"], found["content"]) == (use["id"], failure)
    assert asked[4]["content"][0]["text"] == "It is 1042."


def test_a_reply_that_was_cut_short_by_its_limit_says_so(rig: Rig) -> None:
    rig.answers = [text("Once upon", stop_reason="max_tokens")]
    assert rig.call().stop_reason == "max_tokens"


def test_arguments_that_are_no_json_object_are_kept_where_the_gateway_refuses_them(streaming: Rig) -> None:
    for malformed in ("{not json", '["1042"]', '"1042"'):
        streaming.answers = [tool_use("get_order", malformed)]
        (use,) = streaming.call().tool_uses
        assert use["input"] == {"malformed_json": malformed}


# -- failures
@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [(429, "throttled", True), (500, "server", True), (503, "overloaded", True), (400, "rejected", False)],
)
def test_a_status_is_a_failure_of_its_kind(rig: Rig, status: int, kind: str, retryable: bool) -> None:
    rig.answers = [Answer(status=status)]
    failed = rig.fail()
    assert (failed.kind, failed.status, failed.retryable) == (kind, status, retryable)
    assert failed.request_id
    assert len(rig.asked) == 1


def test_a_throttled_call_says_when_to_come_back_and_does_not_wait_itself(rig: Rig) -> None:
    rig.answers = [text("Hello."), Answer(status=429, headers={"retry-after": "90"})]
    rig.call()  # a first call may have an SDK to import
    began = time.monotonic()
    assert rig.fail().retry_after == 90.0
    assert time.monotonic() - began < 10
    assert len(rig.asked) == 2


def test_an_overload_inside_a_good_stream_is_one(streaming: Rig) -> None:
    by_provider = {"converse": "serviceUnavailableException"}
    error = by_provider.get(streaming.model.provider, "overloaded_error")
    streaming.answers = [text("It was", error=error)]
    failed = streaming.fail()
    assert (failed.kind, failed.status, failed.retryable) == ("overloaded", 200, True)


def test_a_cut_stream_is_no_reply(rig: Rig) -> None:
    rig.answers = [text("It was delivered on Mon", cut=True)]
    failed = rig.fail()
    assert (failed.kind, failed.retryable) == ("cut", True)


@pytest.mark.parametrize(
    "hanging",
    [
        text("Hello.", delay_seconds=30),
        text("slow " * 200, chunks=200, chunk_seconds=0.1),
        text("silent " * 20, chunks=4, chunk_seconds=30),
    ],
    ids=["before its answer", "a little at a time", "in the middle"],
)
def test_a_hanging_server_is_broken_off_at_the_deadline(rig: Rig, hanging: Answer) -> None:
    rig.answers = [text("Hello."), hanging, text("Fast now.")]
    rig.call()  # a first call may have an SDK to import
    began = time.monotonic()
    failed = rig.fail(seconds=0.5)
    assert (failed.kind, failed.retryable) == ("timeout", True)
    # Each of them would hang for twenty seconds at least.
    assert 0.4 < time.monotonic() - began < 5
    assert rig.call().text == "Fast now."


def test_no_call_is_made_when_the_time_is_up(rig: Rig) -> None:
    failed = rig.fail(seconds=-1)
    assert (failed.kind, failed.retryable) == ("timeout", False)
    assert not rig.asked
