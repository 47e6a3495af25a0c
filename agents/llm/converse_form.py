"""Bedrock Converse's form of a request and of an answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from agents.errors import ModelFailed
from agents.llm.base import Block, Reply, Request
from agents.llm.blocks import digest, plain_messages, result_text, wire_name
from agents.llm.draft import Draft
from agents.llm.failures import model_failed
from observability.batch import encode
from observability.prices import Tokens

USE_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
CACHE_POINT = {"cachePoint": {"type": "default"}}
# The only ones that take the status of a tool result (API reference, ToolResultBlock).
TAKE_STATUS = ("anthropic.", "amazon.nova")
STOP_REASONS = {
    "guardrail_intervened": "refusal",
    "content_filtered": "refusal",
    "stop_sequence": "end_turn",
}
FAILED_REASONS = {"malformed_model_output", "malformed_tool_use"}


class Quirk(Enum):
    """What a model turned out not to take, by words of the service's refusal."""

    NO_TOOLS_IN_STREAM = "in streaming mode"
    NO_TEXT_BESIDE_USES = "tool use blocks cannot be provided in the same turn"


def learn(error: Mapping[str, str]) -> Quirk | None:
    if error.get("Code") != "ValidationException":
        return None
    return next((quirk for quirk in Quirk if quirk.value in error.get("Message", "")), None)


# -- the request
def converse_request(request: Request, quirks: frozenset[Quirk]) -> dict[str, Any]:
    cache_point = [CACHE_POINT] if request.caches_prompts else []
    messages = [
        {"role": message["role"], "content": content_of(message, request.model, quirks)}
        for message in plain_messages(request.messages, with_tools=bool(request.tools))
    ]
    if messages:
        messages[-1]["content"].extend(cache_point)
    body: dict[str, Any] = {
        "modelId": request.model,
        "messages": messages,
        "inferenceConfig": {"maxTokens": request.max_tokens},
    }
    if request.system.strip():
        body["system"] = [{"text": request.system}, *cache_point]
    if request.tools:
        choice = {"toolChoice": {"tool": {"name": wire_name(request.must_use)}}} if request.must_use else {}
        body["toolConfig"] = {"tools": [tool_form(tool) for tool in request.tools], **choice}
    return body


def tool_form(tool: Mapping[str, Any]) -> dict[str, Any]:
    described = {"description": tool["description"]} if tool.get("description") else {}
    return {
        "toolSpec": {"name": wire_name(tool["name"]), **described, "inputSchema": {"json": tool["input_schema"]}},
    }


def content_of(message: Mapping[str, Any], model: str, quirks: frozenset[Quirk]) -> list[dict[str, Any]]:
    blocks: list[Block] = message["content"]
    if Quirk.NO_TEXT_BESIDE_USES in quirks and any(block["type"] == "tool_use" for block in blocks):
        blocks = [block for block in blocks if block["type"] == "tool_use"]
    return [block_form(block, model) for block in blocks]


def block_form(block: Block, model: str) -> dict[str, Any]:
    match block["type"]:
        case "tool_use":
            name = wire_name(block["name"])
            return {"toolUse": {"toolUseId": wire_id(block["id"]), "name": name, "input": block["input"]}}
        case "tool_result":
            result = {"toolUseId": wire_id(block["tool_use_id"]), "content": [{"text": result_text(block)}]}
            if block.get("is_error") and any(family in model for family in TAKE_STATUS):
                result["status"] = "error"
            return {"toolResult": result}
        case _:
            return {"text": block["text"]}


def wire_id(use_id: str) -> str:
    return use_id if USE_ID.fullmatch(use_id) else digest(use_id, 32)


# -- the answer
def read_whole(answer: Mapping[str, Any], draft: Draft) -> Reply:
    """The answer of `converse`; its text is given at once."""
    content = answer.get("output", {}).get("message", {}).get("content")
    if content is None or "stopReason" not in answer:
        raise model_failed("cut", "the answer has no message")
    for index, block in enumerate(content):
        if "text" in block:
            draft.add_text(block["text"])
        elif "toolUse" in block:
            use = block["toolUse"]
            draft.open_use(index, given_id=use.get("toolUseId"), name=use.get("name", ""))
            draft.add_arguments(index, encode(use.get("input", {})))
    request_id = answer.get("ResponseMetadata", {}).get("RequestId")
    draft.counted = tokens_of(answer.get("usage"))
    return end(draft, answer["stopReason"], request_id=request_id)


def read_stream(events: Iterable[Mapping[str, Any]], draft: Draft, *, request_id: str | None) -> Reply:
    stop_reason = ""
    for event in events:
        match dict(event):
            case {"contentBlockStart": {"start": {"toolUse": use}, "contentBlockIndex": index}}:
                draft.open_use(index, given_id=use.get("toolUseId"), name=use.get("name", ""))
            case {"contentBlockDelta": {"delta": {"text": text}}}:
                draft.add_text(text)
            case {"contentBlockDelta": {"delta": {"toolUse": use}, "contentBlockIndex": index}}:
                draft.add_arguments(index, use.get("input", ""))
            case {"messageStop": {"stopReason": reason}}:
                stop_reason = reason
            case {"metadata": {"usage": counted}}:
                draft.counted = tokens_of(counted)
    if not stop_reason:
        raise model_failed("cut", "the stream ended before the reply did", request_id=request_id)
    return end(draft, stop_reason, request_id=request_id)


def end(draft: Draft, reason: str, *, request_id: str | None) -> Reply:
    if reason in FAILED_REASONS:
        raise malformed(reason, request_id)
    return draft.reply(STOP_REASONS.get(reason, reason), model="", request_id=request_id)


def malformed(reason: str, request_id: str | None) -> ModelFailed:
    """The model wrote what the service could not read; asked again it may do better."""
    return model_failed("server", f"the model's output could not be read ({reason})", status=200, request_id=request_id)


def tokens_of(usage: Mapping[str, Any] | None) -> Tokens | None:
    """The cache's tokens are not among the input's, as with the Messages API.

    `cacheDetails` parts what was written by how long it is kept; it is no further amount.
    """
    if not usage:
        return None
    written = usage.get("cacheWriteInputTokens") or 0
    hour = sum(part.get("inputTokens") or 0 for part in usage.get("cacheDetails") or () if part.get("ttl") == "1h")
    return Tokens(
        input=usage.get("inputTokens") or 0,
        output=usage.get("outputTokens") or 0,
        cache_read=usage.get("cacheReadInputTokens") or 0,
        cache_write=written,
        cache_write_1h=min(hour, written),
    )
