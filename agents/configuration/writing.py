"""Writes the desk as the text of a file that `manage.py apply` takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import yaml
from django.db.models import Choices

from agents.configuration.desk import Thing
from tools.openapi.reading import FLOAT, INFINITE, INTEGER, WORDS

WIDTH = 110
# Nobody would give a header or a variable this name; the line that holds it becomes a comment.
MARK = "a-secret-is-set-here"
NOT_WRITTEN = "# secret: set, and not written here; on another desk add `secret: {env: VARIABLE}` or `{file: PATH}`"


def file_text(things: Mapping[str, Thing], *, full: bool = False) -> str:
    """`full` writes the defaults, too."""
    tree: dict[str, Any] = {}
    for thing in things.values():
        put(tree, thing.place, file_values(thing, full=full))
    text = yaml.dump(tree, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=WIDTH, default_flow_style=None)
    return re.sub(rf"^(\s*)secret: '{MARK}'$", rf"\1{NOT_WRITTEN}", text, flags=re.MULTILINE)


def file_values(thing: Thing, *, full: bool) -> Any:
    values = dict(thing.values if full else thing.said())
    if values.get("credential"):
        values["credential"] = {**values["credential"], "secret": MARK}
    if thing.place[:2] == ("limits", "approvers"):
        return values["max_amount"]
    if thing.place[:2] == ("policies", "rules") and values.keys() == {"text"}:
        return values["text"]
    return values


def put(tree: dict[str, Any], place: tuple[str, ...], values: Any) -> None:
    """Below the keys of its place; an empty last key is the end of a list."""
    *above, last = place
    for name in above[:-1] if not last else above:
        tree = tree.setdefault(name, {})
    if not last:
        tree.setdefault(above[-1], []).append(values)
    elif isinstance(values, dict):
        tree.setdefault(last, {}).update(values)
    else:
        tree[last] = values


class Dumper(yaml.SafeDumper):
    """Long texts as blocks, and in quotation marks what would be read as something else than a text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002  PyYAML's
        super().increase_indent(flow, indentless=False)


def write_text(dumper: Dumper, text: str) -> yaml.ScalarNode:
    is_other = text in WORDS or any(kind.fullmatch(text) for kind in (INTEGER, FLOAT, INFINITE))
    # What has a style of its own keeps its mapping from being written in one line, where no comment could stand.
    style = "|" if "\n" in text else '"' if is_other else "'" if text == MARK else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def write_choice(dumper: Dumper, choice: Choices) -> yaml.ScalarNode:
    return write_text(dumper, str(choice))


def write_amount(dumper: Dumper, amount: Decimal) -> yaml.ScalarNode:
    """Without the zeros that only a column adds."""
    plain = f"{amount.normalize():f}"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{'float' if '.' in plain else 'int'}", plain)


Dumper.add_representer(str, write_text)
Dumper.add_representer(Decimal, write_amount)
Dumper.add_multi_representer(Choices, write_choice)
