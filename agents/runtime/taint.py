"""Which arguments of a write came from text that nobody vouches for.

Once a tool's result has entered a conversation, an instruction may have come with it. A write is the agent's to make
where its arguments are the customer's own words, or short values of things that the gateway has shown to be the
customer's: an order's number, an amount. What is neither, such as an address out of a note, is for a person to see.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from tools.models import Target, Tool

# An id, a number, a date; never a sentence, an address or a link.
PLAIN_VALUE = re.compile(r"(?!.*//)[\w.:#/+-]{1,64}")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def untrusted_arguments(
    tool: Tool, arguments: Mapping[str, Any], messages: Sequence[Mapping[str, Any]], *, is_tainted: bool = False
) -> tuple[str, ...]:
    """The names of the arguments that neither the customer nor their own things account for; none before any untrusted
    text came, and none for the desk's own tools, which reach no backend.

    `is_tainted` where such text stands beside `messages`: what was recalled is nobody's word in this conversation.
    """
    is_tainted = is_tainted or any(is_result(block) for block in blocks_of(messages, "user"))
    if tool.target.kind == Target.Kind.BUILTIN or not is_tainted:
        return ()
    sources = Sources(messages)
    return tuple(
        name
        for name, value in arguments.items()
        if name not in tool.free_text and not all(sources.account_for(scalar) for scalar in scalars_of(value))
    )


class Sources:
    """What the customer said, and the plain values in the results of this conversation."""

    def __init__(self, messages: Sequence[Mapping[str, Any]]) -> None:
        said = [block["text"] for block in blocks_of(messages, "user") if block["type"] == "text"]
        self.words = f" {' '.join(normal(text) for text in said)} "
        self.numbers = {number for text in said for match in NUMBER.findall(text) for number in readings_of(match)}
        self.plain: set[str] = set()
        for block in blocks_of(messages, "user"):
            if is_result(block) and not block.get("is_error"):
                self.plain.update(plain_values_of(block["content"]))
        self.numbers |= {number for value in self.plain if (number := decimal_of(value)) is not None}

    def account_for(self, value: Any) -> bool:
        if isinstance(value, bool) or value is None:
            return True
        number = decimal_of(str(value))
        if number is not None and number in self.numbers:
            return True
        text = normal(str(value))
        is_said = re.search(rf"(?<!\w){re.escape(text)}(?!\w)", self.words) is not None
        return is_said or not text or bool(text in self.plain)


def blocks_of(messages: Sequence[Mapping[str, Any]], role: str) -> Iterator[Mapping[str, Any]]:
    for message in messages:
        if message["role"] == role:
            yield from message["content"]


def is_result(block: Mapping[str, Any]) -> bool:
    return bool(block["type"] == "tool_result")


def plain_values_of(content: str) -> Iterator[str]:
    try:
        value = json.loads(content)
    except ValueError:
        return
    for scalar in scalars_of(value):
        text = normal(str(scalar))
        if PLAIN_VALUE.fullmatch(text):
            yield text


def scalars_of(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from scalars_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from scalars_of(inner)
    else:
        yield value


def normal(text: str) -> str:
    return " ".join(text.split()).casefold()


def readings_of(written: str) -> Iterator[Decimal]:
    """Both readings of a number whose writer's country is not known: 12,50 and 1,250.00."""
    for text in (written.replace(",", ""), written.replace(".", "").replace(",", ".")):
        number = decimal_of(text)
        if number is not None:
            yield number


def decimal_of(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
