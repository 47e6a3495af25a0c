"""Bedrock Converse's own ways."""

from __future__ import annotations

from typing import Any

import pytest

from agents.llm.registry import close_adapters
from agents.models import LanguageModel
from tests.agents.llm.rigs import ASK, COMMAND, TOOLS, Rig, model_before_server, row
from tests.messages_api import Answer, text, tool_use
from tests.wire import bedrock
from tests.wire.frames import CONTENT_TYPE, event
from tests.wire.server import Heard, Response, running_server

MODEL = COMMAND


def before(model: LanguageModel, answers: list[Answer]) -> tuple[Rig, list[Heard], Any]:
    """A rig whose server also tells of the requests that it refused."""
    rig, heard = Rig(model=model, answers=answers), list[Heard]()

    def respond(request: Heard) -> Response:
        heard.append(request)
        return bedrock.respond(request, rig.answer)

    return rig, heard, running_server(respond)


def operations(heard: list[Heard]) -> list[str]:
    return [request.path.rpartition("/")[2] for request in heard]


# -- what a model turns out not to take
def test_a_model_that_takes_no_tools_in_a_stream_is_asked_once_and_remembered() -> None:
    answers = [text("Hello."), text("Hello again."), text("No tools now.")]
    rig, heard, server = before(row("converse", "us.meta.llama4-maverick-17b-instruct-v1:0"), answers)
    with server as rig.model.base_url:
        assert rig.call().text == "Hello."
        assert rig.said == ["Hello."]
        assert rig.call().text == "Hello again."
        assert rig.call(tools=[]).text == "No tools now."
        close_adapters()
    assert operations(heard) == ["converse-stream", "converse", "converse", "converse-stream"]


def test_a_model_whose_row_says_so_is_never_asked_to_stream_tools() -> None:
    rig, heard, server = before(row("converse", "mistral.mistral-large-2407-v1:0", streams_tools=False), [text("Hi.")])
    with server as rig.model.base_url:
        assert rig.call().text == "Hi."
        close_adapters()
    assert operations(heard) == ["converse"]


def test_a_model_that_takes_no_text_beside_a_tool_use_is_given_the_use_alone() -> None:
    rig, heard, server = before(row("converse", "us.meta.llama3-3-70b-instruct-v1:0", streams_tools=False), [text("A")])
    said_and_used = [{"type": "text", "text": "Let me look."}, *tool_use("get_order", {}).blocks]
    history = [
        *ASK,
        {"role": "assistant", "content": said_and_used},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "{}"}]},
    ]
    with server as rig.model.base_url:
        assert rig.call(history).text == "A"
        close_adapters()
    assert [list(block) for block in heard[0].body["messages"][1]["content"]] == [["text"], ["toolUse"]]
    assert [list(block) for block in heard[1].body["messages"][1]["content"]] == [["toolUse"]]


# -- the request
def test_words_after_tool_results_stand_in_a_message_of_their_own(one: Rig) -> None:
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "{}"}
    history = [
        *ASK,
        {"role": "assistant", "content": list(tool_use("get_order", {}).blocks)},
        {"role": "user", "content": [result, {"type": "text", "text": "Are you there?"}]},
    ]
    one.answers = [text("Yes.")]
    one.call(history)
    roles = [(message["role"], [block["type"] for block in message["content"]]) for message in one.asked[0].messages]
    assert roles[2:] == [("user", ["tool_result"]), ("assistant", ["text"]), ("user", ["text"])]


def test_blocks_that_the_model_does_not_know_are_left_out(one: Rig) -> None:
    thought = [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "Hello."}]
    shown: list[dict[str, Any]] = [{"type": "image", "source": {}}, {"type": "text", "text": " "}]
    history = [
        *ASK,
        {"role": "assistant", "content": thought},
        {"role": "user", "content": [*shown, {"type": "text", "text": "And?"}]},
    ]
    one.answers = [text("Nothing.")]
    one.call(history)
    assert [message["content"] for message in one.asked[0].messages[1:]] == [
        [{"type": "text", "text": "Hello."}],
        [{"type": "text", "text": "And?"}],
    ]


def test_without_tools_to_offer_earlier_ones_are_told(one: Rig) -> None:
    history = [
        *ASK,
        {"role": "assistant", "content": list(tool_use("get_order", {"order_id": "1042"}).blocks)},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": '{"n":1}'}]},
    ]
    one.answers = [text("Delivered.")]
    one.call(history, tools=[])
    assert "toolConfig" not in one.asked[0].body
    told = [message["content"][0]["text"] for message in one.asked[0].messages[1:]]
    assert told == ['[called get_order with {"order_id":"1042"}]', '[the result was {"n":1}]']


def test_names_and_ids_fit_and_come_back_as_ours(one: Rig) -> None:
    ours = "shop.example/orders: look up " + "x" * 60
    odd_id = "functions.get order#0" * 4
    tools = [{"name": ours, "description": "", "input_schema": {"type": "object"}}]
    history = [
        *ASK,
        {"role": "assistant", "content": [{"type": "tool_use", "id": odd_id, "name": ours, "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": odd_id, "content": ""}]},
    ]
    one.answers = [text("Done.")]
    one.call(history, tools=tools)
    (wire_name,) = one.asked[0].tools
    assert one.asked[0].messages[1]["content"][0]["name"] == wire_name
    assert one.asked[0].messages[2]["content"][0]["content"] == "(empty)"
    one.answers = [tool_use(wire_name, {})]
    assert one.call(tools=tools).tool_uses[0]["name"] == ours


