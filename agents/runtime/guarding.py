"""The guardrail of one turn: what it was asked, what it saw, and what is written of it with the turn's own writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from agents.guardrail_model import ModelAsk
from agents.models import AgentVersion
from agents.runtime.limits import Limits
from agents.turns import Claim
from guardrails.checks import (
    Assessment,
    Taken,
    blocked_by_placeholders,
    check_arguments,
    check_result,
    check_text,
    find_guarded,
    mask_arguments,
    mask_guarded,
)
from guardrails.compiled import guard_of
from guardrails.evidence import Evidence
from guardrails.findings import Direction
from guardrails.models import Violation
from guardrails.record import attributes_of, rows_of
from guardrails.second_tier import SecondTier
from observability.batch import Part, encode, insert
from observability.tracing import Recorder
from tools.ledger import Outcome, withheld_arguments
from tools.models import ToolCall

MOST_REPAIRS = 1
FEEDBACK = """<guardrail_feedback>
Your reply was not sent, because it did not pass a check:
{reasons}
Write the whole reply again, without this. State only what the tools' results, the documents or the customer's own words
say, and say that something was done only where a tool has confirmed it. Do not mention this note. If you cannot, hand
the conversation over with escalate_to_human.
</guardrail_feedback>"""


class Guarding:
    def __init__(self, claim: Claim, version: AgentVersion, recorder: Recorder, limits: Limits) -> None:
        self.guard = guard_of(version.guardrail)
        ask = ModelAsk(name=self.guard.config.judge.model, claim=claim, recorder=recorder, limits=limits)
        self._second = SecondTier(self.guard, ask)
        self._recorder = recorder
        self._rows: list[dict[str, Any]] = []
        # A reply that did not pass, of which it is not known yet whether the next one will.
        self._failed: list[tuple[Assessment, Any]] = []
        self._whose = {
            "agent_id": claim.agent_id,
            "agent_name": version.agent.name,
            "session_id": claim.session_id,
            "turn_id": claim.turn_id,
        }

    # -- what the customer says

    def check_input(self, text: str) -> Assessment:
        started_at = timezone.now()
        sent = blocked_by_placeholders(self.guard, text)
        assessment = self._second.judged(check_text(self.guard, text, Direction.INPUT, more=sent))
        self._note(assessment, Violation.Stage.INPUT, started_at)
        return assessment

    # -- what goes to tools, and comes from them

    def masked_uses(self, content: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The model's blocks as they are kept: no guarded value in what a tool is to be sent."""
        return [
            {**block, "input": mask_arguments(self.guard, block["input"])} if block["type"] == "tool_use" else {**block}
            for block in content
        ]

    def refusal(self, call: ToolCall) -> Outcome | None:
        """Why the call is not made: what was masked in its arguments may go nowhere."""
        if call.state != ToolCall.State.RESERVED:
            return None
        started_at = timezone.now()
        assessment = check_arguments(self.guard, call.arguments, tool=call.tool_name)
        if assessment.hits:
            size = len(encode(call.arguments))
            self._note(assessment, Violation.Stage.TOOL_CALL, started_at, characters=size, call_id=call.id)
        if assessment.taken is not Taken.BLOCKED:
            return None
        return withheld_arguments([hit.finding.type for hit in assessment.blocking])

    def result(self, call: ToolCall, outcome: Outcome) -> Any:
        """The call's result as the model may read it and as it is kept."""
        if outcome.state == ToolCall.State.UNKNOWN:
            return outcome.result  # the gateway's own words, which do tell the model what it must not do
        started_at = timezone.now()
        result, assessment = self._second.judged_result(*check_result(self.guard, outcome.result))
        if assessment.hits:
            size = len(encode(outcome.result))
            self._note(assessment, Violation.Stage.TOOL_RESULT, started_at, characters=size, call_id=call.id)
        return result

    # -- what the agent says

    def check_step(self, text: str, evidence: Evidence) -> Assessment:
        """Words beside a tool call: those that do not pass are left out, and nobody is asked to say them again."""
        started_at = timezone.now()
        assessment = check_text(self.guard, text, Direction.OUTPUT, evidence=evidence)
        if assessment.hits:
            self._note(assessment, Violation.Stage.OUTPUT, started_at)
        return assessment

    def check_reply(self, text: str, evidence: Evidence) -> Assessment:
        started_at = timezone.now()
        assessment = self._second.judged(check_text(self.guard, text, Direction.OUTPUT, evidence=evidence), evidence)
        if assessment.taken is Taken.BLOCKED:
            self._failed.append((assessment, started_at))
        else:
            self._close_failed(Violation.Action.REPAIRED)
            self._note(assessment, Violation.Stage.OUTPUT, started_at)
        return assessment

    @property
    def may_repair(self) -> bool:
        return len(self._failed) <= MOST_REPAIRS

    def give_up(self) -> None:
        """What failed was not put right: a person has it now."""
        self._close_failed(Violation.Action.HANDED_OVER)

    def _close_failed(self, action: Violation.Action) -> None:
        failed, self._failed = self._failed, []
        for assessment, started_at in failed:
            self._note(assessment, Violation.Stage.OUTPUT, started_at, action=action)

    # -- what is kept

    def without_guarded(self, content: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Blocks as a trace may hold them."""
        return [
            {**block, "text": mask_guarded(self.guard, block["text"])} if block["type"] == "text" else {**block}
            for block in self.masked_uses(content)
        ]

    def holds(self, text: str) -> bool:
        return bool(find_guarded(self.guard, text))

    def take(self, *, fence: str) -> list[Part]:
        """The violations noted since the last write."""
        rows, self._rows = self._rows, []
        return [insert(Violation, rows, fence=fence)] if rows else []

    def _note(
        self,
        assessment: Assessment,
        stage: Violation.Stage,
        started_at: Any,
        *,
        action: Violation.Action | None = None,
        characters: int = 0,
        **whose: Any,
    ) -> None:
        self._rows += rows_of(assessment, self.guard, stage=stage, action=action, whose={**self._whose, **whose})
        self._recorder.guardrail(
            stage,
            started_at=started_at,
            attributes=attributes_of(assessment, self.guard, stage=stage, action=action),
            characters=characters or len(assessment.seen),
        )


def feedback_on(assessment: Assessment) -> str:
    """What the model is told of a reply that did not pass."""
    reasons = [
        reason_of(hit.finding.text_of(assessment.seen), hit.finding.why or hit.finding.rule)
        for hit in assessment.blocking
    ]
    return FEEDBACK.format(reasons="\n".join(dict.fromkeys(reasons)))


def reason_of(said: str, why: str) -> str:
    return f'- "{" ".join(said.split())[:200]}": {why}' if said else f"- {why}"


def summary_of(assessment: Assessment) -> str:
    """For the person who takes over."""
    return "; ".join(hit.finding.why or hit.finding.rule for hit in assessment.blocking)[:600]
