"""Where a document says that its service is."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin, urlsplit

from tools.openapi.document import Document, Unusable, list_in, mapping_in, text_in

VARIABLE = re.compile(r"\{([^{}]+)\}")
MAX_SERVERS = 50


def servers_of(document: Document, *, base: str = "") -> list[str]:
    """Absolute http(s) URLs without a slash at the end; variables have their defaults, and a relative URL is joined to
    `base`, the document's own. What cannot be used is left out and named by `server_warnings`."""
    urls = [url for url, _ in read_servers(document, base) if url]
    return list(dict.fromkeys(urls))


def server_warnings(document: Document, *, base: str = "") -> list[str]:
    """What an admin should know before a call goes there: hosts that a variable would choose, URLs left out."""
    warnings = [warning for _, found in read_servers(document, base) for warning in found]
    return list(dict.fromkeys(warnings))


def read_servers(document: Document, base: str) -> list[tuple[str, list[str]]]:
    try:
        nodes = list_in(document.tree, "servers")[:MAX_SERVERS]
    except Unusable as error:
        return [("", [f"{error}."])]
    # OpenAPI: without any, the document's own address.
    return [read_server(node, base) for node in (nodes or [{"url": "/"}])]


def read_server(node: Any, base: str) -> tuple[str, list[str]]:
    template = text_in(node, "url") if isinstance(node, dict) else ""
    label = repr(template[:120])
    try:
        address, warnings = filled(node, template)
    except Unusable as error:
        return "", [f"The server {label} is left out: {error}."]
    try:
        joined = urljoin(base, address)
        parts = urlsplit(joined)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return "", [*warnings, f"The server {label} is left out: it is no URL."]
    if not usable:
        why = "it is relative, and the document's own address is not known" if not parts.scheme else "it is not HTTP"
        return "", [*warnings, f"The server {label} is left out: {why}."]
    if "@" in parts.netloc or parts.query or parts.fragment or re.search(r"[\x00-\x20\x7f\\]", joined):
        return "", [*warnings, f"The server {label} is left out: it holds a user name, a query or odd characters."]
    return joined.rstrip("/"), warnings


def filled(node: Any, template: str) -> tuple[str, list[str]]:
    """The URL with each variable's default. Raises `Unusable`."""
    if not template:
        raise Unusable("it has no URL")
    variables = mapping_in(node, "variables")
    warnings = []
    address = template
    for name in dict.fromkeys(VARIABLE.findall(template)):
        variable = variables.get(name)
        default = str(variable.get("default", "")) if isinstance(variable, dict) else ""
        if not default:
            raise Unusable(f"its variable {name[:60]!r} has no default")
        if in_host(template, name) and not (isinstance(variable, dict) and variable.get("enum")):
            warnings.append(
                f"In the server {template[:120]!r} the variable {name[:60]!r} could name any host; "
                f"its default, {default[:60]!r}, is used."
            )
        address = address.replace(f"{{{name}}}", default)
    return address, warnings


def in_host(template: str, name: str) -> bool:
    """Whether the variable stands before the path, where it decides which machine is called."""
    head = re.sub(r"^[a-z]+://", "", template).partition("/")[0]
    return f"{{{name}}}" in head


def own_servers(document: Document, item: dict[str, Any], operation: dict[str, Any]) -> None:
    """Raises `Unusable` for an operation that lives elsewhere than the document: its target is one address."""
    known = {url for url, _ in read_servers(document, "")} | {
        text_in(node, "url") for node in list_in(document.tree, "servers") if isinstance(node, dict)
    }
    for node in (*list_in(item, "servers"), *list_in(operation, "servers")):
        url, _ = read_server(node, "")
        template = text_in(node, "url") if isinstance(node, dict) else ""
        if (url or template) not in known:
            raise Unusable(f"it has a server of its own, {template[:120]!r}")
