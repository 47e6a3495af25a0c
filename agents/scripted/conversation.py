"""Reads a request's messages into turns: what the customer wrote, what was called, what was answered.

All state of the dialogue is read out of these turns; nothing is remembered between requests.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Say:
    """A text block of the answer. `kind` names the reply (see `replies.py`); it does not leave the process."""

    kind: str
    text: str


@dataclass(frozen=True)
class Use:
    """A tool_use block of the answer; its id is given by whoever sends it."""

    name: str
    input: Json = field(default_factory=dict)


Block: TypeAlias = Say | Use


@dataclass(frozen=True, kw_only=True)
class Call:
    """A tool call with its result: `result` for a success, otherwise `error` holds a code."""

    name: str
    input: Json
    result: Json | None = None
    error: str | None = None
    message: str = ""


@dataclass(kw_only=True)
class Turn:
    """One customer message and what followed it. `said` is the assistant's last text in it."""

    text: str
    calls: list[Call] = field(default_factory=list)
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """A request as the rules see it. `turns` has at least one turn; the last is the one to answer."""

    system: str
    turns: list[Turn]
    tools: frozenset[str]
    today: date
    # Lines that stand beside the last message: what is remembered of the customer, and passages of documents.
    remembered: tuple[str, ...] = ()
    passages: tuple[str, ...] = ()

    @property
    def now(self) -> Turn:
        return self.turns[-1]

    @property
    def before(self) -> Turn | None:
        return self.turns[-2] if len(self.turns) > 1 else None

    @cached_property
    def earlier_calls(self) -> list[Call]:
        return [call for turn in self.turns[:-1] for call in turn.calls]

    def called(self, name: str, **arguments: str) -> Call | None:
        """The latest call of that tool in this turn, with these arguments if any are given."""
        for call in reversed(self.now.calls):
            if call.name == name and all(call.input.get(key) == value for key, value in arguments.items()):
                return call
        return None


def read_conversation(
    system: str, messages: Sequence[Mapping[str, Any]], tools: Iterable[str], today: date
) -> Conversation:
    """Read a valid request. `today` is used unless the system text says which day it is."""
    today = _stated_day(system) or today
    given = "\n".join(_given(messages[-1:])) or "\n".join(_given(messages))
    return Conversation(
        system=system,
        turns=_turns(messages),
        tools=frozenset(tools),
        today=today,
        remembered=_lines_of(given, "remembered_of_customer"),
        passages=_lines_of(given, "source_documents"),
    )


def _given(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """The blocks that the desk has put before the customer's words; no customer can write one."""
    texts = (str(b.get("text", "")) for m in messages if m.get("role") == "user" for b in blocks_of(m))
    return [text for text in texts if _GIVEN.match(text)]


def _lines_of(given: str, name: str) -> tuple[str, ...]:
    """The listed lines of one kind, without their marks: "[preferences, 2026-08-01] Prefers few e-mails."."""
    found = re.search(rf"<{name}>\n(.*?)\n</{name}>", given, re.DOTALL)
    return tuple(line[2:] for line in found[1].splitlines() if line.startswith("- ")) if found else ()


def blocks_of(message: Mapping[str, Any]) -> list[Json]:
    """A message's content as blocks, also where it is a plain string."""
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return list(content) if isinstance(content, list) else []


def _stated_day(system: str) -> date | None:
    """The day of "Today is 2026-11-22" or "Today is Sunday, 22 November 2026"."""
    stated = _TODAY.search(system)
    for form in ("%Y-%m-%d", "%d %B %Y") if stated else ():
        with suppress(ValueError):
            return datetime.strptime(stated[1], form).replace(tzinfo=UTC).date() if stated else None
    return None


def _turns(messages: Sequence[Mapping[str, Any]]) -> list[Turn]:
    turns: list[Turn] = []
    open_uses: dict[str, Json] = {}
    customer_spoke_last = False
    for message in messages:
        if message.get("role") == "assistant":
            turn = turns[-1] if turns else _appended(turns, "")
            texts = [str(b.get("text", "")) for b in blocks_of(message) if b.get("type") == "text"]
            turn.said = "\n".join(texts) or turn.said
            open_uses = {str(b.get("id")): b for b in blocks_of(message) if b.get("type") == "tool_use"}
            customer_spoke_last = False
            continue
        words: list[str] = []
        for block in blocks_of(message):
            if block.get("type") == "tool_result":
                use = open_uses.get(str(block.get("tool_use_id")))
                if use is not None and turns:
                    turns[-1].calls.append(_call(use, block))
            elif block.get("type") == "text" and not _GIVEN.match(str(block.get("text", ""))):
                words.append(str(block.get("text", "")))
            elif block.get("type") in ("image", "document"):
                words.append("")
        if words and customer_spoke_last:
            turns[-1].text = "\n".join([turns[-1].text, *words])
        elif words:
            _appended(turns, "\n".join(words))
        customer_spoke_last = bool(words)
    return turns or [Turn(text="")]


def _appended(turns: list[Turn], text: str) -> Turn:
    turns.append(Turn(text=text))
    return turns[-1]


def _call(use: Json, block: Json) -> Call:
    """Pair a tool use with its result. Whatever is not a JSON object is an unreadable result, hence a failure."""
    name = str(use.get("name"))
    arguments = use.get("input")
    given: Json = arguments if isinstance(arguments, dict) else {}
    text = "".join(str(part.get("text", "")) for part in blocks_of(block) if part.get("type") == "text")
    try:
        value: object = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, dict) and "changed_by_a_person" in value:
        value = value.get("result")
    failure = value.get("error") if isinstance(value, dict) else None
    if isinstance(failure, dict):
        return Call(
            name=name, input=given, error=str(failure.get("code", "failed")), message=str(failure.get("message", ""))
        )
    if block.get("is_error") or not isinstance(value, dict):
        return Call(name=name, input=given, error="failed" if block.get("is_error") else "unreadable", message=text)
    return Call(name=name, input=given, result=value)


_GIVEN = re.compile(r"<(?:earlier_in_this_conversation|remembered_of_customer|source_documents)>\n")
_TODAY = re.compile(
    r"\b[Tt]oday(?:'s date)?(?: is|:)\s*(?:[A-Z][a-z]+day,?\s*)?(\d{4}-\d{2}-\d{2}|\d{1,2} [A-Z][a-z]+ \d{4})\b"
)
