"""Conversations as their rows are, due to be read, and what was remembered of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from agents.models import Customer, Session
from agents.remembering import mark_due
from memory.models import Memory, Reading, SessionSummary, Strategy
from memory.reach import bound_to
from observability.models import Trace
from tests.factories import make_message, make_session, make_turn
from tools.models import ToolCall

FEW = "Please send me fewer e-mails."
MANY = "I'd like to get all your e-mails."


def converse(*texts: str, customer: Customer | None = None, session: Session | None = None, **fields: Any) -> Session:
    """Each text is asked and answered, and the conversation is due."""
    session = session or make_session(customer=customer, **fields)
    for text in texts:
        turn = make_turn(session)
        make_message(session, text, turn=turn)
        make_message(session, "I prefer phone calls. Gladly.", author="agent", turn=turn)
        Trace.objects.create(
            id=turn.pk, session_id=session.pk, agent_id=session.agent_id, agent_version=1, started_at=timezone.now()
        )
    mark_due(session.pk, session.customer_id, timezone.now())
    return session


def call(session: Session, **columns: Any) -> ToolCall:
    turn = session.turns.order_by("seq").first()
    assert turn is not None
    values: dict[str, Any] = {
        "tool_name": "process_refund",
        "effect": "money",
        "state": ToolCall.State.CONFIRMED,
        "arguments": {"order_id": "1042", "reason": "broken"},
        "result": {"amount": "49.90", "currency": "EUR"},
        **columns,
    }
    return ToolCall.objects.create(
        session_id=session.pk, turn_id=turn.pk, tool_use_id=uuid4().hex, digest="0" * 64, **values
    )


def memories(customer_id: UUID, **filters: Any) -> list[Memory]:
    with bound_to(customer_id):
        return list(Memory.objects.filter(customer_id=customer_id, **filters).order_by("created_at", "id"))


def active(customer_id: UUID, strategy: str = Strategy.PREFERENCES) -> list[str]:
    return [memory.text for memory in memories(customer_id, state=Memory.State.ACTIVE, strategy=strategy)]


def summary(session: Session) -> SessionSummary | None:
    with bound_to(session.customer_id):
        return SessionSummary.objects.filter(session_id=session.pk).first()


def reading(session: Session) -> Reading:
    return Reading.objects.get(session_id=session.pk)
