"""Conversations and memories of any age, and the run that is to delete them."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from agents.models import Escalation, Limit, Session, Stop, Turn, TurnEvent, Usage
from agents.retention import run
from memory.models import Document, DocumentUse, Memory, Reading, Retention, SessionSummary
from memory.reach import bound_to, everyone
from memory.retention import kept
from tests.agents.cases import make_call
from tests.factories import make_escalation, make_message, make_session, make_turn, make_user, next_seq
from tools.models import Approval, ApprovalVote, MoneyUse, ToolCall

NOW = timezone.now().replace(microsecond=0)
DAY, MOMENT = timedelta(days=1), timedelta(microseconds=1)


def keep(**days: int | None) -> Retention:
    row = kept()
    for name, value in {"conversations": 30, "memories": 730, "traces": 90, **days}.items():
        setattr(row, name, value)
    row.save()
    return row


def closed(at: datetime, **fields: Any) -> Session:
    return make_session(controller=Session.Controller.CLOSED, closed_at=at, **fields)


def whole_conversation(at: datetime, **fields: Any) -> Session:
    """One of everything that a conversation can have."""
    session = closed(at, **fields)
    make_message(session)
    turn = make_turn(session, status=Turn.Status.ESCALATED)
    TurnEvent.objects.create(session=session, seq=next_seq(session), turn=turn, kind=TurnEvent.Kind.TURN)
    call = make_call(turn, "process_refund", {"refunded": "12.00"})
    approval = make_approval(call, status=Approval.Status.USED, decided_at=at, used_at=at)
    ApprovalVote.objects.create(approval=approval, user=make_user(None), verdict="approve", digest="")
    MoneyUse.objects.create(
        call=call, tool_key="shop___process_refund", customer_id=session.customer_id, amount=Decimal(12), at=at
    )
    make_escalation(session, turn=turn, status=Escalation.Status.RESOLVED, resolved_at=at)
    DocumentUse.objects.create(
        document=Document.objects.create(title="Returns", source="text"),
        turn_id=turn.pk,
        session_id=session.pk,
        passages=[],
    )
    with bound_to(session.customer_id):
        SessionSummary.objects.create(
            session_id=session.pk, customer_id=session.customer_id, upto_seq=1, text="Refund.", model="extractive"
        )
    Reading.objects.create(session_id=session.pk, customer_id=session.customer_id)
    limit, _ = Limit.objects.get_or_create(scope="session", measure="messages", period="ever", amount=50)
    Usage.objects.create(limit=limit, subject=str(session.pk), begins_at=at, spent=3)
    Stop.objects.create(scope="turn", subject=str(turn.pk), reason="Wrong order", lifted_at=at)
    Stop.objects.create(scope="session", subject=str(session.pk), reason="Wrong order")
    return session


def make_approval(call: ToolCall, **fields: Any) -> Approval:
    return Approval.objects.create(
        call=call,
        session_id=call.session_id,
        tool_key="shop___process_refund",
        asked={},
        arguments={},
        digest="",
        policy_version=1,
        role="reviewer",
        **{"expires_at": NOW, **fields},
    )


def make_memory(updated_at: datetime, customer_id: UUID | None = None, **fields: Any) -> Memory:
    customer_id = customer_id or uuid4()
    with bound_to(customer_id):
        return Memory.objects.create(
            customer_id=customer_id,
            **{
                "strategy": "facts",
                "text": "Has a dog.",
                "author": "agent",
                "updated_at": updated_at,
                "expires_at": None,
                **fields,
            },
        )


def remaining() -> set[UUID]:
    with everyone():
        return set(Memory.objects.values_list("pk", flat=True))


def ran() -> dict[str, int]:
    done = run(NOW)
    assert done is not None
    assert done.finished_at is not None
    return dict(done.counts)
