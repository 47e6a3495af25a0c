"""The one door out: every tool call is validated, bound to the customer, authorised, entered in the ledger and made.

A read may be made again freely. A write is sent under its idempotency key; where the answer is lost it is looked up
by that key before anything is repeated, and what cannot be found out stays `unknown` and goes to a person. To a target
that fails again and again nothing is sent for a while, but for the look-up of a write that has left already.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from observability.database import give_back_connection
from tools.binding import BoundRequest, bind
from tools.breaker import Passage, admit, admit_look_up
from tools.catalog import catalog
from tools.errors import OutcomeUnclear, TargetUnavailable, TargetUnreachable, ToolFailed, ToolRefused
from tools.ledger import Outcome
from tools.models import Target, Tool, ToolCall
from tools.schemas import check_arguments
from tools.targets import http

logger = logging.getLogger(__name__)
BACKOFF_SECONDS = 0.2
LOOKUP_ROUNDS = 2
NOT_FOUND = 404
Builtin = Callable[[ToolCall], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Caller:
    """On whose behalf a tool is called; none of it comes from the model.

    `deadline` is an instant of `time.monotonic()`. `mark_sent` commits the ledger's `sent` before a write leaves.
    """

    permitted: frozenset[str]
    customer_email: str
    customer_is_verified: bool
    deadline: float
    builtins: Mapping[str, Builtin]
    mark_sent: Callable[[ToolCall], None]


def list_tools(permitted: frozenset[str]) -> list[dict[str, Any]]:
    """The tools that the model is shown: permitted, enabled, in a steady order (the prompt cache depends on it)."""
    return [
        {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
        for name, tool in sorted(catalog.tools().items())
        if name in permitted and tool.enabled and tool.target.enabled
    ]


def call_tool(call: ToolCall, caller: Caller) -> Outcome:
    """Make the call; whatever happens, the outcome is something that the model can be told."""
    started = time.monotonic()
    attempts = Attempts(call.attempts)
    try:
        result = invoke(get_tool_of(call, caller), call, caller, attempts)
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
    return Outcome(state=state, result=result, attempts=attempts.made, duration_ms=duration)


def get_tool_of(call: ToolCall, caller: Caller) -> Tool:
    """The tool that may be called with these arguments, or that was: what a write did must be found out, whoever may
    use its tool by now. Raises `ToolRefused`."""
    tool = catalog.tools().get(call.tool_name)
    if call.state != ToolCall.State.SENT or tool is None:
        tool = get_tool_for(caller, call.tool_name)
        check_arguments(tool.input_schema, call.arguments)
    return tool


def get_tool_for(caller: Caller, name: str) -> Tool:
    """The tool if this caller may use it. Raises `ToolRefused`."""
    tool = catalog.tools().get(name)
    if tool is None or name not in caller.permitted:
        raise ToolRefused("unknown_tool", f"There is no tool {name[:64]!r}. Use one of the tools you were given.")
    if not tool.enabled or not tool.target.enabled:
        raise ToolRefused("tool_disabled", f"The tool {name!r} is switched off at present.")
    if tool.needs_customer and not caller.customer_is_verified:
        raise ToolRefused(
            "customer_not_verified", "The customer's identity is not verified, so their data may not be looked up."
        )
    return tool


def invoke(tool: Tool, call: ToolCall, caller: Caller, attempts: Attempts) -> Any:
    if tool.target.kind == Target.Kind.BUILTIN:
        attempts.made += 1
        return caller.builtins[tool.name](call)
    values = {**call.arguments, "customer.email": caller.customer_email, "idempotency_key": call.idempotency_key}
    deadline = min(caller.deadline, time.monotonic() + tool.deadline_ms / 1000)
    if tool.is_read:
        request = bind(tool.routes, values)
        give_back_connection()
        return attempts.repeat(tool, request, leave=admit, deadline=deadline)
    return Write(tool, call, caller, values=values, deadline=deadline, attempts=attempts).carry_out()


class Attempts:
    """Counts the requests made for a call, and repeats those that may be repeated, with back-off and jitter."""

    def __init__(self, made: int) -> None:
        self.made = made

    def once(
        self, tool: Tool, request: BoundRequest, *, passage: Passage, deadline: float, key: str | None = None
    ) -> Any:
        self.made += 1
        return passage.watch(
            lambda: http.send(tool.target.base_url, request, key=key, deadline=deadline), deadline=deadline
        )

    def repeat(self, tool: Tool, request: BoundRequest, *, leave: Callable[[UUID], Passage], deadline: float) -> Any:
        """`leave` is asked before each request; none begins after the deadline, nor is one waited for beyond it."""
        for attempt in range(tool.retries):
            try:
                return self.once(tool, request, passage=leave(tool.target_id), deadline=deadline)
            except (TargetUnreachable, OutcomeUnclear):
                jitter = 0.5 + random.random()  # noqa: S311  no secret
                if not wait(BACKOFF_SECONDS * 2**attempt * jitter, deadline=deadline):
                    raise
        return self.once(tool, request, passage=leave(tool.target_id), deadline=deadline)


def wait(seconds: float, *, deadline: float) -> bool:
    """Sleep, unless the deadline would pass meanwhile: then there is nothing to wait for."""
    if time.monotonic() + seconds >= deadline:
        return False
    time.sleep(seconds)
    return True


class Write:
    """One write, carried out at most once."""

    def __init__(
        self,
        tool: Tool,
        call: ToolCall,
        caller: Caller,
        *,
        values: Mapping[str, Any],
        deadline: float,
        attempts: Attempts,
    ) -> None:
        self.tool = tool
        self.call = call
        self.caller = caller
        self.values = values
        self.deadline = deadline
        self.attempts = attempts
        self.has_key = tool.idempotency == Tool.Idempotency.KEY_HEADER

    def carry_out(self) -> Any:
        if self.call.state == ToolCall.State.SENT:
            give_back_connection()
            return self.find_or_send_again()
        passage = admit(self.tool.target_id)
        self.caller.mark_sent(self.call)
        give_back_connection()
        try:
            return self.send_to_reachable(passage)
        except OutcomeUnclear:
            return self.find_or_send_again()

    def send_to_reachable(self, passage: Passage) -> Any:
        """Sent once; where nothing reached the backend, once more."""
        try:
            return self.send(passage)
        except TargetUnreachable:
            if not wait(BACKOFF_SECONDS, deadline=self.deadline):
                raise
            return self.send(admit(self.tool.target_id))

    def send(self, passage: Passage) -> Any:
        request = bind(self.tool.routes, self.values)
        key = self.call.idempotency_key if self.has_key else None
        return self.attempts.once(self.tool, request, passage=passage, deadline=self.deadline, key=key)

    def find_or_send_again(self) -> Any:
        """Look up what the earlier request did; send again only where nothing is found and the key protects it.

        The breaker holds neither back: the write has left, and what it did must be known. A look-up that is answered
        has shown that the target is there again; without a look-up, sending again under the same key is one.
        """
        for _ in range(LOOKUP_ROUNDS):
            # A look-up must not be cut short by the time that the lost answer took.
            self.deadline = max(self.deadline, time.monotonic() + self.tool.deadline_ms / 1000)
            found = self.look_up()
            if found is not None:
                return found
            self.check_still_allowed()
            try:
                return self.send(admit_look_up(self.tool.target_id))
            except (OutcomeUnclear, TargetUnreachable) as error:
                logger.warning("tool %s: no answer to the repeated request: %s", self.tool.name, error)
        raise OutcomeUnclear("neither an answer nor a look-up settled it")

    def look_up(self) -> Any | None:
        """What the backend holds under this call's key, or None where it says that there is nothing.

        Without a look-up, a backend that takes keys is asked by sending the same request under the same key.
        """
        if not self.has_key:
            raise OutcomeUnclear("this backend takes no idempotency key, so nothing may be repeated")
        if not self.tool.lookup:
            return None
        request = bind([self.tool.lookup], self.values)
        try:
            return self.attempts.repeat(self.tool, request, leave=admit_look_up, deadline=self.deadline)
        except TargetUnreachable as error:
            raise OutcomeUnclear(f"the look-up failed: {error}") from error
        except ToolFailed as error:
            if error.status != NOT_FOUND:
                raise OutcomeUnclear(f"the look-up failed: {error}") from error
            return None

    def check_still_allowed(self) -> None:
        """A tool that was switched off meanwhile is asked what it did, and never made to do it."""
        try:
            get_tool_for(self.caller, self.tool.name)
        except ToolRefused as error:
            raise OutcomeUnclear(f"it may not be sent again: {error}") from error


def refused(call: ToolCall, error: ToolRefused) -> tuple[ToolCall.State, dict[str, Any]]:
    if call.state == ToolCall.State.SENT:
        logger.warning("tool %s was sent and cannot be looked up: %s", call.tool_name, error)
        return unclear(call)
    return ToolCall.State.REFUSED, problem(error.code, str(error))


def unclear(call: ToolCall) -> tuple[ToolCall.State, dict[str, Any]]:
    tool = catalog.tools().get(call.tool_name)
    if tool is not None and tool.is_read:
        return ToolCall.State.FAILED, problem("no_answer", "The backend gave no usable answer. Nothing was changed.")
    return ToolCall.State.UNKNOWN, problem(
        "outcome_unknown",
        "It is not known whether this was done. Do not repeat it and do not tell the customer that it was done; "
        "hand over to a person.",
    )


def problem(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}
