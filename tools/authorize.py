"""Asks the policies in force whether a call may be made. Anything but a clean yes is a no.

Every process holds the version in force compiled, and reads every two seconds whether there is a newer one, another
mode or another tool. Rules that do not fit the tools any more allow nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Subquery

from tools.binding import Customer
from tools.catalog import catalog
from tools.models import PolicyRule, PolicySetting, PolicyVersion, Tool
from tools.policy import authorize as cedar
from tools.policy.authorize import Principal
from tools.policy.check import compile_rules
from tools.policy.listing import possible_tools
from tools.policy.schema import ToolShape
from tools.policy.slices import Compiled
from tools.policy.statements import Rule, RulesRefused
from tools.policy.values import Customer as PolicyCustomer
from tools.prechecks import fact_types
from tools.rulings import REVIEWER, Ruling

logger = logging.getLogger(__name__)
CACHE_SECONDS = 2.0
Mode = PolicySetting.Mode


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One call as the policies see it; `tainted` are the arguments that came from untrusted text."""

    tool: Tool
    arguments: Mapping[str, Any]
    principal: Principal
    customer: Customer
    channel: str
    tainted: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Live:
    """What is in force. `compiled` is None where there is no version, or its rules do not fit the tools: `problem`."""

    mode: str
    number: int | None = None
    compiled: Compiled | None = None
    problem: str = ""


class Book:
    """The version in force, compiled once for each version and state of the tools."""

    def __init__(self) -> None:
        self._live = Live(mode=Mode.ENFORCE, problem="The policies are not read yet.")
        self._key: tuple[object, ...] = ()
        self._read_at = float("-inf")
        self._reading = threading.Lock()

    def live(self) -> Live:
        """One thread reads again while the others go on with what there is; the first ones wait."""
        if not self._key:
            with self._reading:
                if not self._key:
                    self._read()
        elif time.monotonic() - self._read_at > CACHE_SECONDS and self._reading.acquire(blocking=False):
            try:
                self._read()
            finally:
                self._reading.release()
        return self._live

    def forget(self) -> None:
        self._key = ()

    def _read(self) -> None:
        numbers = PolicyVersion.objects.filter(number__isnull=False).order_by("-number").values("number")
        found = PolicySetting.objects.filter(pk=1).values_list("mode", Subquery(numbers[:1])).first()
        mode, newest = found or (Mode.ENFORCE, None)
        shapes = shapes_of(catalog.every())
        key = (mode, newest, tuple(str(shape) for shape in shapes))
        if key != self._key:
            self._live = compiled_live(mode, newest, shapes)
            self._key = key
        self._read_at = time.monotonic()


def compiled_live(mode: str, number: int | None, shapes: list[ToolShape]) -> Live:
    if number is None:
        return Live(mode=mode, problem="No version of the policies is published.")
    rules = [
        Rule(name=rule.name, text=rule.text, mode="shadow" if rule.mode == PolicyRule.Mode.SHADOW else "enforce")
        for rule in PolicyRule.objects.filter(version__number=number)
    ]
    try:
        return Live(mode=mode, number=number, compiled=compile_rules(rules, shapes))
    except (RulesRefused, ValueError) as error:  # the latter for a tool that policies cannot name
        logger.error("policies version %d do not fit the tools, so nothing is allowed: %s", number, error)  # noqa: TRY400
        return Live(mode=mode, number=number, problem=f"Version {number} of the policies does not fit the tools.")


def shapes_of(tools: list[Tool]) -> list[ToolShape]:
    """Tools as the policies know them, enabled or not: switching one off changes no policy."""
    return [
        ToolShape(key=tool.key, target=tool.target.name, input_schema=tool.input_schema, facts=fact_types(tool))
        for tool in tools
    ]


book = Book()


def authorize(asked: Asked) -> Ruling:
    """What the policies in force say, and what is done about it in the mode that is set."""
    live = book.live()
    if live.mode == Mode.OFF:
        return Ruling()
    ruling = ruling_of(live, asked)
    if live.mode == Mode.ENFORCE:
        return ruling
    return Ruling(version=ruling.version, record={**(ruling.record or {}), "would": ruling.decision})


def ruling_of(live: Live, asked: Asked) -> Ruling:
    if live.compiled is None:
        return Ruling(decision="deny", version=live.number, reason=live.problem, record={"errors": [live.problem]})
    decision = cedar.decide(live.compiled, request_of(asked))
    outcome, role, needed = decision.outcome, REVIEWER, 1
    if decision.approvers is not None:
        role, needed = decision.approvers.role, decision.approvers.number
    elif outcome == "allow" and asked.tainted and not asked.tool.is_read:
        # What untrusted text may have put there is not done on the agent's word alone.
        outcome = "approval"
    return Ruling(
        decision=outcome,
        version=live.number,
        rules=tuple(decision.rules),
        role=role,
        needed=needed,
        reason=decision.reason,
        record=record_of(asked, decision),
    )


def request_of(asked: Asked) -> cedar.Request:
    return cedar.Request(
        principal=asked.principal,
        tool=asked.tool.key,
        input=dict(asked.arguments),
        customer=PolicyCustomer(
            verified=asked.customer.is_verified,
            id=asked.customer.id if asked.customer.is_verified else "",
            email=asked.customer.email if asked.customer.is_verified else "",
        ),
        channel=asked.channel,
        tainted=bool(asked.tainted),
        facts=dict(asked.facts),
    )


def record_of(asked: Asked, decision: cedar.Decision) -> dict[str, Any]:
    """Enough to decide the same call again under other rules, with the call's own row."""
    record: dict[str, Any] = {"rules": list(decision.rules), "verified": asked.customer.is_verified}
    if asked.facts:
        record["facts"] = dict(asked.facts)
    if asked.tainted:
        record["tainted"] = list(asked.tainted)
    if decision.errors:
        record["errors"] = [f"{fault.code}: {fault.message}" for fault in decision.errors]
    if decision.shadow is not None:
        record["shadow"] = {"outcome": decision.shadow.outcome, "rules": list(decision.shadow.rules)}
    return record


def is_possible(tool: Tool, principal: Principal) -> bool:
    """Whether some arguments could pass: a model is not shown what it could never call."""
    live = book.live()
    if live.mode != Mode.ENFORCE:
        return True
    if live.compiled is None:
        return False
    possible = possible_tools(live.compiled, principal, [tool.key])
    return possible.get(tool.key, "never") != "never"
