"""The rows of tool calls: reserved before anything happens, settled once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone

from observability.batch import Part, columns_of, encode, insert, update
from observability.ids import uuid7
from tools.models import ToolCall


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a call; `result` is what the model is given, always a JSON object or list."""

    state: ToolCall.State
    result: Any
    attempts: int
    duration_ms: int

    @property
    def is_error(self) -> bool:
        return self.state in {ToolCall.State.FAILED, ToolCall.State.UNKNOWN, ToolCall.State.REFUSED}


NOT_MADE = Outcome(
    state=ToolCall.State.REFUSED,
    result={"error": {"code": "not_made", "message": "This call was not made: the turn was stopped."}},
    attempts=0,
    duration_ms=0,
)
STOPPED = Outcome(
    state=ToolCall.State.REFUSED,
    result={"error": {"code": "tool_disabled", "message": "This tool is switched off at present. Nothing was done."}},
    attempts=0,
    duration_ms=0,
)
LEFT_OPEN = {
    "error": {
        "code": "outcome_unknown",
        "message": "This call was sent and the turn ended without its answer. It is not known whether it was done.",
    }
}


def digest_of(tool_name: str, arguments: Mapping[str, Any]) -> str:
    """SHA-256 over the name and the arguments in canonical form (sorted keys, no blanks)."""
    canonical = json.dumps([tool_name, arguments], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def new_call(
    *, session_id: UUID, turn_id: UUID, tool_use_id: str, tool_name: str, effect: str, arguments: dict[str, Any]
) -> ToolCall:
    """A row not yet saved; `reserve` writes it."""
    return ToolCall(
        id=uuid7(),
        session_id=session_id,
        turn_id=turn_id,
        tool_use_id=tool_use_id,
        tool_name=tool_name[:200],
        effect=effect,
        arguments=arguments,
        digest=digest_of(tool_name, arguments),
        created_at=timezone.now(),
    )


def reserve(calls: list[ToolCall], *, fence: str) -> Part:
    return insert(
        ToolCall, [{name: getattr(call, name) for name in columns_of(ToolCall)} for call in calls], fence=fence
    )


def mark_sent(call: ToolCall, *, fence: str) -> Part:
    return update(ToolCall, call.id, {"state": ToolCall.State.SENT}, fence=fence)


def settle(call: ToolCall, outcome: Outcome, *, fence: str) -> Part:
    """Ended calls are never settled again: the condition keeps what is recorded."""
    return update(
        ToolCall,
        call.id,
        {
            "state": outcome.state,
            "result": outcome.result,
            "attempts": outcome.attempts,
            "duration_ms": outcome.duration_ms,
        },
        fence=fence,
        condition="r.state IN ('reserved', 'sent')",
    )


CLOSE_TURN = (
    "UPDATE tools_toolcall AS r SET state = %s, result = %s::jsonb, duration_ms = 0 FROM {fence} "
    "WHERE r.turn_id = %s AND r.state = %s"
)


def close_turn(turn_id: UUID, *, fence: str) -> list[Part]:
    """No call outlives its turn unsettled: what was never sent is `refused`, what was sent is `unknown`."""
    sql = CLOSE_TURN.format(fence=fence)
    return [
        Part(sql=sql, params=(ToolCall.State.REFUSED, encode(NOT_MADE.result), turn_id, ToolCall.State.RESERVED)),
        Part(sql=sql, params=(ToolCall.State.UNKNOWN, encode(LEFT_OPEN), turn_id, ToolCall.State.SENT)),
    ]
