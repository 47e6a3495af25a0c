"""What Bedrock's Converse refuses, in its words where they are known; and a request of it read back."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.wire.server import Asked, Heard

USE_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
NO_TOOLS_IN_STREAM = ("meta.llama", "mistral.mistral-large")
NO_TEXT_BESIDE_USES = ("meta.llama",)
TAKE_STATUS = CACHE_PROMPTS = ("anthropic.", "amazon.nova")


class Refused(Exception):
    """Answered with 400 `ValidationException`."""


def is_one_of(model: str, families: tuple[str, ...]) -> bool:
    return any(family in model for family in families)


def check_converse(body: dict[str, Any], model: str, *, is_streamed: bool) -> None:
    tools = body.get("toolConfig", {}).get("tools", [])
    if tools and is_streamed and is_one_of(model, NO_TOOLS_IN_STREAM):
        raise Refused("This model doesn't support tool use in streaming mode.")
    for tool in tools:
        check(NAME.fullmatch(tool["toolSpec"]["name"]), "toolSpec.name: Member must satisfy regular expression pattern")
        check(isinstance(tool["toolSpec"]["inputSchema"]["json"], dict), "inputSchema.json must be an object")
    messages = body["messages"]
    check(messages and messages[0]["role"] == "user", "A conversation must start with a user message.")
    check(messages[-1]["role"] == "user", "A conversation must end with a user message.")
    check(isinstance(body["inferenceConfig"]["maxTokens"], int), "maxTokens must be a number")
    open_uses: set[str] = set()
    for number, message in enumerate(messages):
        if number:
            check(message["role"] != messages[number - 1]["role"], "Roles must alternate between user and assistant.")
        open_uses = check_message(message, f"messages.{number}.content", model, open_uses)
        if any("toolUse" in block or "toolResult" in block for block in message["content"]):
            check(tools, "The toolConfig field must be defined when using toolUse and toolResult content blocks.")
    points = [*body.get("system", []), *(block for message in messages for block in message["content"])]
    if any("cachePoint" in block for block in points):
        check(is_one_of(model, CACHE_PROMPTS), "You invoked an unsupported model: it does not allow prompt caching.")


def check_message(message: dict[str, Any], where: str, model: str, open_uses: set[str]) -> set[str]:
    """The uses that this message leaves to be answered."""
    blocks = [block for block in message["content"] if "cachePoint" not in block]
    uses = [block["toolUse"] for block in blocks if "toolUse" in block]
    results = [block["toolResult"] for block in blocks if "toolResult" in block]
    texts = [block["text"] for block in blocks if "text" in block]
    check(len(blocks) == len(uses) + len(results) + len(texts) > 0, f"{where}: unknown or no content")
    check(all(text.strip() for text in texts), f"The text field in the ContentBlock object at {where} is blank.")
    if results and texts:
        raise Refused(f"{where}: Conversation blocks and tool result blocks cannot be provided in the same turn.")
    if uses and texts and is_one_of(model, NO_TEXT_BESIDE_USES):
        raise Refused(f"{where}: Conversation blocks and tool use blocks cannot be provided in the same turn.")
    for result in results:
        check(all(part["text"].strip() for part in result["content"]), f"{where}: the result is blank")
        if "status" in result and not is_one_of(model, TAKE_STATUS):
            raise Refused("This model doesn't support the status field. Remove status and try again.")
    for use in uses:
        check(USE_ID.fullmatch(use["toolUseId"]) and NAME.fullmatch(use["name"]), f"{where}: invalid id or name")
        check(isinstance(use["input"], dict), f"{where}: the input must be a json object")
    given = {result["toolUseId"] for result in results}
    if given != open_uses:
        raise Refused(f"Expected toolResult blocks at {where} for the following Ids: {', '.join(sorted(open_uses))}")
    return {use["toolUseId"] for use in uses}


def check(holds: object, otherwise: str) -> None:
    if not holds:
        raise Refused(otherwise)


# -- read back
def read_converse(heard: Heard, model: str) -> Asked:
    body = heard.body
    return Asked(
        model=model,
        system="\n\n".join(block["text"] for block in body.get("system", []) if "text" in block),
        messages=[read_message(message) for message in body["messages"]],
        tools=[tool["toolSpec"]["name"] for tool in body.get("toolConfig", {}).get("tools", [])],
        heard=heard,
    )


def read_message(message: dict[str, Any]) -> dict[str, Any]:
    blocks = [read_block(block) for block in message["content"] if "cachePoint" not in block]
    return {"role": message["role"], "content": blocks}


def read_block(block: dict[str, Any]) -> dict[str, Any]:
    if "toolUse" in block:
        use = block["toolUse"]
        return {"type": "tool_use", "id": use["toolUseId"], "name": use["name"], "input": use["input"]}
    if "toolResult" in block:
        result = block["toolResult"]
        text = "\n".join(part.get("text") or json.dumps(part["json"]) for part in result["content"])
        return {"type": "tool_result", "tool_use_id": result["toolUseId"], "content": text}
    return {"type": "text", "text": block["text"]}
