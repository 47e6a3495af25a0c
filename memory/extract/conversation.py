"""A conversation as it is read, and what is proposed of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class Said:
    """A message that both sides saw. `author` is customer, agent or person; `is_new` where it was not read before."""

    id: UUID
    author: str
    text: str
    at: datetime
    is_new: bool = True


@dataclass(frozen=True, kw_only=True)
class Done:
    """A call that changed something, as the ledger has it; `subject` is the order, `amount` such as "49.90 EUR"."""

    tool: str
    is_confirmed: bool
    subject: str = ""
    amount: str = ""


@dataclass(frozen=True, kw_only=True)
class HandedOver:
    """To a person; `reason` in a few words."""

    reason: str
    is_resolved: bool


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is remembered already; `metadata` for what the rules build upon."""

    id: UUID
    strategy: str
    topic: str
    text: str
    session_id: UUID | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """All of it, oldest first. `has_ended` where it is closed, or answered and quiet."""

    session_id: UUID
    messages: Sequence[Said]
    has_ended: bool
    calls: Sequence[Done] = ()
    handed_over: Sequence[HandedOver] = ()
    known: Sequence[Known] = ()

    @property
    def new_words(self) -> list[Said]:
        """What the customer has said since it was last read: the only source of what is known of them."""
        return [said for said in self.messages if said.author == "customer" and said.is_new]

    @property
    def asked(self) -> list[Said]:
        return [said for said in self.messages if said.author == "customer"]


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """To be remembered. `said_at` is when the customer said it, in the message of that id."""

    strategy: str
    topic: str
    text: str
    message_id: UUID | None
    said_at: datetime
    confidence: float
    metadata: dict[str, Any] = field(default_factory=dict)
