"""Rules are taken as a whole or not at all: parsed, fitted to the tools' schema, and searched for what could fail.

A statement that fails while a call is decided is skipped by the engine, even a forbid. So one that could is refused
here. The validator finds what does not fit the schema; it passes arithmetic, other entities' attributes and a misspelt
`has`, which are looked for as well.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import cedarpy

from tools.policy.hints import Known, did_you_mean, explain, explain_parse_error
from tools.policy.places import Piece
from tools.policy.schema import (
    GATEWAY,
    GATEWAY_TYPE,
    GROUPS,
    ToolShape,
    cedar_schema,
    check_shapes,
    context_type,
    groups_of,
)
from tools.policy.slices import Compiled
from tools.policy.statements import (
    RULE_NAME,
    Expression,
    Problem,
    Refused,
    Rule,
    RulesRefused,
    Statement,
    children,
    pieces_of_rule,
    problem_at,
    read_piece,
)

# By their names in Cedar's JSON form, with what stands for them in the text.
OVERFLOWS = {
    "+": "+",
    "-": "-",
    "*": "*",
    "neg": "-",
    "offset": "offset",
    "durationSince": "durationSince",
    "toDate": "toDate",
}
MAX_TOOLS_NAMED = 3


def compile_rules(rules: Iterable[Rule], tools: Iterable[ToolShape]) -> Compiled:
    """Raises `RulesRefused` with every problem found, and `ValueError` where the tools themselves are no gateway's."""
    given = tuple(rules)
    shapes = {shape.key: shape for shape in tools}
    check_shapes(list(shapes.values()))
    problems = list(problems_of_names(given))
    statements: list[Statement] = []
    for rule in given:
        found, refused = read_rule(rule)
        statements += found
        problems += refused
    problems += problems_of_fit(statements, shapes)
    if problems:
        order = {rule.name: place for place, rule in enumerate(given)}
        raise RulesRefused(sorted(problems, key=lambda each: (order[each.rule], each.line, each.column)))
    return Compiled(given, shapes, statements)


def problems_of_names(rules: tuple[Rule, ...]) -> Iterator[Problem]:
    seen = set()
    for rule in rules:
        if not RULE_NAME.fullmatch(rule.name):
            hint = "Small letters, digits and hyphens, at most 64."
            yield Problem(rule=rule.name, line=1, column=1, message=f"{rule.name!r} is no name for a rule.", hint=hint)
        if rule.name in seen:
            yield Problem(rule=rule.name, line=1, column=1, message=f"There are two rules named {rule.name!r}.")
        seen.add(rule.name)


# -- each by itself


def read_rule(rule: Rule) -> tuple[list[Statement], list[Problem]]:
    text = rule.text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        pieces = pieces_of_rule(rule)
    except Refused as refused:
        return [], [problem_at(rule.name, text, refused)]
    statements = []
    problems = []
    for number, piece in enumerate(pieces, start=1):
        try:
            statements.append(read_statement(rule, piece, number if len(pieces) > 1 else None))
        except Refused as refused:
            problems.append(problem_at(rule.name, text, refused))
    return statements, problems


def read_statement(rule: Rule, piece: Piece, number: int | None) -> Statement:
    """Raises `Refused`."""
    try:
        return read_piece(rule, piece, number)
    except ValueError as error:
        raise explain_parse_error(piece, str(error), error_of) from error


def error_of(text: str) -> str:
    try:
        cedarpy.policies_to_json_str(text)
    except ValueError as error:
        return str(error)
    return ""


# -- against the tools


def problems_of_fit(statements: list[Statement], shapes: Mapping[str, ToolShape]) -> Iterator[Problem]:
    """Statements with the same tools in scope are validated together, against these tools only: the validator's time
    grows with the product of both."""
    contexts = {key: context_type(shape) for key, shape in shapes.items()}
    members = members_of_groups(shapes.values())
    together: dict[frozenset[str], list[Statement]] = defaultdict(list)
    for statement in statements:
        together[tools_of(statement, members, shapes)].append(statement)
    for keys, alike in together.items():
        known = Known(actions=tuple(members), contexts={key: contexts[key] for key in sorted(keys)})
        failed = validate(alike, [shapes[key] for key in known.contexts], known.actions)
        for place, statement in enumerate(alike):
            refusals = [*hazards(statement), *misspelt(statement, known)]
            # A gateway without tools has nothing yet that a general rule could fit.
            if place in failed and (shapes or statement.actions is not None):
                refusals += misfits(statement, failed[place], known, shapes)
            yield from (problem_at(statement.rule, statement.piece.whole, refused) for refused in distinct(refusals))


def members_of_groups(shapes: Iterable[ToolShape]) -> dict[str, set[str]]:
    """The keys of the tools that a tool's, a target's or a group's name stands for."""
    members: dict[str, set[str]] = {group: set() for group in GROUPS}
    for shape in shapes:
        for name in (shape.key, *groups_of(shape)):
            members.setdefault(name, set()).add(shape.key)
    return members


