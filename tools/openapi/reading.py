"""Reads the text of a document: JSON, or YAML without its dangers.

A YAML alias can name a thing over and over until no memory holds it, a tag can ask for any type, and YAML 1.1 reads
`no` as false. Here the tree is built from the parser's events alone: an alias costs what it stands for, tags that
JSON has no word for are refused, and plain scalars are those of YAML 1.2's core schema (section 10.3.2).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

MAX_CHARACTERS = 10_000_000  # the largest published documents of payment services take about eight
MAX_DEPTH = 100
MAX_NODES = 1_000_000
MAX_DIGITS = 40
MERGE = "<<"
TAG = "tag:yaml.org,2002:"
EVENTS: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # PostgreSQL's jsonb takes neither
INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}

Place = tuple[Any, str, int] | None  # the place of the parent, the key in it, the depth


class DocumentRefused(ValueError):
    """The document cannot be used at all; the text names the place and is meant for whoever uploaded it."""


def read_tree(text: str | bytes) -> Any:
    """The document as plain JSON values. Raises `DocumentRefused`."""
    source = decode(text)
    if len(source) > MAX_CHARACTERS:
        raise DocumentRefused(f"The document has {len(source):,} characters, more than {MAX_CHARACTERS:,}.")
    if not source.strip():
        raise DocumentRefused("The document is empty.")
    tree = read_json(source) if source.lstrip()[0] in "{[" else read_yaml(source)
    for place, value in walk(tree):
        key = "" if place is None else place[1]
        if UNSTORABLE.search(key) or (isinstance(value, str) and UNSTORABLE.search(value)):
            raise DocumentRefused(f"{pointer(place)!a}: a text holds a NUL character or half a surrogate pair.")
    return tree


def decode(text: str | bytes) -> str:
    try:
        if isinstance(text, bytes):
            return text.decode("utf-8-sig")
        text.encode()  # half a surrogate pair cannot be stored
    except UnicodeError as error:
        raise DocumentRefused(f"The document is not UTF-8: {error}."[:300]) from error
    return text.removeprefix("\ufeff")


def walk(tree: Any) -> Iterator[tuple[Place, Any]]:
    """Every value with its place. Raises `DocumentRefused` for a tree that is too deep or too large."""
    stack: list[tuple[Place, Any]] = [(None, tree)]
    seen = 0
    while stack:
        place, value = stack.pop()
        seen += 1
        yield place, value
        if not isinstance(value, dict | list):
            continue
        depth = 1 if place is None else place[2] + 1
        if depth > MAX_DEPTH:
            raise DocumentRefused(f"{pointer(place)}: nested more than {MAX_DEPTH} deep.")
        if seen + len(stack) + len(value) > MAX_NODES:
            raise DocumentRefused(f"The document has more than {MAX_NODES:,} values.")
        items = value.items() if isinstance(value, dict) else enumerate(value)
        stack.extend(((place, str(key), depth), item) for key, item in items)


def keys_to(place: Place) -> list[str]:
    keys: list[str] = []
    while place is not None:
        keys.append(place[1])
        place = place[0]
    return keys[::-1]


def pointer(place: Place) -> str:
    """`#/paths/~1orders/get`, as a `$ref` would name it; clipped, as the keys come from outside."""
    steps = "".join(f"/{key.replace('~', '~0').replace('/', '~1')}" for key in keys_to(place))
    return f"#{steps}"[:300]


# -- JSON


def read_json(source: str) -> Any:
    try:
        return json.loads(source, object_pairs_hook=unique, parse_float=finite, parse_constant=finite)
    except DocumentRefused:
        raise
    except json.JSONDecodeError as error:
        raise DocumentRefused(f"Line {error.lineno}: not JSON: {error.msg}.") from error
    except (RecursionError, ValueError) as error:
        raise DocumentRefused("The document is nested too deeply, or a number in it is too long.") from error


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DocumentRefused(f"The key {twice[:80]!r} appears twice in one object.")
    return members


def finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise DocumentRefused(f"{text[:20]} is no number that JSON can hold.")
    return number


# -- YAML


def read_yaml(source: str) -> Any:
    try:
        return Builder(yaml.parse(source, Loader=EVENTS)).build()
    except yaml.MarkedYAMLError as error:
        line = f"Line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise DocumentRefused(f"{line}not YAML: {error.problem}.") from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise DocumentRefused(f"Not YAML: {str(error).splitlines()[0]}.") from error


class Builder:
    """Turns the parser's events into dicts, lists and scalars; what else they become is a subclass's matter."""

    what = "document"
    max_depth, max_nodes = MAX_DEPTH, MAX_NODES

    def __init__(self, events: Iterator[Any]) -> None:
        self.events = events
        self.nodes = 0
        self.anchors: dict[str, tuple[Any, int]] = {}  # what was anchored, and how many values it holds

    def build(self) -> Any:
        next(self.events)  # the stream's start
        if isinstance(next(self.events), yaml.StreamEndEvent):
            raise DocumentRefused(f"The {self.what} is empty.")
        tree = self.value(next(self.events), depth=0)
        next(self.events)  # the document's end
        if not isinstance(next(self.events), yaml.StreamEndEvent):
            raise DocumentRefused(f"The {self.what} holds more than one YAML document.")
        return tree

    def value(self, event: Any, *, depth: int) -> Any:
        if depth > self.max_depth:
            raise DocumentRefused(f"{line_of(event)}: nested more than {self.max_depth} deep.")
        before = self.nodes
        self.count(1, event)
        built: Any
        match event:
            case yaml.AliasEvent():
                return self.aliased(event)
            case yaml.ScalarEvent():
                built = self.scalar(event)
            case yaml.SequenceStartEvent():
                check_tag(event, "seq")
                built = self.sequence(event, depth=depth + 1)
            case _:
                check_tag(event, "map")
                built = self.mapping(event, depth=depth + 1)
        if event.anchor:
            # Only now: an alias within what it names would be a ring.
            self.anchors[event.anchor] = (built, self.nodes - before)
        return built

    def count(self, nodes: int, event: Any) -> None:
        self.nodes += nodes
        if self.nodes > self.max_nodes:
            raise DocumentRefused(
                f"{line_of(event)}: with its aliases the {self.what} has over {self.max_nodes:,} values."
            )

    def aliased(self, event: Any) -> Any:
        if event.anchor not in self.anchors:
            raise DocumentRefused(f"{line_of(event)}: the alias {event.anchor[:80]!r} names nothing before it.")
        built, nodes = self.anchors[event.anchor]
        self.count(nodes, event)
        return built

    def items(self, *, depth: int) -> Iterator[Any]:
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            yield self.value(event, depth=depth)

    def scalar(self, event: Any) -> Any:
        return scalar(event)

    def sequence(self, _: Any, *, depth: int) -> Any:
        return list(self.items(depth=depth))

    def mapping(self, _: Any, *, depth: int) -> Any:
        members: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise DocumentRefused(f"{line_of(event)}: a key must be a plain text.")
            value = self.value(next(self.events), depth=depth)
            if event.value == MERGE and not event.style:
                merged = merge(value, event)
            elif event.value in members:
                raise DocumentRefused(f"{line_of(event)}: the key {event.value[:80]!r} appears twice.")
            else:
                members[event.value] = value
        return {**merged, **members}


def merge(value: Any, event: Any) -> dict[str, Any]:
    """What `<<` brings in; of several mappings the first to have a key wins."""
    merged: dict[str, Any] = {}
    for mapping in value if isinstance(value, list) else [value]:
        if not isinstance(mapping, dict):
            raise DocumentRefused(f"{line_of(event)}: only mappings can be merged.")
        merged = {**mapping, **merged}
    return merged


def scalar(event: Any) -> Any:
    text = event.value
    if event.tag in (f"{TAG}str", "!") or (event.tag is None and not event.implicit[0]):
        return text
    check_tag(event, "")
    if text in WORDS:
        return WORDS[text]
    if INFINITE.fullmatch(text) or (FLOAT.fullmatch(text) and not math.isfinite(float(text))):
        raise DocumentRefused(f"{line_of(event)}: {text[:20]} is no number that JSON can hold.")
    if INTEGER.fullmatch(text) and len(text) <= MAX_DIGITS:
        return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
    return float(text) if FLOAT.fullmatch(text) else text


def check_tag(event: Any, kind: str) -> None:
    if event.tag not in (None, f"{TAG}{kind}"):
        raise DocumentRefused(f"{line_of(event)}: the tag {event.tag[:80]!r} has no meaning here.")


def line_of(event: Any) -> str:
    return f"Line {event.start_mark.line + 1}"
