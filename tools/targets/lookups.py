"""Look-ups by another tool of the same target: what was done of a call whose answer was lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from observability.database import give_back_connection
from tools.binding import fill
from tools.catalog import catalog
from tools.errors import ToolFailed, ToolRefused
from tools.paths import Missing, value_at
from tools.targets.answers import NOT_FOUND
from tools.targets.base import Call

# How servers that answer with an object say that there is nothing.
EMPTY: tuple[Any, ...] = (None, "", [], {}, {"text": ""}, {"result": None}, {"result": []})


def look_up_of(call: Call) -> Call:
    """The call by which `{"tool", "arguments"}` finds out what this one did. Raises `ToolRefused` where there is no
    such tool, or it would do something."""
    rule = call.tool.lookup or {}
    tool = catalog.find(f"{call.tool.target.name}___{rule.get('tool')}")
    give_back_connection()
    if tool is None or not tool.is_read:
        raise ToolRefused("no_look_up", f"{rule.get('tool')!r} is no tool that only reads.")
    bound = {name: call.values[source] for name, source in tool.bindings.items() if call.values.get(source)}
    arguments = {**fill(rule.get("arguments", {}), call.values), **bound}
    return replace(call, tool=tool, arguments=arguments, values={**call.values, **arguments}, key=None)


def found(answer: Any, rule: Mapping[str, Any]) -> Any:
    """The answer of a look-up, where it holds something: at the path `found` of its rule, or anywhere without one.
    Raises `ToolFailed` with status 404 where it does not: nothing was done."""
    path = str(rule.get("found") or "")
    try:
        value = value_at(answer, path)
    except Missing:
        value = None
    if value in EMPTY or (path and value is False):
        raise ToolFailed("not_found", "The backend holds nothing of this call.", status=NOT_FOUND)
    return answer
