"""Bedrock's runtime: Claude by `invoke-with-response-stream`, the others by `converse` and `converse-stream`."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import unquote

from agents.scripted.requests import InvalidRequestError, check_request, system_text
from tests.messages_api import USAGE, Answer, Block, events_of
from tests.wire.converse_rules import Refused, check_converse, read_converse
from tests.wire.frames import CONTENT_TYPE, event, exception
from tests.wire.server import Asked, Heard, Response, running_server

PATH = re.compile(r"/model/(?P<model>[^/]+)/(?P<operation>invoke-with-response-stream|converse|converse-stream)")
SIGNATURE = re.compile(r"AWS4-HMAC-SHA256 Credential=\w+/\d{8}/[\w-]+/bedrock/aws4_request, SignedHeaders=.+")
ERRORS = {
    400: "ValidationException",
    403: "AccessDeniedException",
    408: "ModelTimeoutException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
REQUEST_ID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


def running_bedrock(answer: Callable[[Asked], Answer]) -> AbstractContextManager[str]:
    """The server in threads; gives its address (for `AWS_ENDPOINT_URL_BEDROCK_RUNTIME`)."""
    return running_server(lambda heard: respond(heard, answer))


def respond(heard: Heard, answer: Callable[[Asked], Answer]) -> Response:
    route = PATH.fullmatch(heard.path)
    if route is None:
        return failure(400, f"no such path: {heard.path}")
    authorization = heard.headers.get("authorization", "")
    if not authorization.startswith("Bearer ") and not SIGNATURE.fullmatch(authorization):
        return failure(403, "the request is not signed")
    model, operation = unquote(route["model"]), route["operation"]
    try:
        asked = read_invoke(heard, model) if operation.startswith("invoke") else read_converse(heard, model)
        if operation != "invoke-with-response-stream":
            check_converse(heard.body, model, is_streamed=operation == "converse-stream")
    except (InvalidRequestError, Refused) as error:
        return failure(400, str(error))
    given = answer(asked)
    if given.status != 200:
        return failure(given.status, "no", headers=given.headers, delay=given.delay_seconds)
    if operation == "converse":
        parts: list[bytes] = [given.raw.encode() or json.dumps(converse_json(given)).encode()]
    elif operation == "converse-stream":
        parts = list(converse_frames(given))
    else:
        parts = list(invoke_frames(given, model))
    return Response(
        content_type="application/json" if operation == "converse" else CONTENT_TYPE,
        parts=split(parts, given) if operation == "converse" else parts,
        headers={"x-amzn-RequestId": REQUEST_ID, **given.headers},
        delay=given.delay_seconds,
        pause=given.chunk_seconds,
        cut=given.cut,
    )


def failure(status: int, message: str, *, headers: dict[str, str] | None = None, delay: float = 0) -> Response:
    name = ERRORS[status]
    return Response(
        content_type="application/json",
        parts=[json.dumps({"message": message}).encode()],
        status=status,
        headers={"x-amzn-ErrorType": f"{name}:http://internal.amazon.com/", "x-amzn-RequestId": REQUEST_ID}
        | (headers or {}),
        delay=delay,
    )


def split(parts: list[bytes], answer: Answer) -> list[bytes]:
    """A body that is no stream, in as many pieces as the answer says; half of it where it is to be cut."""
    (whole,) = parts
    size = max(1, -(-len(whole) // max(answer.chunks, 2)))
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    return pieces[:1] if answer.cut else pieces


# -- Claude
def read_invoke(heard: Heard, model: str) -> Asked:
    body = heard.body
    if not body.get("anthropic_version"):
        raise Refused("anthropic_version: Field required")
    if {"model", "stream"} & set(body):
        raise Refused("extra inputs are not permitted")
    check_request({**body, "model": model})
    if "cache_control" in body:
        raise Refused("cache_control: Extra inputs are not permitted")
    return Asked(
        model=model,
        system=system_text(body),
        messages=[{**message, "content": unmarked(message["content"])} for message in body["messages"]],
        tools=[tool["name"] for tool in body.get("tools", [])],
        heard=heard,
    )


def unmarked(content: Any) -> Any:
    """Blocks without their cache marks."""
    if isinstance(content, str):
        return content
    return [{name: value for name, value in block.items() if name != "cache_control"} for block in content]


def invoke_frames(answer: Answer, model: str) -> Iterator[bytes]:
    """The Messages API's events, each as the base64 bytes of a chunk. An exception's name as `error` is one of AWS's
    own, between the chunks; another is an error event of the Messages API within one."""
    is_own = answer.error.endswith("Exception")
    for data in events_of(answer, model):
        message = data.decode().partition("data: ")[2].strip()
        if is_own and json.loads(message)["type"] == "error":
            yield exception(answer.error, "Too many requests")
        else:
            yield event("chunk", {"bytes": b64encode(message.encode()).decode(), "p": "abcdefgh"})


# -- Converse
def converse_json(answer: Answer) -> dict[str, Any]:
    return {
        "output": {"message": {"role": "assistant", "content": [block_form(block) for block in answer.blocks]}},
        "stopReason": answer.stop_reason,
        "usage": usage_form(),
        "metrics": {"latencyMs": 12},
    }


def usage_form() -> dict[str, int]:
    used = USAGE["input_tokens"]
    return {"inputTokens": used, "outputTokens": 50, "totalTokens": used + 50, "cacheReadInputTokens": 20}


def block_form(block: Block) -> dict[str, Any]:
    if block["type"] == "tool_use":
        return {"toolUse": {"toolUseId": block["id"], "name": block["name"], "input": block["input"]}}
    return {"text": block["text"]}


def converse_frames(answer: Answer) -> Iterator[bytes]:
    yield event("messageStart", {"role": "assistant", "p": "ab"})
    for index, block in enumerate(answer.blocks):
        yield from block_frames(index, block, answer.chunks)
        if answer.error:
            yield exception(answer.error, "Too many requests")
            return
        if answer.cut:
            return
        yield event("contentBlockStop", {"contentBlockIndex": index})
    if answer.stop_reason:
        yield event("messageStop", {"stopReason": answer.stop_reason})
        yield event("metadata", {"usage": usage_form(), "metrics": {"latencyMs": 12}})


def block_frames(index: int, block: Block, chunks: int) -> Iterator[bytes]:
    if block["type"] == "tool_use":
        start = {"toolUse": {"toolUseId": block["id"], "name": block["name"]}}
        yield event("contentBlockStart", {"contentBlockIndex": index, "start": start})
        given = block["input"]
        text = given if isinstance(given, str) else json.dumps(given)
    else:
        text = block["text"]
    size = max(1, -(-len(text) // max(chunks, 2)))
    for at in range(0, len(text), size):
        piece = text[at : at + size]
        delta: dict[str, Any] = {"toolUse": {"input": piece}} if block["type"] == "tool_use" else {"text": piece}
        yield event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})
