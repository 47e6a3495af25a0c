"""The body of an operation's request: in which form it is sent, and whether its properties can be arguments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tools.openapi.document import Document, Unusable, mapping_in, text_in
from tools.openapi.parameters import STYLES, TOKEN

FORM = "application/x-www-form-urlencoded"
ANY_TYPE = ("*/*", "application/*")
# Beside these words nothing restricts an object as a whole, so that its properties can stand alone.
# fmt: off
FLAT = frozenset({
    "additionalProperties", "allOf", "default", "deprecated", "description", "discriminator", "example",
    "examples", "externalDocs", "nullable", "properties", "required", "title", "type", "xml", "$anchor",
    "$comment", "$defs", "$id", "$schema",
})
# fmt: on


@dataclass(frozen=True, kw_only=True)
class Body:
    """`encoding`: how the fields of a form are written, by name: {"style", "explode"}."""

    content_type: str
    schema: Any
    required: bool
    encoding: dict[str, dict[str, Any]]

    @property
    def is_form(self) -> bool:
        return media_type(self.content_type) == FORM


@dataclass(frozen=True, kw_only=True)
class Flat:
    """An object schema as its parts. `rest` is what it says of further properties: a schema, or False."""

    properties: dict[str, Any]
    required: list[str]
    rest: Any


def body_of(document: Document, operation: dict[str, Any]) -> Body | None:
    """Raises `Unusable` where it can be sent neither as JSON nor as a form."""
    if operation.get("requestBody") is None:
        return None
    node = document.follow(operation["requestBody"])
    content = mapping_in(node, "content")
    if not content:
        return None
    chosen = choose(list(content))
    media = document.follow(content[chosen])
    content_type = "application/json" if media_type(chosen) in ANY_TYPE else chosen
    return Body(
        content_type=content_type,
        schema=media.get("schema", {}),
        required=node.get("required") is True,
        encoding=encoding_of(media) if media_type(content_type) == FORM else {},
    )


def media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def choose(content_types: list[str]) -> str:
    """JSON before its dialects, those before a form. Raises `Unusable`."""
    ranked = [(rank, name) for name in content_types if (rank := rank_of(name)) is not None]
    if not ranked:
        names = ", ".join(name[:60] for name in content_types[:3])
        raise Unusable(f"its body is sent as {names}; only JSON and {FORM} are supported")
    return min(ranked, key=lambda pair: pair[0])[1]


def rank_of(content_type: str) -> int | None:
    kind = media_type(content_type)
    # It becomes a header.
    if not all(TOKEN.fullmatch(part) for part in kind.split("/")) or not re.fullmatch(r"[ -~]{1,200}", content_type):
        return None
    if kind == "application/json":
        return 0
    if kind.endswith("+json"):
        return 1
    return {**dict.fromkeys(ANY_TYPE, 2), FORM: 3}.get(kind)


def encoding_of(media: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """OpenAPI 3.0.3, "Encoding Object". Without an entry a list is repeated and an object is sent as JSON text."""
    encoding = {}
    for name, node in mapping_in(media, "encoding").items():
        if not isinstance(node, dict):
            raise Unusable(f"the encoding of {name[:80]!r} must be an object")
        style = text_in(node, "style")
        if style and style not in STYLES["query"]:
            raise Unusable(f"the field {name[:80]!r} has the style {style[:40]!r}, which a form does not know")
        if media_type(text_in(node, "contentType")) == "application/json" and not style:
            encoding[name] = {"style": "json", "explode": False}
        elif style or isinstance(node.get("explode"), bool):
            style = style or "form"
            explode = node.get("explode")
            is_exploded = explode if isinstance(explode, bool) else style in {"form", "deepObject"}
            encoding[name] = {"style": style, "explode": is_exploded}
    return encoding


def flatten(document: Document, schema: Any) -> Flat | None:
    """The properties of an object schema, those of its `allOf` included, if they say all that there is to say."""
    properties: dict[str, Any] = {}
    required: list[str] = []
    rest: Any = False
    passed: set[str] = set()
    pending = [schema]
    while pending:
        node = pending.pop(0)
        if not isinstance(node, dict):
            return None
        if "$ref" in node:
            if node["$ref"] in passed or (len(node) > 1 and not document.is_30):
                return None
            passed.add(str(node["$ref"]))
            pending.insert(0, document.at(node["$ref"]))
            continue
        if not is_flat(node) or properties.keys() & mapping_in(node, "properties").keys():
            return None
        properties |= mapping_in(node, "properties")
        if isinstance(names := node.get("required"), list):
            required += [name for name in names if isinstance(name, str) and name not in required]
        further = node.get("additionalProperties")
        if (further is False and "allOf" in node) or (rest and further and rest != further):
            return None  # it forbids what its members declare, or they differ on what else there may be
        rest = rest or further or False
        pending = list(node.get("allOf", [])) + pending
    return Flat(properties=properties, required=required, rest=rest) if properties else None


def is_flat(node: dict[str, Any]) -> bool:
    if any(key not in FLAT and not key.startswith("x-") for key in node):
        return False
    return node.get("type", "object") in ("object", ["object"]) and isinstance(node.get("allOf", []), list)
