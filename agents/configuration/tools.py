"""The tools of a target: written as a file wants them, the listed ones on top of what the backend says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError

from agents.configuration.desk import effect_defaults, progress_of
from agents.configuration.targets import Plan
from agents.configuration.tool_checks import problems_of_tool
from agents.configuration.values import Entry, nearest_words
from tools.catalog import catalog
from tools.listing import LISTED, bare
from tools.models import Target, Tool


def write_tools(plan: Plan) -> None:
    """Within the transaction, after the target and what it lists. What is wrong is among the faults.

    All are stored before any is checked: they name each other.
    """
    rows = {tool.name: tool for tool in Tool.objects.filter(target=plan.row)}
    stored: list[tuple[Entry, Tool]] = []
    for name, entry in plan.wanted.tools.items():
        is_new = name not in rows or name in plan.fresh
        tool = rows.get(name) or new_tool(plan, name, entry)
        if tool is None:
            continue
        tool.target = plan.row
        set_values(tool, entry, is_new=is_new)
        if save(tool, entry):
            rows[name] = tool
            stored.append((entry, tool))
    for entry, tool in stored:
        for key, message in problems_of_tool(tool, rows):
            entry.refuse(key, message)
    catalog.forget()


def new_tool(plan: Plan, name: str, entry: Entry) -> Tool | None:
    row = plan.row
    if row.kind in Target.LISTED:
        offered = [definition.name for definition in plan.listing.definitions] if plan.listing else []
        entry.refuse("", f"the backend lists no tool {name!r}{nearest_words(name, offered)}")
        return None
    missing = [part for part in needed(row) if part not in entry.values]
    if missing:
        entry.refuse("", f"it is new, so it needs {', '.join(missing)}.")
        return None
    return Tool(target=row, name=name, progress=progress_of(name))


def needed(target: Target) -> list[str]:
    return ["description", "input_schema", "effect", *(["routes"] if target.kind == Target.Kind.HTTP else [])]


def set_values(tool: Tool, entry: Entry, *, is_new: bool) -> None:
    """A new one that does more than read is off, unless the file says that it is on."""
    values: Mapping[str, Any] = entry.values
    if is_new and "effect" in values:
        for name, value in effect_defaults(Tool.Effect(values["effect"])).items():
            setattr(tool, name, value)
    for name, value in values.items():
        if name != "recipe":
            setattr(tool, name, value)
    if "recipe" in values and LISTED in tool.recipe:
        entry.refuse("recipe", "how this tool is called is known from what the backend lists.")
    elif "recipe" in values:
        tool.recipe = {**bare(tool.recipe), **values["recipe"]}


def save(tool: Tool, entry: Entry) -> bool:
    try:
        tool.clean_fields(exclude=["target"])
    except ValidationError as error:
        for name, messages in error.message_dict.items():
            entry.refuse(name, " ".join(messages))
        return False
    tool.save()
    return True
