"""What OpenTelemetry calls what happened: the only module that knows a name of `gen_ai.*`.

The names are those of the semantic conventions v1.41.1 (https://github.com/open-telemetry/semantic-conventions, folder
docs/gen-ai), the last that were frozen before they moved to a repository of their own; all are "Development". With
OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental those of the newer draft (semantic-conventions-genai) are used.
What no convention names is `app.*`. The `session.id` and `user.id` are those of the general conventions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from django.utils.crypto import salted_hmac

from observability.masking import mask_json, mask_value
from observability.models import Span, Trace

SCHEMA_URL = "https://opentelemetry.io/schemas/1.41.1"
LATEST = "gen_ai_latest_experimental"
OTHER = "_OTHER"
STATUS_LENGTH = 300
USER_LENGTH = 32
Value = str | bool | int | float | list[str]
Attributes = dict[str, Value]

# Metrics of v1.41, with the bounds of their buckets.
TOKEN_USAGE = "gen_ai.client.token.usage"  # noqa: S105  no password
OPERATION_DURATION = "gen_ai.client.operation.duration"
TOKEN_BOUNDS = tuple(float(4**power) for power in range(14))
DURATION_BOUNDS = tuple(0.01 * 2**power for power in range(14))
UNITS = {TOKEN_USAGE: "{token}", OPERATION_DURATION: "s"}

# What the parts of a message are called there (its JSON schemas, gen-ai-output-messages.json).
FINISH = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_call",
          "refusal": "content_filter"}  # fmt: skip
# As `LanguageModel.Provider` has them, and as the conventions do.
PROVIDERS = {
    "anthropic": "anthropic",
    "bedrock_claude": "aws.bedrock",
    "converse": "aws.bedrock",
    "openai": "openai",
}


class Kind(IntEnum):
    """Of a span, as in OTLP."""

    INTERNAL = 1
    CLIENT = 3


@dataclass(frozen=True, kw_only=True)
class Conventions:
    """How to speak: `provider` gives of a model's name the one of `PROVIDERS` that answers for it, or nothing."""

    latest: bool = False
    content: bool = False
    provider: Callable[[str], str] = lambda _: ""

    def provider_of(self, model: str) -> str:
        known = PROVIDERS.get(self.provider(model), "")
        return known or ("anthropic" if "claude" in model else "tandem.scripted" if "scripted" in model else OTHER)


@dataclass(frozen=True, kw_only=True)
class Described:
    name: str
    kind: Kind
    attributes: Attributes
    #: Why it failed; empty where it did not.
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One value of a histogram."""

    metric: str
    value: float
    attributes: Attributes = field(default_factory=dict)


# -- a turn
def describe_turn(trace: Trace, how: Conventions) -> Described:
    """Without the tokens: they are those of its model calls, and who adds up spans would count them twice."""
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": trace.agent_name,
        "gen_ai.conversation.id": str(trace.session_id),
        "gen_ai.request.model": trace.model,
        **about(trace),
        "app.outcome": trace.outcome,
        "app.cost.usd": float(trace.cost_usd),
        "app.turn.model_calls": trace.model_calls,
        "app.turn.tool_calls": trace.tool_calls,
    }
    if not how.latest:
        attributes |= {
            "gen_ai.provider.name": how.provider_of(trace.model),
            "gen_ai.agent.id": trace.agent_slug or str(trace.agent_id),
            "gen_ai.agent.version": str(trace.agent_version),
        }
    if trace.error:
        attributes["error.type"] = trace.outcome or OTHER
    if how.content:
        attributes |= {
            "gen_ai.input.messages": messages("user", [text_part(trace.input_text)]),
            "gen_ai.output.messages": messages("assistant", [text_part(trace.output_text)], finish_reason="stop"),
        }
    name = f"invoke_agent {trace.agent_name}"
    return Described(name=name, kind=Kind.INTERNAL, attributes=given(attributes), error=said(trace.error))


def about(trace: Trace) -> dict[str, Any]:
    """What every span of a turn bears. The customer's address is told to nobody: the id is made from it with the
    installation's key."""
    user = salted_hmac("tandem.otlp.user", trace.customer, algorithm="sha256").hexdigest()[:USER_LENGTH]
    return {
        "session.id": str(trace.session_id),
        "user.id": user if trace.customer else "",
        "app.agent.slug": trace.agent_slug,
        "app.agent.version": trace.agent_version,
        "app.channel": trace.channel,
    }


