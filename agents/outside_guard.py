"""The guardrail of calls that outside agents make: the default one, as no version of ours stands behind them.

Their own words are not known here, so what is held against it is what goes to tools and what comes from them. No judge
is asked: that would be paid for by whoever holds a key.
"""

from __future__ import annotations

from typing import Any

from guardrails.checks import Assessment, Taken, check_arguments, check_result, mask_arguments
from guardrails.compiled import guard_of
from guardrails.models import Violation
from guardrails.record import rows_of
from observability.batch import Part, insert
from tools.ledger import Outcome, withheld_arguments
from tools.models import GatewayKey, ToolCall

NAME_LENGTH = 80


class OutsideGuard:
    """Of one call; as `tools.outside.Screen` wants it."""

    def __init__(self, key: GatewayKey) -> None:
        self._guard = guard_of()
        # By the gateway, not by the key: a key for one customer may bear their name.
        self._caller = f"Gateway {key.gateway.label}"[:NAME_LENGTH]
        self._rows: list[dict[str, Any]] = []

    def masked(self, arguments: dict[str, Any]) -> dict[str, Any]:
        masked: dict[str, Any] = mask_arguments(self._guard, arguments)
        return masked

    def refusal(self, call: ToolCall) -> Outcome | None:
        if call.state != ToolCall.State.RESERVED:
            return None
        assessment = check_arguments(self._guard, call.arguments, tool=call.tool_name)
        self._note(assessment, Violation.Stage.TOOL_CALL, call)
        if assessment.taken is not Taken.BLOCKED:
            return None
        return withheld_arguments([hit.finding.type for hit in assessment.blocking])

    def result(self, call: ToolCall, outcome: Outcome) -> Any:
        if outcome.state == ToolCall.State.UNKNOWN:
            return outcome.result  # the gateway's own words
        result, assessment = check_result(self._guard, outcome.result)
        self._note(assessment, Violation.Stage.TOOL_RESULT, call)
        return result

    def take(self, *, fence: str) -> list[Part]:
        rows, self._rows = self._rows, []
        return [insert(Violation, rows, fence=fence)] if rows else []

    def _note(self, assessment: Assessment, stage: Violation.Stage, call: ToolCall) -> None:
        whose = {"agent_name": self._caller, "call_id": call.id}
        self._rows += rows_of(assessment, self._guard, stage=stage, whose=whose)
