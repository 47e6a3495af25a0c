"""Tool JSON that was pasted becomes tools: each with an effect, and over HTTP with a method and a path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction

from observability.audit import record
from tools.binding import PLACEHOLDER
from tools.definitions import Definition
from tools.listing import Accepted, put_tools
from tools.models import Target, Tool
from tools.routes import GIVEN, check_route
from tools.tool_changes import as_they_would_be, check_policies

WITHOUT_BODY = ("GET", "HEAD", "DELETE")


@dataclass(frozen=True, kw_only=True)
class Pasted:
    """One tool as an admin wants it; over HTTP `method` and `path` say how it is called."""

    definition: Definition
    effect: str
    method: str = ""
    path: str = ""


def route_of(schema: Mapping[str, Any], *, method: str, path: str) -> dict[str, Any]:
    """A whole route from a method and a path: what the path does not name goes into the query, or into the body.

    Raises `RouteRefused`.
    """
    names = [str(name) for name in schema.get("properties", {})]
    rest = {name: f"{{{name}}}" for name in names if name not in PLACEHOLDER.findall(path)}
    # A name that no placeholder can have stays out, and the route says nothing of it.
    rest = {name: value for name, value in rest.items() if PLACEHOLDER.fullmatch(value)}
    route: dict[str, Any] = {"method": method, "path": path}
    if method in WITHOUT_BODY:
        route |= {"query": rest} if rest else {}
    else:
        route["body"] = rest
    check_route(route, {*names, *GIVEN})
    return route


@transaction.atomic
def put_pasted(target: Target, pasted: Sequence[Pasted], user: User | AnonymousUser) -> Accepted:
    """Create or update the tools. Raises `RouteRefused`, `BreaksPolicies`; then nothing is stored."""
    wanted = [replace(tool.definition, effect=tool.effect) for tool in pasted]
    check_policies(as_they_would_be(target, wanted))
    done = put_tools(target, wanted)
    for tool in pasted:
        row = Tool.objects.get(target=target, name=tool.definition.name)
        row.effect = tool.effect
        if target.kind == Target.Kind.HTTP and tool.path:
            row.routes = [route_of(row.input_schema, method=tool.method, path=tool.path)]
        row.enabled = row.enabled and (bool(row.routes) or target.kind != Target.Kind.HTTP)
        row.save(update_fields=["effect", "routes", "enabled"])
    record(user, "target.paste", kind="target", id=target.pk, name=target.name, after=asdict(done))
    return done
