"""Fetch and authorise in one call: the only way from an id in a URL to a row."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User
from django.http import Http404
from django.shortcuts import get_object_or_404

from agents.models import Agent, AgentVersion, Escalation, Session
from observability.access import Role, has_role

STAFF = (Role.SUPPORT, Role.REVIEWER, Role.ANALYST)


def get_session_for(user: User, session_id: UUID) -> Session:
    check_staff(user)
    return get_object_or_404(
        Session.objects.select_related("customer", "agent__live_version", "assignee"), pk=session_id
    )


def get_escalation_for(user: User, escalation_id: UUID) -> Escalation:
    check_staff(user)
    return get_object_or_404(
        Escalation.objects.select_related("session__customer", "session__agent__live_version", "assignee", "turn"),
        pk=escalation_id,
    )


def get_agent_for(user: User, slug: str) -> Agent:
    check_staff(user)
    return get_object_or_404(Agent.objects.select_related("live_version"), slug=slug)


def get_version_for(user: User, agent: Agent, number: int) -> AgentVersion:
    check_staff(user)
    return get_object_or_404(AgentVersion, agent=agent, number=number, state=AgentVersion.State.PUBLISHED)


def check_staff(user: User) -> None:
    """A stranger learns nothing, not even that the row exists. Raises `Http404`."""
    if not has_role(user, *STAFF):
        raise Http404