def tools_of(statement: Statement, members: Mapping[str, set[str]], shapes: Mapping[str, ToolShape]) -> frozenset[str]:
    if statement.actions is None:
        return frozenset(shapes)
    if statement.is_exact:
        return frozenset(name for name in statement.actions if name in shapes)
    return frozenset().union(*(members.get(name, ()) for name in statement.actions))


def validate(statements: list[Statement], shapes: list[ToolShape], actions: Iterable[str]) -> dict[int, list[str]]:
    """The validator's messages by the statement's place in the list."""
    words = {word.strip('"') for statement in statements for word in statement.piece.words}
    schema = cedarpy.Schema.from_json_str(json.dumps(cedar_schema(shapes, bare=words & set(actions))))
    text = "\n".join(statement.piece.text for statement in statements)
    messages: dict[int, list[str]] = defaultdict(list)
    for error in cedarpy.validate_policies(text, schema, release_gil=True).errors:
        messages[int(error.policy_id.removeprefix("policy"))].append(error.error)
    return messages


def misfits(
    statement: Statement, messages: list[str], known: Known, shapes: Mapping[str, ToolShape]
) -> Iterator[Refused]:
    if len(known.contexts) > 1:
        named = list(misfits_by_tool(statement, known, shapes))
        if named:
            yield from named
            return
    # "No applicable action" follows from an unknown one.
    telling = [message for message in messages if "unable to find an applicable action" not in message]
    yield from (explain(statement.piece, message, known) for message in telling or messages)


def misfits_by_tool(statement: Statement, known: Known, shapes: Mapping[str, ToolShape]) -> Iterator[Refused]:
    """Of a statement about several tools: which of them it does not fit, the first few."""
    named = 0
    for key in known.contexts:
        for message in validate([statement], [shapes[key]], known.actions).get(0, []):
            refused = explain(statement.piece, message, known)
            text = str(refused)
            yield Refused(refused.offset, text if key in text else f"For {key}: {text}", refused.hint)
            named += 1
        if named >= MAX_TOOLS_NAMED:
            return


def distinct(refusals: Iterable[Refused]) -> list[Refused]:
    return list({(refused.offset, str(refused)): refused for refused in refusals}.values())


# -- what the validator passes


def hazards(statement: Statement) -> Iterator[Refused]:
    """What can fail while a call is decided, and a gateway that is not this one: such a statement would never apply."""
    piece = statement.piece
    scope = json.loads(statement.body)["resource"]
    for entity in (scope.get("entity"), scope.get("in", {}).get("entity")):
        yield from other_gateway(piece, entity)
    for node in expressions(statement.conditions):
        [(operation, inner)] = node.items()
        if operation in OVERFLOWS:
            place = piece.find_any([[OVERFLOWS[operation]]])
            yield Refused(place, "A sum may overflow, which would be an error.", "Compare with a number instead.")
        elif operation == "." and not is_given(inner["left"]):
            place = piece.find_any([[".", inner["attr"]]])
            yield Refused(place, "Only principal and context are sure to have attributes.")
        elif operation == "getTag" and inner["left"] != {"Var": "principal"}:
            yield Refused(piece.find_any([["getTag"]]), "Only the principal is sure to have tags.")
        elif operation == "Value" and isinstance(inner, dict):
            yield from other_gateway(piece, inner.get("__entity"))


def other_gateway(piece: Piece, entity: dict[str, str] | None) -> Iterator[Refused]:
    if entity is not None and entity["type"] == GATEWAY_TYPE and entity["id"] != GATEWAY:
        place = piece.find_any([["Gateway", "::", f'"{entity["id"]}"'], ["Gateway"]])
        yield Refused(place, "That is another gateway: the rule would never apply.", f'{GATEWAY_TYPE}::"{GATEWAY}"')


def expressions(conditions: Iterable[Expression]) -> Iterator[Expression]:
    waiting = list(conditions)
    while waiting:
        node = waiting.pop()
        yield node
        waiting += children(node)


def is_given(node: Expression) -> bool:
    """Whether its attributes are there without asking the store of entities, which holds only the caller."""
    while "." in node:
        node = node["."]["left"]
    return "Var" in node or "Record" in node


def misspelt(statement: Statement, known: Known) -> Iterator[Refused]:
    """`has` of what no tool in scope has is always false, and takes the whole condition with it, without a word."""
    paths = known.paths
    for node in expressions(statement.conditions):
        inner = node.get("has")
        if inner is None:
            continue
        owner, steps = path_of(inner["left"], inner["attr"])
        path = ".".join(steps)
        place = statement.piece.find_any([["has", steps[-1]], ["has", f'"{steps[-1]}"'], [".", steps[-1]]])
        if owner == "context" and paths and path not in paths:
            hint = did_you_mean(path, paths, written="`context.{}`")
            yield Refused(place, f"No tool in this scope has `context.{path}`.", hint)
        elif owner == "principal" and path != "id":
            yield Refused(place, f"A caller has no attribute `{path}`.", f'principal.hasTag("{path}")')


def path_of(node: Expression, attribute: str) -> tuple[str, list[str]]:
    """The variable that a path begins with, or nothing, and its steps."""
    steps = [attribute]
    while "." in node:
        steps.insert(0, node["."]["attr"])
        node = node["."]["left"]
    return str(node.get("Var", "")), steps