def test_an_id_that_was_used_before_is_given_anew(one: Rig) -> None:
    first = tool_use("get_order", {}, use_id="tooluse_1")
    one.answers = [first, first]
    content = one.call().content
    result = {"type": "tool_result", "tool_use_id": "tooluse_1", "content": "{}"}
    again = one.call([*ASK, {"role": "assistant", "content": content}, {"role": "user", "content": [result]}])
    assert content[0]["id"] == "tooluse_1"
    assert again.content[0]["id"] != "tooluse_1"


def test_cache_points_are_placed_only_where_the_row_says_so() -> None:
    rig = Rig(model=row("converse", "us.anthropic.claude-haiku-5-5-v1:0"))
    point = {"cachePoint": {"type": "default"}}
    with model_before_server(rig.model, rig.answer):
        rig.answers = [text("One."), text("Two.")]
        rig.call(caches_prompts=False)
        rig.call(caches_prompts=True)
    without, with_points = (asked.body for asked in rig.asked)
    assert point not in [*without["system"], *without["messages"][-1]["content"]]
    assert (with_points["system"][-1], with_points["messages"][-1]["content"][-1]) == (point, point)


@pytest.mark.parametrize(("model", "status"), [("us.amazon.nova-pro-v1:0", "error"), ("cohere.command-r-v1:0", None)])
def test_the_status_of_a_result_is_sent_to_those_who_take_it(model: str, status: str | None) -> None:
    rig = Rig(model=row("converse", model), answers=[text("Hm.")])
    failed = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "timed out", "is_error": True}
    history = [
        *ASK,
        {"role": "assistant", "content": list(tool_use("get_order", {}).blocks)},
        {"role": "user", "content": [failed]},
    ]
    with model_before_server(rig.model, rig.answer):
        rig.call(history)
    sent = rig.asked[0].body["messages"][2]["content"][0]["toolResult"]
    assert sent.get("status") == status
    assert sent["content"] == [{"text": "Error: timed out"}]


def test_tools_are_sent_with_their_schemas(one: Rig) -> None:
    one.answers = [text("Hello.")]
    one.call()
    tool = one.asked[0].body["toolConfig"]["tools"][0]["toolSpec"]
    assert tool == {
        "name": "get_order",
        "description": TOOLS[0]["description"],
        "inputSchema": {"json": TOOLS[0]["input_schema"]},
    }
    assert one.asked[0].body["inferenceConfig"] == {"maxTokens": 1000}


# -- the answer
@pytest.mark.parametrize(
    ("reason", "stop_reason"),
    [("content_filtered", "refusal"), ("guardrail_intervened", "refusal"), ("stop_sequence", "end_turn")],
)
def test_its_reasons_to_stop_are_put_in_our_words(one: Rig, reason: str, stop_reason: str) -> None:
    one.answers = [text("No.", stop_reason=reason)]
    assert one.call().stop_reason == stop_reason


@pytest.mark.parametrize(
    ("exception", "kind"),
    [
        ("throttlingException", "throttled"),
        ("internalServerException", "server"),
        ("modelStreamErrorException", "server"),
        ("validationException", "rejected"),
    ],
)
def test_an_exception_in_the_stream_is_a_failure_of_its_kind(one: Rig, exception: str, kind: str) -> None:
    one.answers = [text("It was", error=exception)]
    failed = one.fail()
    assert (failed.kind, failed.status) == (kind, 200)


def test_output_that_the_service_could_not_read_may_be_asked_for_again(one: Rig) -> None:
    one.answers = [text("", stop_reason="malformed_tool_use")]
    failed = one.fail()
    assert (failed.kind, failed.retryable) == ("server", True)


def test_a_stream_that_ends_in_good_order_but_early_is_cut(one: Rig) -> None:
    one.answers = [text("It was delivered on", stop_reason="")]
    assert one.fail().kind == "cut"


@pytest.mark.parametrize("garbage", [b"<html>not a frame at all</html>", b"\0" * 40, event("x", {})[:-1] + b"!"])
def test_a_stream_that_cannot_be_read_is_cut(garbage: bytes) -> None:
    rig = Rig(model=row("converse", "cohere.command-r-v1:0"))
    with running_server(lambda _: Response(content_type=CONTENT_TYPE, parts=[garbage])) as rig.model.base_url:
        assert rig.fail().kind == "cut"
        close_adapters()


@pytest.mark.parametrize("raw", ["{}", "<html>", '{"output":{"message":{"role":"assistant"}}}'])
def test_an_answer_that_is_none_is_cut(raw: str) -> None:
    rig = Rig(model=row("converse", "cohere.command-r-v1:0", streams_tools=False), answers=[Answer(raw=raw)])
    with model_before_server(rig.model, rig.answer):
        assert rig.fail().kind == "cut"


# -- before anything is sent
def test_without_credentials_it_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    rig = Rig(model=row("converse", "cohere.command-r-v1:0"))
    with model_before_server(rig.model, rig.answer):
        failed = rig.fail()
    assert (failed.kind, failed.retryable) == ("rejected", False)
    assert "redentials" in str(failed)


def test_a_server_that_is_not_there_is_a_failed_connection() -> None:
    failed = Rig(model=row("converse", "cohere.command-r-v1:0", base_url="http://127.0.0.1:9")).fail()
    close_adapters()
    assert (failed.kind, failed.retryable) == ("connection", True)


def test_the_environment_says_where_bedrock_is(one: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", one.model.base_url)
    close_adapters()
    monkeypatch.setattr(one.model, "base_url", "")
    one.answers = [text("Hello.")]
    assert one.call().text == "Hello."
    assert "/eu-central-1/bedrock/aws4_request" in one.asked[0].heard.headers["authorization"]


def test_what_is_no_request_is_refused_before_it_is_sent(one: Rig) -> None:
    assert one.fail(max_tokens=0).kind == "rejected"
    assert not one.asked
