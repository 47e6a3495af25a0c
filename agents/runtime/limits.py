"""The limits of one turn: model calls, tool calls, seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass

from agents.errors import LimitReached
from agents.models import AgentVersion


@dataclass(kw_only=True)
class Limits:
    """Counts against the version's limits; a resumed turn starts with its recorded steps, and its seconds anew."""

    max_model_calls: int
    max_tool_calls: int
    deadline: float
    seconds: int
    model_calls: int = 0
    tool_calls: int = 0

    @classmethod
    def of(cls, version: AgentVersion) -> Limits:
        return cls(
            max_model_calls=version.max_model_calls,
            max_tool_calls=version.max_tool_calls,
            deadline=time.monotonic() + version.max_seconds,
            seconds=version.max_seconds,
        )

    def admit_model_call(self) -> None:
        """Raises `LimitReached` before the call that would be one too many."""
        if self.model_calls >= self.max_model_calls:
            raise LimitReached(f"The limit of {self.max_model_calls} model calls a turn was reached.")
        if time.monotonic() >= self.deadline:
            raise LimitReached(f"The limit of {self.seconds} seconds a turn was reached.")
        self.model_calls += 1

    def admit_tool_calls(self, count: int) -> None:
        if self.tool_calls + count > self.max_tool_calls:
            raise LimitReached(f"The limit of {self.max_tool_calls} tool calls a turn was reached.")
        self.tool_calls += count
