"""What the tools' side is told by this one."""

from __future__ import annotations

import pytest
from django.utils import timezone

from agents.hooks import EVERYTHING, agents_using, customer_of, install, stopped_tools
from agents.models import Stop
from agents.sessions import find_or_add_customer
from agents.versions import draft_version
from tests.factories import make_agent
from tools import approvals, gateways, outside, tool_changes

pytestmark = pytest.mark.django_db


def test_only_who_is_known_is_a_customer_of_a_key() -> None:
    ada = find_or_add_customer(email="ada@example.com")
    assert customer_of(" Ada@Example.com ") == ada.pk
    assert customer_of("stranger@example.com") is None


def test_stops_of_tools_and_of_everything_hold_for_outside_callers() -> None:
    Stop.objects.create(scope="tool", subject="get_order", reason="Wrong")
    Stop.objects.create(scope="tool", subject="cancel_order", reason="Over", lifted_at=timezone.now())
    Stop.objects.create(scope="session", subject="abc", reason="One conversation")
    assert stopped_tools() == {"get_order"}
    Stop.objects.create(scope="all", reason="Drill")
    assert stopped_tools() == {"get_order", EVERYTHING}


def test_agents_use_what_is_live_or_in_their_draft() -> None:
    agent = make_agent(tools=["get_order", "old_tool"], name="Support")
    draft = draft_version(agent)
    draft.tools = ["get_order", "new_tool"]
    draft.save()
    assert agents_using(frozenset({"get_order", "new_tool"})) == [
        "The agent Support has get_order.",
        "The agent Support has new_tool.",
    ]
    assert agents_using(frozenset({"old_tool"})) == ["The agent Support has old_tool."]
    assert agents_using(frozenset({"unknown"})) == []


def test_installing_twice_hooks_once() -> None:
    hooks = (approvals.listeners, gateways.customer_finders, outside.switches, tool_changes.users)
    before = [len(each) for each in hooks]
    install()
    assert [len(each) for each in hooks] == before
    assert all(before)
