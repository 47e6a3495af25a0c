"""How rows of every kind are called, by v1.41 and by the draft."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from observability.ids import uuid7
from observability.models import Span, Trace
from observability.names import DURATION_BOUNDS, TOKEN_BOUNDS, Conventions, describe_step, describe_turn, measure
from observability.otlp_protobuf import Unit, bucket_counts, nanoseconds, pairs, spans_request
from tests.observability.otlp.conventions import METRICS, problems_of

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
Kind = Span.Kind


def trace(**fields: Any) -> Trace:
    given = {
        "agent_name": "Support agent",
        "agent_slug": "support",
        "agent_version": 4,
        "model": "claude-sonnet-5-5",
        "channel": "chat",
        "customer": "ada@example.com",
        "outcome": "replied",
        "cost_usd": Decimal("0.0021"),
    }
    return Trace(id=uuid7(), session_id=uuid7(), agent_id=uuid7(), started_at=AT, ended_at=AT, **{**given, **fields})


def step(kind: str, name: str, **fields: Any) -> Span:
    return Span(id=uuid7(), kind=kind, name=name, started_at=AT, duration_ms=250, **fields)


STEPS = {
    "model": step(
        Kind.MODEL, "claude-sonnet-5-5", attributes={"requestedModel": "claude-sonnet-5", "firstTokenMs": 90}
    ),
    "model-failed": step(Kind.MODEL, "claude-sonnet-5-5", error="overloaded", attributes={"kind": "overloaded"}),
    "model-bare": step(Kind.MODEL, "a-model-of-nobody", attributes={}),
    "tool": step(Kind.TOOL, "get_order", attributes={"toolInputs": {}, "state": "confirmed", "attempts": 1}),
    "tool-failed": step(
        Kind.TOOL, "get_order", error="no such", attributes={"toolOutput": {"error": {"code": "not_found"}}}
    ),
    "tool-odd": step(Kind.TOOL, "get_order", error="x", attributes={"toolOutput": "text", "attempts": "1"}),
    "check": step(Kind.GUARDRAIL, "input", action="BLOCKED", category="pii", attributes={}),
    "judge": step(Kind.GUARDRAIL, "judge", input_tokens=10, output_tokens=2, attributes={"model": "claude-haiku-4-5"}),
    "recall": step(Kind.MEMORY, "recall", attributes={"memories": [{"id": "1", "score": 0.5}], "passages": []}),
    "recall-failed": step(Kind.MEMORY, "recall", error="no embedding", attributes={"question": "x"}),
    "reading": step(
        Kind.MEMORY, "preferences", input_tokens=5, output_tokens=1, attributes={"model": "claude-haiku-4-5"}
    ),
    "approval": step(Kind.APPROVAL, "A-12", attributes={}),
    "delivery": step(Kind.DELIVERY, "chat", error="no answer", attributes={}),
    "broken-row": step(Kind.MODEL, "claude-sonnet-5-5", attributes=[]),
}


def exported(span: Span, **how: Any) -> dict[str, Any]:
    request = spans_request([Unit(trace=trace(), spans=[span], has_root=False)], Conventions(**how))
    found = MessageToDict(request)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    return dict(found[0])


@pytest.mark.parametrize("name", STEPS)
def test_a_step_of_every_kind_validates(name: str) -> None:
    assert problems_of(exported(STEPS[name])) == []
    assert problems_of(exported(STEPS[name], content=True), with_content=True) == []


def test_a_turn_that_failed_validates() -> None:
    failed = trace(error="the model was away", outcome="failed", customer="")
    request = spans_request([Unit(trace=failed, spans=[])], Conventions())
    [span] = MessageToDict(request)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert problems_of(span) == []
    assert span["status"] == {"code": "STATUS_CODE_ERROR", "message": "the model was away"}


def test_errors_are_told_apart_by_few_words() -> None:
    found = {name: describe_step(STEPS[name], trace(), Conventions()).attributes.get("error.type") for name in STEPS}
    assert {name: value for name, value in found.items() if value} == {
        "model-failed": "overloaded",
        "tool-failed": "not_found",
        "tool-odd": "_OTHER",
        "recall-failed": "_OTHER",
        "delivery": "_OTHER",
    }


def test_what_the_cache_served_counts_as_input() -> None:
    """The Messages API: input_tokens 3, cache_read_input_tokens 1000, cache_creation_input_tokens 200."""
    span = step(Kind.MODEL, "claude-sonnet-5-5", input_tokens=3, cache_read_tokens=1000, cache_write_tokens=200)
    span.output_tokens = 40
    found = describe_step(span, trace(), Conventions()).attributes
    assert {name: value for name, value in found.items() if ".usage." in name} == {
        "gen_ai.usage.input_tokens": 1203,
        "gen_ai.usage.output_tokens": 40,
        "gen_ai.usage.cache_read.input_tokens": 1000,
        "gen_ai.usage.cache_creation.input_tokens": 200,
    }
    values = {(one.metric, one.attributes.get("gen_ai.token.type")): one.value for one in measure(span, Conventions())}
    assert values == {
        ("gen_ai.client.operation.duration", None): 0.25,
        ("gen_ai.client.token.usage", "input"): 1203,
        ("gen_ai.client.token.usage", "output"): 40,
    }


def test_the_draft_has_names_of_its_own() -> None:
    latest = Conventions(latest=True)
    root = describe_turn(trace(), latest).attributes
    assert not {"gen_ai.agent.id", "gen_ai.agent.version", "gen_ai.provider.name"} & set(root)
    assert (root["app.agent.slug"], root["app.agent.version"]) == ("support", 4)
    span = step(Kind.MODEL, "claude-sonnet-5-5", cache_write_tokens=200)
    chat = describe_step(span, trace(), latest).attributes
    assert chat["gen_ai.usage.cache_write.input_tokens"] == 200
    assert "gen_ai.usage.cache_creation.input_tokens" not in chat
    assert describe_step(STEPS["recall"], trace(), latest).name == "search_memory tandem.memory"


@pytest.mark.parametrize(
    ("model", "provider", "expected"),
    [
        ("claude-sonnet-5-5", "", "anthropic"),
        ("anything", "bedrock_claude", "aws.bedrock"),
        ("nova", "converse", "aws.bedrock"),
        ("llama", "openai", "openai"),
        ("scripted-1", "", "tandem.scripted"),
        ("llama", "", "_OTHER"),
    ],
)
def test_who_answers_for_a_model(model: str, provider: str, expected: str) -> None:
    assert Conventions(provider=lambda _: provider).provider_of(model) == expected


def test_the_users_id_is_the_same_for_the_same_customer_and_tells_nothing() -> None:
    first, again, other = (
        describe_turn(trace(customer=who), Conventions()).attributes["user.id"]
        for who in ("ada@example.com", "ada@example.com", "ben@example.com")
    )
    assert first == again != other
    assert "ada" not in str(first)
    assert "user.id" not in describe_turn(trace(customer=""), Conventions()).attributes


def test_what_content_looks_like() -> None:
    blocks = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "Your order, \ud800 ada@example.com"},
        {"type": "tool_use", "id": "t1", "name": "get_order", "input": {"order_id": "1042"}},
    ]
    span = step(Kind.MODEL, "claude-sonnet-5-5", attributes={"output": blocks, "stopReason": "tool_use"})
    found = exported(span, content=True)
    said = {pair["key"]: pair["value"] for pair in found["attributes"]}["gen_ai.output.messages"]["stringValue"]
    assert '"finish_reason": "tool_call"' in said
    assert '{"type": "reasoning", "content": "hm"}' in said
    assert '"arguments": {"order_id": "1042"}' in said
    assert "ada@example.com" not in said


def test_buckets() -> None:
    assert list(TOKEN_BOUNDS) == METRICS["gen_ai.client.token.usage"][1]
    assert list(DURATION_BOUNDS) == pytest.approx(METRICS["gen_ai.client.operation.duration"][1])
    assert bucket_counts([0.5, 1, 1.5, 4, 5], [1.0, 4.0]) == [2, 2, 1]


def test_instants_are_exact() -> None:
    assert nanoseconds(AT) == 1_772_366_400_123_456_000


def test_pairs() -> None:
    assert pairs(" a = 1 ,b=x%2Cy,c,=d") == {"a": "1", "b": "x,y"}


def test_no_other_module_knows_a_name_of_theirs() -> None:
    """Outside observability/names.py, no text that begins with gen_ai."""
    found = []
    for folder in ("observability", "agents", "tools", "memory", "guardrails", "config"):
        for path in Path(folder).rglob("*.py"):
            texts = (
                node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant)
            )
            if path.name != "names.py" and any(isinstance(text, str) and text.startswith("gen_ai.") for text in texts):
                found.append(str(path))
    assert found == []
