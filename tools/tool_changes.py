"""A tool is changed, switched or deleted: never so that a policy in force breaks, and never while it is in use."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction

from observability.audit import record, record_changes
from observability.batch import encode
from tools.authorize import shapes_of
from tools.catalog import catalog
from tools.definitions import Definition
from tools.listing import LISTED, new_tool, updated
from tools.models import Approval, Gateway, MoneyLimit, Target, Tool, ToolCall
from tools.policies import check_tools_change, in_force, problems_of
from tools.policy.statements import Problem

logger = logging.getLogger(__name__)
# Each is given the names under which tools are known, and says in words who may use one of them. Apps above this one
# add theirs, as they know what grants their tools: an agent's version.
users: list[Callable[[frozenset[str]], list[str]]] = []
FEW = 5


class Changed(Exception):
    """Somebody else changed the tool meanwhile, and nothing was saved."""


class BreaksPolicies(Exception):
    """Rules in force would not fit the tools any more, and nothing was saved. `problems` is never empty."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(f"{problems[0].rule}: {problems[0].message}")
        self.problems = problems


class InUse(Exception):
    """It stays, for these reasons; there is at least one."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


# -- what the policies would say


def check_policies(changed: Iterable[Tool] = (), *, gone: Sequence[Tool] = ()) -> None:
    """Raises `BreaksPolicies` where rules in force fit the tools as they are and would not fit them with these."""
    rows = {tool.pk: tool for tool in Tool.objects.select_related("target")}
    rows |= {tool.pk: tool for tool in changed}
    left_out = {tool.pk for tool in gone}
    after = sorted((tool for tool in rows.values() if tool.pk not in left_out), key=lambda tool: tool.key)
    problems = check_tools_change(shapes_of(after))
    if not problems:
        return
    known = {(problem.rule, problem.message) for problem in problems_of(in_force())}
    if new := [problem for problem in problems if (problem.rule, problem.message) not in known]:
        raise BreaksPolicies(new)


def as_they_would_be(target: Target, definitions: Iterable[Definition]) -> list[Tool]:
    """The rows that these definitions make, or make of those that are there; not saved."""
    rows = {tool.name: tool for tool in Tool.objects.filter(target=target).select_related("target")}
    return [
        updated(rows[definition.name], definition) if definition.name in rows else new_tool(target, definition)
        for definition in definitions
    ]


# -- changed


def mark_of(tool: Tool, names: Iterable[str]) -> str:
    """What a person saw of these fields, to notice that somebody else has changed them."""
    values = {name: str(getattr(tool, name)) for name in sorted(names)}
    return hashlib.sha256(encode(values).encode()).hexdigest()[:16]


def facts_of(tool: Tool, names: Iterable[str]) -> dict[str, Any]:
    """For the audit trail. A header may hold a key that somebody wrote there, so of those only the names are told."""
    facts = {name: getattr(tool, name) for name in names}
    if "routes" in facts:
        facts["routes"] = [{**route, "headers": sorted(route.get("headers", ()))} for route in facts["routes"]]
    return facts


@transaction.atomic
def save_tool(tool: Tool, user: User | AnonymousUser, *, fields: dict[str, Any], seen: str) -> Tool:
    """Raises `Changed` and `BreaksPolicies`, and then nothing is saved."""
    row = Tool.objects.select_for_update(no_key=True, of=("self",)).select_related("target").get(pk=tool.pk)
    if mark_of(row, fields) != seen:
        raise Changed("Somebody else changed this tool meanwhile.")
    before = facts_of(row, fields)
    for name, value in fields.items():
        setattr(row, name, value)
    row.clean_fields()
    check_policies([row])
    row.save(update_fields=list(fields))
    after = facts_of(row, fields)
    record_changes(user, "tool.change", kind="tool", id=row.pk, name=row.key, before=before, after=after)
    catalog.forget()
    logger.info("The tool %s was changed by user %s: %s", row.key, user.pk, ", ".join(sorted(fields)))
    return row


@transaction.atomic
def switch_tool(tool: Tool, user: User | AnonymousUser, *, enabled: bool) -> None:
    """Raises `ValueError` with a text for the admin where it cannot be on."""
    if enabled and tool.target.kind in Target.LISTED and LISTED not in tool.recipe:
        raise ValueError(f"{tool.name} is not offered any more, or was not chosen. Choose it among the target's tools.")
    if enabled and tool.target.kind == Target.Kind.HTTP and not tool.routes:
        raise ValueError(f"{tool.name} has no route yet: say how it is called first.")
    Tool.objects.filter(pk=tool.pk).update(enabled=enabled)
    before, after = {"enabled": tool.enabled}, {"enabled": enabled}
    record_changes(user, "tool.switch", kind="tool", id=tool.pk, name=tool.key, before=before, after=after)
    transaction.on_commit(catalog.forget)
    logger.info("The tool %s was switched %s by user %s", tool.key, "on" if enabled else "off", user.pk)


# -- deleted


def names_of(tools: Iterable[Tool]) -> frozenset[str]:
    """Each under its key, and under its short name where no other tool has that."""
    tools = list(tools)
    ours = {tool.pk for tool in tools}
    taken = set(
        Tool.objects.filter(name__in=[tool.name for tool in tools]).exclude(pk__in=ours).values_list("name", flat=True)
    )
    return frozenset({tool.key for tool in tools} | {tool.name for tool in tools if tool.name not in taken})


def uses_of(tools: Sequence[Tool]) -> list[str]:
    """Why these tools, which are of one target, cannot be deleted; nothing where they can. Looks through the whole
    ledger, so it is asked only where somebody wants to delete."""
    names = names_of(tools)
    reasons = [reason for uses in users for reason in uses(names)]
    offering = [gateway.label for gateway in Gateway.objects.all() if not names.isdisjoint(gateway.tools)]
    reasons += [f"The gateway {label} offers a tool of it." for label in offering[:FEW]]
    try:
        check_policies(gone=tools)
    except BreaksPolicies as error:
        reasons += [f"The rule {rule} needs it." for rule in sorted({found.rule for found in error.problems})[:FEW]]
    if Approval.objects.filter(tool_key__in=names, status__in=Approval.OPEN).exists():
        reasons.append("A call of it waits for a person.")
    if MoneyLimit.objects.filter(tool_key__in=names).exists():
        reasons.append("A limit on money is about it.")
    reasons += [f"{other.name} asks it first, or looks up by it." for other in leaning_on(tools)[:FEW]]
    if tools and ToolCall.objects.filter(tool_name__in=names).exists():
        reasons.append("It was called, and the ledger names it.")
    return reasons


def leaning_on(tools: Sequence[Tool]) -> list[Tool]:
    """Other tools of the same targets that name one of these as their precheck or look-up."""
    ours = {(tool.target_id, tool.name) for tool in tools}
    others = Tool.objects.filter(target__in={tool.target_id for tool in tools}).exclude(pk__in=[t.pk for t in tools])
    return [
        other
        for other in others
        if any((other.target_id, (rule or {}).get("tool")) in ours for rule in (other.precheck, other.lookup))
    ]


@transaction.atomic
def delete_target(target: Target, user: User | AnonymousUser) -> None:
    """With its tools, its credential and its health. Raises `InUse`."""
    tools = list(Tool.objects.filter(target=target).select_related("target"))
    if reasons := uses_of(tools):
        raise InUse(reasons)
    Tool.objects.filter(pk__in=[tool.pk for tool in tools]).delete()
    logger.info("The target %s was deleted by user %s, with %d tools", target, user.pk, len(tools))
    gone = target.pk
    target.delete()
    before = {"kind": target.kind, "tools": [tool.name for tool in tools]}
    record(user, "target.delete", kind="target", id=gone, name=target.name, before=before)
    transaction.on_commit(catalog.forget)


@transaction.atomic
def delete_tool(tool: Tool, user: User | AnonymousUser) -> None:
    """Raises `InUse`."""
    if reasons := uses_of([tool]):
        raise InUse(reasons)
    logger.info("The tool %s was deleted by user %s", tool.key, user.pk)
    gone, key = tool.pk, tool.key
    tool.delete()
    record(user, "tool.delete", kind="tool", id=gone, name=key)
    transaction.on_commit(catalog.forget)
