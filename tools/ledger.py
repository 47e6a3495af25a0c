"""The rows of tool calls: reserved before anything happens, settled once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone

from observability.batch import Part, columns_of, insert, update
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
