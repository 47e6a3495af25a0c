"""What makes a tool one that can be called, beyond its columns: what it says of its arguments fits them, and each
other tool that it names is there. The pages check the same as it is typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.binding_forms import CURRENCY, FACT, MOST_STEPS, STEP
from tools.listing import LISTED
from tools.models import Target, Tool
from tools.paths import EVERY, names_of
from tools.policy.schema import SCALARS
from tools.prechecks import AMOUNT
from tools.routes import RouteRefused, check_lookup, check_routes
from tools.schemas import check_schema
from tools.tool_forms import MAX_DEADLINE_MS, MAX_RETRIES, MIN_DEADLINE_MS

# What the gateway knows of the conversation.
SOURCES = ("customer.email", "customer.id", "customer.name", "session.id")
AMOUNT_KEYS = ("argument", "path", "less", "currency")

Problem = tuple[str, str]  # the key of the tool, and what is wrong there


def problems_of_tool(tool: Tool, siblings: Mapping[str, Tool]) -> Iterator[Problem]:
    """`siblings` are all tools of its target, by name."""
    if problems := check_schema(tool.input_schema):
        yield "input_schema", f"{problems[0].rstrip('.')}."
        return
    if tool.enabled and tool.target.kind in Target.LISTED and LISTED not in tool.recipe:
        yield "enabled", "the backend does not offer it any more, so it stays off."
    yield from number_problems(tool)
    yield from argument_problems(tool)
    yield from route_problems(tool)
    yield from owner_problems(tool)
    if tool.precheck is not None:
        yield from precheck_problems(tool, tool.precheck, siblings)
    if tool.amount is not None:
        yield from amount_problems(tool, tool.amount)


def arguments_of(tool: Tool) -> dict[str, Any]:
    found = tool.input_schema.get("properties")
    return found if isinstance(found, dict) else {}


def number_problems(tool: Tool) -> Iterator[Problem]:
    if not MIN_DEADLINE_MS <= tool.deadline_ms <= MAX_DEADLINE_MS:
        yield "deadline_ms", f"from {MIN_DEADLINE_MS} to {MAX_DEADLINE_MS:,} milliseconds."
    if not 0 <= tool.retries <= MAX_RETRIES:
        yield "retries", f"from 0 to {MAX_RETRIES}."
    if tool.cost_usd < 0:
        yield "cost_usd", "no less than 0."


def argument_problems(tool: Tool) -> Iterator[Problem]:
    known = arguments_of(tool)
    for name, source in tool.bindings.items():
        if name not in known:
            yield "bindings", unknown(name)
        if source not in SOURCES:
            yield "bindings", f"{name!r} can be filled from {', '.join(SOURCES)}, not from {source!r}."
    for name in tool.free_text:
        if name not in known:
            yield "free_text", unknown(name)
    if tool.subject_argument and tool.subject_argument not in known:
        yield "subject_argument", unknown(tool.subject_argument)


def unknown(name: object) -> str:
    return f"the tool has no argument {str(name)[:60]!r}."


def route_problems(tool: Tool) -> Iterator[Problem]:
    names = arguments_of(tool).keys()
    if tool.target.kind != Target.Kind.HTTP and tool.routes:
        yield "routes", "only a target of the kind http has routes."
    elif tool.target.kind == Target.Kind.HTTP and not tool.routes:
        yield "routes", "at least one route is needed: {method, path}."
    try:
        check_routes(tool.routes, names)
    except RouteRefused as error:
        yield "routes", str(error)
    try:
        if tool.lookup is not None:
            check_lookup(tool.lookup, tool, names)
    except RouteRefused as error:
        yield "lookup", str(error)
    if tool.idempotency == Tool.Idempotency.LOOK_UP and tool.lookup is None:
        yield "idempotency", "`lookup` is missing: how to find out what an earlier call did."


def owner_problems(tool: Tool) -> Iterator[Problem]:
    for rule in tool.owners:
        if rule.keys() != {"path", "is"} or not is_path(rule["path"], lists=True):
            yield "owners", "each is {path: where a result names its owner, is: customer.email}."
        elif rule["is"] not in SOURCES:
            yield "owners", f"an owner is one of {', '.join(SOURCES)}, not {str(rule['is'])[:60]!r}."


def is_path(value: object, *, lists: bool = False) -> bool:
    """`order.total`; with `lists` also `orders.*.customer`."""
    steps = names_of(value) if isinstance(value, str) else []
    if not 0 < len(steps) <= MOST_STEPS or (EVERY in steps and not lists):
        return False
    return all(STEP.fullmatch(step) for step in steps)


def precheck_problems(tool: Tool, rule: Mapping[str, Any], siblings: Mapping[str, Tool]) -> Iterator[Problem]:
    arguments, facts = rule.get("arguments"), rule.get("facts", {})
    if not {"tool", "arguments"} <= rule.keys() <= {"tool", "arguments", "facts"}:
        yield "precheck", "it is {tool, arguments, facts}."
        return
    asked = siblings.get(str(rule["tool"]))
    if asked is None or not asked.is_read or asked is tool:
        yield "precheck", f"{str(rule['tool'])[:64]!r} is no other tool of this target that only reads."
        return
    if not isinstance(arguments, dict) or not arguments or not isinstance(facts, dict):
        yield "precheck", "`arguments` says which of its arguments is filled with which of this tool's."
        return
    for theirs, ours in arguments.items():
        if theirs not in arguments_of(asked):
            yield "precheck", f"{asked.name} has no argument {theirs[:60]!r}."
        if ours not in arguments_of(tool):
            yield "precheck", unknown(ours)
    for name, fact in facts.items():
        if not FACT.fullmatch(name) or name == AMOUNT:
            yield "precheck", f"the fact {name[:60]!r}: small letters, digits and _; amount is the money's own name."
        is_whole = isinstance(fact, dict) and fact.keys() == {"path", "type"} and is_path(fact["path"])
        if not is_whole or fact["type"] not in SCALARS:
            yield "precheck", f"the fact {name[:60]!r} is {{path, type}}, the type one of {', '.join(SCALARS)}."


def amount_problems(tool: Tool, rule: Mapping[str, Any]) -> Iterator[Problem]:
    if strange := sorted(rule.keys() - {*AMOUNT_KEYS}):
        yield "amount", f"it has no {strange[0][:60]!r}: it is {{{', '.join(AMOUNT_KEYS)}}}."
    if "argument" not in rule and "path" not in rule:
        yield "amount", "it says where the money stands: in an `argument`, or at a `path` of what the precheck finds."
    if "argument" in rule and rule["argument"] not in arguments_of(tool):
        yield "amount", unknown(rule["argument"])
    for name in ("path", "less"):
        if name in rule and (tool.precheck is None or not is_path(rule[name])):
            yield "amount", f"`{name}` is a path of what the tool answers that the precheck asks, such as order.total."
    if not isinstance(rule.get("currency"), str) or not CURRENCY.fullmatch(rule["currency"]):
        yield "amount", "`currency` is three capitals, such as EUR."
