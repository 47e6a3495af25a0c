"""The evidence for a decision: the last of the conversation, and what the agent's tools found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q

from agents.conversation import Entry, Step, entries_of, messages_of, steps_of, with_days
from agents.models import Escalation
from tools.models import ToolCall

LAST_MESSAGES = 16
MOST_RECORDS = 6
MOST_FACTS = 14
FIRST_FACTS = ("status", "state", "items", "total", "amount", "refunded", "delivered_on", "returnable_until")
AMOUNT = re.compile(r"-?\d+\.\d\d")


@dataclass(frozen=True, kw_only=True)
class Record:
    """A thing that a tool spoke of, such as an order, as name and value; `title` is its noun and id."""

    title: str
    tool_name: str
    facts: list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """`troubles` are the steps of the escalated turn that failed or whose outcome nobody knows."""

    entries: list[Entry]
    records: list[Record]
    troubles: list[Step]
    has_earlier: bool


def evidence_for(escalation: Escalation, *, reader: User) -> Evidence:
    """Two queries: the last messages and the tool calls of their turns; one more where the escalated turn is older."""
    newest = list(messages_of(escalation.session).order_by("-seq")[: LAST_MESSAGES + 1])
    shown = newest[:LAST_MESSAGES][::-1]
    entries = entries_of(shown, session=escalation.session, reader=reader)
    steps = [step for entry in entries for step in entry.steps]
    of_turn = [step for step in steps if step.call.turn_id == escalation.turn_id]
    if escalation.turn_id and not of_turn:
        of_turn = sorted(steps_of(Q(turn_id=escalation.turn_id)), key=lambda step: step.call.created_at)
        steps = [*of_turn, *steps]
    return Evidence(
        entries=with_days(entries),
        records=records_in([step.call for step in steps]),
        troubles=[step for step in of_turn if step.error],
        has_earlier=len(newest) > LAST_MESSAGES,
    )


def records_in(calls: Sequence[ToolCall]) -> list[Record]:
    """What confirmed calls returned, each thing once, as the last call saw it."""
    found: dict[str, Record] = {}
    for call in calls:
        if call.state != ToolCall.State.CONFIRMED:
            continue
        for values in things_in(call.result):
            record = record_of(values, call.tool_name)
            if record is not None:
                found.pop(record.title, None)
                found[record.title] = record
    return list(found.values())[::-1][:MOST_RECORDS]


def things_in(result: object) -> Iterator[Mapping[str, Any]]:
    """The result itself, or, where it is nothing but lists (`{"orders": […]}`), the things in them."""
    if not isinstance(result, Mapping):
        return
    lists = [value for value in result.values() if isinstance(value, list)]
    if result and len(lists) == len(result):
        for values in lists:
            yield from (value for value in values if isinstance(value, Mapping))
    else:
        yield result


def record_of(values: Mapping[str, Any], tool_name: str) -> Record | None:
    """None for what has no id (`order_id`, `refund_id`): it cannot be named."""
    key = next((name for name, value in values.items() if name.endswith("_id") and is_plain(value)), None)
    if key is None:
        return None
    currency = values.get("currency")
    facts = [
        (words(name), money(plain(values[name]), currency))
        for name in sorted(values, key=place_of)
        if name not in {key, "currency", "customer"}
    ]
    return Record(
        title=f"{words(key.removesuffix('_id'))} {values[key]}",
        tool_name=tool_name,
        facts=[(name, value) for name, value in facts if value][:MOST_FACTS],
    )


def place_of(name: str) -> tuple[int, str]:
    """What a decision turns on stands first; jsonb keeps no order of its own."""
    return (FIRST_FACTS.index(name) if name in FIRST_FACTS else len(FIRST_FACTS), name)


def money(value: str, currency: object) -> str:
    """An amount with the currency that stands beside it in the same thing."""
    return f"{currency} {value}" if isinstance(currency, str) and AMOUNT.fullmatch(value) else value


def words(name: str) -> str:
    return name.replace("_", " ").strip().capitalize()


def is_plain(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def plain(value: object) -> str:
    """A value in one line; empty for what has none."""
    match value:
        case None:
            return ""
        case bool():
            return "Yes" if value else "No"
        case list():
            return ", ".join(filter(None, map(plain_item, value[:5]))) + (", …" if len(value) > 5 else "")
        case Mapping():
            return plain_item(value)
    return str(value)[:200]


def plain_item(value: object) -> str:
    """A thing within a thing: its name and how many, or its plain values."""
    if not isinstance(value, Mapping):
        return plain(value) if not isinstance(value, list) else ""
    name = value.get("name")
    if isinstance(name, str):
        return f"{value['quantity']} × {name}" if is_plain(value.get("quantity")) else name  # noqa: RUF001  times
    return ", ".join(str(part) for part in value.values() if is_plain(part))[:200]
