"""A backend that is described by an OpenAPI document; each tool has the recipe that was made from an operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from observability.batch import encode
from tools.definitions import Definition
from tools.errors import ToolRefused
from tools.models import Target
from tools.net.fetch import fetch
from tools.openapi import Document, DocumentRefused, build_request, definition_of, operations_of, read_document
from tools.openapi.reading import MAX_CHARACTERS
from tools.targets.answers import read_answer
from tools.targets.base import Call
from tools.targets.http import Request, address_of, ask_by_route, close_pools, exchange, key_header, reach_of
from tools.targets.lookups import found, look_up_of

FETCH_SECONDS = 30.0
ACCEPT = "application/json, application/yaml, text/yaml;q=0.9, */*;q=0.5"
OK = 200


class OpenApiAdapter:
    def send(self, call: Call) -> Any:
        request = request_of(call)
        return read_answer(*exchange(call.tool.target, request, deadline=call.deadline))

    def send_look_up(self, call: Call) -> Any:
        """By an HTTP route, or by another operation."""
        rule = call.tool.lookup or {}
        if "path" in rule:
            return ask_by_route(call)
        return found(self.send(look_up_of(call)), rule)

    def list_definitions(self, target: Target) -> list[Definition]:
        """Those of the document's operations that can be offered."""
        return [definition_of(operation) for operation in operations_of(document_of(target)) if not operation.problems]

    def close(self) -> None:
        close_pools()


def request_of(call: Call) -> Request:
    """Raises `ToolRefused`."""
    recipe = call.tool.recipe
    if not recipe:
        raise ToolRefused("no_recipe", f"It is not known how {call.tool.name!r} is called.")
    built = build_request(recipe, call.arguments)
    content = {"Content-Type": built.content_type} if built.content_type else {}
    key = key_header(call, recipe["key_header"]) if recipe.get("key_header") else key_header(call)
    return Request(
        method=built.method,
        url=address_of(call.tool.target.base_url, built.path, built.query),
        headers={**built.headers, **content, **key},
        body=body_of(built.body, built.content_type),
        signed=content,
    )


def body_of(body: Any, content_type: str) -> bytes | None:
    """A form comes as pairs of name and value, everything else is JSON."""
    if not content_type:
        return None
    if isinstance(body, tuple):
        return urlencode(body, quote_via=quote).encode()
    return encode(body).encode()


def document_of(target: Target) -> Document:
    """The one that was uploaded, or the one at its address as it is now. Raises `DocumentRefused`, `FetchFailed` and
    `AddressRefused`."""
    settings: Mapping[str, Any] = target.settings
    if settings.get("document"):
        return read_document(settings["document"])
    if not settings.get("document_url"):
        raise DocumentRefused("There is no document: neither an address nor an uploaded one.")
    fetched = fetch(
        settings["document_url"],
        reach=reach_of(target),
        max_bytes=MAX_CHARACTERS,
        deadline_seconds=FETCH_SECONDS,
        accept=ACCEPT,
    )
    if fetched.status != OK:
        raise DocumentRefused(f"The document's address answered {fetched.status}.")
    return read_document(fetched.body)
