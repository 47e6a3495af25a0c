"""Rows for tests, made the way the product makes them wherever it has a way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, User
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from agents.channels.chat.identity import COOKIE, new_identity, remember_identity
from agents.models import Agent, Customer, Escalation, Message, Session, Turn
from agents.models.sessions import Channel
from agents.sessions import find_or_add_customer
from agents.versions import draft_version, publish_version
from observability.access import Role
from observability.ids import uuid7
from observability.models import Span, Trace


def make_user(role: Role | None, email: str = "") -> User:
    email = email or f"{role or 'stranger'}-{uuid7().hex[-12:]}@example.org"
    user = User.objects.create_user(username=email, email=email, first_name=(role or "stranger").capitalize())
    if role:
        user.groups.add(Group.objects.get_or_create(name=role)[0])
    return user


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def customer_client(
    email: str = "ada@example.com", *, verified: bool = True, sessions: Sequence[Session] = ()
) -> Client:
    """A browser with a customer's cookie; under a claimed address `sessions` are those begun in it."""
    level = Session.Identity.VERIFIED if verified else Session.Identity.CLAIMED
    identity = new_identity(email=email, name="Ada", level=level)
    for session in sessions:
        identity = identity.with_session(session.pk)
    response = HttpResponse()
    remember_identity(response, identity)
    client = Client()
    client.cookies[COOKIE] = response.cookies[COOKIE].value
    return client


def make_agent(slug: str = "", *, tools: list[str] | None = None, **fields: Any) -> Agent:
    """An agent with version 1 live."""
    agent = Agent.objects.create(slug=slug or f"agent-{uuid7().hex[-8:]}", name=fields.pop("name", "Support agent"))
    draft = draft_version(agent)
    values = {"instructions": "Answer.", "model": "claude-sonnet-5-5", "tools": tools or [], **fields}
    for name, value in values.items():
        setattr(draft, name, value)
    draft.save()
    publish_version(agent, user=None)
    agent.refresh_from_db()
    return agent


def make_customer(email: str = "", name: str = "Ada") -> Customer:
    return find_or_add_customer(email=email or f"customer-{uuid7().hex[-12:]}@example.com", name=name)


def make_session(*, agent: Agent | None = None, customer: Customer | None = None, **fields: Any) -> Session:
    return Session.objects.create(
        agent=agent or make_agent(),
        customer=customer or make_customer(),
        channel=Channel.CHAT,
        **{"identity": Session.Identity.VERIFIED, **fields},
    )


def next_seq(session: Session) -> int:
    session.event_seq += 1
    session.save(update_fields=["event_seq"])
    return session.event_seq


def make_message(session: Session, text: str = "Where is my order?", **fields: Any) -> Message:
    return Message.objects.create(
        session=session,
        seq=next_seq(session),
        channel=session.channel,
        text=text,
        **{"author": Message.Author.CUSTOMER, "content": [{"type": "text", "text": text}], **fields},
    )


def make_turn(session: Session, *, status: Turn.Status = Turn.Status.REPLIED, **fields: Any) -> Turn:
    ended = status not in Turn.OPEN
    running = status == Turn.Status.RUNNING
    defaults: dict[str, Any] = {
        "seq": next_seq(session),
        "agent_version": session.agent.live_version,
        "finished_at": timezone.now() if ended else None,
        "lease_token": uuid7() if running else None,
        "lease_until": timezone.now() if running else None,
    }
    return Turn.objects.create(session=session, status=status, **{**defaults, **fields})


def make_escalation(session: Session | None = None, **fields: Any) -> Escalation:
    session = session or make_session(controller=Session.Controller.HUMAN, waiting_since=timezone.now())
    defaults: dict[str, Any] = {
        "reason": Escalation.Reason.POLICY_RESTRICTION,
        "summary": "The return window has passed.",
    }
    return Escalation.objects.create(session=session, **{**defaults, **fields})


def make_trace(
    *, turn_id: UUID | None = None, spans: int = 2, started_at: datetime | None = None, **fields: Any
) -> Trace:
    started_at = started_at or timezone.now()
    defaults: dict[str, Any] = {
        "session_id": uuid7(),
        "agent_id": uuid7(),
        "agent_name": "Support agent",
        "agent_version": 1,
        "model": "claude-sonnet-5-5",
        "channel": "chat",
        "customer": "ada@example.com",
        "status": Trace.Status.OK,
        "outcome": "replied",
        "input_text": "Where is my order?",
        "output_text": "It is on its way.",
        "duration_ms": 1200,
        "model_calls": 1,
        "tool_calls": 1,
        "cost_usd": Decimal("0.00210000"),
    }
    trace = Trace.objects.create(id=turn_id or uuid7(), started_at=started_at, **{**defaults, **fields})
    for number in range(spans):
        is_tool = number % 2 == 1
        Span.objects.create(
            trace=trace,
            kind=Span.Kind.TOOL if is_tool else Span.Kind.MODEL,
            name="get_order" if is_tool else trace.model,
            started_at=started_at,
            duration_ms=100,
            attributes={"toolInputs": {"order_id": "1042"}, "toolOutput": {"status": "delivered"}} if is_tool else {},
        )
    return trace


@pytest.fixture
def support(db: None) -> User:
    return make_user(Role.SUPPORT)


@pytest.fixture
def reviewer(db: None) -> User:
    return make_user(Role.REVIEWER)


@pytest.fixture
def analyst(db: None) -> User:
    return make_user(Role.ANALYST)


@pytest.fixture
def admin(db: None) -> User:
    return make_user(Role.ADMIN)


@pytest.fixture
def stranger(db: None) -> User:
    """Signed in, but in no group."""
    return make_user(None)
