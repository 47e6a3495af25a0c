"""The limits of one turn: model calls, tool calls, the same call again, tokens, US dollars, seconds."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from agents.errors import LimitReached
from agents.models import AgentVersion
from tools.models import ToolCall

CALL_LENGTH = 120


@dataclass(kw_only=True)
class Limits:
    """Counts against the version's limits; a resumed turn starts with its recorded steps, and its seconds anew."""

    version: AgentVersion
    deadline: float
    model_calls: int = 0
    tool_calls: int = 0
    tokens: int = 0
    usd: Decimal = Decimal(0)
    _same: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, version: AgentVersion) -> Limits:
        return cls(version=version, deadline=time.monotonic() + version.max_seconds)

    def admit_model_call(self, *, tokens: int, usd: Decimal) -> None:
        """Raises `LimitReached` before the call that would be one too many, or that could pass the turn's money.

        `tokens` and `usd` are the worst case of the call.
        """
        version = self.version
        if self.model_calls >= version.max_model_calls:
            raise LimitReached(f"The limit of {version.max_model_calls} model calls a turn was reached.")
        if time.monotonic() >= self.deadline:
            raise LimitReached(f"The limit of {version.max_seconds} seconds a turn was reached.")
        if self.tokens + tokens > version.max_tokens:
            raise LimitReached(
                f"The limit of {version.max_tokens:,} tokens a turn was reached: {self.tokens:,} were used, and the "
                f"next call could take {tokens:,}."
            )
        if self.usd + usd > version.max_usd:
            raise LimitReached(
                f"The limit of US$ {version.max_usd:f} a turn was reached: US$ {self.usd:.4f} were spent, and the next "
                f"call could cost US$ {usd:.4f}."
            )
        self.model_calls += 1

    def take_back_model_call(self) -> None:
        """One that was admitted and not made."""
        self.model_calls -= 1

    def spend(self, *, tokens: int, usd: Decimal) -> None:
        """What a model call came to."""
        self.tokens += tokens
        self.usd += usd

    def resume(self, calls: Sequence[ToolCall], *, model_calls: int, tokens: int, usd: Decimal) -> None:
        """Count what earlier attempts at the turn did."""
        self.model_calls, self.tool_calls = model_calls, len(calls)
        self.tokens, self.usd = tokens, usd
        self._same.update(call.digest for call in calls)

    def admit_tool_calls(self, calls: Sequence[ToolCall]) -> None:
        """Raises `LimitReached` before the call that would be one too many, or the same one too often."""
        if self.tool_calls + len(calls) > self.version.max_tool_calls:
            raise LimitReached(f"The limit of {self.version.max_tool_calls} tool calls a turn was reached.")
        self.tool_calls += len(calls)
        for call in calls:
            self._same[call.digest] += 1
            if self._same[call.digest] > self.version.max_same_call:
                arguments = json.dumps(call.arguments, ensure_ascii=False)[:CALL_LENGTH]
                raise LimitReached(
                    f"The agent goes round in circles: it asked {self._same[call.digest]} times for {call.tool_name} "
                    f"with {arguments}; {self.version.max_same_call} are allowed."
                )
