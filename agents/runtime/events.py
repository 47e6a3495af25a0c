"""The events of a tool step, as its readers are shown it."""

from __future__ import annotations

from typing import Any

from agents.journal import Event
from agents.models import TurnEvent
from tools.binding import progress_text
from tools.catalog import catalog
from tools.ledger import Outcome
from tools.models import ToolCall

# Of a step that waits for a person; the call itself is still `reserved`.
WAITING = "waiting"


def step_started(call: ToolCall, *, message: dict[str, Any] | None = None) -> Event:
    """`message` is the step that asked for this call first: what the model said, stored with this event's number."""
    tool = catalog.find(call.tool_name)
    progress = progress_text(tool.progress, call.arguments) if tool else "Working on it"
    data = {
        "tool_call_id": str(call.id),
        "tool_name": call.tool_name,
        "state": ToolCall.State.RESERVED,
        "progress": progress,
    }
    return Event(kind=TurnEvent.Kind.STEP, data=data, message=message, turn_id=call.turn_id)


def step_waits(call: ToolCall) -> Event:
    data = {
        "tool_call_id": str(call.id),
        "tool_name": call.tool_name,
        "state": WAITING,
        "progress": "Waiting for a colleague to approve this",
    }
    return Event(kind=TurnEvent.Kind.STEP, data=data, turn_id=call.turn_id)


def step_decided(call: ToolCall) -> Event:
    """A person has said yes or no: the call is on its way again."""
    data = {"tool_call_id": str(call.id), "tool_name": call.tool_name, "state": ToolCall.State.RESERVED}
    return Event(kind=TurnEvent.Kind.STEP, data=data, turn_id=call.turn_id)


def step_ended(call: ToolCall, outcome: Outcome) -> Event:
    data = {
        "tool_call_id": str(call.id),
        "tool_name": call.tool_name,
        "state": outcome.state,
        "duration_ms": outcome.duration_ms,
    }
    return Event(kind=TurnEvent.Kind.STEP, data=data, turn_id=call.turn_id)
