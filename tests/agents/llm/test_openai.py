"""OpenAI-compatible servers and their quirks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agents.llm.registry import close_adapters
from tests.agents.llm.rigs import ASK, SERVED, TOOLS, Rig, model_before_server, row
from tests.messages_api import Answer, text, tool_use
from tests.wire.chat import ChatAnswer, running_chat_server
from tests.wire.server import Response, running_server

MODEL = SERVED
KEY = "sk-very-secret-123"
ORDER = {"type": "tool_use", "id": "abcDEF123", "name": "get_order", "input": {"order_id": "1042"}}
REFUND = {"type": "tool_use", "id": "abcDEF124", "name": "get_refund_status", "input": {"order_id": "1043"}}


@pytest.fixture
def anew(one: Rig) -> Iterator[Rig]:
    """With an adapter of its own: what it learns of its server must not reach another test."""
    close_adapters()
    yield one
    close_adapters()


# -- the request
def test_the_request_is_as_the_form_wants_it(one: Rig) -> None:
    history = [
        *ASK,
        {"role": "assistant", "content": [{"type": "text", "text": "Let me look."}, ORDER, REFUND]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "abcDEF123", "content": "{}"},
                {"type": "tool_result", "tool_use_id": "abcDEF124", "content": [{"type": "text", "text": "timed out"}]}
                | {"is_error": True},
            ],
        },
    ]
    one.answers = [text("Hello.")]
    one.call(history)
    body = one.asked[0].body
    assert {name: body[name] for name in ("model", "max_tokens", "stream", "stream_options")} == {
        "model": "served",
        "max_tokens": 1000,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert body["tools"][0] == {
        "type": "function",
        "function": {
            "name": "get_order",
            "description": TOOLS[0]["description"],
            "parameters": TOOLS[0]["input_schema"],
        },
    }
    system, user, assistant, first, second = body["messages"]
    assert (system["role"], user) == ("system", {"role": "user", "content": "Where is my order 1042?"})
    assert assistant["content"] == "Let me look."
    assert assistant["tool_calls"][0] == {
        "id": "abcDEF123",
        "type": "function",
        "function": {"name": "get_order", "arguments": '{"order_id":"1042"}'},
    }
    assert first == {"role": "tool", "tool_call_id": "abcDEF123", "content": "{}"}
    assert second == {"role": "tool", "tool_call_id": "abcDEF124", "content": "Error: timed out"}


def test_words_after_tool_results_do_not_follow_them_directly(one: Rig) -> None:
    result = {"type": "tool_result", "tool_use_id": "abcDEF123", "content": "{}"}
    said = {"type": "text", "text": "Are you there?"}
    one.answers = [text("Yes.")]
    one.call([*ASK, {"role": "assistant", "content": [ORDER]}, {"role": "user", "content": [result, said]}])
    assert [message["role"] for message in one.asked[0].body["messages"][-3:]] == ["tool", "assistant", "user"]


def test_a_model_that_does_not_stream_tools_is_asked_for_the_whole() -> None:
    rig = Rig(model=row("openai", "served", streams_tools=False), answers=[tool_use("get_order", {})])
    with model_before_server(rig.model, rig.answer):
        assert rig.call().tool_uses[0]["name"] == "get_order"
    assert "stream" not in rig.asked[0].body


@pytest.mark.parametrize(("status", "words"), [(400, "unknown field: stream_options"), (422, "stream_options")])
def test_a_server_that_will_not_count_tokens_is_not_asked_again(anew: Rig, status: int, words: str) -> None:
    anew.answers = [Answer(status=status, error=words), text("Hello."), text("Again.")]
    first, second = anew.call(), anew.call()
    assert (first.text, first.are_tokens_estimated, second.text) == ("Hello.", True, "Again.")
    assert ["stream_options" in asked.body for asked in anew.asked] == [True, False, False]


# -- quirks
QUIRKS = {
    "stop after calls": {"finish_reason": "stop"},
    "no ids": {"has_ids": False},
    "one index": {"has_indexes": False},
    "arguments as objects": {"has_argument_objects": True},
    "no stream": {"is_whole": True},
    "no stream and no ids": {"is_whole": True, "has_ids": False},
}


@pytest.mark.parametrize("quirk", list(QUIRKS))
def test_calls_are_read_whatever_a_server_makes_of_them(one: Rig, quirk: str) -> None:
    one.answers = [ChatAnswer(blocks=[ORDER, REFUND], stop_reason="tool_use", **QUIRKS[quirk])]
    reply = one.call()
    assert reply.stop_reason == "tool_use"
    assert [(use["name"], use["input"]) for use in reply.tool_uses] == [
        ("get_order", {"order_id": "1042"}),
        ("get_refund_status", {"order_id": "1043"}),
    ]
    assert len({use["id"] for use in reply.tool_uses}) == 2


def test_ids_that_are_missing_differ_from_call_to_call(one: Rig) -> None:
    one.answers = [ChatAnswer(blocks=[ORDER], stop_reason="tool_use", has_ids=False)] * 2
    first, second = (one.call().tool_uses[0]["id"] for _ in range(2))
    assert first != second


def test_an_id_that_other_providers_would_refuse_is_replaced(one: Rig) -> None:
    one.answers = [tool_use("get_order", {}, use_id="functions.get_order:0")]
    assert one.call().tool_uses[0]["id"].startswith("call_")


def test_tokens_that_nobody_counted_are_estimated(one: Rig) -> None:
    one.answers = [ChatAnswer(blocks=[{"type": "text", "text": "word " * 200}], has_usage=False)]
    reply = one.call()
    assert reply.are_tokens_estimated
    assert reply.tokens.input > 200
    assert 200 < reply.tokens.output < 300


def test_a_filtered_answer_is_a_refusal(one: Rig) -> None:
    one.answers = [text("", stop_reason="refusal")]
    assert one.call().stop_reason == "refusal"


def test_a_text_of_blanks_is_no_block(one: Rig) -> None:
    blank: dict[str, Any] = {"type": "text", "text": "\n\n"}
    one.answers = [Answer(blocks=[blank, ORDER], stop_reason="tool_use")]
    assert [block["type"] for block in one.call().content] == ["tool_use"]


# -- failures
def test_a_stream_that_ends_in_good_order_but_early_is_cut(one: Rig) -> None:
    one.answers = [ChatAnswer(blocks=[{"type": "text", "text": "It was"}], finish_reason="")]
    assert one.fail().kind == "cut"


@pytest.mark.parametrize("reason", ["abort", "error"])
def test_an_answer_that_the_server_broke_off_is_its_failure(one: Rig, reason: str) -> None:
    one.answers = [ChatAnswer(blocks=[{"type": "text", "text": "It was"}], finish_reason=reason)]
    failed = one.fail()
    assert (failed.kind, failed.retryable) == ("server", True)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ('{"error":{"message":"x","type":"rate_limit_exceeded"}}', "throttled"),
        ('{"error":{"message":"x","type":"BadRequestError","code":400}}', "rejected"),
        ('{"error":{"message":"x","code":429}}', "throttled"),
        ('{"error":"the model runner has unexpectedly stopped"}', "server"),
        ("{not json", "cut"),
        ("[1]", "cut"),
    ],
)
def test_an_error_in_the_stream_is_read_in_each_of_its_forms(error: str, kind: str) -> None:
    rig = Rig(model=row("openai", "served"))
    response = Response(content_type="text/event-stream", parts=[f"data: {error}\n\n".encode()])
    with running_server(lambda _: response) as rig.model.base_url:
        assert rig.fail().kind == kind
        close_adapters()


@pytest.mark.parametrize(
    "body", [b"no", b'{"error":"no"}', b'{"message":"no"}', b'{"error":{"message":"no"}}', b'"no"']
)
def test_the_message_of_an_error_is_found(body: bytes) -> None:
    rig = Rig(model=row("openai", "served"))
    response = Response(content_type="application/json", parts=[body], status=500)
    with running_server(lambda _: response) as rig.model.base_url:
        assert str(rig.fail()) in {"500: no", '500: "no"'}
        close_adapters()


def test_a_server_that_is_not_there_is_a_failed_connection() -> None:
    failed = Rig(model=row("openai", "served", base_url="http://127.0.0.1:9/v1")).fail()
    close_adapters()
    assert (failed.kind, failed.retryable) == ("connection", True)


# -- the key
def test_the_key_comes_from_its_variable_and_is_in_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_SERVER_API_KEY", KEY)
    rig = Rig(model=row("openai", "served", key_variable="OUR_SERVER_API_KEY"), answers=[text("Hello.")])
    with running_chat_server(rig.answer, key=KEY) as rig.model.base_url:
        assert rig.call().text == "Hello."
        close_adapters()
    rig.model.base_url += "/"
    with running_chat_server(rig.answer, key="another") as rig.model.base_url:
        failed = rig.fail()
        close_adapters()
    assert (failed.kind, failed.status, str(failed)) == ("rejected", 401, "401: Incorrect API key provided: [key]")


def test_a_key_that_is_not_there_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OUR_SERVER_API_KEY", raising=False)
    rig = Rig(model=row("openai", "served", base_url="http://127.0.0.1:9/v1", key_variable="OUR_SERVER_API_KEY"))
    failed = rig.fail()
    assert (failed.kind, failed.retryable) == ("rejected", False)
    assert "OUR_SERVER_API_KEY" in str(failed)
