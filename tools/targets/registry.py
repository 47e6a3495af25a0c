"""Which adapter serves which kind of target."""

from __future__ import annotations

import threading
from typing import cast

from django.utils.module_loading import import_string

from tools.models import Target
from tools.targets.base import Adapter, Lister

# By name: a worker whose tools are all HTTP never loads the libraries of the others.
CLASSES = {
    Target.Kind.HTTP: "tools.targets.http.HttpAdapter",
    Target.Kind.OPENAPI: "tools.targets.openapi.OpenApiAdapter",
    Target.Kind.MCP: "tools.targets.mcp.adapter.McpAdapter",
    Target.Kind.MCP_STDIO: "tools.targets.mcp.adapter.McpAdapter",
    Target.Kind.AWS_LAMBDA: "tools.targets.aws_lambda.LambdaAdapter",
}
_made: dict[str, Adapter] = {}
_making = threading.Lock()


def adapter_of(target: Target) -> Adapter:
    """The process's adapter for a target. Raises `LookupError` for the desk's own tools, which are called directly."""
    name = CLASSES[Target.Kind(target.kind)]
    adapter = _made.get(name)
    if adapter is None:
        with _making:
            if name not in _made:
                _made[name] = cast("Adapter", import_string(name)())
            adapter = _made[name]
    return adapter


def lister_of(target: Target) -> Lister | None:
    """The adapter where it can list a target's tools; None where an admin writes them."""
    if target.kind not in Target.LISTED:
        return None
    adapter = adapter_of(target)
    return adapter if isinstance(adapter, Lister) else None


def forget() -> None:
    """Close what is kept open; tests do so between them."""
    with _making:
        made = list(_made.values())
        _made.clear()
    for adapter in made:
        adapter.close()
