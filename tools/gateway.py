"""The one door out: every call is validated, bound to the customer, authorised, entered in the ledger and made.

The order matters. Arguments are checked and the customer's filled in; whose thing it is that the call would touch is
asked of the backend; the policies decide, knowing that; money is taken out of its limits; the ledger says `sent`; then
the request leaves. What comes back is cut down to what is this customer's before anybody reads it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from observability.database import give_back_connection
from tools import approvals, money
from tools.approvals import ApprovalNeeded, Ask
from tools.authorize import Asked, authorize, is_possible
from tools.binding import Customer, visible_schema, with_bound
from tools.catalog import catalog
from tools.errors import OutcomeUnclear, TargetUnavailable, TargetUnreachable, ToolFailed, ToolRefused
from tools.ledger import Outcome
from tools.models import Approval, Target, Tool, ToolCall
from tools.owners import alike, own_part
from tools.policy.authorize import Principal
from tools.prechecks import Found, look_before
from tools.rulings import Ruling
from tools.schemas import check_arguments
from tools.sending import Attempts, Write
from tools.targets.base import Call

logger = logging.getLogger(__name__)
Builtin = Callable[[ToolCall], dict[str, Any]]


def nothing_untrusted(_: Tool, __: Mapping[str, Any]) -> tuple[str, ...]:
    return ()


def nobody() -> int | None:
    return None


def no_approval(_: ToolCall) -> Approval | None:
    return None


@dataclass(frozen=True, kw_only=True)
class Caller:
    """On whose behalf a tool is called; none of it comes from the model.

    `deadline` is an instant of `time.monotonic()`. `mark_sent` commits the ledger's `sent` before a write leaves.
    `untrusted` names the arguments of a write that came from untrusted text; `approval` finds what a person has said
    to a call.
    """

    principal: Principal
    permitted: frozenset[str]
    customer: Customer
    deadline: float
    mark_sent: Callable[[ToolCall], None]
    builtins: Mapping[str, Builtin] = field(default_factory=dict)
    # Tools that are stopped at present, by either name.
    stopped: frozenset[str] = frozenset()
    channel: str = ""
    agent_id: UUID | None = None
    requested_by: Callable[[], int | None] = nobody
    untrusted: Callable[[Tool, Mapping[str, Any]], tuple[str, ...]] = nothing_untrusted
    approval: Callable[[ToolCall], Approval | None] = no_approval

    def may_use(self, tool: Tool) -> bool:
        is_permitted = tool.key in self.permitted or catalog.name_of(tool) in self.permitted
        return is_permitted and not self.has_stopped(tool)

    def has_stopped(self, tool: Tool) -> bool:
        return not self.stopped.isdisjoint({tool.key, tool.name})


def list_tools(caller: Caller) -> list[dict[str, Any]]:
    """The tools that the model is shown: permitted, switched on, and such that some arguments could pass; in a steady
    order (the prompt cache depends on it). What the gateway fills in is not among their arguments."""
    tools = sorted({tool.key: tool for name in caller.permitted if (tool := catalog.find(name))}.items())
    return [
        {"name": catalog.name_of(tool), "description": tool.description, "input_schema": visible_schema(tool)}
        for _, tool in tools
        if tool.is_open and not caller.has_stopped(tool) and is_possible(tool, caller.principal)
    ]


def call_tool(call: ToolCall, caller: Caller) -> Outcome:
    """Make the call; whatever happens, the outcome is something that the model can be told.

    Raises `ApprovalNeeded`, having sent nothing, where it waits for a person.
    """
    started = time.monotonic()
    attempt = Attempt(call, caller)
    try:
        result = attempt.told(attempt.carry_out())
        state = ToolCall.State.CONFIRMED
    except ToolRefused as error:
        state, result = refused(call, error)
    except ToolFailed as error:
        state, result = ToolCall.State.FAILED, problem(error.code, str(error))
    except TargetUnavailable as error:
        state, result = ToolCall.State.FAILED, problem("target_unavailable", str(error))
    except TargetUnreachable as error:
        logger.warning("tool %s: %s", call.tool_name, error)
        state, result = (
            ToolCall.State.FAILED,
            problem("unreachable", "The backend cannot be reached. Nothing was done."),
        )
    except OutcomeUnclear as error:
        logger.warning("tool %s: no usable answer: %s", call.tool_name, error)
        state, result = unclear(call)
    duration = round((time.monotonic() - started) * 1000)
    return Outcome(
        state=state,
        result=result,
        attempts=attempt.attempts.made,
        duration_ms=duration,
        ruling=attempt.ruling,
        arguments=attempt.changed,
        gives_back=attempt.moves_money and state in {ToolCall.State.FAILED, ToolCall.State.REFUSED},
    )


class Attempt:
    """One attempt at one call. `ruling` is what the policies said, `changed` the arguments that a person has put in the
    place of the model's."""

    def __init__(self, call: ToolCall, caller: Caller) -> None:
        self.call = call
        self.caller = caller
        self.attempts = Attempts(call.attempts)
        self.ruling = Ruling()
        self.changed: dict[str, Any] | None = None
        self.moves_money = False

    def carry_out(self) -> Any:
        tool = self.get_tool()
        self.moves_money = tool.amount is not None
        arguments = with_bound(tool, self.call.arguments, self.bound_values())
        if tool.target.kind == Target.Kind.BUILTIN:
            self.authorize(tool, arguments, Found())
            self.attempts.made += 1
            return self.caller.builtins[tool.name](self.call)
        request = self.request_of(tool, arguments)
        if self.call.state == ToolCall.State.SENT and not tool.is_read:
            # It has left already: what it did is found out, whatever is permitted by now.
            give_back_connection()
            return self.own(tool, self.write_of(request).find_or_send_again())
        give_back_connection()
        request, found = self.authorize(tool, arguments, look_before(request))
        if tool.is_read:
            give_back_connection()
            return self.own(tool, self.read(tool, request))
        return self.own(tool, self.write_of(request, found).carry_out())

    def read(self, tool: Tool, request: Call) -> Any:
        try:
            return self.attempts.read(request)
        except ToolFailed as error:
            raise alike(error, tool.owners) from error

    # -- who may call what

    def get_tool(self) -> Tool:
        """The tool that may be called with these arguments, or that was: what a write did must be found out, whoever
        may use its tool by now. Raises `ToolRefused`."""
        tool = catalog.find(self.call.tool_name)
        if self.call.state == ToolCall.State.SENT and tool is not None:
            return tool
        tool = get_tool_for(self.caller, self.call.tool_name)
        check_arguments(visible_schema(tool), self.call.arguments)
        return tool

    def authorize(self, tool: Tool, arguments: dict[str, Any], found: Found) -> tuple[Call, Found]:
        """The request as it may be made, with what is known of it. Raises `ToolRefused` and `ApprovalNeeded`."""
        self.ruling = self.ruling_on(tool, arguments, found)
        if self.ruling.decision == "deny":
            why = self.ruling.reason or "The policies do not allow this call."
            raise ToolRefused("not_permitted", f"{why} Nothing was done. Do not try again; hand over if it is needed.")
        if self.ruling.decision == "approval":
            arguments, found = self.approved(tool, arguments, found)
        return self.request_of(tool, arguments), found

    def ruling_on(self, tool: Tool, arguments: dict[str, Any], found: Found) -> Ruling:
        tainted = () if tool.is_read else self.caller.untrusted(tool, self.call.arguments)
        return authorize(
            Asked(
                tool=tool,
                arguments=arguments,
                principal=self.caller.principal,
                customer=self.caller.customer,
                channel=self.caller.channel,
                tainted=tainted,
                facts=found.facts,
            )
        )

    def approved(self, tool: Tool, arguments: dict[str, Any], found: Found) -> tuple[dict[str, Any], Found]:
        """The arguments that a person has said yes to, looked up and decided upon once more where they are not the
        model's. Raises `ApprovalNeeded` where nobody has said anything, `ToolRefused` where it was a no."""
        approval = self.caller.approval(self.call)
        if approval is None or approval.status == Approval.Status.PENDING:
            raise ApprovalNeeded(self.ask(tool, arguments, found))
        is_as_asked = approval.arguments == arguments
        approvals.check_usable(
            approval, caller_id=self.call.caller_id, ruling=self.ruling, amount=found.amount if is_as_asked else None
        )
        if is_as_asked:
            return arguments, found
        self.changed = {name: value for name, value in approval.arguments.items() if name not in tool.bindings}
        check_arguments(tool.input_schema, approval.arguments)
        if approval.arguments != {**self.changed, **{name: arguments[name] for name in tool.bindings}}:
            raise ToolRefused("approval_void", "The approval is for another customer.")
        found = look_before(self.request_of(tool, approval.arguments))
        ruling = self.ruling_on(tool, approval.arguments, found)
        if ruling.decision == "deny":
            raise ToolRefused("not_permitted", "What was approved is not permitted by the policies.")
        approvals.check_covers(approval, ruling=ruling, amount=found.amount)
        return dict(approval.arguments), found

    def ask(self, tool: Tool, arguments: dict[str, Any], found: Found) -> Ask:
        return Ask(
            call=self.call,
            tool=tool,
            arguments=arguments,
            ruling=self.ruling,
            amount=found.amount,
            agent_id=self.caller.agent_id,
            customer_id=self.caller.customer.id,
            requested_by_id=self.caller.requested_by(),
        )

    # -- the request

    def bound_values(self) -> dict[str, Any]:
        return {**self.caller.customer.values(), "session.id": str(self.call.session_id or "")}

    def request_of(self, tool: Tool, arguments: Mapping[str, Any]) -> Call:
        return Call(
            tool=tool,
            arguments=arguments,
            values={**arguments, **self.bound_values(), "idempotency_key": self.call.idempotency_key},
            key=self.call.idempotency_key if tool.idempotency == Tool.Idempotency.KEY_HEADER else None,
            deadline=min(self.caller.deadline, time.monotonic() + tool.deadline_ms / 1000),
        )

    def write_of(self, request: Call, found: Found | None = None) -> Write:
        return Write(
            request,
            self.attempts,
            mark_sent=lambda: self.mark_sent(request, found),
            check_still_allowed=lambda: get_tool_for(self.caller, self.call.tool_name),
        )

    def mark_sent(self, request: Call, found: Found | None) -> None:
        """What it moves is taken out of the limits first, so that two calls never take what is left for one."""
        if found is not None and found.amount is not None:
            money.take(
                self.call,
                request.tool,
                amount=found.amount,
                subject=money.subject_of(request.tool, request.arguments),
                customer_id=self.caller.customer.id,
                agent_id=self.caller.agent_id,
            )
        self.caller.mark_sent(self.call)

    def told(self, result: Any) -> Any:
        """What the model reads: where a person has changed its arguments, it is told so."""
        if self.changed is None:
            return result
        return {"changed_by_a_person": self.changed, "result": result}

    def own(self, tool: Tool, result: Any) -> Any:
        return own_part(result, tool.owners, self.bound_values()) if tool.is_read else result


