"""The parameters of an operation: which there are, and which of them are the model's to give."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from tools.openapi.document import Document, Unusable, list_in, mapping_in, text_in

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # RFC 9110, section 5.6.2
# Set by the client, the credential or nobody; the last ones would make another request of it.
# fmt: off
RESERVED_HEADERS = frozenset({
    "accept", "accept-encoding", "authorization", "connection", "content-encoding", "content-length",
    "content-type", "cookie", "cookie2", "expect", "forwarded", "host", "http2-settings", "keep-alive",
    "origin", "proxy-authenticate", "proxy-authorization", "proxy-connection", "range", "referer", "set-cookie",
    "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "via", "x-amz-date", "x-amz-security-token",
    "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "x-http-method",
    "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url",
})
# fmt: on
# The gateway names each write itself; a model that chose the name could have one answered with another's result.
KEY_HEADERS = frozenset({"idempotency-key", "x-idempotency-key"})
STYLES = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """`place` is "path", "query" or "header"; `style` is one of OpenAPI's, or "json" for a value sent as JSON text."""

    name: str
    place: str
    schema: Any
    description: str
    required: bool
    deprecated: bool
    style: str
    explode: bool


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """`key_header` is the header that takes the idempotency key, or empty."""

    given: list[Parameter]
    key_header: str
    notes: list[str]


def parameters_of(
    document: Document, item: dict[str, Any], operation: dict[str, Any], credentials: Collection[tuple[str, str]]
) -> Parameters:
    """Those of the path and of the operation, which goes before. `credentials` are (place, name) of the keys that the
    target's credential fills. Raises `Unusable`."""
    nodes: dict[tuple[str, str], dict[str, Any]] = {}
    for raw in (*list_in(item, "parameters"), *list_in(operation, "parameters")):
        node = document.follow(raw)
        nodes[(text_in(node, "in"), text_in(node, "name"))] = node
    given, notes, key_header = [], [], ""
    for (place, name), node in nodes.items():
        label = f"the {place} parameter {name[:80]!r}"
        if place == "header" and name.lower() in KEY_HEADERS:
            key_header = name
        elif (place, name.lower() if place == "header" else name) in credentials or is_reserved(place, name):
            continue
        elif place in STYLES and name:
            given.append(parameter_of(document, node, label))
        elif node.get("required") is True:
            raise Unusable(f"{label} is required and cannot be sent")
        else:
            notes.append(f"{label} is left out")
    return Parameters(given=given, key_header=key_header, notes=notes)


def is_reserved(place: str, name: str) -> bool:
    """Whether no argument may set this header, whatever a document says."""
    lowered = name.lower()
    return place == "header" and (lowered in RESERVED_HEADERS or lowered.startswith(("proxy-", "sec-", "x-forwarded-")))


def parameter_of(document: Document, node: dict[str, Any], label: str) -> Parameter:
    place, name = text_in(node, "in"), text_in(node, "name")
    if place == "header" and not TOKEN.fullmatch(name):
        raise Unusable(f"{label} is no header name")
    content = mapping_in(node, "content")
    if content:
        if "application/json" not in content:
            raise Unusable(f"{label} is sent as {next(iter(content))[:60]!r}, which is not supported")
        schema, style = document.follow(content["application/json"]).get("schema", {}), "json"
    else:
        schema, style = node.get("schema", {}), text_in(node, "style") or STYLES[place][0]
        if style not in STYLES[place]:
            raise Unusable(f"{label} has the style {style[:40]!r}, which its place does not know")
    explode = node.get("explode")
    return Parameter(
        name=name,
        place=place,
        schema=schema,
        description=text_in(node, "description"),
        required=place == "path" or node.get("required") is True,
        deprecated=node.get("deprecated") is True,
        style=style,
        # OpenAPI: true for `form`, else false; a deep object knows no other form.
        explode=explode if isinstance(explode, bool) else style in {"form", "deepObject"},
    )
