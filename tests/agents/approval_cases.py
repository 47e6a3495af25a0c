"""A refund that waits for a person's yes, as a turn leaves it, made for more than one test file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agents.demo import AGENT_SLUG, add_tools
from agents.demo_policies import add_policies
from agents.models import Agent, Message, Session, Turn, TurnEvent
from agents.runtime.events import step_waits
from observability.ids import uuid7
from tests.factories import make_agent, make_customer, make_message, make_session, make_trace, make_turn, next_seq
from tools.approvals import digest_of
from tools.authorize import book
from tools.catalog import catalog
from tools.models import Approval, ApprovalVote, ToolCall

REFUND = "shop___process_refund"
CANCEL = "shop___cancel_order"
ASKED = {"order_id": "1044", "reason": "Came too late"}
FACTS = {"total": "142.00", "refunded": "0.00", "status": "delivered", "amount": "142.00"}


@pytest.fixture
def shop_tools(db: None) -> Iterator[None]:
    """The demo's tools and policies, as every process knows them after two seconds."""
    add_tools()
    add_policies()
    forget()
    yield
    forget()


def forget() -> None:
    catalog.forget()
    book.forget()


def make_asking_session(name: str = "Chloe", **fields: Any) -> Session:
    agent = Agent.objects.filter(slug=AGENT_SLUG).first() or make_agent(AGENT_SLUG)
    return make_session(agent=agent, customer=make_customer(name=name), waiting_since=timezone.now(), **fields)


def make_approval(
    session: Session | None = None,
    *,
    tool: str = REFUND,
    arguments: dict[str, Any] | None = None,
    amount: str | None = "142.00",
    **fields: Any,
) -> Approval:
    """A customer's message, a turn that waits, its reserved call, the step that says so, and the approval."""
    session = session or make_asking_session()
    make_message(session, "Please refund order 1044, it came too late")
    turn = make_turn(session, status=Turn.Status.WAITING, started_at=timezone.now())
    make_trace(turn_id=turn.pk, session_id=session.pk)
    asked = ASKED if arguments is None else arguments
    name = tool.rpartition("___")[2]
    call = ToolCall.objects.create(
        session_id=session.pk,
        turn_id=turn.pk,
        tool_use_id=f"toolu_{uuid7().hex[-8:]}",
        tool_name=name,
        effect="money",
        arguments=asked,
        digest="",
    )
    content = [{"type": "tool_use", "id": call.tool_use_id, "name": name, "input": asked}]
    make_message(session, "", author="agent", visibility=Message.Visibility.STEP, turn=turn, content=content)
    waits = step_waits(call)
    TurnEvent.objects.create(session=session, seq=next_seq(session), turn=turn, kind=waits.kind, data=waits.data)
    facts = {**FACTS, "amount": amount} if amount else {}
    values: dict[str, Any] = {
        "call": call,
        "session_id": session.pk,
        "agent_id": session.agent_id,
        "customer_id": session.customer_id,
        "tool_key": tool,
        "asked": asked,
        "arguments": asked,
        "digest": digest_of(session.pk, tool, asked, 1),
        "policy_version": 1,
        "rules": ["larger-refunds"],
        "role": "reviewer",
        "amount": Decimal(amount) if amount else None,
        "seen": {"rules": ["larger-refunds"], "verified": True, "facts": facts},
        "expires_at": timezone.now() + timedelta(hours=24),
    }
    return Approval.objects.create(**{**values, **fields})


def decide_as(approval: Approval, user: User, *, status: str, **fields: Any) -> Approval:
    """As if this person had decided it."""
    verdict = ApprovalVote.Verdict.REJECT if status == "rejected" else ApprovalVote.Verdict.APPROVE
    ApprovalVote.objects.create(approval=approval, user=user, verdict=verdict, digest=approval.digest)
    now = timezone.now()
    values = {"status": status, "decided_at": now, **({"used_at": now} if status == "used" else {}), **fields}
    for name, value in values.items():
        setattr(approval, name, value)
    approval.save()
    return approval
