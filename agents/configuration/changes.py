"""What an application changed, a line each: what the desk says afterwards against what it said before."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from agents.configuration.desk import Thing

SHOWN_CHARACTERS = 70
# What a new thing is told apart by.
MAIN = (
    *("status", "model", "http", "openapi", "mcp", "mcp_stdio", "builtin", "internal"),
    *("effect", "mode", "amount", "max_count", "max_amount"),
)


def lines_between(before: Mapping[str, Thing], after: Mapping[str, Thing]) -> list[str]:
    """`+` for what is new, `~` for a value that changed, `-` for what is gone."""
    found = []
    for label, thing in after.items():
        if label not in before:
            found.append(f"+ {label}: {summary(thing)}")
        else:
            found += changed_lines(before[label], thing)
    return found + [f"- {label}" for label in before if label not in after]


def changed_lines(before: Thing, after: Thing) -> Iterator[str]:
    for name in dict.fromkeys([*before.values, *after.values]):
        old, new = before.values.get(name), after.values.get(name)
        if old != new:
            yield f"~ {after.label}: {name}: {change_words(old, new)}"


def summary(thing: Thing) -> str:
    """ "model claude, status active", "effect money, off"."""
    words = [f"{name} {words_of(thing.values[name])}" for name in MAIN if is_short(thing.values.get(name))]
    if "enabled" in thing.values:
        words.append("on" if thing.values["enabled"] else "off")
    credential = thing.values.get("credential")
    return ", ".join([*words, *([f"credential {credential['kind']}"] if credential else [])]) or "as given"


def is_short(value: Any) -> bool:
    """Whether there is something, and it is no object: that would be the tool's way to an amount, or a document."""
    return value not in (None, "", False) and not isinstance(value, dict)


def change_words(old: Any, new: Any) -> str:
    if isinstance(old, list) and isinstance(new, list) and all(isinstance(item, str) for item in [*old, *new]):
        parts = [*(f"+{item}" for item in new if item not in old), *(f"-{item}" for item in old if item not in new)]
        return clipped(" ".join(parts) or f"another order: {', '.join(new)}")
    before, after = words_of(old), words_of(new)
    if before == after or "\n" in f"{old}{new}":  # they differ further on, or over several lines
        return f"another text ({size_of(old)} -> {size_of(new)} characters)"
    return f"{before} -> {after}"


def size_of(value: Any) -> str:
    return f"{len(value if isinstance(value, str) else plain_json(value)) if value is not None else 0:,}"


def words_of(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return clipped(str(value) if isinstance(value, str | int) else plain_json(value))


def plain_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def clipped(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[: SHOWN_CHARACTERS - 1]}…"
