"""Conversations that ended in every way over two weeks, an hour out of the way, and the pages that show them."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone
from playwright.sync_api import Page

from agents.models import Agent, Customer, Escalation, Session, Stop
from observability.anomaly import look_for
from observability.ids import uuid7
from observability.models import Anomaly, Charge, Trace
from observability.rolling import roll_up
from tests.shots.camera import Shot

ANALYST, SUPPORT = "analyst@demo.example", "support@demo.example"
DAYS, A_DAY = 40, 14
HOUR = timedelta(hours=1)
REASONS = ("customer_requested", "customer_requested", "missing_knowledge", "tool_failure", "policy_restriction")


def fill_overview(now: datetime | None = None) -> None:
    """After `fill_cost`, whose turns and charges are counted too."""
    now, chance = now or timezone.now(), random.Random(11)
    agents = list(Agent.objects.order_by("slug"))
    customers = list(Customer.objects.all()) or [Customer.objects.create(email="ada@example.com", name="Ada")]
    sessions, escalations = [], []
    for day in range(DAYS):
        for _ in range(A_DAY - day // 6 + chance.randint(-3, 3)):
            at = now - timedelta(days=day, minutes=chance.randint(3, 1_300))
            session = Session(
                customer=chance.choice(customers), agent=chance.choice(agents), channel="chat", opened_at=at,
                last_message_at=at + timedelta(minutes=6), preview="It is on its way.", preview_author="agent",
            )  # fmt: skip
            end(session, chance.random(), now)
            if session.handed_over_at:
                escalations.append(escalation_of(session, chance.choice(REASONS)))
            sessions.append(session)
    Session.objects.bulk_create(sessions)
    Escalation.objects.bulk_create(escalations)
    spike(agents[0], now)
    roll_up()
    look_for(now - HOUR)
    stopped = sessions[0]
    Stop.objects.create(
        scope=Stop.Scope.SESSION, subject=str(stopped.pk), reason="Runaway: 143 calls of 120 within 10 minutes"
    )


def end(session: Session, way: float, now: datetime) -> None:
    later = session.opened_at + timedelta(hours=2)
    if way < 0.2:
        session.handed_over_at = session.opened_at + timedelta(minutes=4)
    if way < 0.34 and later < now:
        session.controller, session.closed_at = Session.Controller.CLOSED, later
        session.solved_at = later if way < 0.3 else None
    elif session.handed_over_at:
        session.controller = Session.Controller.HUMAN
    if way > 0.95:
        session.came_back_at, session.quiet_since = session.opened_at, session.opened_at - timedelta(days=2)


def escalation_of(session: Session, reason: str) -> Escalation:
    done = session.closed_at
    status = Escalation.Status.RESOLVED if done else Escalation.Status.OPEN
    assert session.handed_over_at is not None
    return Escalation(session=session, reason=reason, status=status, opened_at=session.handed_over_at, resolved_at=done)


def spike(agent: Agent, now: datetime) -> None:
    at = now - HOUR
    trace = Trace.objects.create(
        id=uuid7(), session_id=uuid7(), agent_id=agent.pk, agent_name=agent.name, agent_slug=agent.slug,
        agent_version=3, model="claude-opus-5", channel="chat", customer="ada@example.com", status="ok",
        outcome="replied", started_at=at, ended_at=at, duration_ms=4_000, cost_usd=Decimal(48),
    )  # fmt: skip
    Charge.objects.create(
        span_id=uuid7(), trace_id=trace.pk, agent_id=agent.pk, kind="model", subject="claude-opus-5", basis="exact",
        at=at, usd=Decimal(48),
    )  # fmt: skip


def hover(page: Page) -> None:
    over = page.locator(".u-over").first
    over.scroll_into_view_if_needed()
    over.hover(position={"x": 180, "y": 60})
    page.wait_for_timeout(150)


def show_table(page: Page) -> None:
    page.locator(".chart-table > summary").first.click()


def overview_pages() -> list[Shot]:
    found = Anomaly.objects.order_by("-hour", "agent_id").first()
    assert found is not None
    return [
        Shot(name="overview", path="/overview/", who=ANALYST, whole=True),
        Shot(name="overview-month", path="/overview/?range=30d", who=ANALYST, act=hover, whole=True),
        Shot(name="overview-support", path="/overview/?range=24h", who=SUPPORT, act=show_table, whole=True),
        Shot(name="overview-list", path="/overview/conversations/handed-over/", who=SUPPORT),
        Shot(name="overview-home", path="/", who=ANALYST, whole=True),
        Shot(name="anomalies", path="/anomalies/", who=ANALYST),
        Shot(name="anomaly", path=f"/anomalies/{found.pk}/", who=ANALYST, whole=True),
    ]


def overview_pages_before() -> list[Shot]:
    return [
        Shot(name="overview-nothing", path="/overview/", who=ANALYST, whole=True),
        Shot(name="anomalies-nothing", path="/anomalies/", who=ANALYST),
    ]
