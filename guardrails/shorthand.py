"""The shorthand of the AWS command line: `filtersConfig=[{type=HATE,inputStrength=HIGH},…]` (AWS CLI user guide, "Using
shorthand syntax"). It knows texts only; what must be a number or true is made so by its name."""

from __future__ import annotations

import re
from typing import Any

KEY = re.compile(r"\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*")
QUOTED = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*""", re.DOTALL)
BARE = re.compile(r"[^,\[\]{}]*")
NUMBERS = frozenset({"threshold", "samplePercent", "timeoutSeconds"})
DEEPEST = 8


def read_shorthand(text: str) -> dict[str, Any]:
    """Raises ValueError with the place of what cannot be read."""
    found, end = read_pairs(text, 0, 0)
    if text[end:].strip():
        raise ValueError(f"{text[end : end + 20]!r} at character {end} is not expected")
    return found


def read_pairs(text: str, at: int, depth: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while True:
        key = KEY.match(text, at)
        if not key:
            raise ValueError(f"a name and = are expected at character {at}")
        value, at = read_value(text, key.end(), depth)
        found[key[1]] = typed(key[1], value)
        if text[at : at + 1] != ",":
            return found, at
        at += 1


def read_value(text: str, at: int, depth: int) -> tuple[Any, int]:
    if depth > DEEPEST:
        raise ValueError("it is nested too deeply")
    if text[at : at + 1] == "{":
        found, at = read_pairs(text, at + 1, depth + 1)
        return found, closed(text, at, "}")
    if text[at : at + 1] == "[":
        return read_list(text, at + 1, depth + 1)
    if quoted := QUOTED.match(text, at):
        return re.sub(r"\\(.)", r"\1", quoted[1] if quoted[1] is not None else quoted[2]), quoted.end()
    bare = BARE.match(text, at)
    return (bare[0].strip(), bare.end()) if bare else ("", at)


def read_list(text: str, at: int, depth: int) -> tuple[list[Any], int]:
    found: list[Any] = []
    while text[at : at + 1] not in ("]", ""):
        if text[at : at + 1].isspace():
            at += 1
            continue
        value, at = read_value(text, at, depth)
        found.append(value)
        if text[at : at + 1] == ",":
            at += 1
        elif text[at : at + 1] != "]":
            break
    return found, closed(text, at, "]")


def closed(text: str, at: int, sign: str) -> int:
    """The place after the sign, and after blanks that follow it."""
    if text[at : at + 1] != sign:
        raise ValueError(f"{sign} is expected at character {at}")
    at += 1
    while text[at : at + 1].isspace():
        at += 1
    return at


def typed(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name.lower().endswith("enabled") or name == "onDoubt":
        return {"true": True, "false": False}.get(value.lower(), value)
    if name in NUMBERS:
        try:
            return float(value)
        except ValueError:
            return value
    return value
