"""The common policies as a form: who may call what, under which conditions, and the Cedar text that says so.

What is not given never opens a door: a condition on a value that may be missing keeps a permit shut where it is
missing, and lets a forbid apply.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import cedarpy

from tools.policy.schema import ACTION, GATEWAY, GATEWAY_TYPE, PRINCIPAL, CedarType, ToolShape, context_type, groups_of
from tools.policy.statements import APPROVER_ROLES, MAX_APPROVALS, MAX_REASON
from tools.policy.values import MAX_ID, Unfit, check_caller, decimal_of, long_of, text_of

Operator = Literal[
    "is", "is_not", "one_of", "at_most", "at_least", "below", "above", "starts_with", "contains", "given", "missing"
]
Value = str | int | bool | tuple[str | int, ...]
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RESERVED = {"true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar"}
MAX_CONDITIONS = 10
LINE_WIDTH = 100
PRESENCE = ("given", "missing")
NUMBER_OPERATORS = ("is", "is_not", "one_of", "at_most", "at_least", "below", "above")
# By the name of Cedar's type; whether a value is there can be asked of any.
OPERATORS: dict[str, tuple[str, ...]] = {
    "String": ("is", "is_not", "one_of", "starts_with", "contains"),
    "Long": NUMBER_OPERATORS,
    "decimal": NUMBER_OPERATORS,
    "Boolean": ("is",),
    "Set": ("contains",),
    "Record": (),
}
LONG_COMPARISONS = {"at_most": "<=", "at_least": ">=", "below": "<", "above": ">", "is": "==", "is_not": "!="}
DECIMAL_COMPARISONS = {
    "at_most": "lessThanOrEqual",
    "at_least": "greaterThanOrEqual",
    "below": "lessThan",
    "above": "greaterThan",
}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """`name` of an argument or a fact; within an argument that is an object, by dots: `address.country`.

    `value` is a tuple for one_of and nothing for given and missing; a number may be written as text.
    """

    of: Literal["argument", "fact"] = "argument"
    name: str
    operator: Operator
    value: Value = ""


@dataclass(frozen=True, kw_only=True)
class FormRule:
    """`scope` is a tool's key, a target, or nothing for every tool; `agent`, `kind` and `role` narrow who calls.

    `verified_customer`: a permit asks for one, a forbid spares one. `approver` is the role whose agreement an approval
    needs; on a permit it makes that agreement the way past the conditions. `reason` is told where a forbid decides.
    """

    effect: Literal["permit", "forbid", "approval"]
    scope: str = ""
    agent: str = ""
    kind: Literal["", "agent", "key"] = ""
    role: str = ""
    verified_customer: bool = False
    conditions: tuple[Condition, ...] = ()
    approver: str = ""
    approvals: int = 1
    reason: str = ""


class FormRefused(Exception):
    """A form that says nothing sensible. `field` is the name of one of its own."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, kw_only=True)
class Operand:
    """A value of the context: how it is written, its type, and what must be asked before it may be read."""

    text: str
    kind: CedarType
    guards: tuple[str, ...]
    presence: str


def to_cedar(form: FormRule, tools: Iterable[ToolShape]) -> str:
    """One statement, or two for a permit with an approver. Raises `FormRefused`."""
    shapes = [shape for shape in tools if form.scope in {"", shape.key, *groups_of(shape)}]
    check_form(form, shapes)
    tests = [test_of(condition, form, shapes) for condition in form.conditions]
    statements = [statement_of(form, tests)]
    if form.effect == "permit" and form.approver:
        statements.append(statement_of(form, [], annotated=True))
    try:
        return cedarpy.format_policies("\n".join(statements), LINE_WIDTH, 2)
    except ValueError as error:
        raise FormRefused("conditions", f"No rule can be made of this: {error}.") from error


