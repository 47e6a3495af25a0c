"""The security schemes of a document, so that a form can propose the credential that its operations need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

from tools.definitions import plain_text
from tools.openapi.document import Document, Unusable, list_in, mapping_in, text_in

OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class SecurityScheme:
    """`name` is the document's; `kind` is "bearer", "basic", "api_key_header", "api_key_query",
    "oauth2_client_credentials" or "other", which no credential here can fill. `parameter` is the header or query
    parameter of an API key. `token_url` is absolute, or empty where the document gives none that is; it was chosen
    by the document, and is called through the safe client only."""

    name: str
    kind: str
    description: str
    parameter: str = ""
    token_url: str = ""
    scopes: list[str] = field(default_factory=list)


def security_of(document: Document, *, base: str = "") -> list[SecurityScheme]:
    """In the document's order; what cannot be read is left out. `base` is the document's own URL."""
    return [scheme_of(name, node, base) for name, node in scheme_nodes(document).items() if text_in(node, "type")]


def scheme_nodes(document: Document) -> dict[str, dict[str, Any]]:
    nodes = {}
    try:
        for name, node in mapping_in(mapping_in(document.tree, "components"), "securitySchemes").items():
            nodes[name] = document.follow(node)
    except Unusable:
        return nodes
    return nodes


def scheme_of(name: str, node: dict[str, Any], base: str) -> SecurityScheme:
    description = plain_text(text_in(node, "description"), 300)
    parameter, token_url, scopes = "", "", []
    kind = kind_of(node)
    if kind.startswith("api_key"):
        parameter = text_in(node, "name")
    elif kind == "oauth2_client_credentials":
        flow = node["flows"]["clientCredentials"]
        token_url = absolute(text_in(flow, "tokenUrl"), base)
        scopes = [str(scope) for scope in flow["scopes"]] if isinstance(flow.get("scopes"), dict) else []
    return SecurityScheme(
        name=name, kind=kind, description=description, parameter=parameter, token_url=token_url, scopes=scopes
    )


def kind_of(node: dict[str, Any]) -> str:
    match text_in(node, "type"), text_in(node, "scheme").lower(), text_in(node, "in"):
        case "http", "bearer" | "basic" as kind, _:
            return kind
        case "apiKey", _, "header" | "query" as place if text_in(node, "name"):
            return f"api_key_{place}"
        case "oauth2", _, _:
            flows = node.get("flows")
            flow = flows.get("clientCredentials") if isinstance(flows, dict) else None
            return "oauth2_client_credentials" if isinstance(flow, dict) else OTHER
        case _:
            return OTHER


def absolute(address: str, base: str) -> str:
    joined = urljoin(base, address) if address else ""
    try:
        parts = urlsplit(joined)
    except ValueError:
        return ""
    return joined if parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc else ""


def security_needed(document: Document, operation: dict[str, Any]) -> list[str]:
    """The schemes that one call needs together: of the alternatives the first that a credential here can fill, else
    the first; none where the operation can be called without. Raises `Unusable`."""
    owner = operation if "security" in operation else document.tree
    alternatives = [item for item in list_in(owner, "security") if isinstance(item, dict)]
    if not alternatives or {} in alternatives:
        return []
    kinds = {name: kind_of(node) for name, node in scheme_nodes(document).items()}
    usable = (item for item in alternatives if all(kinds.get(name, OTHER) != OTHER for name in item))
    return list(next(usable, alternatives[0]))


def credential_names(document: Document) -> frozenset[tuple[str, str]]:
    """(place, name) of the API keys, which are never arguments though some documents list them as parameters."""
    names = set()
    for node in scheme_nodes(document).values():
        place, name = text_in(node, "in"), text_in(node, "name")
        if kind_of(node).startswith("api_key"):
            names.add((place, name.lower() if place == "header" else name))
    return frozenset(names)
