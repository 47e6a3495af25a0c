"""The scripted model over HTTP, through the real `anthropic` SDK."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import pytest

from agents.scripted.testing import running_model

TOOLS: list[dict[str, Any]] = [
    {
        "name": name,
        "description": name,
        "input_schema": {"type": "object", "properties": {"order_id": {"type": "string"}}},
    }
    for name in ("get_order", "get_refund_status", "process_refund", "cancel_order", "escalate_to_human")
]
SYSTEM = "You are the support agent of a web shop.\n\n## Policies\n- Returns are accepted within 30 days of delivery.\n"
ASK = [{"role": "user", "content": "Where is my order 1042?"}]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_model() as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=url, api_key="none", max_retries=0) as made:
        yield made


def ask(client: anthropic.Anthropic, messages: list[dict[str, Any]], **more: Any) -> anthropic.types.Message:
    given = {"model": "claude-sonnet-5-5", "max_tokens": 1000, "system": SYSTEM, "tools": TOOLS, **more}
    return client.messages.create(messages=messages, **given)


def test_answers_as_itself_whatever_model_was_asked_for(client):
    message = ask(client, [{"role": "user", "content": "hello"}])
    assert message.model == "scripted-1"
    assert message.stop_reason == "end_turn"
    assert message.content[0].type == "text"
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0


def test_calls_a_tool(client):
    message = ask(client, ASK)
    assert message.stop_reason == "tool_use"
    (use,) = message.content
    assert (use.type, use.name, use.input) == ("tool_use", "get_order", {"order_id": "1042"})
    assert ask(client, ASK).content[0].id != use.id


def test_uses_no_tool_that_is_not_offered(client):
    assert ask(client, ASK, tools=[]).content[0].type == "text"
    assert ask(client, ASK, tool_choice={"type": "none"}).content[0].type == "text"


def test_streams_events_in_order(client):
    kinds, pieces = [], []
    with client.messages.create(
        model="claude-sonnet-5-5", max_tokens=1000, system=SYSTEM, tools=TOOLS, messages=ASK, stream=True
    ) as stream:
        for event in stream:
            kinds.append(event.type)
            if event.type == "content_block_delta":
                pieces.append(event.delta.partial_json)
            if event.type == "message_start":
                assert event.message.model == "scripted-1"
                assert event.message.content == []
                assert event.message.stop_reason is None
            if event.type == "message_delta":
                assert event.delta.stop_reason == "tool_use"
                assert event.usage.output_tokens > 0
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert len(pieces) > 2
    assert json.loads("".join(pieces)) == {"order_id": "1042"}


def test_the_stream_helper_builds_the_same_message(client):
    messages = [{"role": "user", "content": "what is your refund policy?"}]
    with client.messages.stream(
        model="claude-sonnet-5-5", max_tokens=1000, system=SYSTEM, tools=TOOLS, messages=messages
    ) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    whole = ask(client, messages)
    assert text == whole.content[0].text == "Returns are accepted within 30 days of delivery."
    assert final.stop_reason == whole.stop_reason == "end_turn"
    assert final.usage.output_tokens == whole.usage.output_tokens
    assert final.usage.input_tokens == whole.usage.input_tokens


def test_a_ping_follows_the_start(url):
    body = {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}], "stream": True}
    answer = httpx2.post(f"{url}/v1/messages", json=body, timeout=60)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["request-id"].startswith("req_")
    names = [line.removeprefix("event: ") for line in answer.text.splitlines() if line.startswith("event: ")]
    assert names[:3] == ["message_start", "ping", "content_block_start"]


def test_a_whole_refund_over_the_wire(client):
    messages: list[dict[str, Any]] = [{"role": "user", "content": "please refund order 1042"}]
    results = {
        "get_order": {
            "order_id": "1042",
            "status": "delivered",
            "delivered_on": "2026-11-14",
            "within_return_window": True,
            "returnable_until": "2026-12-14",
            "total": "42.00",
            "refunded": "0.00",
            "currency": "EUR",
            "items": [],
        },
        "process_refund": {
            "refund_id": "RF-000001",
            "order_id": "1042",
            "amount": "42.00",
            "currency": "EUR",
            "status": "processed",
            "expected_days": 5,
        },
    }
    called = []
    for _ in range(5):
        message = ask(client, messages)
        if message.stop_reason != "tool_use":
            break
        use = message.content[0]
        called.append(use.name)
        result = {"type": "tool_result", "tool_use_id": use.id, "content": json.dumps(results[use.name])}
        messages += [message.to_param(), {"role": "user", "content": [result]}]
    assert called == ["get_order", "process_refund"]
    assert "EUR 42.00 for order 1042 is refunded" in message.content[0].text


def test_counts_tokens(client):
    counted = client.messages.count_tokens(model="any", messages=ASK, system=SYSTEM, tools=TOOLS).input_tokens
    assert counted == ask(client, ASK).usage.input_tokens
    assert counted > client.messages.count_tokens(model="any", messages=ASK).input_tokens


def test_reports_a_repeated_prefix_as_read_from_the_cache(client):
    system = [{"type": "text", "text": SYSTEM + "Cache test. " * 40, "cache_control": {"type": "ephemeral"}}]
    first = ask(client, ASK, system=system).usage
    again = ask(client, [{"role": "user", "content": "hello"}], system=system).usage
    assert first.cache_creation_input_tokens > 100
    assert first.cache_read_input_tokens == 0
    assert first.cache_creation.ephemeral_5m_input_tokens == first.cache_creation_input_tokens
    assert again.cache_read_input_tokens == first.cache_creation_input_tokens
    assert again.cache_creation_input_tokens == 0
    assert again.input_tokens < 20


def test_a_growing_conversation_reads_what_it_wrote(client):
    def marked(text: str) -> dict[str, Any]:
        return {
            "role": "user",
            "content": [{"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        }

    system = SYSTEM + "Growing. " * 30
    first = ask(client, [marked("hello there")], system=system).usage
    history = [{"role": "user", "content": "hello there"}, {"role": "assistant", "content": "Hello."}, marked("thanks")]
    second = ask(client, history, system=system).usage
    assert second.cache_read_input_tokens == first.cache_creation_input_tokens
    assert 0 < second.cache_creation.ephemeral_1h_input_tokens < 20


def test_stops_at_max_tokens_and_at_stop_sequences(client):
    short = ask(client, [{"role": "user", "content": "blah"}], max_tokens=5)
    assert short.stop_reason == "max_tokens"
    assert short.usage.output_tokens <= 5
    stopped = ask(client, [{"role": "user", "content": "hello"}], stop_sequences=["What"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "What")
    assert "What" not in stopped.content[0].text


USE = {"type": "tool_use", "id": "toolu_1", "name": "get_order", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "{}"}
HI = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([], "at least one message"),
        ([{"role": "assistant", "content": "hello"}], "first message must use"),
        ([{"role": "system", "content": "be kind"}], "Unexpected role"),
        ([{"role": "user", "content": ""}], "non-empty content"),
        ([{"role": "user", "content": []}], "non-empty content"),
        ([{"role": "user", "content": [{"type": "text", "text": ""}]}], "must be non-empty"),
        ([{"role": "user", "content": "  "}], "non-whitespace"),
        ([{"role": "user", "content": [{"type": "shout", "text": "hi"}]}], "is not allowed"),
        ([{"role": "user", "content": [RESULT]}], "unexpected `tool_use_id`"),
        ([HI, {"role": "assistant", "content": [USE]}], "without `tool_result` blocks"),
        ([HI, {"role": "assistant", "content": [USE]}, HI], "without `tool_result` blocks"),
        ([HI, {"role": "assistant", "content": [USE]}, {"role": "user", "content": [RESULT, RESULT]}], "single result"),
        (
            [
                HI,
                {"role": "assistant", "content": [USE]},
                {"role": "user", "content": [{"type": "text", "text": "a"}, RESULT]},
            ],
            "must come first",
        ),
        ([HI, {"role": "assistant", "content": "hello"}], "prefill"),
        ([{"role": "user", "content": 7}], "valid string or list"),
        (["hi"], "should be an object"),
    ],
)
def test_refuses_malformed_histories(client, messages, says):
    with pytest.raises(anthropic.BadRequestError) as caught:
        ask(client, messages)
    assert caught.value.body["error"]["type"] == "invalid_request_error"
    assert says in caught.value.body["error"]["message"]
    assert caught.value.request_id.startswith("req_")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not valid JSON"),
        (b"\xff\xfe\x00", "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'{"messages": [], "max_tokens": 5}', "model"),
        (b'{"model": "m", "messages": [{"role": "user", "content": "hi"}]}', "max_tokens"),
        (
            b'{"model": "m", "max_tokens": 0, "messages": [{"role": "user", "content": "hi"}]}',
            "greater than or equal to 1",
        ),
        (
            b'{"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], '
            b'"tools": [{"name": "a b"}]}',
            "tools.0",
        ),
    ],
)
def test_refuses_malformed_bodies(url, body, says):
    answer = httpx2.post(f"{url}/v1/messages", content=body, timeout=60)
    assert answer.status_code == 400
    assert answer.json()["type"] == "error"
    assert says in answer.json()["error"]["message"]


def test_refuses_more_than_four_cache_marks(client):
    block = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    with pytest.raises(anthropic.BadRequestError, match="maximum of 4"):
        ask(client, [{"role": "user", "content": [block] * 5}])


def test_refuses_a_body_over_the_ceiling():
    with (
        running_model(most_body_bytes=2_000) as address,
        anthropic.Anthropic(base_url=address, api_key="none", max_retries=0) as client,
    ):
        with pytest.raises(anthropic.APIStatusError) as caught:
            ask(client, [{"role": "user", "content": "x" * 5_000}])
        assert caught.value.status_code == 413
        assert caught.value.body["error"]["type"] == "request_too_large"


def test_a_very_long_message_is_answered_quickly(client):
    begin = time.process_time()  # which the server's thread is in, and what else the machine does is not
    message = ask(client, [{"role": "user", "content": "where is my order " + "z" * 1_000_000}])
    assert message.content[0].name == "get_order"
    assert time.process_time() - begin < 2


def test_health_and_unknown_paths(url):
    assert httpx2.get(f"{url}/healthz", timeout=60).json() == {"status": "ok", "model": "scripted-1"}
    missing = httpx2.get(f"{url}/v1/models", timeout=60)
    assert (missing.status_code, missing.json()["error"]["type"]) == (404, "not_found_error")
    assert httpx2.get(f"{url}/v1/messages", timeout=60).status_code == 405


def test_pauses_before_the_first_token_and_between_deltas():
    with (
        running_model(delay_ms=80, chunk_ms=10) as address,
        anthropic.Anthropic(base_url=address, api_key="none", max_retries=0) as client,
    ):
        begin = time.perf_counter()
        with client.messages.create(
            model="m", max_tokens=500, messages=[{"role": "user", "content": "blah"}], stream=True
        ) as stream:
            times = [(event.type, time.perf_counter() - begin) for event in stream]
    first = next(at for kind, at in times if kind == "content_block_delta")
    deltas = sum(kind == "content_block_delta" for kind, _ in times)
    assert times[0][1] < first
    assert first >= 0.08
    # From the beginning: where the first delta is read late, the others are there already.
    assert deltas > 2
    assert times[-1][1] >= 0.08 + 0.009 * (deltas - 1)


async def _ask_async(address: str) -> str:
    question = {"role": "user", "content": "are you a robot?"}
    async with (
        anthropic.AsyncAnthropic(base_url=address, api_key="none", max_retries=0) as client,
        client.messages.stream(model="m", max_tokens=500, messages=[question]) as stream,
    ):
        return (await stream.get_final_message()).content[0].text


def test_the_asynchronous_client_works_and_is_told_that_it_is_scripted(url):
    assert "scripted assistant" in asyncio.run(_ask_async(url))
