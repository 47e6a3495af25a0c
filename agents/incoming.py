"""What a customer sends, as it is kept: guarded values are masked before the first row is written.

Whether the message is answered at all is the turn's to decide; here nothing is refused, and nothing is asked of the
database but, every other second, which guardrail an agent has.
"""

from __future__ import annotations

import time
from uuid import UUID

from agents.models import Agent
from guardrails.checks import mask_incoming
from guardrails.compiled import Guard, guard_of
from guardrails.models import Violation
from guardrails.record import rows_of
from observability.batch import Part, insert

BELIEVED_SECONDS = 2.0


class Assigned:
    """Which guardrail the live version of an agent names."""

    def __init__(self) -> None:
        self._known: dict[UUID, tuple[float, str, str]] = {}

    def guard(self, agent_id: UUID) -> tuple[Guard, str]:
        """With the agent's name, for what is noted."""
        known = self._known.get(agent_id)
        if known is None or time.monotonic() - known[0] > BELIEVED_SECONDS:
            row = Agent.objects.filter(pk=agent_id).values_list("live_version__guardrail", "name").first()
            known = (time.monotonic(), (row[0] if row else "") or "", row[1] if row else "")
            self._known[agent_id] = known
        return guard_of(known[1]), known[2]

    def forget(self) -> None:
        self._known = {}


assigned = Assigned()


def as_kept(text: str, *, agent_id: UUID, session_id: UUID, message_id: UUID, turn_id: UUID) -> tuple[str, list[Part]]:
    """The text without guarded values, and what is noted of them, for the statement that stores it."""
    guard, name = assigned.guard(agent_id)
    assessment = mask_incoming(guard, text)
    whose = {
        "agent_id": agent_id,
        "agent_name": name,
        "session_id": session_id,
        "message_id": message_id,
        "turn_id": turn_id,
    }
    rows = rows_of(assessment, guard, stage=Violation.Stage.INPUT, whose=whose)
    return assessment.text, [insert(Violation, rows, fence="session")] if rows else []
