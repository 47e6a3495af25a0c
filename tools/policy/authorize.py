"""The decision about one call: allow, deny, or wait for approval.

Default deny, and a forbid wins over every permit. Anything but a clean Allow is a denial: a request that does not fit
the tool, an engine that decides nothing, a statement that fails. A permit with `@approval("role")` lets the call pass
only after people have agreed, unless a permit without it allows the call as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import cedarpy

from tools.policy.schema import ACTION, GATEWAY, GATEWAY_TYPE, PRINCIPAL
from tools.policy.slices import Compiled, Slice
from tools.policy.statements import Approvers, Statement, strictest
from tools.policy.values import Customer, Unfit, check_caller, context_of, customer_part, entities_of

Outcome = Literal["allow", "deny", "approval"]


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who calls: an agent by its slug, or an outside caller as `key:<name>`. Tags: `kind`, `role` and others."""

    id: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One call to decide. `tool` is `Target___tool`; `facts` were looked up by the gateway, `input` was not."""

    principal: Principal
    tool: str
    input: Mapping[str, Any]
    customer: Customer = field(default_factory=Customer)
    channel: str = ""
    tainted: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why nothing could be decided, so that the call is denied. `code` is for programs and stays stable:
    unknown_tool, unfit_caller, unfit_request, undecided, rule_failed."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """What the outcome would be were the shadow rules enforced, and which of them would bring it about."""

    outcome: Outcome
    rules: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """`rules` and `statements` name what determined the outcome; none for the default deny and for a fault.

    `approvers` are set where the outcome is approval; `reason` is the text of the forbids that decided. `shadow` is
    None where no shadow rule touches the tool.
    """

    outcome: Outcome
    rules: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    approvers: Approvers | None = None
    reason: str = ""
    errors: tuple[Fault, ...] = ()
    shadow: Shadow | None = None


def decide(compiled: Compiled, request: Request) -> Decision:
    """Never raises on account of the request."""
    try:
        cut = compiled.slice_of(request.tool)
    except (KeyError, TypeError):
        return denied("unknown_tool", f"There is no tool {request.tool!r:.80}.")
    try:
        tags = check_caller(request.principal.id, request.principal.tags)
    except Unfit as error:
        return denied("unfit_caller", f"{error.path} {error}")
    try:
        question = question_of(request, cut)
    except Unfit as error:
        return denied("unfit_request", f"{error.path} {error}")
    entities = entities_of(request.principal.id, tags, request.tool, cut.groups)
    decision = answer(compiled, cut.enforced, question, entities, cut)
    if cut.everything is None or decision.errors:
        return decision
    return with_shadow(decision, answer(compiled, cut.everything, question, entities, cut), compiled)


def denied(code: str, message: str) -> Decision:
    return Decision(outcome="deny", errors=(Fault(code=code, message=message),))


def question_of(request: Request, cut: Slice) -> dict[str, Any]:
    """The request as the engine takes it. Raises `Unfit`."""
    parts = {
        "input": request.input,
        "customer": customer_part(request.customer),
        "channel": request.channel,
        "tainted": request.tainted,
        "facts": request.facts,
    }
    return {
        "principal": {"type": PRINCIPAL, "id": request.principal.id},
        "action": {"type": ACTION, "id": request.tool},
        "resource": {"type": GATEWAY_TYPE, "id": GATEWAY},
        "context": context_of(cut.context, parts),
    }


def answer(
    compiled: Compiled,
    policies: cedarpy.PolicySet,
    question: dict[str, Any],
    entities: cedarpy.Entities,
    cut: Slice,
) -> Decision:
    try:
        result = cedarpy.is_authorized(question, policies, entities, cut.schema)
    except ValueError as error:
        return denied("undecided", str(error))
    errors = result.diagnostics.errors
    if result.decision is cedarpy.Decision.NoDecision:
        return denied("undecided", "; ".join(errors))
    if errors:
        return denied("rule_failed", "; ".join(errors))
    determining = [compiled.statements[name] for name in sorted(result.diagnostics.reasons)]
    if result.decision is cedarpy.Decision.Allow and determining:
        return permitted(determining)
    return decision_by("deny", determining, reason=" ".join(each.reason for each in determining if each.reason))


def permitted(permits: list[Statement]) -> Decision:
    """A permit that asks for nobody's approval wins over those that do."""
    plain = [permit for permit in permits if permit.approvers is None]
    if plain:
        return decision_by("allow", plain)
    return decision_by(
        "approval", permits, approvers=strictest(permit.approvers for permit in permits if permit.approvers)
    )


def decision_by(
    outcome: Outcome, statements: list[Statement], *, approvers: Approvers | None = None, reason: str = ""
) -> Decision:
    return Decision(
        outcome=outcome,
        rules=names_of(statements),
        statements=tuple(statement.id for statement in statements),
        approvers=approvers,
        reason=reason,
    )


def names_of(statements: Iterable[Statement]) -> tuple[str, ...]:
    return tuple(sorted({statement.rule for statement in statements}))


def with_shadow(decision: Decision, shadow: Decision, compiled: Compiled) -> Decision:
    theirs = [compiled.statements[name] for name in shadow.statements if compiled.statements[name].mode == "shadow"]
    return replace(decision, shadow=Shadow(outcome=shadow.outcome, rules=names_of(theirs)))
