"""What a reply of the model asks the loop to do next: a closed union."""

from __future__ import annotations

from dataclasses import dataclass

from agents.llm.base import Block, Reply
from agents.models import Escalation


@dataclass(frozen=True, kw_only=True)
class FinalReply:
    text: str


@dataclass(frozen=True, kw_only=True)
class CallTools:
    uses: list[Block]


@dataclass(frozen=True, kw_only=True)
class Escalate:
    reason: Escalation.Reason
    summary: str


NextStep = FinalReply | CallTools | Escalate


def next_step(reply: Reply) -> NextStep:
    """Read a reply. What the desk cannot use (a refusal, a cut-off or empty reply) goes to a person."""
    uses = reply.tool_uses
    if uses and reply.stop_reason != "max_tokens":
        return CallTools(uses=uses)
    match reply.stop_reason:
        case "refusal":
            return Escalate(reason=Escalation.Reason.POLICY_RESTRICTION, summary="The model declined to answer.")
        case "max_tokens" | "model_context_window_exceeded":
            return Escalate(
                reason=Escalation.Reason.USAGE_LIMIT, summary=f"The reply was cut off ({reply.stop_reason})."
            )
    if not reply.text:
        return Escalate(reason=Escalation.Reason.UNCLASSIFIED, summary="The model gave an empty reply.")
    return FinalReply(text=reply.text)
