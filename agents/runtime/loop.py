"""The loop: one customer message to one reply. There is one, and streaming is a reader of the events that it writes.

Whatever happens, the turn ends with a reply, with a person, or silent because a person has taken over. A worker that
dies leaves rows from which the next one goes on.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import lru_cache
from typing import Any, assert_never
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from agents.errors import LimitReached, ModelFailed, Stopped
from agents.escalations import escalate, escalation_parts
from agents.journal import Event, Written, end_turn, message_event, park_turn, write_turn
from agents.llm.base import Reply
from agents.models import AgentVersion, Escalation, Message, Session, Turn
from agents.runtime.context import build_request, opening_messages, system_text
from agents.runtime.events import step_ended, step_started, step_waits
from agents.runtime.heartbeat import heartbeat
from agents.runtime.history import ESCALATE, append_message, load_history, tool_result
from agents.runtime.limits import Limits
from agents.runtime.model_calls import ModelCalls
from agents.runtime.requesters import requester_of
from agents.runtime.steps import CallTools, Escalate, FinalReply, next_step
from agents.runtime.stream import Releaser
from agents.runtime.taint import untrusted_arguments
from agents.turns import Claim
from observability.batch import Part, encode
from observability.tracing import Recorder
from tools import approvals, ledger
from tools.approvals import ApprovalNeeded, Ask
from tools.binding import Customer
from tools.catalog import catalog
from tools.errors import ToolRefused
from tools.gateway import Caller, call_tool
from tools.models import Approval, ToolCall
from tools.policy.authorize import Principal

logger = logging.getLogger(__name__)


class Silenced(Exception):
    """A person speaks now; the turn ends without a word."""


@lru_cache(maxsize=256)
def get_version(version_id: UUID) -> AgentVersion:
    """Read once a process: a version that runs never changes."""
    return AgentVersion.objects.get(pk=version_id)


def run_turn(claim: Claim) -> Written:
    """Run a claimed turn to its end. Raises `LeaseLost` where another worker has it by now."""
    run = Run(claim)
    with heartbeat.holding(claim.lease):
        try:
            return run.to_the_end()
        except ApprovalNeeded as needed:
            return run.park(needed.ask)
        except Silenced:
            return run.end_silently()
        except Stopped as stop:
            return run.hand_over(Escalation.Reason.STOPPED, f"Stopped by staff: {stop}", failure="")
        except LimitReached as error:
            return run.hand_over(Escalation.Reason.USAGE_LIMIT, str(error), failure=str(error))
        except ModelFailed as error:
            failure = f"The model gave no reply ({error.kind}): {error}"
            return run.hand_over(Escalation.Reason.UNCLASSIFIED, failure, failure=failure)


class Run:
    """One attempt at one turn."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.lease = claim.lease
        self.version = get_version(claim.version_id)
        self.recorder = Recorder(trace_id=claim.turn_id, agent_id=claim.agent_id, started_at=claim.started_at)
        self.limits = Limits.of(self.version)
        self.system = system_text(self.version, claim)
        self.model_calls = ModelCalls(claim, self.version, self.recorder, self.limits)
        self.stopped_tools = claim.stops.tools
        self.messages: list[dict[str, Any]] = []
        self.pending: list[ToolCall] = []
        self.dropped = 0
        self.escalated = False
        self.approved: set[UUID] = set()
        # Writes of which nobody knows whether they were carried out.
        self.unknown: list[ToolCall] = []
        self.unwritten: list[Part] = []
        self.caller = Caller(
            principal=principal_of(claim),
            permitted=frozenset(self.version.tools),
            customer=Customer(
                id=str(claim.customer_id),
                email=claim.customer_email,
                name=claim.customer_name,
                is_verified=claim.is_verified,
            ),
            channel=claim.channel,
            agent_id=claim.agent_id,
            requested_by=lambda: requester_of(claim.session_id, claim.customer_email),
            deadline=self.limits.deadline,
            builtins={ESCALATE: self.escalate_to_human},
            mark_sent=self.mark_sent,
            untrusted=lambda tool, arguments: untrusted_arguments(tool, arguments, self.messages),
            approval=self.approval_of,
        )

    def load(self) -> None:
        """What was said, and how far an earlier attempt came."""
        history = load_history(self.claim, turns=self.version.window_exchanges)
        self.pending = history.pending
        self.escalated = history.escalated
        self.unknown = [call for call in history.calls if call.state == ToolCall.State.UNKNOWN]
        self.messages, self.dropped = opening_messages(self.version, history.earlier)
        for message in history.current:
            append_message(self.messages, message["role"], message["content"])
        if self.claim.attempt > 1:
            self.recorder.resume()
            totals = self.recorder.totals
            self.limits.resume(
                history.calls, model_calls=history.model_calls, tokens=totals.tokens, usd=totals.cost_usd
            )

    def to_the_end(self) -> Written:
        if self.claim.attempt > settings.TURN_MAX_ATTEMPTS:
            # Nothing is read or called any more: either may be what it failed at.
            raise LimitReached(f"The turn was begun {settings.TURN_MAX_ATTEMPTS} times and never ended.")
        self.load()
        if self.claim.agent_is_paused or self.claim.stops.turn:
            # What was sent is looked up first: the person who goes on must know what happened.
            self.look_up([call for call in self.pending if call.state == ToolCall.State.SENT])
            self.claim.stops.check()
            return self.hand_over(Escalation.Reason.UNCLASSIFIED, "The agent is paused.", failure="")
        self.call_tools(self.pending, is_resumed=True)
        while True:
            reply, releaser = self.call_model()
            match next_step(reply):
                case FinalReply(text=text):
                    return self.publish(reply, text)
                case CallTools():
                    self.call_tools(self.record_step(reply, releaser))
                case Escalate(reason=reason, summary=summary):
                    return self.hand_over(reason, summary, failure=summary)
                case step:
                    assert_never(step)

    # -- the model

    def call_model(self) -> tuple[Reply, Releaser]:
        """One reply. Raises `ModelFailed`, `LimitReached`, `Silenced`, `Stopped`."""
        request = build_request(self.version, self.system, self.messages, self.limits.deadline, self.caller_now())
        record = {"messages": len(self.messages), "exchangesLeftOut": self.dropped}
        reply, releaser = self.model_calls.call(request, record=record)
        if releaser.written is not None:
            self.check(releaser.written)
        return reply, releaser

    # -- its tools

    def record_step(self, reply: Reply, releaser: Releaser) -> list[ToolCall]:
        """Commit what the model said and a ledger row for each tool that it asks for, before any is called."""
        uses = reply.tool_uses
        calls = [
            ledger.new_call(
                session_id=self.claim.session_id,
                turn_id=self.claim.turn_id,
                tool_use_id=use["id"],
                tool_name=use["name"],
                effect=effect_of(use["name"]),
                arguments=use["input"],
            )
            for use in uses
        ]
        step = self.said(reply.text, content=reply.content, visibility=Message.Visibility.STEP)
        first, *others = calls
        started = [step_started(first, message=step.message), *(step_started(call) for call in others)]
        parts = [ledger.reserve(calls, fence="turn"), *self.records()]
        self.check(write_turn(self.lease, spoken=releaser.rest(), events=started, parts=parts))
        append_message(self.messages, "assistant", reply.content)
        return calls

    def call_tools(self, calls: list[ToolCall], *, is_resumed: bool = False) -> None:
        """Call them in order, each recorded before the next; those of an earlier attempt are counted already."""
        if not is_resumed:
            self.limits.admit_tool_calls(calls)
        for call in calls:
            self.check(self.call_one(call))

    def look_up(self, calls: list[ToolCall]) -> None:
        """What became of these, whoever speaks and whatever is stopped by now; nothing is sent again for it."""
        self.caller = replace(self.caller, permitted=frozenset())
        for call in calls:
            self.call_one(call)

    def call_one(self, call: ToolCall) -> Written:
        started_at = timezone.now()
        tool, caller = catalog.find(call.tool_name), self.caller_now()
        is_stopped = tool is not None and caller.has_stopped(tool) and call.state != ToolCall.State.SENT
        outcome = ledger.STOPPED if is_stopped else call_tool(call, caller)
        self.recorder.tool_call(
            call.tool_name,
            span_id=call.id,
            started_at=started_at,
            cost_usd=tool.cost_usd if tool and outcome.attempts else self.recorder.totals.cost_usd * 0,
            attributes={
                "toolInputs": call.arguments,
                "toolOutput": outcome.result,
                "state": outcome.state,
                "attempts": outcome.attempts,
            },
            error=error_of(outcome),
        )
        settled = [ledger.settle(call, outcome, fence="turn"), *ledger.consequences(call, outcome, fence="turn")]
        parts = [*settled, *self.records()]
        written = write_turn(self.lease, events=[step_ended(call, outcome)], parts=parts)
        append_message(self.messages, "user", [tool_result(call.tool_use_id, outcome.result, state=outcome.state)])
        if outcome.state == ToolCall.State.UNKNOWN:
            self.unknown.append(call)
        return written

    def mark_sent(self, call: ToolCall) -> None:
        """Commit `sent` before the request leaves; where it was stopped or taken over by now, it does not leave."""
        parts = [ledger.mark_sent(call, fence="turn")]
        if call.id in self.approved:
            parts.append(approvals.use(call.id, fence="turn"))
        written = write_turn(self.lease, parts=parts)
        try:
            self.check(written)
            tool = catalog.find(call.tool_name)
            if tool is not None and self.caller_now().has_stopped(tool):
                raise ToolRefused("tool_disabled", f"The tool {call.tool_name!r} is switched off at present.")
        except (Silenced, Stopped):
            write_turn(self.lease, parts=[ledger.settle(call, ledger.NOT_MADE, fence="turn")])
            raise

    def caller_now(self) -> Caller:
        """With the tools that are stopped by now."""
        return replace(self.caller, stopped=self.stopped_tools)

    def approval_of(self, call: ToolCall) -> Approval | None:
        """What a person has said to it; asked only where the policies want a person's word."""
        approval = Approval.objects.filter(call_id=call.id).first()
        if approval is not None and approval.status == Approval.Status.APPROVED:
            self.approved.add(call.id)
        return approval

    def escalate_to_human(self, call: ToolCall) -> dict[str, Any]:
        escalation = escalate(self.lease, reason=call.arguments["reason"], summary=call.arguments["summary"])
        self.escalated = True
        return {"escalation": escalation.label, "status": escalation.status}

    def check(self, written: Written) -> None:
        """A take-over or a stop takes effect at the next step."""
        self.stopped_tools = written.stops.tools
        if written.controller != Session.Controller.AGENT:
            raise Silenced
        written.stops.check()

    def records(self) -> list[Part]:
        """What was recorded since the last write, and what the model call cost."""
        unwritten, self.unwritten = self.unwritten, []
        return [*unwritten, *self.model_calls.settle_parts(fence="turn"), *self.recorder.take(fence="turn")]

    # -- the end

    def publish(self, reply: Reply, text: str) -> Written:
        content, events, parts = reply.content, *self.unknown_to_person()
        if parts:
            text = f"{text}\n\n{self.version.handoff_text}"
            content = [*content, {"type": "text", "text": self.version.handoff_text}]
        to_person = self.escalated or bool(parts)
        status = Turn.Status.ESCALATED if to_person else Turn.Status.REPLIED
        records = self.records()
        try:
            return end_turn(
                self.lease,
                status=status,
                controller=Session.Controller.HUMAN if to_person else Session.Controller.AGENT,
                published=[*events, self.said(text, content=content)],
                parts=[
                    *parts,
                    *records,
                    *self.recorder.close(outcome=status, error="", output_text=text, fence="turn"),
                ],
            )
        except Stopped:
            self.unwritten = records
            raise

    def unknown_to_person(self) -> tuple[list[Event], list[Part]]:
        """What may have been done, and is not known to be, goes to a person, though the model did not see to it."""
        if self.escalated or not self.unknown:
            return [], []
        calls = "; ".join(f"{call.tool_name} {encode(call.arguments)}" for call in self.unknown)
        summary = (
            f"It is not known whether this was done, and it must not be repeated before somebody has looked: {calls}"
        )
        return escalation_parts(self.lease, reason=Escalation.Reason.TOOL_FAILURE, summary=summary, fence="spoken")

    def park(self, ask: Ask) -> Written:
        """Wait for a person without holding a worker; who decides sets the turn going again."""
        asked = [
            approvals.request(ask, fence="turn"),
            ledger.wait_for_person(ask.call, ask.ruling, fence="turn"),
            *self.records(),
        ]
        if not park_turn(self.lease, events=[step_waits(ask.call)], parts=asked):
            return self.end_silently()
        return Written(seq=0, controller=Session.Controller.AGENT)

    def hand_over(self, reason: Escalation.Reason, summary: str, *, failure: str) -> Written:
        """The agent cannot go on: the customer gets a decent sentence and a person gets the conversation."""
        text = self.version.handoff_text
        events, parts = escalation_parts(self.lease, reason=reason, summary=summary, fence="spoken")
        return end_turn(
            self.lease,
            status=Turn.Status.FAILED if failure else Turn.Status.ESCALATED,
            controller=Session.Controller.HUMAN,
            published=[*events, self.said(text)],
            failure=failure,
            despite_stops=True,
            parts=[
                *parts,
                *self.records(),
                *ledger.close_turn(self.claim.turn_id, fence="turn"),
                *self.recorder.close(outcome=Turn.Status.ESCALATED, error=failure, output_text=text, fence="turn"),
            ],
        )

    def end_silently(self) -> Written:
        return end_turn(
            self.lease,
            status=Turn.Status.SILENCED,
            controller=Session.Controller.AGENT,
            published=[],
            despite_stops=True,
            parts=[
                *self.records(),
                *ledger.close_turn(self.claim.turn_id, fence="turn"),
                *self.recorder.close(outcome=Turn.Status.SILENCED, error="", output_text="", fence="turn"),
            ],
        )

    def said(
        self,
        text: str,
        *,
        content: list[dict[str, Any]] | None = None,
        visibility: Message.Visibility = Message.Visibility.PUBLIC,
    ) -> Event:
        return message_event(
            author=Message.Author.AGENT,
            channel=self.claim.channel,
            text=text,
            content=content,
            visibility=visibility,
            turn_id=self.claim.turn_id,
            agent_version_id=self.version.pk,
        )


def principal_of(claim: Claim) -> Principal:
    return Principal(id=claim.agent_slug, tags={"kind": "agent", "channel": claim.channel})


def effect_of(tool_name: str) -> str:
    tool = catalog.find(tool_name)
    return tool.effect if tool else ""


def error_of(outcome: ledger.Outcome) -> str:
    return f"{outcome.result['error']['code']}: {outcome.result['error']['message']}" if outcome.is_error else ""
