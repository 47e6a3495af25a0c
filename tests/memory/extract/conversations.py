"""Conversations to read, made of what the customer says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from memory.extract import Conversation, Proposal, Said, by_rules
from memory.models import Strategy

AT = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)


def said(text: str, author: str = "customer", **fields: Any) -> Said:
    return Said(id=uuid4(), author=author, text=text, at=AT, **fields)


def conversation(*messages: Said, **fields: Any) -> Conversation:
    return Conversation(session_id=uuid4(), messages=messages, **{"has_ended": False, **fields})


def found_in(text: str) -> list[Proposal]:
    return by_rules(conversation(said(text)), [Strategy.PREFERENCES, Strategy.FACTS])


def told(text: str) -> list[tuple[str, str]]:
    return [(one.topic, one.text) for one in found_in(text)]
