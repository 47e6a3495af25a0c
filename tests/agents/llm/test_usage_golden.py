"""Usage as providers tell it, and the four counters and US dollars that it comes to, which were worked out by hand.

Prices, in US dollars per million tokens (input, output, cache read, cache write for 5 minutes, for an hour):
claude-sonnet-5-5 2, 10, 0.2, 2.5, 4; claude-opus-5-5 4, 20, 0.4, 5, 8; claude-haiku-5-5 up to a prompt of 100,000
tokens 0.1, 0.5, 0.01, 0.125, 0.2, above 0.5, 2.5, 0.05, 0.625, 1.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from anthropic.types import RawMessageDeltaEvent, RawMessageStartEvent, Usage

from agents.llm import anthropic, converse_form, openai_form
from agents.llm.anthropic import Reading
from observability.models import Charge, Price
from observability.prices import Cost, Tokens, cost_of_tokens, price_list

pytestmark = pytest.mark.django_db
SONNET, OPUS, HAIKU = "claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5"
# What it is, the model, the usage, (input, output, cache read, cache write, of that for an hour), US dollars.
Case = tuple[str, str, str, tuple[int, int, int, int, int], str]
MESSAGES: list[Case] = [
    ("nothing", SONNET, '{"input_tokens": 0, "output_tokens": 0}', (0, 0, 0, 0, 0), "0"),
    ("one of each", SONNET, '{"input_tokens": 1, "output_tokens": 1}', (1, 1, 0, 0, 0), "0.000012"),
    ("no cache", SONNET, '{"input_tokens": 500, "output_tokens": 200}', (500, 200, 0, 0, 0), "0.003"),
    (
        "nulls",
        SONNET,
        '{"input_tokens": 500, "output_tokens": 200, "cache_creation": null, "cache_creation_input_tokens": null,'
        ' "cache_read_input_tokens": null, "server_tool_use": null, "service_tier": null}',
        (500, 200, 0, 0, 0),
        "0.003",
    ),
    (
        "read from the cache, which input does not hold",
        SONNET,
        '{"input_tokens": 10, "output_tokens": 100, "cache_read_input_tokens": 10000}',
        (10, 100, 10000, 0, 0),
        "0.00302",
    ),
    (
        "more read than given, which once made negative input",
        SONNET,
        '{"input_tokens": 3, "output_tokens": 0, "cache_read_input_tokens": 150000}',
        (3, 0, 150000, 0, 0),
        "0.030006",
    ),
    (
        "written for five minutes",
        SONNET,
        '{"input_tokens": 10, "output_tokens": 1, "cache_creation_input_tokens": 1000,'
        ' "cache_creation": {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 0}}',
        (10, 1, 0, 1000, 0),
        "0.00253",
    ),
    (
        "written for an hour",
        SONNET,
        '{"input_tokens": 10, "output_tokens": 1, "cache_creation_input_tokens": 1000,'
        ' "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 1000}}',
        (10, 1, 0, 1000, 1000),
        "0.00403",
    ),
    (
        "written for both",
        SONNET,
        '{"input_tokens": 10, "output_tokens": 1, "cache_creation_input_tokens": 1500,'
        ' "cache_creation": {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 500}}',
        (10, 1, 0, 1500, 500),
        "0.00453",
    ),
    (
        "all at once",
        OPUS,
        '{"input_tokens": 21, "output_tokens": 393, "cache_read_input_tokens": 188086,'
        ' "cache_creation_input_tokens": 2051,'
        ' "cache_creation": {"ephemeral_5m_input_tokens": 51, "ephemeral_1h_input_tokens": 2000}}',
        (21, 393, 188086, 2051, 2000),
        "0.0994334",
    ),
    (
        "written, not said for how long",
        SONNET,
        '{"input_tokens": 0, "output_tokens": 0, "cache_creation_input_tokens": 1000}',
        (0, 0, 0, 1000, 0),
        "0.0025",
    ),
    (
        "said for how long, not how much in all",
        SONNET,
        '{"input_tokens": 0, "output_tokens": 0,'
        ' "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}}',
        (0, 0, 0, 30, 20),
        "0.000105",
    ),
    (
        "a part that is more than the whole",
        SONNET,
        '{"input_tokens": 0, "output_tokens": 0, "cache_creation_input_tokens": 10,'
        ' "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 20}}',
        (0, 0, 0, 10, 10),
        "0.00004",
    ),
    (
        "a prompt at the tier",
        HAIKU,
        '{"input_tokens": 100000, "output_tokens": 1000}',
        (100000, 1000, 0, 0, 0),
        "0.0105",
    ),
    ("one above", HAIKU, '{"input_tokens": 100001, "output_tokens": 1000}', (100001, 1000, 0, 0, 0), "0.0525005"),
    (
        "above by what was read",
        HAIKU,
        '{"input_tokens": 1, "output_tokens": 10, "cache_read_input_tokens": 100000}',
        (1, 10, 100000, 0, 0),
        "0.0050255",
    ),
    (
        "above by what was written for an hour",
        HAIKU,
        '{"input_tokens": 1, "output_tokens": 0, "cache_creation_input_tokens": 100000,'
        ' "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 100000}}',
        (1, 0, 0, 100000, 100000),
        "0.1000005",
    ),
    (
        "not above, as the hour's part counts once",
        HAIKU,
        '{"input_tokens": 0, "output_tokens": 0, "cache_creation_input_tokens": 100000,'
        ' "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 100000}}',
        (0, 0, 0, 100000, 100000),
        "0.02",
    ),
    (
        "half of the last place is rounded up",
        HAIKU,
        '{"input_tokens": 0, "output_tokens": 0, "cache_creation_input_tokens": 1}',
        (0, 0, 0, 1, 0),
        "0.00000013",
    ),
    (
        "a server's tool",
        SONNET,
        '{"input_tokens": 105, "output_tokens": 6039, "cache_read_input_tokens": 7123,'
        ' "cache_creation_input_tokens": 7345, "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 2}}',
        (105, 6039, 7123, 7345, 0),
        "0.0803871",
    ),
    (
        "thinking, which output holds",
        SONNET,
        '{"input_tokens": 0, "output_tokens": 1000, "output_tokens_details": {"thinking_tokens": 900}}',
        (0, 1000, 0, 0, 0),
        "0.01",
    ),
    (
        "fields that are no tokens",
        SONNET,
        '{"input_tokens": 100, "output_tokens": 100, "service_tier": "standard", "inference_geo": "global",'
        ' "speed": "standard", "some_day": {"input_tokens": 9}}',
        (100, 100, 0, 0, 0),
        "0.0012",
    ),
]
# A stream's first usage, its later ones, and as above.
Streamed = tuple[str, str, list[str], tuple[int, int, int, int, int], str]
STREAMS: list[Streamed] = [
    (
        "the first output is part of the last",
        '{"input_tokens": 25, "output_tokens": 1}',
        ['{"output_tokens": 15}'],
        (25, 15, 0, 0, 0),
        "0.0002",
    ),
    (
        "numbers that are told twice",
        '{"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 3000, "cache_creation_input_tokens": 200,'
        ' "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 200}}',
        [
            '{"input_tokens": 10, "output_tokens": 40, "cache_read_input_tokens": 3000,'
            ' "cache_creation_input_tokens": 200}'
        ],
        (10, 40, 3000, 200, 200),
        "0.00182",
    ),
    (
        "nulls at the end",
        '{"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 5}',
        ['{"output_tokens": 7, "input_tokens": null, "cache_read_input_tokens": null}'],
        (10, 7, 5, 0, 0),
        "0.000091",
    ),
    (
        "several ends",
        '{"input_tokens": 1, "output_tokens": 1}',
        ['{"output_tokens": 3}', '{"output_tokens": 9}'],
        (1, 9, 0, 0, 0),
        "0.000092",
    ),
    (
        "input that grew by a server's tool",
        '{"input_tokens": 100, "output_tokens": 1}',
        [
            '{"input_tokens": 400, "output_tokens": 20, "server_tool_use":'
            ' {"web_search_requests": 3, "web_fetch_requests": 0}}'
        ],
        (400, 20, 0, 0, 0),
        "0.001",
    ),
]
# Of a model at 1, 4 and, read from the cache, 0.1.
CHAT: list[tuple[str, str, tuple[int, int, int], str]] = [
    ("plain", '{"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}', (1000, 100, 0), "0.0014"),
    (
        "cached, which the prompt holds",
        '{"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 900}}',
        (100, 100, 900),
        "0.00059",
    ),
    (
        "all cached",
        '{"prompt_tokens": 900, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 900}}',
        (0, 0, 900),
        "0.00009",
    ),
    (
        "more cached than there was",
        '{"prompt_tokens": 900, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 1000}}',
        (0, 0, 900),
        "0.00009",
    ),
    (
        "reasoning, which the completion holds",
        '{"prompt_tokens": 0, "completion_tokens": 100, "completion_tokens_details": {"reasoning_tokens": 80}}',
        (0, 100, 0),
        "0.0004",
    ),
    (
        "nulls",
        '{"prompt_tokens": 10, "completion_tokens": null, "prompt_tokens_details": null}',
        (10, 0, 0),
        "0.00001",
    ),
]
CONVERSE: list[Case] = [
    (
        "plain",
        SONNET,
        '{"inputTokens": 500, "outputTokens": 200, "totalTokens": 700}',
        (500, 200, 0, 0, 0),
        "0.003",
    ),
    (
        "read and written",
        SONNET,
        '{"inputTokens": 10, "outputTokens": 1, "totalTokens": 4011, "cacheReadInputTokens": 3000,'
        ' "cacheWriteInputTokens": 1000}',
        (10, 1, 3000, 1000, 0),
        "0.00313",
    ),
    (
        "written for both",
        SONNET,
        '{"inputTokens": 10, "outputTokens": 1, "totalTokens": 1511, "cacheReadInputTokens": 0,'
        ' "cacheWriteInputTokens": 1500, "cacheDetails": [{"ttl": "1h", "inputTokens": 500},'
        ' {"ttl": "5m", "inputTokens": 1000}]}',
        (10, 1, 0, 1500, 500),
        "0.00453",
    ),
]


@pytest.fixture(autouse=True)
def _fresh() -> Any:
    price_list.forget()
    yield
    price_list.forget()


def counters(tokens: Tokens | None) -> tuple[int, int, int, int, int]:
    assert tokens is not None
    return (tokens.input, tokens.output, tokens.cache_read, tokens.cache_write, tokens.cache_write_1h)


def exact(usd: str, cost: Cost) -> None:
    assert (cost.usd, cost.basis) == (Decimal(usd), Charge.Basis.EXACT)
    assert cost.usd.as_tuple().exponent == -8


def cases(table: list[Any]) -> list[Any]:
    """Each with its first part as its name."""
    return [pytest.param(*case, id=name) for name, *case in table]


@pytest.mark.parametrize(("model", "usage", "counted", "usd"), cases(MESSAGES))
def test_messages_api(model: str, usage: str, counted: tuple[int, ...], usd: str) -> None:
    raw = json.loads(usage)
    by_the_sdk = Usage.model_validate(raw).to_dict(exclude_unset=False)
    for given in (raw, by_the_sdk):
        tokens = anthropic.tokens_of(given)
        assert counters(tokens) == counted
        exact(usd, cost_of_tokens(model, tokens))
    exact(usd, cost_of_tokens(f"bedrock/{model}" if model != OPUS else model, anthropic.tokens_of(raw)))


def streamed(first: str, *later: str, said: str = "", is_ended: bool = True) -> Reading:
    message: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": SONNET, "content": []}
    message |= {"stop_reason": None, "stop_sequence": None, "usage": json.loads(first)}
    start: dict[str, Any] = {"type": "message_start", "message": message}
    assert RawMessageStartEvent.model_validate(start).message.usage.input_tokens == message["usage"]["input_tokens"]
    reading = Reading(lambda _: None, 0.0)
    reading.take(start)
    reading.take({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    reading.take({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": said}})
    for usage in later:
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        event = {"type": "message_delta", "delta": delta, "usage": json.loads(usage)}
        RawMessageDeltaEvent.model_validate(event)
        reading.take(event)
    if is_ended:
        reading.take({"type": "message_stop"})
    return reading


@pytest.mark.parametrize(("first", "later", "counted", "usd"), cases(STREAMS))
def test_a_stream_of_the_messages_api(first: str, later: list[str], counted: tuple[int, ...], usd: str) -> None:
    tokens = streamed(first, *later, said="Hello").reply(None).tokens
    assert counters(tokens) == counted
    exact(usd, cost_of_tokens(SONNET, tokens))


class TestBrokenOff:
    USAGE = '{"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 1000}'

    def test_what_was_given_is_counted_and_what_was_written_is_estimated(self) -> None:
        tokens = streamed(self.USAGE, said="x" * 401, is_ended=False).tokens_so_far()
        # 401 characters, of which 4 are a token.
        assert counters(tokens) == (10, 101, 1000, 0, 0)
        assert tokens is not None
        cost = cost_of_tokens(SONNET, tokens)
        # 20 + 1010 + 200 millionths.
        assert (cost.usd, cost.basis) == (Decimal("0.00123"), Charge.Basis.ESTIMATED)

    def test_nothing_written_is_what_the_beginning_says(self) -> None:
        assert counters(streamed(self.USAGE, is_ended=False).tokens_so_far()) == (10, 1, 1000, 0, 0)

    def test_counted_to_its_end_it_is_exact(self) -> None:
        tokens = streamed(self.USAGE, '{"output_tokens": 7}', said="x" * 401, is_ended=False).tokens_so_far()
        assert tokens is not None
        assert (counters(tokens), tokens.is_estimated) == ((10, 7, 1000, 0, 0), False)

    def test_nothing_came(self) -> None:
        assert Reading(lambda _: None, 0.0).tokens_so_far() is None

    def test_a_model_without_a_price_is_unknown_all_the_same(self) -> None:
        cost = cost_of_tokens("nobody-1", Tokens(input=5, is_estimated=True))
        assert (cost.usd, cost.basis, cost.price_id) == (Decimal(0), Charge.Basis.UNKNOWN, None)


@pytest.mark.parametrize(("usage", "counted", "usd"), cases(CHAT))
def test_chat_completions(usage: str, counted: tuple[int, int, int], usd: str) -> None:
    Price.objects.create(
        model="own-1",
        valid_from="2026-01-01",
        input_usd=Decimal(1),
        output_usd=Decimal(4),
        cache_read_usd=Decimal("0.1"),
        cache_write_usd=Decimal(9),
    )
    tokens = openai_form.tokens_of(json.loads(usage))
    assert tokens is not None
    assert counters(tokens) == (*counted, 0, 0)
    exact(usd, cost_of_tokens("own-1", tokens))


@pytest.mark.parametrize(("model", "usage", "counted", "usd"), cases(CONVERSE))
def test_converse(model: str, usage: str, counted: tuple[int, ...], usd: str) -> None:
    tokens = converse_form.tokens_of(json.loads(usage))
    assert tokens is not None
    assert counters(tokens) == counted
    exact(usd, cost_of_tokens(model, tokens))


@pytest.mark.parametrize("nothing", [None, {}])
def test_without_usage_nothing_is_counted(nothing: Any) -> None:
    assert openai_form.tokens_of(nothing) is None
    assert converse_form.tokens_of(nothing) is None
