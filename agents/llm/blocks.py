"""The conversation's content blocks, made plain for models other than Claude, and back.

A history may come from another provider (a fall-back, a changed agent), so whatever stands in it is made to fit the one
that is asked: its ids and names by a fixed rule, so that a use and its result still belong together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any
from uuid import uuid4

import orjson

from agents.llm.base import Block
from observability.batch import encode

Message = dict[str, Any]
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
# What every provider takes back (the Messages API and Converse check it).
USE_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
# Bedrock and Mistral refuse a customer's words directly after tool results: the turn between them ended without a word.
BRIDGE = "(no reply)"
NOTHING = "(empty)"


def plain_messages(messages: Iterable[Message], *, with_tools: bool) -> list[Message]:
    """Only text, tool uses and tool results; roles take turns; results stand alone in their message.

    Unknown blocks and empty texts are left out. Without tools to offer, earlier uses and results are told as text, as
    providers refuse them then.
    """
    plain: list[Message] = []
    for message in messages:
        blocks = [block for block in blocks_of(message) if is_plain(block)]
        if not with_tools:
            blocks = [told(block) for block in blocks]
        results = [block for block in blocks if block["type"] == "tool_result"]
        others = [block for block in blocks if block["type"] != "tool_result"]
        append(plain, message["role"], results)
        if others and message["role"] == "user" and ends_with_results(plain):
            append(plain, "assistant", [{"type": "text", "text": BRIDGE}])
        append(plain, message["role"], others)
    return plain


def blocks_of(message: Message) -> list[Block]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def is_plain(block: Block) -> bool:
    return block["type"] in {"tool_use", "tool_result"} or (block["type"] == "text" and bool(block["text"].strip()))


def append(messages: list[Message], role: str, blocks: list[Block]) -> None:
    if not blocks:
        return
    if messages and messages[-1]["role"] == role:
        messages[-1] = {"role": role, "content": [*messages[-1]["content"], *blocks]}
    else:
        messages.append({"role": role, "content": blocks})


def ends_with_results(messages: Sequence[Message]) -> bool:
    return bool(messages) and messages[-1]["content"][-1]["type"] == "tool_result"


def told(block: Block) -> Block:
    match block["type"]:
        case "tool_use":
            return {"type": "text", "text": f"[called {block['name']} with {encode(block['input'])}]"}
        case "tool_result":
            return {"type": "text", "text": f"[the result was {result_text(block)}]"}
        case _:
            return block


def result_text(block: Block) -> str:
    """A tool's result as one text. Where only the block says that it failed, the text says it too."""
    content = block.get("content") or ""
    text = content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)
    if not text.strip():
        text = NOTHING
    return f"Error: {text}" if block.get("is_error") and '"error"' not in text else text


def read_arguments(text: str) -> dict[str, Any]:
    """A tool's arguments. What is no JSON object is kept under a name that no schema allows: the gateway refuses it,
    the model is told, and the conversation stays valid."""
    try:
        arguments = orjson.loads(text) if text.strip() else {}
    except ValueError:
        arguments = None
    return arguments if isinstance(arguments, dict) else {"malformed_json": text}


def use_ids(messages: Iterable[Message]) -> set[str]:
    return {block["id"] for message in messages for block in blocks_of(message) if block["type"] == "tool_use"}


def valid_use_id(given: str | None, taken: set[str]) -> str:
    """The server's id of a tool use, or a new one: some give none, or count anew from nought in each reply. It is
    added to `taken`."""
    is_usable = given is not None and USE_ID.fullmatch(given) and given not in taken
    use_id = given if given and is_usable else f"call_{uuid4().hex}"
    taken.add(use_id)
    return use_id


def short_id(use_id: str) -> str:
    """Nine letters and digits: the strictest rule for ids (Mistral's), which all others allow."""
    return use_id if re.fullmatch(r"[a-zA-Z0-9]{9}", use_id) else digest(use_id, 9)


def wire_name(name: str) -> str:
    """A tool's name as every provider takes it: itself, or cut and marked so that it stays another than its like."""
    if NAME.fullmatch(name):
        return name
    return f"{re.sub('[^a-zA-Z0-9_-]', '_', name)[:55]}_{digest(name, 8)}"


def own_names(tools: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Our tools' names by their names on the wire."""
    return {wire_name(tool["name"]): tool["name"] for tool in tools}


def digest(text: str, length: int) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def texts_of(message: Message) -> str:
    return "\n\n".join(block["text"] for block in message["content"] if block["type"] == "text")


def of_type(message: Message, kind: str) -> Iterator[Block]:
    return (block for block in message["content"] if block["type"] == kind)
