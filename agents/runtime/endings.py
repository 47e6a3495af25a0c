"""How a turn ends: with a reply, with a person, parked until somebody decides, or without a word.

Each ending is one write, fenced by the turn's lease, and takes with it whatever was recorded since the last one.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from agents.budget_drafts import content_of_draft, summary_of_draft
from agents.budgets import InForce
from agents.errors import Stopped
from agents.escalations import escalation_parts
from agents.journal import Event, Written, answer_after_all, end_turn, message_event, park_turn
from agents.llm.base import Reply
from agents.models import AgentVersion, Escalation, Message, Session, Turn
from agents.runtime.events import step_waits
from agents.runtime.evidence import read_later, uses_of
from agents.runtime.guarding import Guarding
from agents.runtime.limits import Limits
from agents.runtime.model_calls import ModelCalls
from agents.runtime.withholding import with_text, withhold_message
from agents.turns import Claim
from memory.recall import Evidence
from observability.batch import Part, encode
from observability.tracing import Recorder
from tools import approvals, ledger
from tools.approvals import Ask
from tools.models import ToolCall


class Endings:
    """What a turn has come to, and its endings."""

    def __init__(self, claim: Claim, version: AgentVersion) -> None:
        self.claim = claim
        self.lease = claim.lease
        self.version = version
        self.recorder = Recorder(
            trace_id=claim.turn_id, agent_id=claim.agent_id, started_at=claim.started_at, agent=claim.agent_slug
        )
        self.limits = Limits.of(version)
        self.guarding = Guarding(claim, version, self.recorder, self.limits)
        self.model_calls = ModelCalls(claim, version, self.recorder, self.limits, self.guarding)
        self.evidence: Evidence | None = None  # recalled once a turn, and given with the message at `asked_at`
        self.escalated = False
        self.approved: set[UUID] = set()
        self.unknown: list[ToolCall] = []  # writes of which nobody knows whether they were carried out
        self.unwritten: list[Part] = []

    def records(self) -> list[Part]:
        """What was recorded since the last write, and what the model call cost."""
        unwritten, self.unwritten = self.unwritten, []
        noted = self.guarding.take(fence="turn")
        return [*unwritten, *noted, *self.model_calls.settle_parts(fence="turn"), *self.recorder.take(fence="turn")]

    def publish(self, reply: Reply, text: str) -> Written:
        """`text` is the reply as the guardrail lets it go."""
        if self.model_calls.drafts:
            return self.draft(text, self.model_calls.drafts)
        content, events, parts = with_text(reply.content, reply.text, text), *self.unknown_to_person()
        if parts:
            text = f"{text}\n\n{self.version.handoff_text}"
            content = [*content, {"type": "text", "text": self.version.handoff_text}]
        return self.answer([*events, self.said(text, content=content)], parts, text, to_person=bool(parts))

    def draft(self, text: str, step: InForce) -> Written:
        """A person sends the reply, changes it or throws it away; the customer is told as in any hand-over."""
        events, parts = self.unknown_to_person()
        if not parts:
            reason, summary = Escalation.Reason.USAGE_LIMIT, summary_of_draft(step)
            events, parts = escalation_parts(self.lease, reason=reason, summary=summary, fence="spoken")
        kept = self.said(text, content=content_of_draft(text, step), visibility=Message.Visibility.NOTE)
        told = self.version.handoff_text
        return self.answer([*events, kept, self.said(told)], parts, told, to_person=True)

    def answer(self, published: list[Event], parts: list[Part], output: str, *, to_person: bool) -> Written:
        to_person = to_person or self.escalated
        status = Turn.Status.ESCALATED if to_person else Turn.Status.REPLIED
        records = self.records()
        try:
            return end_turn(
                self.lease,
                status=status,
                controller=Session.Controller.HUMAN if to_person else Session.Controller.AGENT,
                published=published,
                parts=[
                    *parts,
                    *records,
                    *self.remembering(fence="turn"),
                    *self.recorder.close(outcome=status, error="", output_text=output, fence="turn"),
                ],
            )
        except Stopped:
            self.unwritten = records
            raise

    def turn_away(self) -> Written:
        """The customer's message is not answered; no model sees it, now or later."""
        text = self.guarding.guard.config.blocked_input
        return end_turn(
            self.lease,
            status=Turn.Status.REPLIED,
            controller=Session.Controller.AGENT,
            published=[self.said(text)],
            parts=[
                withhold_message(self.claim, fence="turn"),
                *self.records(),
                *self.recorder.close(outcome=Turn.Status.REPLIED, error="", output_text=text, fence="turn"),
            ],
        )

    def remembering(self, *, fence: str) -> list[Part]:
        """What the turn rested on, and that the conversation is to be read."""
        uses = uses_of(self.evidence, self.claim, fence=fence) if self.evidence else []
        return [*uses, *read_later(self.claim, self.version, fence=fence)]

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

    def hand_over(self, reason: Escalation.Reason, summary: str, *, failure: str, text: str = "") -> Written:
        """The agent cannot go on: the customer gets a decent sentence and a person gets the conversation."""
        self.guarding.give_up()
        text = text or self.version.handoff_text
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
                *self.remembering(fence="turn"),
                *ledger.close_turn(self.claim.turn_id, fence="turn"),
                *self.recorder.close(outcome=Turn.Status.ESCALATED, error=failure, output_text=text, fence="turn"),
            ],
        )

    def end_silently(self) -> Written:
        self.guarding.give_up()
        return end_turn(
            self.lease,
            status=Turn.Status.SILENCED,
            controller=Session.Controller.AGENT,
            published=[],
            despite_stops=True,
            parts=[
                *self.records(),
                answer_after_all(self.lease),
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
