"""A rule's text read as statements, each with what the gateway itself needs of it: its scope and its annotations.

Parsing happens on the stack of the calling thread, and a text nested deeply enough would end the process; hence limits
that are checked on the tokens, before the engine sees the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import cedarpy

from tools.policy.places import Piece, line_and_column, pieces_of
from tools.policy.schema import ToolShape, groups_of

RULE_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
MAX_TEXT = 20_000
MAX_TOKENS = 1_000
MAX_NESTING = 32
# Deeper, and the engine may reach its recursion limit where a thread has a small stack: that would be an error.
MAX_EXPRESSION = 60
# Who may approve, the least first. An approval by several permits is asked of the strictest.
APPROVER_ROLES = ("support", "reviewer", "admin")
MAX_APPROVALS = 9
MAX_REASON = 300

Mode = Literal["enforce", "shadow"]
Effect = Literal["permit", "forbid"]
Expression = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One policy of the gateway: a name, and one or more Cedar statements."""

    name: str
    text: str
    mode: Mode = "enforce"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why a rule is refused, and where: line and column count from one, in the rule's own text."""

    rule: str
    line: int
    column: int
    message: str
    hint: str = ""


class RulesRefused(Exception):
    """Some rules cannot be used; none is. `problems` is never empty."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{each.rule}, line {each.line}: {each.message}" for each in problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Approvers:
    """Who must agree before the call is made: so many different people with this role, or a stricter one."""

    role: str
    number: int = 1


@dataclass(frozen=True, kw_only=True)
class Statement:
    """`id` is the rule's name, or `name.2` where the rule has several. `actions` is None where it has no bound."""

    id: str
    rule: str
    mode: Mode
    effect: Effect
    actions: frozenset[str] | None
    is_exact: bool
    approvers: Approvers | None
    reason: str
    body: str
    conditions: tuple[Expression, ...]
    piece: Piece

    def touches(self, shape: ToolShape) -> bool:
        if self.actions is None or shape.key in self.actions:
            return True
        return not self.is_exact and not self.actions.isdisjoint(groups_of(shape))


def strictest(approvers: Iterable[Approvers]) -> Approvers:
    """The strictest role and the greatest number among them."""
    given = list(approvers)
    return Approvers(
        role=max((each.role for each in given), key=APPROVER_ROLES.index), number=max(each.number for each in given)
    )


class Refused(Exception):
    """A problem of one statement, at an offset of the rule's text."""

    def __init__(self, offset: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.offset = offset
        self.hint = hint


def problem_at(rule: str, text: str, refused: Refused) -> Problem:
    line, column = line_and_column(text, refused.offset)
    return Problem(rule=rule, line=line, column=column, message=str(refused), hint=refused.hint)


# -- from text


def pieces_of_rule(rule: Rule) -> list[Piece]:
    """Raises `Refused`."""
    if len(rule.text) > MAX_TEXT:
        raise Refused(0, f"The text is longer than {MAX_TEXT} characters.", "Split it into several rules.")
    # Cedar ends a comment at a bare carriage return as well; here a line has one ending.
    pieces = pieces_of(rule.text.replace("\r\n", "\n").replace("\r", "\n"))
    if not pieces:
        raise Refused(0, "There is no statement.", "A statement begins with permit or forbid.")
    for piece in pieces:
        if len(piece.tokens) > MAX_TOKENS:
            raise Refused(piece.start, f"The statement has more than {MAX_TOKENS} words.", "Split it into several.")
        if piece.depth > MAX_NESTING:
            raise Refused(piece.start, f"The statement is nested more than {MAX_NESTING} deep.")
    return pieces


def read_piece(rule: Rule, piece: Piece, number: int | None) -> Statement:
    """Raises `Refused`, or `ValueError` with the engine's message where the text is not Cedar."""
    # The engine would fail at writing this half as UTF-8.
    encoded = piece.text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    if encoded != piece.text:
        raise Refused(piece.start, "The text holds half of a surrogate pair.")
    body = only_policy(piece)
    conditions = tuple(each["body"] for each in body["conditions"])
    for condition in conditions:
        if depth_of(condition) > MAX_EXPRESSION:
            raise Refused(
                piece.start, f"A condition is nested more than {MAX_EXPRESSION} deep.", "Split it into several rules."
            )
    annotations = body.get("annotations", {})
    scope = body["action"]
    named = scope.get("entities", [scope["entity"]] if "entity" in scope else [])
    return Statement(
        id=rule.name if number is None else f"{rule.name}.{number}",
        rule=rule.name,
        mode=rule.mode,
        effect=body["effect"],
        actions=None if scope["op"] == "All" else frozenset(entity["id"] for entity in named),
        is_exact=scope["op"] == "==",
        approvers=approvers_of(piece, body["effect"], annotations),
        reason=reason_of(piece, annotations),
        body=json.dumps(body),
        conditions=conditions,
        piece=piece,
    )


def only_policy(piece: Piece) -> dict[str, Any]:
    """The statement in Cedar's JSON form."""
    text = cedarpy.policies_to_json_str(piece.text)
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise Refused(piece.start, "The statement is nested too deeply.") from error
    if found["templates"]:
        place = piece.find_any([["?"]])
        raise Refused(place, "A template's slot cannot be filled here.", "Name the caller, or use a tag of theirs.")
    policies = list(found["staticPolicies"].values())
    if len(policies) != 1:
        raise Refused(piece.start, "Statements must be separated by semicolons.")
    policy: dict[str, Any] = policies[0]
    return policy


def children(node: Expression) -> Iterator[Expression]:
    """The expressions directly within one of Cedar's JSON form (docs.cedarpolicy.com, "JSON policy format")."""
    for operation, inner in node.items():
        if operation in {"Value", "Var", "Slot", "Unknown"}:
            continue
        if isinstance(inner, list):
            yield from inner
        elif operation == "Record":
            yield from inner.values()
        else:
            names = ("left", "right", "arg", "if", "then", "else", "in")
            yield from (inner[name] for name in names if isinstance(inner.get(name), dict))


def depth_of(expression: Expression) -> int:
    """Counted level by level: a recursive function would meet the very limit that is guarded here."""
    depth = 0
    level = [expression]
    while level:
        level = [child for node in level for child in children(node)]
        depth += 1
    return depth


# -- annotations


def approvers_of(piece: Piece, effect: str, annotations: dict[str, str | None]) -> Approvers | None:
    if "approval" not in annotations:
        if "approvals" in annotations:
            raise Refused(piece.find_any([["@", "approvals"]]), '@approvals needs @approval("role") beside it.')
        return None
    place = piece.find_any([["@", "approval"]])
    if effect == "forbid":
        raise Refused(place, "Nobody can approve what a forbid denies.", "Annotate the permit, and narrow the forbid.")
    role, number = annotations["approval"], annotations.get("approvals", "1")
    if role not in APPROVER_ROLES:
        raise Refused(place, f"{role or ''!r} is not a role that approves.", f"One of {', '.join(APPROVER_ROLES)}.")
    if number is None or not re.fullmatch("[1-9]", number):
        place = piece.find_any([["@", "approvals"]])
        raise Refused(place, f"@approvals takes a number from 1 to {MAX_APPROVALS}.", '@approvals("2")')
    return Approvers(role=role, number=int(number))


def reason_of(piece: Piece, annotations: dict[str, str | None]) -> str:
    reason = annotations.get("reason") or ""
    if len(reason) > MAX_REASON:
        raise Refused(piece.find_any([["@", "reason"]]), f"The reason is longer than {MAX_REASON} characters.")
    return reason
