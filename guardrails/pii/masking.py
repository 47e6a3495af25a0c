"""A text or a JSON value without what was found in it: `{EMAIL}` in its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from guardrails.findings import Finding

# "cardNumber" and "card_number" are words for a card.
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
SHORTEST = 3


def mask(text: str, findings: Iterable[Finding]) -> str:
    """Findings that overlap become one placeholder, of the longest of them; those of the whole text are left out."""
    placed = sorted((one for one in findings if 0 <= one.start < one.end), key=lambda one: (one.start, -one.end))
    parts, done = [], 0
    for start, end, name in merged(placed):
        parts += [text[done:start], f"{{{name}}}"]
        done = end
    return "".join([*parts, text[done:]])


def merged(placed: list[Finding]) -> Iterable[tuple[int, int, str]]:
    """(start, end, type) of what is covered, for findings in order."""
    spans: list[tuple[int, int, str, int]] = []
    for finding in placed:
        length = finding.end - finding.start
        if spans and finding.start < spans[-1][1]:
            start, end, name, longest = spans[-1]
            name, longest = (finding.type, length) if length > longest else (name, longest)
            spans[-1] = start, max(end, finding.end), name, longest
        else:
            spans.append((finding.start, finding.end, finding.type, length))
    return [(start, end, name) for start, end, name, _ in spans]


def mask_value(value: Any, find: Callable[[str], list[Finding]], *, key: str = "") -> Any:
    """A JSON value with its texts masked; keys, lists, numbers stay. A text's key is a word that stands before it."""
    if isinstance(value, str):
        return mask_leaf(value, find, key)
    if isinstance(value, dict):
        return {name: mask_value(inner, find, key=str(name)) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [mask_value(inner, find, key=key) for inner in value]
    return value


def mask_leaf(text: str, find: Callable[[str], list[Finding]], key: str) -> str:
    if len(text) < SHORTEST:
        return text
    label = f"{HUMP.sub(' ', key).replace('_', ' ').replace('-', ' ')}: " if key else ""
    found = find(label + text)
    if not label:
        return mask(text, found)
    masked = mask(label + text, [finding for finding in found if finding.start >= len(label)])
    return masked[len(label) :]
