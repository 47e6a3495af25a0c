"""An OpenAPI document of version 3.0 or 3.1. Its references are followed within it; nothing is ever fetched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from tools.openapi.reading import DocumentRefused, read_tree

VERSIONS = ("3.0", "3.1")
METHODS = ("get", "head", "post", "put", "patch", "delete")  # "options" and "trace" are nothing that a tool does
MAX_OPERATIONS = 2_000


class Unusable(ValueError):
    """Why one operation cannot be offered; the others can."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """`tree` is plain JSON, `version` reads like "3.0.3"."""

    tree: dict[str, Any]
    version: str

    @property
    def is_30(self) -> bool:
        return self.version.startswith("3.0")

    @property
    def title(self) -> str:
        info = self.tree.get("info")
        return str(info.get("title") or "")[:200] if isinstance(info, dict) else ""

    def operations(self) -> list[tuple[str, str, dict[str, Any]]]:
        """(path, method, path item), in the document's order. Raises `DocumentRefused` for a path item that leads to
        nothing, as not even its operations are known, and for too many."""
        found = []
        for path, node in self.tree.get("paths", {}).items():
            try:
                # Beside a reference an item may have operations of its own.
                item = {} if path.startswith("x-") else {**self.follow(node), **node}
            except Unusable as error:
                raise DocumentRefused(f"#/paths, {path[:200]!r}: {error}.") from error
            found += [(path, method, item) for method in METHODS if isinstance(item.get(method), dict)]
        if len(found) > MAX_OPERATIONS:
            raise DocumentRefused(f"#/paths: {len(found):,} operations are more than {MAX_OPERATIONS:,}.")
        return found

    def at(self, reference: object) -> Any:
        """What `#/components/schemas/Order` names (RFC 6901). Raises `Unusable`."""
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise Unusable(
                f"it refers to {str(reference)[:120]!r}, outside the document, and nothing is fetched; "
                "put all into one document first"
            )
        node: Any = self.tree
        if reference[1:2] not in {"", "/"}:
            raise Unusable(f"the reference {reference[:120]!r} is no JSON pointer")
        for step in unquote(reference[1:]).split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and key in node:
                node = node[key]
            elif isinstance(node, list) and key.isascii() and key.isdigit() and int(key[:9]) < len(node):
                node = node[int(key[:9])]
            else:
                raise Unusable(f"the reference {reference[:120]!r} leads to nothing")
        return node

    def follow(self, node: Any) -> dict[str, Any]:
        """The object itself, or the one that its `$ref` leads to. Raises `Unusable`."""
        passed: set[str] = set()
        while isinstance(node, dict) and "$ref" in node:
            reference = str(node["$ref"])
            if reference in passed:
                raise Unusable(f"the reference {reference[:120]!r} leads back to itself")
            passed.add(reference)
            node = self.at(node["$ref"])
        if not isinstance(node, dict):
            raise Unusable(f"an object is expected where {str(node)[:60]!r} stands")
        return node


def read_document(text: str | bytes) -> Document:
    """Raises `DocumentRefused`, which names the place."""
    tree = read_tree(text)
    if not isinstance(tree, dict):
        raise DocumentRefused("This is no OpenAPI document: it is not an object.")
    if "swagger" in tree:
        raise DocumentRefused("This is a Swagger 2.0 document. Convert it to OpenAPI 3.0 or 3.1 first.")
    version = str(tree.get("openapi", ""))
    if not version:
        raise DocumentRefused("This is no OpenAPI document: it has no key 'openapi'.")
    if version[:3] not in VERSIONS or version[3:4] not in {"", "."}:
        raise DocumentRefused(f"#/openapi: version {version[:20]!r} is not supported; 3.0 and 3.1 are.")
    if not isinstance(tree.get("paths", {}), dict):
        raise DocumentRefused("#/paths: an object is expected.")
    document = Document(tree=tree, version=version)
    document.operations()
    return document


# -- parts of a document, which may hold anything anywhere


def mapping_in(node: dict[str, Any], key: str) -> dict[str, Any]:
    """The object under a key, empty where there is none. Raises `Unusable` for anything else."""
    value = node.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Unusable(f"{key!r} must be an object")
    return value


def list_in(node: dict[str, Any], key: str) -> list[Any]:
    value = node.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unusable(f"{key!r} must be a list")
    return value


def text_in(node: dict[str, Any], key: str) -> str:
    value = node.get(key)
    return value if isinstance(value, str) else ""