def check_form(form: FormRule, shapes: list[ToolShape]) -> None:
    """Raises `FormRefused`."""
    roles = ", ".join(APPROVER_ROLES)
    needless = form.effect == "permit" and form.approver and not form.conditions
    unspeakable = form.reason and (form.effect != "forbid" or len(form.reason) > MAX_REASON)
    refusals = (
        (not shapes and form.scope, "scope", f"There is no tool or target {form.scope!r}."),
        (len(form.conditions) > MAX_CONDITIONS, "conditions", f"At most {MAX_CONDITIONS} conditions."),
        (form.effect == "approval" and not form.approver, "approver", "Say who approves."),
        (form.effect == "forbid" and form.approver, "approver", "Nobody can approve what a forbid denies."),
        (needless, "conditions", "Without a condition every call passes, and nothing is left to approve."),
        (form.approver and form.approver not in APPROVER_ROLES, "approver", f"One of {roles}."),
        (not 1 <= form.approvals <= MAX_APPROVALS, "approvals", f"From 1 to {MAX_APPROVALS}."),
        (unspeakable, "reason", f"Only a forbid has a reason, of at most {MAX_REASON} characters."),
    )
    for refused, field, message in refusals:
        if refused:
            raise FormRefused(field, message)
    for field in ("agent", "kind", "role"):
        try:
            check_caller(getattr(form, field) or "-", {})
        except Unfit as error:
            raise FormRefused(field, f"Letters, digits and a few marks, at most {MAX_ID}.") from error


def statement_of(form: FormRule, tests: list[str], *, annotated: bool = False) -> str:
    effect = "forbid" if form.effect == "forbid" else "permit"
    wanted = [tag_is(tag, value) for tag, value in (("kind", form.kind), ("role", form.role)) if value]
    unless = ""
    if form.verified_customer and effect == "permit":
        wanted.append("context.customer.verified")
    elif form.verified_customer:
        unless = "unless { context.customer.verified }"
    wanted += tests
    when = f"when {{ {' && '.join(wanted)} }}" if wanted else ""
    scope = ", ".join((principal_of(form), action_of(form), f"resource == {GATEWAY_TYPE}::{quoted(GATEWAY)}"))
    return f"{annotations_of(form, annotated=annotated)} {effect} ({scope}) {when} {unless};"


def annotations_of(form: FormRule, *, annotated: bool) -> str:
    if form.effect == "approval" or annotated:
        number = f"@approvals({quoted(str(form.approvals))})" if form.approvals > 1 else ""
        return f"@approval({quoted(form.approver)}) {number}"
    return f"@reason({literal_text(form.reason, 'reason')})" if form.reason else ""


def principal_of(form: FormRule) -> str:
    return f"principal == {PRINCIPAL}::{quoted(form.agent)}" if form.agent else f"principal is {PRINCIPAL}"


def action_of(form: FormRule) -> str:
    if not form.scope:
        return "action"
    return f"action {'==' if '___' in form.scope else 'in'} {ACTION}::{quoted(form.scope)}"


def tag_is(tag: str, value: str) -> str:
    return f"principal.hasTag({quoted(tag)}) && principal.getTag({quoted(tag)}) == {quoted(value)}"


# -- conditions


def test_of(condition: Condition, form: FormRule, shapes: list[ToolShape]) -> str:
    """The condition as an expression. Raises `FormRefused`."""
    operand = operand_of(condition, shapes)
    if condition.operator in PRESENCE:
        return operand.presence if condition.operator == "given" else f"!({operand.presence})"
    test = comparison(condition, operand)
    if not operand.guards:
        return test
    asked = " && ".join(operand.guards)
    return f"(if {asked} then {test} else true)" if form.effect == "forbid" else f"({asked} && {test})"


def operand_of(condition: Condition, shapes: list[ToolShape]) -> Operand:
    """What all the tools in scope have under this name, with one type. Raises `FormRefused`."""
    if not shapes:
        raise FormRefused("conditions", "There is no tool whose arguments could be compared.")
    walked = [walk(condition, shape) for shape in shapes]
    kinds = [steps[-1][1] for steps in walked]
    if any(bare(kind) != bare(kinds[0]) for kind in kinds):
        raise FormRefused("conditions", f"{condition.name!r} is not of one type in all the tools.")
    names = [name for name, _ in walked[0]]
    root = "context.input" if condition.of == "argument" else "context.facts"
    text, guards, presence = root, [], []
    for place, name in enumerate(names):
        asked = f"{text} has {name if is_plain(name) else quoted(name)}"
        optional = any(not steps[place][1]["required"] for steps in walked)
        if optional:
            guards.append(asked)
        if optional or place == len(names) - 1:
            presence.append(asked)
        text += f".{name}" if is_plain(name) else f"[{quoted(name)}]"
    return Operand(text=text, kind=kinds[0], guards=tuple(guards), presence=" && ".join(presence))