def get_tool_for(caller: Caller, name: str) -> Tool:
    """The tool if this caller may use it. Raises `ToolRefused`."""
    tool = catalog.find(name)
    if tool is None or not (caller.may_use(tool) or caller.has_stopped(tool)):
        raise ToolRefused("unknown_tool", f"There is no tool {name[:64]!r}. Use one of the tools you were given.")
    if not tool.is_open or caller.has_stopped(tool):
        raise ToolRefused("tool_disabled", f"The tool {name!r} is switched off at present.")
    if tool.needs_customer and not caller.customer.is_verified:
        raise ToolRefused(
            "customer_not_verified", "The customer's identity is not verified, so their data may not be looked up."
        )
    return tool


def refused(call: ToolCall, error: ToolRefused) -> tuple[ToolCall.State, dict[str, Any]]:
    if call.state == ToolCall.State.SENT:
        logger.warning("tool %s was sent and cannot be looked up: %s", call.tool_name, error)
        return unclear(call)
    return ToolCall.State.REFUSED, problem(error.code, str(error))


def unclear(call: ToolCall) -> tuple[ToolCall.State, dict[str, Any]]:
    tool = catalog.find(call.tool_name)
    if tool is not None and tool.is_read:
        return ToolCall.State.FAILED, problem("no_answer", "The backend gave no usable answer. Nothing was changed.")
    return ToolCall.State.UNKNOWN, problem(
        "outcome_unknown",
        "It is not known whether this was done. Do not repeat it and do not tell the customer that it was done; "
        "hand over to a person.",
    )


def problem(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}
