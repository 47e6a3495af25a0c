"""A JSON value as a tree of `<details>`; the tree without its tags is the JSON itself, so that it can be copied."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

# Deeper values, and the rest of a longer list, are shown as one line: a page must stay readable and quick.
MAX_DEPTH = 12
MAX_CHILDREN = 200
OPEN_DEPTH = 3
OPEN_CHILDREN = 24


def json_html(value: object) -> SafeString:
    return _node(value, depth=0, head=SafeString(), tail=SafeString())


def _node(value: object, *, depth: int, head: SafeString, tail: SafeString) -> SafeString:
    """`head` is the key before the value, `tail` the comma after it."""
    if isinstance(value, Mapping) and value and depth < MAX_DEPTH:
        return _branch([(str(key), child) for key, child in value.items()], depth=depth, head=head, tail=tail)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and value and depth < MAX_DEPTH:
        return _branch([(None, child) for child in value], depth=depth, head=head, tail=tail)
    return format_html("{}{}{}", head, _leaf(value), tail)


def _branch(
    children: Sequence[tuple[str | None, object]], *, depth: int, head: SafeString, tail: SafeString
) -> SafeString:
    named = children[0][0] is not None
    opening, closing = ("{", "}") if named else ("[", "]")
    noun = ("field" if named else "item") + ("" if len(children) == 1 else "s")
    shown = children[:MAX_CHILDREN]
    left_out = len(children) - len(shown)
    items = format_html_join(
        "",
        "<li>{}</li>",
        ((_child(pair, depth, tail=SafeString("" if pair is children[-1] else ",")),) for pair in shown),
    )
    if left_out:
        items = format_html('{}<li class="json-size">{} more</li>', items, left_out)
    return format_html(
        '<details{}><summary>{}{}<span class="json-size" data-size="{} {} {}"></span></summary>'
        "<ul>{}</ul>{}{}</details>",
        SafeString(" open") if depth < OPEN_DEPTH and len(children) <= OPEN_CHILDREN else "",
        head,
        opening,
        len(children),
        noun,
        closing,
        items,
        closing,
        tail,
    )


def _child(pair: tuple[str | None, object], depth: int, *, tail: SafeString) -> SafeString:
    key, value = pair
    head = SafeString()
    if key is not None:
        head = format_html('<span class="json-key">{}</span>: ', json.dumps(key, ensure_ascii=False))
    return _node(value, depth=depth + 1, head=head, tail=tail)


def _leaf(value: object) -> SafeString:
    if value is None or isinstance(value, bool):
        kind, text = ("null", "null") if value is None else ("boolean", "true" if value else "false")
    elif isinstance(value, int | float | Decimal):
        kind, text = "number", str(value)
    elif isinstance(value, datetime | date):
        kind, text = "string", json.dumps(value.isoformat())
    elif isinstance(value, Mapping | list | tuple) and not value:
        kind, text = "empty", "{}" if isinstance(value, Mapping) else "[]"
    else:
        kind, text = "string", json.dumps(str(value), ensure_ascii=False)
    return format_html('<span class="json-{}">{}</span>', kind, text)
