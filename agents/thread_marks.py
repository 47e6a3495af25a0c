"""Which messages and tool calls of a conversation the guardrail saw something in, for the people of the desk."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from agents.models import Message
from guardrails.marks import Marks, Said, marks_of

MARKED = (Message.Author.CUSTOMER, Message.Author.AGENT)


def marks_for(session_id: UUID, messages: Sequence[Message]) -> Marks:
    """One query. `messages` come from `agents.conversation.messages_of`."""
    return marks_of(session_id, [said_of(message) for message in messages if message.author in MARKED])


def said_of(message: Message) -> Said:
    is_customer = message.author == Message.Author.CUSTOMER
    turn_id = message.turn_id or getattr(message, "answered_by", None)
    return Said(id=message.pk, turn_id=turn_id, at=message.created_at, is_customer=is_customer)
