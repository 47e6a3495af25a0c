"""A form's rule in one plain sentence, for the list of rules and for the person who approves."""

from __future__ import annotations

from collections.abc import Mapping

from tools.policy.forms import Condition, FormRule
from tools.policy.schema import SEPARATOR

CALLERS = {"": "Anyone", "agent": "Agents", "key": "Outside callers"}
APPROVERS = {
    "support": ("a member of support", "members of support"),
    "reviewer": ("a reviewer", "reviewers"),
    "admin": ("an admin", "admins"),
}
COMPARED = {
    "is": "is",
    "is_not": "is not",
    "one_of": "is one of",
    "at_most": "is at most",
    "at_least": "is at least",
    "below": "is below",
    "above": "is above",
    "starts_with": "starts with",
    "contains": "contains",
    "given": "is given",
    "missing": "is not given",
}
# What lies beyond a single limit.
BEYOND = {"at_most": "above that", "below": "from that on", "at_least": "below that", "above": "up to that"}


def sentence(form: FormRule, labels: Mapping[str, str]) -> str:
    """`labels` are words for a tool's key ("refund an order"), a target, an agent, a role, an argument or a fact; what
    has none is called by its own name."""
    customer = " for a verified customer" if form.verified_customer and form.effect != "forbid" else ""
    unless = ", unless the customer is verified" if form.verified_customer and form.effect == "forbid" else ""
    return f"{who(form, labels)} {may(form)} {what(form, labels)}{customer}{when(form, labels)}{unless}{then(form)}."


def who(form: FormRule, labels: Mapping[str, str]) -> str:
    if form.agent:
        caller = labels.get(form.agent, form.agent)
        also = {"agent": " if it is an agent", "key": " if it is an outside caller"}.get(form.kind, "")
        return caller + also + (f" with the role {labels.get(form.role, form.role)}" if form.role else "")
    callers = "Nobody" if is_about_everybody(form) and form.effect == "forbid" else CALLERS[form.kind]
    return f"{callers} with the role {labels.get(form.role, form.role)}" if form.role else callers


def is_about_everybody(form: FormRule) -> bool:
    return not form.agent and not form.kind


def may(form: FormRule) -> str:
    return "may not" if form.effect == "forbid" and not is_about_everybody(form) else "may"


def what(form: FormRule, labels: Mapping[str, str]) -> str:
    if not form.scope:
        return "use any tool"
    if SEPARATOR not in form.scope:
        return f"use any tool of {labels.get(form.scope, form.scope)}"
    return labels.get(form.scope, form.scope.partition(SEPARATOR)[2].replace("_", " "))


def when(form: FormRule, labels: Mapping[str, str]) -> str:
    if not form.conditions:
        return ""
    unknown = " or is not known" if form.effect == "forbid" else ""
    parts = [
        phrase(condition, labels) + (unknown if condition.operator not in {"given", "missing"} else "")
        for condition in form.conditions
    ]
    return " when " + " and ".join(parts)


def phrase(condition: Condition, labels: Mapping[str, str]) -> str:
    name = labels.get(condition.name, condition.name.replace("_", " ").replace(".", " "))
    compared = COMPARED[condition.operator]
    if condition.operator in {"given", "missing"}:
        return f"the {name} {compared}"
    values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    return f"the {name} {compared} {', '.join(str(value) for value in values)}"


def then(form: FormRule) -> str:
    if not form.approver:
        return ""
    one, several = APPROVERS[form.approver]
    if form.effect == "approval":
        return f", once {one} approves" if form.approvals == 1 else f", once {form.approvals} {several} approve"
    only = form.conditions[0].operator if len(form.conditions) == 1 else ""
    asked = one if form.approvals == 1 else f"{form.approvals} {several}"
    return f"; {BEYOND.get(only, 'otherwise')} {asked} must approve"