# -- a step
def describe_step(span: Span, trace: Trace, how: Conventions) -> Described:
    """A judge and a step of the memory that asked a model are model calls, too."""
    if asks_model(span):
        return describe_chat(span, trace, how)
    if span.kind == Span.Kind.TOOL:
        return describe_tool(span, trace, how)
    if span.kind == Span.Kind.MEMORY:
        return describe_retrieval(span, trace, how)
    attributes = {
        **about(trace),
        "app.step": span.kind,
        f"app.{span.kind}.name": span.name,
        f"app.{span.kind}.action": span.action,
        f"app.{span.kind}.category": span.category,
        "error.type": OTHER if span.error else "",
    }
    name = f"{span.kind} {span.name}"
    return Described(name=name, kind=Kind.INTERNAL, attributes=given(attributes), error=said(span.error))


def asks_model(span: Span) -> bool:
    return span.kind == Span.Kind.MODEL or (
        span.kind in {Span.Kind.GUARDRAIL, Span.Kind.MEMORY} and "model" in mapping(span.attributes)
    )


def models_of(span: Span) -> tuple[str, str]:
    """The model that was asked for, and the one that answered."""
    found = mapping(span.attributes)
    answered = span.name if span.kind == Span.Kind.MODEL else text(found.get("model"))
    return text(found.get("requestedModel")) or answered, answered


def describe_chat(span: Span, trace: Trace, how: Conventions) -> Described:
    found = mapping(span.attributes)
    requested, answered = models_of(span)
    stop, first = text(found.get("stopReason")), found.get("firstTokenMs")
    cache_writes = "cache_write" if how.latest else "cache_creation"
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": how.provider_of(answered),
        "gen_ai.conversation.id": str(trace.session_id),
        "gen_ai.request.model": requested,
        "gen_ai.response.model": "" if span.error else answered,
        "gen_ai.response.id": text(found.get("requestId")),
        "gen_ai.response.finish_reasons": [stop] if stop else [],
        **about(trace),
        "app.step": span.kind,
        "app.step.name": span.name if span.kind != Span.Kind.MODEL else "",
        "app.cost.usd": float(span.cost_usd),
        "app.tokens.estimated": True if found.get("tokensEstimated") else "",
        "error.type": error_type(span),
    }
    if span.input_tokens or span.output_tokens or span.cache_read_tokens or span.cache_write_tokens:
        attributes |= {
            "gen_ai.usage.input_tokens": prompt_tokens(span),
            "gen_ai.usage.output_tokens": span.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": span.cache_read_tokens,
            f"gen_ai.usage.{cache_writes}.input_tokens": span.cache_write_tokens,
        }
    if isinstance(first, int | float) and not isinstance(first, bool):
        attributes["gen_ai.response.time_to_first_chunk"] = first / 1000
    if how.content and isinstance(found.get("output"), list):
        parts = [part_of(block) for block in found["output"] if isinstance(block, dict)]
        attributes["gen_ai.output.messages"] = messages("assistant", parts, finish_reason=FINISH.get(stop, stop))
    name = f"chat {requested}"
    return Described(name=name, kind=Kind.CLIENT, attributes=given(attributes), error=said(span.error))


def prompt_tokens(span: Span) -> int:
    """Anthropic's `input_tokens` leave out what the cache served and took; those of the conventions are all of them
    (docs/gen-ai/anthropic.md). Our four counters never overlap, whichever provider counted."""
    return span.input_tokens + span.cache_read_tokens + span.cache_write_tokens


def describe_tool(span: Span, trace: Trace, how: Conventions) -> Described:
    found = mapping(span.attributes)
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": span.name,
        "gen_ai.tool.call.id": str(span.pk),
        "gen_ai.tool.type": "function",
        "gen_ai.conversation.id": str(trace.session_id),
        **about(trace),
        "app.tool.state": text(found.get("state")),
        "app.tool.attempts": found["attempts"] if isinstance(found.get("attempts"), int) else "",
        "app.cost.usd": float(span.cost_usd),
        "error.type": error_type(span),
    }
    if how.content:
        attributes["gen_ai.tool.call.arguments"] = as_json(found.get("toolInputs"))
        attributes["gen_ai.tool.call.result"] = as_json(found.get("toolOutput"))
    name = f"execute_tool {span.name}"
    return Described(name=name, kind=Kind.INTERNAL, attributes=given(attributes), error=said(span.error))


