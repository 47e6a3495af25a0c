"""Reads a configuration file into a tree whose every value knows its line.

The dangers of YAML are met as in `tools.openapi.reading`: events only, no tags, the scalars of YAML 1.2, and an alias
costs what it stands for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from tools.openapi.reading import EVENTS, UNSTORABLE, Builder, DocumentRefused, decode, line_of, scalar

MAX_CHARACTERS = 5_000_000
MAX_DEPTH = 60
MAX_NODES = 200_000
MERGE = "<<"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why a file cannot be applied: its line, counted from one, the place in it by dotted keys, and what is wrong."""

    line: int
    key: str
    message: str


class Refused(Exception):
    """The file cannot be applied, and nothing was. `faults` is never empty."""

    def __init__(self, file: str, faults: list[Fault]) -> None:
        lines = [
            f"{file}, line {fault.line}{f', {fault.key}' if fault.key else ''}: {fault.message}"
            for fault in sorted(faults, key=lambda fault: fault.line)
        ]
        super().__init__("\n".join(lines))
        self.faults = faults


class Faults:
    """What was found wrong so far: as much as can be told at once, as the file is mended in one go."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Fault] = []

    def add(self, line: int, key: str, message: str) -> None:
        end = "" if message.endswith((".", "!", "?")) else "."
        self.found.append(Fault(line=line, key=key, message=f"{message}{end}"))

    def check(self) -> None:
        """Raises `Refused` where anything was found."""
        if self.found:
            raise Refused(self.file, self.found)


@dataclass(frozen=True, kw_only=True)
class Node:
    """`value` is a dict of nodes by name, a list of nodes, or a scalar of JSON; `text` is a scalar as it is written.
    `begins` is the line of its first character, for a block of text the one below `|`."""

    value: Any
    line: int
    text: str = ""
    begins: int = 0
    lines: dict[str, int] = field(default_factory=dict)  # of the keys

    def plain(self) -> Any:
        if isinstance(self.value, dict):
            return {name: node.plain() for name, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value


def read_tree(text: str | bytes, file: str) -> Node:
    """Raises `Refused`."""
    try:
        tree: Node = NodeBuilder(yaml.parse(source_of(text), Loader=EVENTS)).build()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Refused(file, [Fault(line=line, key="", message=f"not YAML: {error.problem}.")]) from error
    except yaml.YAMLError as error:
        raise Refused(file, [Fault(line=1, key="", message=f"not YAML: {str(error).splitlines()[0]}.")]) from error
    except DocumentRefused as error:
        line, message = split_line(str(error))
        raise Refused(file, [Fault(line=line, key="", message=message)]) from error
    return tree


def source_of(text: str | bytes) -> str:
    source = decode(text)
    if len(source) > MAX_CHARACTERS:
        raise DocumentRefused(f"The file has {len(source):,} characters, more than {MAX_CHARACTERS:,}.")
    return source


def split_line(message: str) -> tuple[int, str]:
    """The line that a message of `tools.openapi.reading` begins with, and the rest of it."""
    head, _, rest = message.partition(": ")
    number = head.removeprefix("Line ")
    return (int(number), rest) if number.isdecimal() and number != head else (1, message)


def line_at(event: Any) -> int:
    return int(event.start_mark.line) + 1


class NodeBuilder(Builder):
    """Turns the parser's events into nodes."""

    what = "file"
    max_depth, max_nodes = MAX_DEPTH, MAX_NODES

    def scalar(self, event: Any) -> Node:
        if UNSTORABLE.search(event.value):
            raise DocumentRefused(f"{line_of(event)}: a text holds a NUL character or half a surrogate pair.")
        line = line_at(event)
        begins = line + 1 if event.style in {"|", ">"} else line
        return Node(value=scalar(event), line=line, text=event.value, begins=begins)

    def sequence(self, event: Any, *, depth: int) -> Node:
        return Node(value=list(self.items(depth=depth)), line=line_at(event))

    def mapping(self, event: Any, *, depth: int) -> Node:
        line = line_at(event)
        members: dict[str, Node] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise DocumentRefused(f"{line_of(event)}: a key must be a plain text.")
            name = event.value
            if UNSTORABLE.search(name) or (name == MERGE and not event.style):
                raise DocumentRefused(f"{line_of(event)}: {name[:80]!a} cannot be a key here.")
            if name in members:
                raise DocumentRefused(f"{line_of(event)}: the key {name[:80]!r} appears twice.")
            lines[name] = line_at(event)
            members[name] = self.value(next(self.events), depth=depth)
        return Node(value=members, line=line, lines=lines)
