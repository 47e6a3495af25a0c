"""Which tools a caller may call at all: what a model is shown, and the matrix of who may call what.

Found by deciding with the context unknown. It is a preview: every call is decided again with what it brings.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import cedarpy

from tools.policy.authorize import Principal
from tools.policy.schema import ACTION, GATEWAY, GATEWAY_TYPE, PRINCIPAL
from tools.policy.slices import Compiled
from tools.policy.values import Unfit, check_caller, entities_of

Possibility = Literal["always", "conditions", "never"]
# "approval": every call passes, and none without people's agreement.
Cell = Literal["always", "approval", "conditions", "never"]
MAX_CELLS = 20_000


def possible_tools(compiled: Compiled, principal: Principal, tools: Iterable[str]) -> dict[str, Possibility]:
    """By tool: whether every input, some input or no input could pass, approved or not. `tools` are keys."""
    return {
        tool: "conditions" if cell == "approval" else cell for tool, cell in row_of(compiled, principal, tools).items()
    }


def matrix(compiled: Compiled, principals: Iterable[Principal], tools: Iterable[str]) -> dict[str, dict[str, Cell]]:
    """By the caller's id, then by tool."""
    columns = list(tools)
    return {principal.id: row_of(compiled, principal, columns) for principal in principals}


def row_of(compiled: Compiled, principal: Principal, tools: Iterable[str]) -> dict[str, Cell]:
    try:
        tags = check_caller(principal.id, principal.tags)
    except Unfit:
        return dict.fromkeys(tools, "never")
    return {tool: cell_of(compiled, tool, principal, tags) if tool in compiled.shapes else "never" for tool in tools}


def cell_of(compiled: Compiled, tool: str, principal: Principal, tags: tuple[tuple[str, str], ...]) -> Cell:
    """Kept with the rules: an agent's list is asked for at every step of every turn."""
    key = (principal.id, tags, tool)
    found: Cell | None = compiled.cells.get(key)
    if found is None:
        if len(compiled.cells) >= MAX_CELLS:
            compiled.cells.clear()
        found = compiled.cells[key] = find_cell(compiled, tool, principal, tags)
    return found


def find_cell(compiled: Compiled, tool: str, principal: Principal, tags: tuple[tuple[str, str], ...]) -> Cell:
    cut = compiled.slice_of(tool)
    if not cut.may_permit:
        return "never"
    result = cedarpy.is_authorized_partial(
        {
            "principal": f'{PRINCIPAL}::"{principal.id}"',
            "action": f'{ACTION}::"{tool}"',
            "resource": f'{GATEWAY_TYPE}::"{GATEWAY}"',
            "context": None,
        },
        cut.enforced,
        entities_of(principal.id, tags, tool, cut.groups),
        cut.schema,
    )
    seen = result.diagnostics
    if result.decision is cedarpy.Decision.Deny or seen.errors:
        return "never"
    if result.decision is cedarpy.Decision.NoDecision:
        return "conditions" if seen.may_be_determining else "never"
    if any(compiled.statements[name].approvers is None for name in seen.must_be_determining):
        return "always"
    return "approval" if all(compiled.statements[name].approvers for name in seen.may_be_determining) else "conditions"
