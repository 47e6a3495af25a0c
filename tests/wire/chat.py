"""Chat completions as OpenAI-compatible servers speak them, with the strictest of their rules."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from tests.messages_api import USAGE, Answer, Block
from tests.wire.server import Asked, Heard, Response, running_server

CALL_ID = re.compile(r"[a-zA-Z0-9]{9}")
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
FINISH_REASONS = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length", "refusal": "content_filter"}
CACHED = 20


class Refused(Exception):
    """Answered with 400."""


@dataclass(frozen=True, kw_only=True)
class ChatAnswer(Answer):
    """An answer with what servers make of the form: `finish_reason` as it stands (none at all where empty), no usage,
    no ids, index 0 for every call, arguments as an object, the whole at once though a stream was asked for."""

    finish_reason: str | None = None
    has_usage: bool = True
    has_ids: bool = True
    has_indexes: bool = True
    has_argument_objects: bool = False
    is_whole: bool = False


def running_chat_server(answer: Callable[[Asked], Answer], *, key: str = "") -> AbstractContextManager[str]:
    """The server in threads; gives its base URL, with `/v1`. With a `key`, requests without it are refused."""
    return running_server(lambda heard: respond(heard, answer, key), path="/v1")


def respond(heard: Heard, answer: Callable[[Asked], Answer], key: str) -> Response:
    given_key = heard.headers.get("authorization", "").removeprefix("Bearer ")
    if heard.path != "/v1/chat/completions":
        return failure(404, f"no such path: {heard.path}")
    if key and given_key != key:
        return failure(401, f"Incorrect API key provided: {given_key}")
    try:
        check_chat(heard.body)
    except Refused as error:
        return failure(400, str(error))
    given = answer(read_chat(heard))
    if given.status != 200:
        return failure(given.status, given.error or "no", headers=given.headers, delay=given.delay_seconds)
    chat = given if isinstance(given, ChatAnswer) else ChatAnswer(**vars(given))
    is_whole = chat.is_whole or not heard.body.get("stream")
    return Response(
        content_type="application/json" if is_whole else "text/event-stream; charset=utf-8",
        parts=[json.dumps(whole(chat)).encode()] if is_whole else list(chunks(chat, heard.body)),
        headers={"x-request-id": "req_1", **given.headers},
        delay=given.delay_seconds,
        pause=given.chunk_seconds,
        cut=given.cut,
    )


def failure(status: int, message: str, *, headers: dict[str, str] | None = None, delay: float = 0) -> Response:
    error = {"message": message, "type": "server_error", "param": None, "code": None}
    return Response(
        content_type="application/json",
        parts=[json.dumps({"error": error}).encode()],
        status=status,
        headers={"x-request-id": "req_1", **(headers or {})},
        delay=delay,
    )


# -- the request
def check_chat(body: dict[str, Any]) -> None:
    before, open_calls = "", set[str]()
    for message in body["messages"]:
        role = message["role"]
        if role == "tool":
            if message["tool_call_id"] not in open_calls:
                raise Refused("tool messages must answer a tool call of the message before them")
            open_calls.discard(message["tool_call_id"])
        elif open_calls:
            raise Refused(f"Not the same number of function calls and responses: {sorted(open_calls)}")
        elif before == "tool" and role == "user":
            raise Refused("Unexpected role 'user' after role 'tool'")
        for call in message.get("tool_calls", []):
            check_call(call)
            open_calls.add(call["id"])
        if not message.get("tool_calls") and not message["content"]:
            raise Refused(f"a message of the {role} is empty")
        before = role
    if before not in {"user", "tool"}:
        raise Refused(f"Expected last role User or Tool but got {before}")


def check_call(call: dict[str, Any]) -> None:
    if not CALL_ID.fullmatch(call["id"]):
        raise Refused(f"Tool call id was {call['id']} but must be a-z, A-Z, 0-9, with a length of 9.")
    if not NAME.fullmatch(call["function"]["name"]):
        raise Refused(f"Function name was {call['function']['name']} but must match {NAME.pattern}")
    if not isinstance(json.loads(call["function"]["arguments"]), dict):
        raise Refused("arguments must be the JSON text of an object")


def read_chat(heard: Heard) -> Asked:
    messages: list[dict[str, Any]] = []
    system = ""
    for message in heard.body["messages"]:
        if message["role"] == "system":
            system = message["content"]
            continue
        role = "assistant" if message["role"] == "assistant" else "user"
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"].extend(read_blocks(message))
        else:
            messages.append({"role": role, "content": read_blocks(message)})
    tools = [tool["function"]["name"] for tool in heard.body.get("tools", [])]
    return Asked(model=heard.body["model"], system=system, messages=messages, tools=tools, heard=heard)


def read_blocks(message: dict[str, Any]) -> list[Block]:
    if message["role"] == "tool":
        return [{"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": message["content"]}]
    blocks: list[Block] = [{"type": "text", "text": message["content"]}] if message["content"] else []
    for call in message.get("tool_calls", []):
        function = call["function"]
        arguments = json.loads(function["arguments"])
        blocks.append({"type": "tool_use", "id": call["id"], "name": function["name"], "input": arguments})
    return blocks


# -- the answer
def whole(answer: ChatAnswer) -> dict[str, Any]:
    texts = [block["text"] for block in answer.blocks if block["type"] == "text"]
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or None}
    calls = [call_form(block, answer) for block in answer.blocks if block["type"] == "tool_use"]
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "finish_reason": finish_reason(answer)}
    return {"id": "c1", "object": "chat.completion", "model": "served", "choices": [choice], **usage_form(answer)}


def call_form(block: Block, answer: ChatAnswer) -> dict[str, Any]:
    given = block["input"]
    arguments = given if isinstance(given, str) or answer.has_argument_objects else json.dumps(given)
    form = {"type": "function", "function": {"name": block["name"], "arguments": arguments}}
    return {"id": block["id"], **form} if answer.has_ids else form


def finish_reason(answer: ChatAnswer) -> str | None:
    return answer.finish_reason if answer.finish_reason is not None else FINISH_REASONS[answer.stop_reason]


def usage_form(answer: ChatAnswer) -> dict[str, Any]:
    used = USAGE["input_tokens"] + CACHED
    details = {"cached_tokens": CACHED}
    usage = {
        "prompt_tokens": used,
        "completion_tokens": 50,
        "total_tokens": used + 50,
        "prompt_tokens_details": details,
    }
    return {"usage": usage} if answer.has_usage else {}


def chunks(answer: ChatAnswer, body: dict[str, Any]) -> Iterator[bytes]:
    yield chunk({"role": "assistant", "content": ""})
    calls = 0
    for block in answer.blocks:
        if block["type"] == "text":
            yield from text_chunks(block["text"], answer.chunks)
        else:
            yield from call_chunks(block, answer, calls if answer.has_indexes else 0)
            calls += 1
        if answer.error:
            yield data({"error": {"message": "Overloaded", "type": answer.error, "code": None}})
            return
        if answer.cut:
            return
    reason = finish_reason(answer)
    if reason:
        yield chunk({}, finish_reason=reason)
    if body.get("stream_options", {}).get("include_usage") and answer.has_usage:
        yield data(
            {"id": "c1", "object": "chat.completion.chunk", "model": "served", "choices": []} | usage_form(answer)
        )
    yield b"data: [DONE]\n\n"


def text_chunks(text: str, count: int) -> Iterator[bytes]:
    size = max(1, -(-len(text) // count))
    for at in range(0, len(text), size):
        yield chunk({"content": text[at : at + size]})


def call_chunks(block: Block, answer: ChatAnswer, index: int) -> Iterator[bytes]:
    form = call_form(block, answer)
    arguments = form["function"]["arguments"]
    if not isinstance(arguments, str) or not answer.has_indexes:
        yield chunk({"tool_calls": [{"index": index, **form}]})
        return
    opening = {**form, "function": {"name": block["name"], "arguments": ""}}
    yield chunk({"tool_calls": [{"index": index, **opening}]})
    for at in range(0, len(arguments), 7):
        yield chunk({"tool_calls": [{"index": index, "function": {"arguments": arguments[at : at + 7]}}]})


def chunk(delta: dict[str, Any], *, finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return data({"id": "c1", "object": "chat.completion.chunk", "model": "served", "choices": [choice]})


def data(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()
