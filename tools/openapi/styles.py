"""How a value is written in a path, a query, a header or a form: OpenAPI's parameter styles (OpenAPI 3.1.1, "Style
Values" and "Style Examples"; they follow RFC 6570).

Where a style joins values by a sign, a value that holds the sign is refused: servers take the text apart after they
have decoded it, so that one value would arrive as two.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from tools.errors import ToolRefused

Pairs = tuple[tuple[str, str], ...]
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
SEPARATORS = {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}


def refuse(problem: str) -> ToolRefused:
    return ToolRefused("invalid_arguments", f"{problem[0].upper()}{problem[1:]}.")


def text_of(value: Any) -> str:
    """JSON Schema takes 5.0 for an integer; an address should say 5."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def texts_of(argument: str, value: Any, separator: str) -> list[str]:
    """A list's items, or an object's keys and values in turn; null stands for nothing and is left out."""
    if isinstance(value, dict):
        texts = [text for key, item in value.items() if item is not None for text in (key, text_of(item))]
    else:
        texts = [text_of(item) for item in value if item is not None]
    if separator and any(separator in text for text in texts):
        raise refuse(f"{argument}: no value may hold {separator!r}, which separates them")
    return texts


# -- path


def path_text(argument: str, entry: Mapping[str, Any], value: Any) -> str:
    """One path segment or a part of one, encoded."""
    style, name = entry["style"], quote(entry["name"], safe="")
    if style == "json" or not isinstance(value, dict | list):
        text = segment(argument, json.dumps(value) if style == "json" else text_of(value))
        return {"label": f".{text}", "matrix": f";{name}={text}"}.get(style, text)
    separator = {"label": ".", "matrix": ";"}.get(style, ",") if entry["explode"] else ","
    texts = [segment(argument, text) for text in texts_of(argument, value, separator)]
    if not texts:
        raise refuse(f"{argument}: a part of a path cannot be empty")
    if isinstance(value, dict) and entry["explode"]:
        texts = [f"{key}={text}" for key, text in zip(texts[::2], texts[1::2], strict=True)]
    elif style == "matrix" and entry["explode"]:
        texts = [f"{name}={text}" for text in texts]
    joined = separator.join(texts)
    if style == "label":
        return f".{joined}"
    if style == "matrix":
        return f";{joined}" if entry["explode"] else f";{name}={joined}"
    return joined


def segment(argument: str, text: str) -> str:
    """Encoded; refused where a server that decodes before it routes, or decodes twice, would be led elsewhere."""
    if not text:
        raise refuse(f"{argument}: a part of a path cannot be empty")
    for decoded in (text, unquote(text), unquote(unquote(text))):
        if CONTROL.search(decoded) or {".", ".."} & set(re.split(r"[/\\;]", decoded)):
            raise refuse(f"{argument}: {text[:64]!r} cannot be part of a path")
    return quote(text, safe="")


# -- header


def header_text(argument: str, entry: Mapping[str, Any], value: Any) -> str:
    if entry["style"] == "json":
        text = json.dumps(value)
    elif isinstance(value, dict) and entry["explode"]:
        texts = texts_of(argument, value, ",")
        text = ",".join(f"{key}={item}" for key, item in zip(texts[::2], texts[1::2], strict=True))
    else:
        text = ",".join(texts_of(argument, value, ",")) if isinstance(value, dict | list) else text_of(value)
    if CONTROL.search(text) or not text.isascii():
        raise refuse(f"{argument}: a header holds printable ASCII characters only")
    return text


# -- query and form


def form_pairs(argument: str, name: str, entry: Mapping[str, Any], value: Any) -> Pairs:
    """(name, value) pairs, not encoded. An empty list or object gives none."""
    style, explode = entry["style"], entry["explode"]
    if style == "json":
        return ((name, json.dumps(value, ensure_ascii=False, separators=(",", ":"))),)
    if not isinstance(value, dict | list):
        return ((name, text_of(value)),)
    if style == "deepObject":
        return deep_pairs(argument, name, value)
    if not explode:
        separator = SEPARATORS[style]
        texts = texts_of(argument, value, separator)
        return ((name, separator.join(texts)),) if texts else ()
    if isinstance(value, dict):
        return tuple((key, text_of(item)) for key, item in value.items() if item is not None)
    return tuple((name, text_of(item)) for item in value if item is not None)


def deep_pairs(argument: str, name: str, value: Any) -> Pairs:
    """`filter[status]=open`. OpenAPI leaves lists and nesting open; this is what Rails, PHP, Express and Stripe read:
    `ids[]=1&ids[]=2`, and for a list of objects `items[0][sku]=…`."""
    if isinstance(value, dict):
        for key in value:
            if not key or re.search(r"[\[\]]", key):
                raise refuse(f"{argument}: the key {key[:64]!r} cannot be sent")
        members = [(f"{name}[{key}]", item) for key, item in value.items()]
    elif isinstance(value, list):
        is_plain = not any(isinstance(item, dict | list) for item in value)
        members = [(f"{name}[]" if is_plain else f"{name}[{index}]", item) for index, item in enumerate(value)]
    else:
        return ((name, text_of(value)),)
    return tuple(pair for path, item in members if item is not None for pair in deep_pairs(argument, path, item))
