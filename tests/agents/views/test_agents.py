from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.models import Agent
from observability.models import Trace
from tests.factories import client_of, make_agent, make_trace

pytestmark = pytest.mark.django_db
URL = "/agents/"


def test_it_works_for_every_role(support: User, reviewer: User, analyst: User, admin: User) -> None:
    make_agent("refunds", name="Refunds desk", tools=["get_order"])
    for user in (support, reviewer, analyst, admin):
        response = client_of(user).get(URL)
        assert response.status_code == 200
        assert "Refunds desk" in response.content.decode()


def test_signed_out_is_sent_to_sign_in() -> None:
    assert Client().get(URL).status_code == 302


def test_a_stranger_is_refused(stranger: User) -> None:
    assert client_of(stranger).get(URL).status_code == 403


def test_it_is_read_only(support: User) -> None:
    assert client_of(support).post(URL).status_code == 405


def test_the_last_day_is_added_up(support: User) -> None:
    agent = make_agent("refunds")
    for outcome, count in (("replied", 3), ("escalated", 1)):
        for _ in range(count):
            make_trace(agent_id=agent.pk, outcome=outcome, spans=0, cost_usd="0.0100")
    make_trace(agent_id=agent.pk, spans=0, started_at=timezone.now() - timedelta(days=2))
    make_trace(agent_id=agent.pk, spans=0, status=Trace.Status.RUNNING, outcome="", duration_ms=None)
    text = client_of(support).get(URL).content.decode()
    assert 'data-label="Turns">4<' in text
    assert 'data-label="Resolved">75%<' in text
    assert 'data-label="Cost">$0.0100<' in text


def test_without_agents_it_offers_the_next_step_to_those_who_may(support: User, admin: User) -> None:
    assert reverse("agents:agent_new") not in client_of(support).get(URL).content.decode()
    text = client_of(admin).get(URL).content.decode()
    assert "No agents yet" in text
    assert reverse("agents:agent_new") in text


def test_more_agents_take_no_more_queries(support: User, django_assert_max_num_queries) -> None:
    for number in range(12):
        agent = make_agent(f"agent-{number}", name=f"Agent {number}", tools=["get_order"])
        make_trace(agent_id=agent.pk, spans=0)
    client = client_of(support)
    with django_assert_max_num_queries(8):
        client.get(URL)


class TestNew:
    url = "/agents/new/"

    def test_it_works(self, admin: User) -> None:
        client = client_of(admin)
        assert client.get(self.url).status_code == 200
        response = client.post(self.url, {"name": "Returns", "slug": "Returns", "description": "For returns"})
        assert response.status_code == 302
        made = Agent.objects.get(slug="returns")
        assert (made.name, made.live_version, made.versions.count()) == ("Returns", None, 1)

    def test_it_copies_another(self, admin: User) -> None:
        other = make_agent("first", instructions="Be exact.", tools=["get_order"])
        client_of(admin).post(self.url, {"name": "Second", "slug": "second", "like": other.pk})
        draft = Agent.objects.get(slug="second").versions.get()
        assert (draft.instructions, draft.tools, draft.state) == ("Be exact.", ["get_order"], "draft")

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"name": "", "slug": "a"}, "This field is required"),
            ({"name": "A", "slug": "no spaces"}, "valid"),
            ({"name": "A", "slug": "new"}, "taken by a page"),
            ({"name": "A", "slug": "TAKEN"}, "Another agent has the address"),
        ],
    )
    def test_bad_input_loses_nothing(self, admin: User, values: dict[str, str], said: str) -> None:
        make_agent("taken")
        response = client_of(admin).post(self.url, {**values, "description": "What I wrote"})
        assert response.status_code == 422
        assert said in response.content.decode()
        assert "What I wrote" in response.content.decode()

    def test_only_an_admin_makes_agents(self, support: User, reviewer: User, analyst: User) -> None:
        for user in (support, reviewer, analyst):
            assert client_of(user).post(self.url, {"name": "A", "slug": "a"}).status_code == 403
        assert Client().get(self.url).status_code == 302
        assert not Agent.objects.exists()