def describe_retrieval(span: Span, trace: Trace, how: Conventions) -> Described:
    """Recall. The draft has a name for searching memories, v1.41 that of any retrieval."""
    found = mapping(span.attributes)
    operation, source = "search_memory" if how.latest else "retrieval", "tandem.memory"
    memories, passages = listed(found.get("memories")), listed(found.get("passages"))
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": operation,
        "gen_ai.data_source.id": source,
        "gen_ai.conversation.id": str(trace.session_id),
        **about(trace),
        "app.step": span.kind,
        "app.step.name": span.name,
        "app.memory.memories": len(memories),
        "app.memory.passages": len(passages),
        "error.type": error_type(span),
    }
    if how.content:
        query = "gen_ai.memory.query.text" if how.latest else "gen_ai.retrieval.query.text"
        attributes[query] = mask_value(text(found.get("question")))
        documents = [
            {"id": text(one.get("id")), "score": one.get("score")}
            for one in [*memories, *passages]
            if isinstance(one, dict)
        ]
        attributes["gen_ai.memory.records" if how.latest else "gen_ai.retrieval.documents"] = json.dumps(documents)
    name = f"{operation} {source}"
    return Described(name=name, kind=Kind.CLIENT, attributes=given(attributes), error=said(span.error))


def error_type(span: Span) -> str:
    """Of few values: the kind of a model's failure, the code of a tool's."""
    if not span.error:
        return ""
    found = mapping(span.attributes)
    failure = mapping(mapping(found.get("toolOutput")).get("error"))
    return text(found.get("kind")) or text(failure.get("code")) or OTHER


# -- metrics
def measure(span: Span, how: Conventions) -> list[Measured]:
    """Of a model call: its duration, and its tokens where they are known."""
    if not asks_model(span):
        return []
    requested, answered = models_of(span)
    attributes: Attributes = given(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": how.provider_of(answered),
            "gen_ai.request.model": requested,
            "gen_ai.response.model": "" if span.error else answered,
        }
    )
    seconds = span.duration_ms / 1000
    failed: Attributes = {"error.type": error_type(span)} if span.error else {}
    found = [Measured(metric=OPERATION_DURATION, value=seconds, attributes={**attributes, **failed})]
    for kind, count in (("input", prompt_tokens(span)), ("output", span.output_tokens)):
        if count:
            of_kind: Attributes = {**attributes, "gen_ai.token.type": kind}
            found.append(Measured(metric=TOKEN_USAGE, value=count, attributes=of_kind))
    return found


# -- content, masked
def messages(role: str, parts: list[dict[str, Any]], **more: str) -> str:
    return json.dumps([{"role": role, "parts": mask_json(parts), **more}], ensure_ascii=False)


def text_part(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}


def part_of(block: Mapping[str, Any]) -> dict[str, Any]:
    """A block of the Messages API as a part of the conventions; one of another kind keeps its own."""
    kind = block.get("type")
    if kind == "text":
        return text_part(text(block.get("text")))
    if kind == "tool_use":
        call = {"id": block.get("id"), "name": block.get("name"), "arguments": block.get("input")}
        return {"type": "tool_call", **call}
    if kind == "thinking":
        return {"type": "reasoning", "content": text(block.get("thinking"))}
    return {"type": text(kind) or "unknown"}


def as_json(value: Any) -> str:
    return "" if value is None else json.dumps(mask_json(value), ensure_ascii=False)


def said(error: str) -> str:
    """What is said of a failure: without personal data, and not at length."""
    return mask_value(error)[:STATUS_LENGTH]


# -- rows hold what they were given
def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def given(attributes: Mapping[str, Any]) -> Attributes:
    """Without those that say nothing."""
    return {name: value for name, value in attributes.items() if value not in ("", [], None)}
