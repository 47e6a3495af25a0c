"""Checks a request the way the Messages API does; what it refuses, it refuses in the API's words."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from agents.scripted.conversation import Json, blocks_of

MOST_CACHE_MARKS = 4
_TOOL_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,128}$")
_USER_BLOCKS = {"text", "image", "document", "tool_result", "search_result"}
_ASSISTANT_BLOCKS = {"text", "tool_use", "thinking", "redacted_thinking"}


class InvalidRequestError(Exception):
    """The request is malformed; the message says where and how. Answered with 400 `invalid_request_error`."""


def check_request(request: object, *, needs_max_tokens: bool = True) -> Json:
    """The request as a JSON object, or `InvalidRequestError`."""
    if not isinstance(request, dict):
        raise InvalidRequestError("The request body must be a JSON object.")
    if not isinstance(request.get("model"), str) or not request["model"]:
        raise InvalidRequestError("model: Field required")
    limit = request.get("max_tokens")
    if needs_max_tokens and (isinstance(limit, bool) or not isinstance(limit, int)):
        raise InvalidRequestError("max_tokens: Field required")
    if needs_max_tokens and isinstance(limit, int) and limit < 1:
        raise InvalidRequestError("max_tokens: Input should be greater than or equal to 1")
    _check_system(request.get("system"))
    _check_tools(request.get("tools"))
    _check_messages(request.get("messages"))
    _check_cache_marks(request)
    return request


def system_text(request: Mapping[str, Any]) -> str:
    """The system prompt as one text."""
    system = request.get("system")
    return "\n\n".join(str(b.get("text", "")) for b in blocks_of({"content": system}) if b.get("type") == "text")


def offered_tools(request: Mapping[str, Any]) -> list[str]:
    """Names of the tools that the answer may use."""
    choice = request.get("tool_choice")
    if isinstance(choice, dict) and choice.get("type") == "none":
        return []
    return [tool["name"] for tool in request.get("tools") or []]


def _check_system(system: object) -> None:
    if system is None or isinstance(system, str):
        return
    if not isinstance(system, list):
        raise InvalidRequestError("system: Input should be a valid string or list")
    for at, block in enumerate(system):
        if not isinstance(block, dict) or block.get("type") != "text" or not isinstance(block.get("text"), str):
            raise InvalidRequestError(f"system.{at}: Input should be a text block")
        if not block["text"]:
            raise InvalidRequestError("system: text content blocks must be non-empty")


def _check_tools(tools: object) -> None:
    if tools is None:
        return
    if not isinstance(tools, list):
        raise InvalidRequestError("tools: Input should be a valid list")
    names: set[str] = set()
    for at, tool in enumerate(tools):
        name = tool.get("name") if isinstance(tool, dict) else None
        if not isinstance(name, str) or not _TOOL_NAME.match(name):
            raise InvalidRequestError(f"tools.{at}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        if name in names:
            raise InvalidRequestError("tools: Tool names must be unique.")
        names.add(name)
        if tool.get("type", "custom") == "custom" and not isinstance(tool.get("input_schema"), dict):
            raise InvalidRequestError(f"tools.{at}.input_schema: Field required")


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list):
        raise InvalidRequestError("messages: Field required")
    if not messages:
        raise InvalidRequestError("messages: at least one message is required")
    open_uses: list[str] = []
    seen: set[str] = set()
    for at, message in enumerate(messages):
        blocks = _check_message(at, message)
        if at == 0 and message["role"] != "user":
            raise InvalidRequestError('messages: first message must use the "user" role')
        if message["role"] == "user":
            _check_results(at, blocks, open_uses)
            open_uses = []
        else:
            _check_answered(at - 1, open_uses)
            open_uses = [str(block["id"]) for block in blocks if block["type"] == "tool_use"]
            if seen.intersection(open_uses) or len(set(open_uses)) != len(open_uses):
                raise InvalidRequestError(f"messages.{at}: `tool_use` ids must be unique")
            seen.update(open_uses)
    _check_answered(len(messages) - 1, open_uses)
    if messages[-1]["role"] != "user":
        raise InvalidRequestError(
            "messages: This model does not support assistant message prefill. "
            "The conversation must end with a user message."
        )


def _check_message(at: int, message: object) -> list[Json]:
    """The blocks of one message, each known to have the fields of its type."""
    if not isinstance(message, dict):
        raise InvalidRequestError(f"messages.{at}: Input should be an object")
    role, content = message.get("role"), message.get("content")
    if role not in ("user", "assistant"):
        raise InvalidRequestError(f'messages: Unexpected role "{role}". The Messages API takes "user" and "assistant".')
    if not isinstance(content, str | list):
        raise InvalidRequestError(f"messages.{at}.content: Input should be a valid string or list")
    if not content:
        raise InvalidRequestError(f"messages.{at}: all messages must have non-empty content")
    blocks = blocks_of(message)
    for index, block in enumerate(blocks):
        _check_block(f"messages.{at}.content.{index}", str(role), block)
    return blocks


def _check_block(where: str, role: str, block: object) -> None:
    if not isinstance(block, dict):
        raise InvalidRequestError(f"{where}: Input should be an object")
    kind = block.get("type")
    if kind not in (_USER_BLOCKS if role == "user" else _ASSISTANT_BLOCKS):
        raise InvalidRequestError(f"{where}: Input tag {kind!r} is not allowed in a message with role {role!r}")
    if kind == "text":
        if not isinstance(block.get("text"), str):
            raise InvalidRequestError(f"{where}.text.text: Field required")
        if not block["text"]:
            raise InvalidRequestError("messages: text content blocks must be non-empty")
        if not block["text"].strip():
            raise InvalidRequestError("messages: text content blocks must contain non-whitespace text")
    elif kind == "tool_use":
        _check_use_block(where, block)
    elif kind == "tool_result":
        _check_result_block(where, block)


def _check_use_block(where: str, block: Json) -> None:
    if not isinstance(block.get("id"), str) or not block["id"] or not isinstance(block.get("name"), str):
        raise InvalidRequestError(f"{where}.tool_use: `id` and `name` are required")
    if not isinstance(block.get("input"), dict):
        raise InvalidRequestError(f"{where}.tool_use.input: Input should be a valid dictionary")


def _check_result_block(where: str, block: Json) -> None:
    if not isinstance(block.get("tool_use_id"), str):
        raise InvalidRequestError(f"{where}.tool_result.tool_use_id: Field required")
    content = block.get("content")
    if isinstance(content, list):
        if not all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in content):
            raise InvalidRequestError(f"{where}.tool_result.content: Input should be a list of content blocks")
    elif content is not None and not isinstance(content, str):
        raise InvalidRequestError(f"{where}.tool_result.content: Input should be a valid string or list")


def _check_results(at: int, blocks: list[Json], open_uses: Iterable[str]) -> None:
    """Every result answers a use of the message before, every use is answered, and results stand first."""
    wanted, given = set(open_uses), []
    after_other = False
    for index, block in enumerate(blocks):
        if block["type"] != "tool_result":
            after_other = True
            continue
        if block["tool_use_id"] not in wanted:
            raise InvalidRequestError(
                f"messages.{at}.content.{index}: unexpected `tool_use_id` found in `tool_result` blocks: "
                f"{block['tool_use_id']}. Each `tool_result` block must have a corresponding `tool_use` block in the "
                "previous message."
            )
        if after_other:
            raise InvalidRequestError(
                f"messages.{at}.content.{index}: `tool_result` blocks must come first in the content"
            )
        given.append(block["tool_use_id"])
    if len(set(given)) != len(given):
        raise InvalidRequestError(f"messages.{at}: each `tool_use` must have a single result")
    _check_answered(at - 1, [use for use in wanted if use not in given])


def _check_answered(at: int, unanswered: Iterable[str]) -> None:
    ids = sorted(unanswered)
    if ids:
        raise InvalidRequestError(
            f"messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: "
            f"{', '.join(ids)}. "
            "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
        )


def _check_cache_marks(request: Json) -> None:
    holders: list[Any] = [request, *(request.get("tools") or [])]
    holders += request["system"] if isinstance(request.get("system"), list) else []
    holders += [block for message in request["messages"] for block in blocks_of(message)]
    marks = [holder["cache_control"] for holder in holders if holder.get("cache_control") is not None]
    for mark in marks:
        if not isinstance(mark, dict) or mark.get("type") != "ephemeral" or mark.get("ttl", "5m") not in ("5m", "1h"):
            raise InvalidRequestError("cache_control: Input should be {'type': 'ephemeral', 'ttl': '5m' or '1h'}")
    if len(marks) > MOST_CACHE_MARKS:
        raise InvalidRequestError(
            f"A maximum of {MOST_CACHE_MARKS} blocks with cache_control may be provided. Found {len(marks)}."
        )