def walk(condition: Condition, shape: ToolShape) -> list[tuple[str, CedarType]]:
    """The steps to the value, each with its type. Raises `FormRefused`."""
    kind = context_type(shape)["attributes"]["input" if condition.of == "argument" else "facts"]
    names = [condition.name] if condition.name in kind["attributes"] else condition.name.split(".")
    steps = []
    for name in names:
        kind = kind.get("attributes", {}).get(name)
        if kind is None:
            raise FormRefused("conditions", f"{shape.key} has no {condition.of} {condition.name!r} to compare.")
        steps.append((name, kind))
    return steps


def bare(kind: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in kind.items() if name != "required"}


def type_name(kind: CedarType) -> str:
    return str(kind.get("name", kind["type"]))


def comparison(condition: Condition, operand: Operand) -> str:
    """Raises `FormRefused`."""
    operator, value, text = condition.operator, condition.value, operand.text
    name = type_name(operand.kind)
    if operator not in OPERATORS[name] or operator not in get_args(Operator):
        raise FormRefused("conditions", f"{condition.name!r} cannot be compared by {operator!r}.")
    if operator == "one_of":
        if not isinstance(value, tuple) or not value:
            raise FormRefused("conditions", f"Say which values of {condition.name!r} there may be.")
        return f"[{', '.join(literal(each, name, condition.name) for each in value)}].contains({text})"
    if isinstance(value, tuple):
        raise FormRefused("conditions", f"{condition.name!r} is compared with one value.")
    if name == "Set":
        return f"{text}.contains({literal(value, type_name(operand.kind['element']), condition.name)})"
    if name == "String" and operator in {"starts_with", "contains"}:
        return f"{text} like {pattern(value, operator, condition.name)}"
    written = literal(value, name, condition.name)
    if name == "decimal" and operator in DECIMAL_COMPARISONS:
        return f"{text}.{DECIMAL_COMPARISONS[operator]}({written})"
    return f"{text} {LONG_COMPARISONS[operator]} {written}"


def literal(value: Value, name: str, field: str) -> str:
    """The value as Cedar writes one of this type. Raises `FormRefused`."""
    try:
        match name:
            case "decimal":
                return f"decimal({quoted(shortened(decimal_of(value, field)))})"
            case "Long":
                whole = isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value)
                return str(long_of(int(str(value)) if whole else value, field))
            case "Boolean" if str(value).lower() in {"true", "false"}:
                return str(value).lower()
            case "String":
                return literal_text(value, field)
    except Unfit as error:
        raise FormRefused("conditions", f"The value of {field!r} {error}.") from error
    raise FormRefused("conditions", f"{value!r} is no value of {field!r}.")


def shortened(decimal: str) -> str:
    """Two decimals where they suffice: amounts are read by people."""
    return decimal.removesuffix("00")


def literal_text(value: object, field: str) -> str:
    try:
        return quoted(text_of(value, field))
    except Unfit as error:
        raise FormRefused(field if field == "reason" else "conditions", f"{field!r} {error}.") from error


def pattern(value: Value, operator: str, field: str) -> str:
    inside = literal_text(value, field)[1:-1].replace("*", r"\*")
    return f'"{"*" if operator == "contains" else ""}{inside}*"'


def quoted(text: str) -> str:
    """A string literal of Cedar."""
    return '"' + "".join(escaped(character) for character in text) + '"'


def escaped(character: str) -> str:
    if character in {'"', "\\"}:
        return f"\\{character}"
    return character if character.isprintable() else f"\\u{{{ord(character):x}}}"


def is_plain(name: str) -> bool:
    return bool(IDENTIFIER.fullmatch(name)) and name not in RESERVED
