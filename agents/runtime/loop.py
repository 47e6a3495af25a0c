"""The loop: one customer message to one reply. There is one, and streaming is a reader of the events that it writes.

Whatever happens, the turn ends with a reply, with a person, or silent because a person has taken over. A worker that
dies leaves rows from which the next one goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, assert_never
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from agents.budgets import PeopleAnswer
from agents.errors import LimitReached, ModelFailed, Stopped
from agents.escalations import escalate
from agents.journal import Written, write_turn
from agents.llm.base import Reply
from agents.models import AgentVersion, Escalation, Message, Session
from agents.runtime.context import build_request, opening_messages, system_text
from agents.runtime.endings import Endings
from agents.runtime.events import step_ended, step_started
from agents.runtime.evidence import gather, with_evidence, words_of
from agents.runtime.grounds import grounds_of
from agents.runtime.guarding import feedback_on, summary_of
from agents.runtime.heartbeat import heartbeat
from agents.runtime.history import ESCALATE, append_message, load_history, tool_result
from agents.runtime.requesters import requester_of
from agents.runtime.steps import CallTools, Escalate, FinalReply, next_step
from agents.runtime.stream import Releaser
from agents.runtime.taint import untrusted_arguments
from agents.runtime.waits import record_waits
from agents.runtime.withholding import with_text
from agents.turns import Claim
from guardrails.checks import Assessment, Taken
from guardrails.evidence import Evidence as Grounds
from tools import approvals, ledger
from tools.approvals import ApprovalNeeded
from tools.binding import Customer
from tools.catalog import catalog
from tools.errors import ToolRefused
from tools.gateway import Caller, call_tool
from tools.models import Approval, Tool, ToolCall
from tools.policy.authorize import Principal


class Silenced(Exception):
    """A person speaks now; the turn ends without a word."""


@lru_cache(maxsize=256)
def get_version(version_id: UUID) -> AgentVersion:
    """Read once a process: a version that runs never changes."""
    return AgentVersion.objects.select_related("agent").get(pk=version_id)


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
            failure = "" if isinstance(error, PeopleAnswer) else str(error)
            return run.hand_over(Escalation.Reason.USAGE_LIMIT, str(error), failure=failure)
        except ModelFailed as error:
            failure = f"The model gave no reply ({error.kind}): {error}"
            return run.hand_over(Escalation.Reason.UNCLASSIFIED, failure, failure=failure)


class Run(Endings):
    """One attempt at one turn."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(claim, get_version(claim.version_id))
        self.system = system_text(self.version, claim)
        self.stopped_tools = claim.stops.tools
        self.messages: list[dict[str, Any]] = []
        self.pending: list[ToolCall] = []
        self.dropped = 0
        self.asked: list[dict[str, Any]] = []
        self.asked_at = 0
        self.known_grounds = (-1, Grounds())
        self.repair: list[dict[str, Any]] = []  # a reply that did not pass, and why: for the next call alone
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
            untrusted=self.untrusted_arguments,
            approval=self.approval_of,
        )

    def load(self) -> None:
        """What was said, and how far an earlier attempt came."""
        history = load_history(self.claim, turns=self.version.window_exchanges)
        self.pending = history.pending
        self.escalated = history.escalated
        self.unknown = [call for call in history.calls if call.state == ToolCall.State.UNKNOWN]
        self.messages, dropped = opening_messages(self.version, history.earlier)
        self.dropped = dropped + history.older
        self.asked = history.current or self.messages[-1:]
        self.is_new = history.model_calls == 0
        self.asked_at = len(self.messages)
        for message in history.current:
            append_message(self.messages, message["role"], message["content"])
        if self.claim.attempt > 1:
            self.recorder.resume()
            record_waits(self.recorder, self.claim.turn_id)
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
        if self.is_new and self.guarding.check_input(words_of(self.asked)).taken is Taken.BLOCKED:
            return self.turn_away()
        self.call_tools(self.pending, is_resumed=True)
        while True:
            reply, releaser = self.call_model()
            match next_step(reply):
                case FinalReply(text=text):
                    checked = self.guarding.check_reply(text, self.grounds())
                    if checked.taken is not Taken.BLOCKED:
                        return self.publish(reply, checked.text)
                    if not self.guarding.may_repair:
                        return self.give_up(checked)
                    self.repair = repair_of(reply, checked)
                case CallTools():
                    self.call_tools(self.record_step(reply, releaser))
                case Escalate(reason=reason, summary=summary):
                    return self.hand_over(reason, summary, failure=summary)
                case step:
                    assert_never(step)

    def give_up(self, checked: Assessment) -> Written:
        """Said again, it did not pass either."""
        summary = f"The guardrail did not let the agent's reply go: {summary_of(checked)}"
        text = self.guarding.guard.config.blocked_output
        return self.hand_over(Escalation.Reason.POLICY_RESTRICTION, summary, failure="", text=text)

    # -- the model

    def grounds(self, asked_for: Sequence[Mapping[str, Any]] = ()) -> Grounds:
        """What the next reply may rest on; the same for a reply and its sentences, so that it is read once."""
        key = sum(len(message["content"]) for message in self.messages)
        if asked_for or self.known_grounds[0] != key:
            made = grounds_of(
                self.claim,
                self.messages,
                system=self.system,
                recalled=self.evidence,
                query=words_of(self.asked),
                asked_for=asked_for,
            )
            if asked_for:
                return made
            self.known_grounds = (key, made)
        return self.known_grounds[1]

    def call_model(self) -> tuple[Reply, Releaser]:
        """One reply. Raises `ModelFailed`, `LimitReached`, `Silenced`, `Stopped`."""
        if self.evidence is None:
            self.evidence = gather(self.claim, self.version, self.asked, self.recorder, dropped=self.dropped)
        repair, self.repair = self.repair, []
        messages = [*with_evidence(self.messages, self.evidence, self.asked_at), *repair]
        request = build_request(self.version, self.system, messages, self.limits.deadline, self.caller_now())
        record = {"messages": len(self.messages), "exchangesLeftOut": self.dropped}
        reply, releaser = self.model_calls.call(request, record=record, evidence=self.grounds, replaces=bool(repair))
        if releaser.written is not None:
            self.check(releaser.written)
        return reply, releaser

    # -- its tools

    def record_step(self, reply: Reply, releaser: Releaser) -> list[ToolCall]:
        """Commit what the model said and a ledger row for each tool that it asks for, before any is called."""
        content = self.guarding.masked_uses(reply.content)
        uses = [block for block in content if block["type"] == "tool_use"]
        text = self.text_of_step(reply.text, uses)
        content = with_text(content, reply.text, text)
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
        step = self.said(text, content=content, visibility=Message.Visibility.STEP)
        first, *others = calls
        started = [step_started(first, message=step.message), *(step_started(call) for call in others)]
        parts = [ledger.reserve(calls, fence="turn"), *self.records()]
        self.check(write_turn(self.lease, spoken=releaser.rest(text), events=started, parts=parts))
        append_message(self.messages, "assistant", content)
        return calls

    def text_of_step(self, said: str, uses: Sequence[Mapping[str, Any]]) -> str:
        """What is said beside the tool calls; "" where it does not pass, or a person will say it."""
        if not said or self.model_calls.drafts:
            return ""
        checked = self.guarding.check_step(said, self.grounds(asked_for=uses))
        return "" if checked.taken is Taken.BLOCKED else checked.text

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
        outcome = ledger.STOPPED if is_stopped else self.guarding.refusal(call) or call_tool(call, caller)
        outcome = replace(outcome, result=self.guarding.result(call, outcome))
        self.recorder.tool_call(
            call.tool_name,
            span_id=call.id,
            started_at=started_at,
            cost_usd=tool.cost_usd if tool and outcome.attempts else self.recorder.totals.cost_usd * 0,
            is_sent=bool(outcome.attempts),
            attributes={
                "toolInputs": call.arguments,
                "toolOutput": outcome.result,
                "state": outcome.state,
                "attempts": outcome.attempts,
                **policy_of(call, outcome),
            },
            error=error_of(outcome),
        )
        settled = [ledger.settle(call, outcome, fence="turn"), *ledger.consequences(call, outcome, fence="turn")]
        written = write_turn(self.lease, events=[step_ended(call, outcome)], parts=[*settled, *self.records()])
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

    def untrusted_arguments(self, tool: Tool, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        return untrusted_arguments(tool, arguments, self.messages, is_tainted=bool(self.evidence))

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
        if escalation is None:
            raise Silenced
        self.escalated = True
        return {"escalation": escalation.label, "status": escalation.status}

    def check(self, written: Written) -> None:
        """A take-over or a stop takes effect at the next step."""
        self.stopped_tools = written.stops.tools
        if written.controller != Session.Controller.AGENT:
            raise Silenced
        written.stops.check()


def policy_of(call: ToolCall, outcome: ledger.Outcome) -> dict[str, Any]:
    """What the policies said, for the trace: as the ledger has it, where this attempt did not ask them."""
    ruling = outcome.ruling
    record = ruling.record or call.decided
    if record is None:
        return {}
    was_asked = ruling.record is not None
    decision = ruling.decision if was_asked else call.decision
    version = ruling.version if was_asked else call.policy_version
    return {"policy": {"decision": decision, "version": version, **record}}


def repair_of(reply: Reply, checked: Assessment) -> list[dict[str, Any]]:
    """The reply that did not pass, and what is wrong with it."""
    failed = with_text(reply.content, reply.text, checked.text)
    note = {"type": "text", "text": feedback_on(checked)}
    return [{"role": "assistant", "content": failed}, {"role": "user", "content": [note]}]


def principal_of(claim: Claim) -> Principal:
    return Principal(id=claim.agent_slug, tags={"kind": "agent", "channel": claim.channel})


def effect_of(tool_name: str) -> str:
    tool = catalog.find(tool_name)
    return tool.effect if tool else ""


def error_of(outcome: ledger.Outcome) -> str:
    return f"{outcome.result['error']['code']}: {outcome.result['error']['message']}" if outcome.is_error else ""
