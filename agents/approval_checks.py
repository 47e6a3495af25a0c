"""What a person made of a call's arguments, checked as the gateway will: the schema, the money, the policies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agents.approval_arguments import ArgumentsForm
from agents.models import Session
from tools.authorize import Asked, authorize
from tools.binding import Customer, visible_schema
from tools.errors import ToolRefused
from tools.models import Approval, GatewayKey, Tool
from tools.money import amount_of
from tools.policy.authorize import Principal
from tools.policy.statements import APPROVER_ROLES
from tools.schemas import check_arguments, validator_of

AMOUNT = "amount"
WORDS = {
    "pattern": "It is not written as the tool takes it.",
    "enum": "It is none of the values that the tool takes.",
    "required": "The tool cannot do without it.",
    "minLength": "It is too short for the tool.",
    "maxLength": "It is too long for the tool.",
    "format": "It is not written as the tool takes it.",
}


@dataclass(frozen=True, kw_only=True)
class Edited:
    """Arguments that may be approved, and the money that they move."""

    arguments: dict[str, Any]
    amount: Decimal | None


def edited(form: ArgumentsForm, session: Session | None) -> Edited | None:
    """What the form says, where it is in order; else None, with what is wrong among its errors."""
    if not form.is_valid():
        return None
    approval, tool, arguments = form.approval, form.tool, form.changed
    add_schema_problems(form, arguments)
    if form.errors:
        return None
    try:
        amount = new_amount(approval, tool, arguments)
    except ToolRefused as error:
        form.add_problem((tool.amount or {}).get("argument", ""), str(error))
        return None
    if arguments != approval.arguments:
        for problem in policy_problems(approval, tool, session, arguments, amount):
            form.add_problem("", problem)
    return None if form.errors else Edited(arguments=arguments, amount=amount)


def add_schema_problems(form: ArgumentsForm, arguments: dict[str, Any]) -> None:
    """Each beside its argument; those that belong to none on top."""
    schema = visible_schema(form.tool)
    given = {name: value for name, value in arguments.items() if name not in form.tool.bindings}
    found = False
    for error in validator_of(json.dumps(schema, sort_keys=True)).iter_errors(given):
        found = True
        name = str(error.instance_path[0]) if error.instance_path else ""
        rule = str(error.schema_path[-1]) if error.schema_path else ""
        form.add_problem(name, WORDS.get(rule, str(error.message)))
    if not found:
        try:
            check_arguments(schema, given)
        except ToolRefused as error:
            form.add_problem("", str(error))


def new_amount(approval: Approval, tool: Tool, arguments: Mapping[str, Any]) -> Decimal | None:
    """Recomputed from what was looked up when the agent asked. Raises `ToolRefused` where that does not say it."""
    if tool.amount is None:
        return None
    if arguments == approval.arguments:
        return approval.amount
    return amount_of(tool, arguments, looked_up(approval, tool))


def looked_up(approval: Approval, tool: Tool) -> dict[str, Any]:
    """The looked-up thing again, as far as its facts were kept, each at its own path."""
    found: dict[str, Any] = {}
    facts = approval.seen.get("facts", {})
    for name, rule in (tool.precheck or {}).get("facts", {}).items():
        if name not in facts:
            continue
        *above, last = str(rule.get("path", name)).split(".")
        place = found
        for step in above:
            place = place.setdefault(step, {})
        place[last] = facts[name]
    return found


def policy_problems(
    approval: Approval, tool: Tool, session: Session | None, arguments: Mapping[str, Any], amount: Decimal | None
) -> list[str]:
    """Why the policies in force do not let these arguments pass on the word of the people who were asked."""
    seen = approval.seen
    facts = dict(seen.get("facts", {}))
    if amount is not None:
        facts[AMOUNT] = str(amount)
    customer = customer_of(session, is_verified=bool(seen.get("verified")))
    ruling = authorize(
        Asked(
            tool=tool,
            arguments=arguments,
            principal=principal_of(approval, session),
            customer=customer,
            channel=session.channel if session else "",
            tainted=tuple(seen.get("tainted", ())),
            facts=facts,
        )
    )
    if ruling.decision == "deny":
        return [f"The policies do not allow it like this. {ruling.reason}".strip()]
    if ruling.decision == "approval" and (ruling.needed > approval.needed or rank(ruling.role) > rank(approval.role)):
        people = f"{ruling.needed} people" if ruling.needed > 1 else "a person"
        return [
            f"Like this it needs {people} with the role {ruling.role}. Reject it and tell the agent what to ask for."
        ]
    return []


def rank(role: str) -> int:
    return APPROVER_ROLES.index(role) if role in APPROVER_ROLES else len(APPROVER_ROLES)


def principal_of(approval: Approval, session: Session | None) -> Principal:
    """Who calls, as the gateway was told."""
    if session is not None:
        return Principal(id=session.agent.slug, tags={"kind": "agent", "channel": session.channel})
    key_id = approval.call.key_id
    name = GatewayKey.objects.filter(pk=key_id).values_list("name", flat=True).first() if key_id else ""
    return Principal(id=f"key:{name or ''}", tags={"kind": "key"})


def customer_of(session: Session | None, *, is_verified: bool) -> Customer:
    if session is None:
        return Customer(is_verified=is_verified)
    customer = session.customer
    return Customer(id=str(customer.pk), email=customer.email, name=customer.name, is_verified=is_verified)
