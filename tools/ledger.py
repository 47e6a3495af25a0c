"""The rows of tool calls: reserved before anything happens, settled once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils import timezone

from observability.batch import Part, columns_of, encode, insert, update
from observability.ids import uuid7
from tools import approvals, money
from tools.models import ToolCall
from tools.rulings import Ruling


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a call; `result` is what the model is given, always a JSON object or list."""

    state: ToolCall.State
    result: Any
    attempts: int
    duration_ms: int
    ruling: Ruling = field(default_factory=Ruling)
    # What a person has put in the place of the model's arguments.
    arguments: dict[str, Any] | None = None
    # Whether what it took of the money limits is given back: nothing was done.
    gives_back: bool = False

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


def withheld_arguments(names: Sequence[str]) -> Outcome:
    """For a call that a guardrail does not let out; `names` are the entities that were masked in its arguments."""
    message = f"The arguments held what may not be passed on ({', '.join(names)}). Nothing was done."
    return Outcome(
        state=ToolCall.State.REFUSED,
        result={"error": {"code": "guardrail", "message": message}},
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
    values: dict[str, Any] = {
        "state": outcome.state,
        "result": outcome.result,
        "attempts": outcome.attempts,
        "duration_ms": outcome.duration_ms,
    }
    if outcome.ruling.record is not None:
        values |= ruled(outcome.ruling)
    if outcome.arguments is not None:
        values |= {"arguments": outcome.arguments, "digest": digest_of(call.tool_name, outcome.arguments)}
    return update(ToolCall, call.id, values, fence=fence, condition="r.state IN ('reserved', 'sent')")


def ruled(ruling: Ruling) -> dict[str, Any]:
    return {"decision": ruling.decision, "policy_version": ruling.version, "decided": ruling.record}


def wait_for_person(call: ToolCall, ruling: Ruling, *, fence: str) -> Part:
    """The call stays reserved; what the policies said to it is kept."""
    return update(ToolCall, call.id, ruled(ruling), fence=fence)


def consequences(call: ToolCall, outcome: Outcome, *, fence: str) -> list[Part]:
    """What else the end of a call changes: its approval is used up, and money that was not moved is given back.

    A call that waited for a person has its approval whatever the policies say by now, or were not asked any more.
    """
    parts = []
    if "approval" in {outcome.ruling.decision, call.decision}:
        parts.append(approvals.use(call.id, fence=fence))
    if outcome.gives_back:
        parts.append(money.give_back(call, fence=fence))
    return parts


CLOSE_TURN = (
    "UPDATE tools_toolcall AS r SET state = %s, result = %s::jsonb, duration_ms = 0 FROM {fence} "
    "WHERE r.turn_id = %s AND r.state = %s"
)


GIVE_BACK = (
    "DELETE FROM tools_moneyuse AS m USING {fence}, tools_toolcall AS r "
    "WHERE m.call_id = r.id AND r.turn_id = %s AND r.state IN (%s, %s)"
)
CANCEL = """UPDATE tools_approval AS a SET status = 'cancelled', reason = 'The turn was ended.', decided_at = %s
    FROM {fence}, tools_toolcall AS r
    WHERE a.call_id = r.id AND r.turn_id = %s AND a.status IN ('pending', 'approved')"""


def close_turn(turn_id: UUID, *, fence: str) -> list[Part]:
    """No call outlives its turn unsettled: what was never sent is `refused`, what was sent is `unknown`.

    What took money out of the limits and was stopped before it left has been `refused` already.
    """
    sql = CLOSE_TURN.format(fence=fence)
    return [
        Part(
            sql=GIVE_BACK.format(fence=fence),
            params=(turn_id, ToolCall.State.RESERVED, ToolCall.State.REFUSED),
        ),
        Part(sql=CANCEL.format(fence=fence), params=(timezone.now(), turn_id)),
        Part(sql=sql, params=(ToolCall.State.REFUSED, encode(NOT_MADE.result), turn_id, ToolCall.State.RESERVED)),
        Part(sql=sql, params=(ToolCall.State.UNKNOWN, encode(LEFT_OPEN), turn_id, ToolCall.State.SENT)),
    ]
