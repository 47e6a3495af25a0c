"""Reads the values of a file: each reader takes a node and gives what the desk keeps, or says why it cannot."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from agents.configuration.reading import Faults, Node

Read = Callable[[Node], Any]


class Unfit(ValueError):
    """What is wrong with a value; the text is meant for whoever wrote it. `node` is where, if not at the value."""

    def __init__(self, message: str, node: Node | None = None) -> None:
        super().__init__(message)
        self.node = node


@dataclass(kw_only=True)
class Entry:
    """One thing of a file: `values` are those that the file names, read; `node` says where each is."""

    key: str
    node: Node
    faults: Faults
    values: dict[str, Any] = field(default_factory=dict)

    def refuse(self, name: str, message: str) -> None:
        """Note what is wrong with one of its values, or, without a name, with all of it."""
        members = self.node.value if isinstance(self.node.value, dict) else {}
        line = self.node.lines.get(name, self.node.line)
        self.faults.add(line, f"{self.key}.{name}" if name in members else self.key, message)


# -- readers


def text(node: Node) -> str:
    if not isinstance(node.value, str):
        raise Unfit("a text is expected; put it in quotation marks")
    return node.value


def line_of_text(node: Node) -> str:
    if "\n" in text(node).strip():
        raise Unfit("one line is expected")
    return text(node).strip()


def flag(node: Node) -> bool:
    if not isinstance(node.value, bool):
        raise Unfit("true or false is expected")
    return node.value


def whole(node: Node) -> int:
    if not isinstance(node.value, int) or isinstance(node.value, bool):
        raise Unfit("a whole number is expected")
    return node.value


def whole_or_none(node: Node) -> int | None:
    return None if node.value is None else whole(node)


def amount(node: Node) -> Decimal:
    """As it is written: a number that went through floating point would be another one."""
    is_scalar = isinstance(node.value, int | float | str) and not isinstance(node.value, bool)
    try:
        found = Decimal(node.text if is_scalar else "")
    except InvalidOperation:
        raise Unfit("a number is expected") from None
    if not found.is_finite():
        raise Unfit("a number is expected")
    return found


def amount_or_none(node: Node) -> Decimal | None:
    return None if node.value is None else amount(node)


def one_of(choices: Iterable[str]) -> Read:
    known = [str(choice) for choice in choices]

    def read(node: Node) -> str:
        if node.text not in known or not isinstance(node.value, str):
            raise Unfit(f"{shown(node)} is none of {', '.join(known)}{nearest_words(node.text, known)}")
        return node.text

    return read


def texts(node: Node) -> list[str]:
    if not isinstance(node.value, list):
        raise Unfit("a list of texts is expected")
    for item in node.value:
        if not isinstance(item.value, str):
            raise Unfit("each item has to be a text; put it in quotation marks", item)
    return [item.value for item in node.value]


def unlike(node: Node) -> list[str]:
    """A list of texts, none of them twice."""
    found = texts(node)
    for place, item in enumerate(found):
        if item in found[:place]:
            raise Unfit(f"{item!r} is there twice", node.value[place])
    return found


def several_of(choices: Iterable[str]) -> Read:
    """Some of these, or none, in their order."""
    known = [str(choice) for choice in choices]

    def read(node: Node) -> list[str]:
        found = unlike(node)
        for place, item in enumerate(found):
            if item not in known:
                raise Unfit(f"{item!r} is none of {', '.join(known)}{nearest_words(item, known)}", node.value[place])
        return [value for value in known if value in found]

    return read


def mapping(node: Node) -> dict[str, Any]:
    """Any object of JSON."""
    if not isinstance(node.value, dict):
        raise Unfit("an object is expected: lines of `name: value`")
    found = node.plain()
    return dict(found)


def mapping_or_none(node: Node) -> dict[str, Any] | None:
    return None if node.value is None else mapping(node)


def text_mapping(node: Node) -> dict[str, str]:
    found = mapping(node)
    for name, item in node.value.items():
        if not isinstance(item.value, str):
            raise Unfit(f"{name!r} has to be a text", item)
    return found


def mappings(node: Node) -> list[dict[str, Any]]:
    if not isinstance(node.value, list):
        raise Unfit("a list of objects is expected")
    return [mapping(item) for item in node.value]


# -- objects


def read_entry(node: Node, key: str, readers: Mapping[str, Read], faults: Faults) -> Entry:
    """The values of an object that are named, as far as they can be read; what cannot is among the faults."""
    entry = Entry(key=key, node=node, faults=faults)
    for name, inner in members_of(node, key, faults).items():
        if name not in readers:
            faults.add(node.lines[name], key, unknown_words(name, readers))
            continue
        try:
            entry.values[name] = readers[name](inner)
        except Unfit as error:
            faults.add((error.node or inner).line, f"{key}.{name}" if key else name, str(error))
    return entry


def members_of(node: Node | None, key: str, faults: Faults) -> dict[str, Node]:
    """By name; none where nothing is written below a key, or something else than an object."""
    if node is None or node.value is None:
        return {}
    if not isinstance(node.value, dict):
        faults.add(node.line, key, "an object is expected: lines of `name: value`.")
        return {}
    return node.value


def unknown_words(name: str, known: Collection[str]) -> str:
    nearest = nearest_words(name, known)
    return f"there is no key {name[:80]!r} here{nearest or ': it is one of ' + ', '.join(known)}"


def nearest_words(name: str, known: Iterable[str]) -> str:
    """ "; did you mean 'effect'?", or nothing where none is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def shown(node: Node) -> str:
    return repr(node.text[:60]) if isinstance(node.value, str) else (node.text[:60] or "this")
