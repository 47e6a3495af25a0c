"""What a version would decide: about one call that is made up, and about the calls of the last days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from tools.catalog import catalog
from tools.models import PolicyVersion, Tool
from tools.outside import CHANNEL as OUTSIDE
from tools.policies import compile_version, in_force
from tools.policy.authorize import Decision, Principal, Request, decide
from tools.policy.check import compile_rules
from tools.policy.listing import matrix
from tools.policy.replay import flips
from tools.policy.slices import Compiled
from tools.policy.statements import Approvers, RulesRefused
from tools.policy_calls import CHANNELS, on_channel
from tools.policy_sources import MOST_CALLS, KnownCaller, Recorded, every_recorded
from tools.rulings import REVIEWER

MOST_DAYS = 90


@dataclass(frozen=True, kw_only=True)
class Tried:
    """`outcome` is what the gateway makes of the decision: "allow", "deny" or "approval". `problem` says why nothing
    could be decided, which denies."""

    outcome: str
    decision: Decision | None = None
    approvers: Approvers | None = None
    by_taint: bool = False
    problem: str = ""


def try_call(version: PolicyVersion | None, request: Request) -> Tried:
    """What this version would decide about a call with the present tools, were it enforced."""
    try:
        compiled = compile_version(version)
    except RulesRefused as refused:
        return Tried(outcome="deny", problem=f"The rules do not fit the tools: {refused}")
    if version is None:
        return Tried(outcome="deny", problem="No version of the policies is published.")
    decision = decide(compiled, request)
    tool = catalog.find(request.tool)
    ruled = ruled_by(decision, is_tainted_write=request.tainted and tool is not None and not tool.is_read)
    return Tried(outcome=ruled.outcome, decision=decision, approvers=ruled.approvers, by_taint=ruled.by_taint)


@dataclass(frozen=True, kw_only=True)
class Ruled:
    """What is done about a decision, and whose yes is wanted where it is asked about."""

    outcome: str
    approvers: Approvers | None
    by_taint: bool = False


def ruled_by(decision: Decision, *, is_tainted_write: bool) -> Ruled:
    """As `tools.authorize` has it: what untrusted text may have put there is asked about, though policies allow it."""
    if decision.outcome == "allow" and is_tainted_write:
        return Ruled(outcome="approval", approvers=Approvers(role=REVIEWER), by_taint=True)
    return Ruled(outcome=decision.outcome, approvers=decision.approvers)


# -- back-test


@dataclass(frozen=True, kw_only=True)
class FlippedCall:
    recorded: Recorded
    before: Decision
    after: Decision
    was: Ruled
    becomes: Ruled


@dataclass(kw_only=True)
class FlipGroup:
    """All flips from one outcome to another; `money` is what their calls move, by currency."""

    was: str
    becomes: str
    calls: int = 0
    money: dict[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class BackTest:
    """`compared` are the calls that were decided twice. Calls of tools about which both versions say the same are not
    read. `is_cut` says that there were more than are read at a time; `money` does not go beyond what was read."""

    days: int
    compared: int
    flipped: list[FlippedCall]
    groups: list[FlipGroup]
    tools: list[str]
    is_cut: bool


def replay(after: PolicyVersion, days: int) -> BackTest:
    """The recorded calls of the last days, decided under what is in force and under `after`.

    Raises `RulesRefused` where `after` does not fit the present tools. What is in force and does not fit allows
    nothing, as it does for real.
    """
    new = compile_version(after)
    old = compiled_in_force(new)
    tools = tools_decided_otherwise(old, new)
    names = [name for key in tools if (tool := catalog.find(key)) for name in (tool.key, tool.name)]
    recorded = every_recorded(timezone.now() - timedelta(days=days), names) if names else []
    is_cut = len(recorded) >= MOST_CALLS
    # The short name of one tool may be that of another on a second target.
    recorded = [each for each in recorded if each.request.tool in set(tools)]
    flipped = flipped_calls(old, new, recorded)
    return BackTest(
        days=days,
        compared=len(recorded),
        flipped=flipped,
        groups=groups_of(flipped),
        tools=tools,
        is_cut=is_cut,
    )


def compiled_in_force(other: Compiled) -> Compiled:
    try:
        return compile_version(in_force(), other.shapes.values())
    except RulesRefused:
        return compile_rules([], other.shapes.values())


def tools_decided_otherwise(before: Compiled, after: Compiled) -> list[str]:
    """The keys of the tools that other statements touch than before."""
    return [key for key in after.shapes if said_about(before, key) != said_about(after, key)]


def said_about(compiled: Compiled, key: str) -> Counter[tuple[str, str]]:
    return Counter((statement.mode, statement.body) for statement in compiled.touching(key))


def flipped_calls(before: Compiled, after: Compiled, recorded: Sequence[Recorded]) -> list[FlippedCall]:
    """Those about which something else would be done; a call that is asked about anyway stays one."""
    found = []
    for flip in flips(before, after, (each.request for each in recorded)):
        call = recorded[flip.index]
        is_tainted_write = call.tainted and not call.tool.is_read
        was = ruled_by(flip.before, is_tainted_write=is_tainted_write)
        becomes = ruled_by(flip.after, is_tainted_write=is_tainted_write)
        if (was.outcome, was.approvers) != (becomes.outcome, becomes.approvers):
            found.append(FlippedCall(recorded=call, before=flip.before, after=flip.after, was=was, becomes=becomes))
    return found


def groups_of(flipped: Sequence[FlippedCall]) -> list[FlipGroup]:
    """The most numerous first."""
    groups: dict[tuple[str, str], FlipGroup] = {}
    for call in flipped:
        was, becomes = call.was.outcome, call.becomes.outcome
        group = groups.setdefault((was, becomes), FlipGroup(was=was, becomes=becomes))
        group.calls += 1
        if call.recorded.money is not None:
            currency = call.recorded.currency
            group.money[currency] = group.money.get(currency, Decimal(0)) + call.recorded.money
    return sorted(groups.values(), key=lambda group: -group.calls)


# -- who may call what


@dataclass(frozen=True, kw_only=True)
class MatrixRow:
    """One tool and, for each caller in order, "always", "approval", "conditions", "never", or "" where the tool is not
    among those given to it."""

    tool: Tool
    cells: list[str]


def matrix_rows(compiled: Compiled, callers: Sequence[KnownCaller], tools: Sequence[Tool]) -> list[MatrixRow]:
    """Callers may share an id: one key's name may be another's on a second gateway."""
    keys = [tool.key for tool in tools]
    columns = [column_of(compiled, caller.principal, keys) for caller in callers]
    return [
        MatrixRow(
            tool=tool,
            cells=[
                str(column.get(tool.key, "never")) if caller.has(tool) else ""
                for caller, column in zip(callers, columns, strict=True)
            ],
        )
        for tool in tools
    ]


def column_of(compiled: Compiled, principal: Principal, keys: Sequence[str]) -> dict[str, str]:
    """By tool. An agent bears the channel of its conversation; what depends on that is under conditions."""
    found: dict[str, set[str]] = {key: set() for key in keys}
    for each in borne_by(principal):
        for key, cell in matrix(compiled, [each], keys)[each.id].items():
            found[key].add(cell)
    return {key: cells.pop() if len(cells) == 1 else "conditions" for key, cells in found.items()}


def borne_by(principal: Principal) -> list[Principal]:
    """The caller with all the tags of a call: an agent on each channel that it may speak on."""
    if principal.tags.get("kind") != "agent":
        return [principal]
    return [on_channel(principal, channel) for channel in CHANNELS if channel != OUTSIDE]
