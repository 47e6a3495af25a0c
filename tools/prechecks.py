"""What is looked up before a call is decided: whose the thing is that it would touch, and what a policy must know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tools.catalog import catalog
from tools.errors import OutcomeUnclear, TargetUnreachable, ToolFailed, ToolRefused
from tools.models import Tool
from tools.money import amount_of
from tools.owners import alike, own_part
from tools.paths import Missing, value_at
from tools.schemas import check_arguments
from tools.sending import Attempts
from tools.targets.base import Call

NOT_FOUND = 404
AMOUNT = "amount"


@dataclass(frozen=True, kw_only=True)
class Found:
    """`facts` by name, for the policies; `amount` is what the call moves, None where it moves no money."""

    facts: dict[str, Any] = field(default_factory=dict)
    amount: Decimal | None = None


def fact_types(tool: Tool) -> dict[str, str]:
    """The facts that a policy on this tool can count on or ask for, each with its JSON type."""
    types = {name: str(fact["type"]) for name, fact in (tool.precheck or {}).get("facts", {}).items()}
    return {**types, AMOUNT: "number"} if tool.amount is not None else types


def look_before(call: Call) -> Found:
    """Raises `ToolRefused` where the thing is not this customer's, or cannot be looked up: then nothing is decided."""
    answer = precheck(call, call.tool.precheck) if call.tool.precheck else None
    amount = amount_of(call.tool, call.arguments, answer)
    facts = facts_of(call.tool, answer)
    return Found(facts=facts if amount is None else {**facts, AMOUNT: str(amount)}, amount=amount)


def precheck(call: Call, rule: Mapping[str, Any]) -> Any:
    """The answer of the tool that is asked first; None where the call names nothing to ask about."""
    named = {theirs: call.arguments[ours] for theirs, ours in rule["arguments"].items() if ours in call.arguments}
    if not named:
        return None
    tool = catalog.find(f"{call.tool.target.name}___{rule['tool']}")
    if tool is None or not tool.is_read or not tool.is_open:
        raise ToolRefused("tool_disabled", f"{rule['tool']!r}, which must be asked first, is switched off at present.")
    check_arguments(tool.input_schema, {**named, **bound_of(tool, call.values)})
    asked = Call(
        tool=tool,
        arguments={**named, **bound_of(tool, call.values)},
        values={**context_of(call), **named, **bound_of(tool, call.values)},
        key=None,
        deadline=call.deadline,
    )
    try:
        return own_part(Attempts(0).read(asked), tool.owners, call.values)
    except ToolFailed as error:
        code = "not_found" if error.status == NOT_FOUND else error.code
        raise ToolRefused(code, str(alike(error, tool.owners))) from error
    except (TargetUnreachable, OutcomeUnclear) as error:
        raise ToolRefused("unreachable", "The backend cannot be asked at present. Nothing was done.") from error


def bound_of(tool: Tool, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[source] for name, source in tool.bindings.items() if values.get(source)}


def context_of(call: Call) -> dict[str, Any]:
    """The gateway's own values, without the arguments of the call that comes after."""
    return {name: value for name, value in call.values.items() if "." in name}


def facts_of(tool: Tool, answer: Any) -> dict[str, Any]:
    facts = {}
    for name, fact in (tool.precheck or {}).get("facts", {}).items():
        try:
            facts[name] = value_at(answer, fact["path"])
        except Missing:
            continue
    return facts
