from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from agents.channels.chat.identity import COOKIE, identity_link
from agents.models import Agent, Session
from tests.factories import customer_client, make_agent, make_customer, make_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> Agent:
    return make_agent("support", greeting="Ask me about an order.")


def path_of(link: str) -> str:
    return re.sub(r"^https?://[^/]+", "", link)


def test_somebody_unknown_is_asked_who_they_are(agent, django_assert_max_num_queries):
    with django_assert_max_num_queries(2):
        response = Client().get("/chat/support/")

    assert response.status_code == 200
    assert "Who are you?" in response.text
    assert "demo customer" not in response.text
    assert "no-store" in response.headers["Cache-Control"]


def test_a_demo_offers_its_customers(agent, settings):
    settings.DEMO = True

    assert 'value="ada@example.com"' in Client().get("/chat/support/").text


def test_leads_to_the_newest_open_conversation(agent):
    ada, now = make_customer("ada@example.com"), timezone.now()
    make_session(agent=agent, customer=ada, last_message_at=now - timedelta(hours=2))
    newest = make_session(agent=agent, customer=ada, last_message_at=now - timedelta(hours=1))
    make_session(agent=agent, customer=ada, controller=Session.Controller.CLOSED, closed_at=now)
    make_session(agent=agent)

    response = customer_client().get("/chat/support/")

    assert response.headers["Location"] == f"/chat/support/{newest.pk}/"


def test_leads_to_a_new_conversation_where_none_is_open(agent):
    assert customer_client().get("/chat/support/").headers["Location"] == "/chat/support/new/"


def test_a_shops_link_verifies_and_leaves_the_address_bar(agent):
    client = Client()
    response = client.get(path_of(identity_link("support", "ada@example.com", name="Ada")))

    assert response.headers["Location"] == "/chat/support/"
    assert "ada@example.com" in client.get("/chat/support/new/").text
    assert "not confirmed" not in client.get("/chat/support/new/").text


@pytest.mark.parametrize("query", ["identity=", "identity=forged:1abc:x"])
def test_a_forged_link_verifies_nobody(agent, query):
    response = Client().get(f"/chat/support/?{query}")

    assert response.status_code == 403
    assert COOKIE not in response.cookies
    assert "This link is no longer valid." in response.text


def test_a_link_that_is_over_verifies_nobody(agent):
    link = identity_link("support", "ada@example.com", lifetime=timedelta(seconds=-1))

    assert Client().get(path_of(link)).status_code == 403


def test_a_forged_cookie_is_nobody(agent):
    client = Client()
    client.cookies[COOKIE] = "eyJlbWFpbCI6ImFkYUBleGFtcGxlLmNvbSJ9:1abcde:forged"

    assert "Who are you?" in client.get("/chat/support/").text


def test_an_agent_that_is_not_there_or_not_live_is_not_found(agent):
    Agent.objects.create(slug="draft-only", name="Draft")

    assert Client().get("/chat/nobody/").status_code == 404
    assert Client().get("/chat/draft-only/").status_code == 404


def test_other_methods_are_refused(agent):
    assert Client().post("/chat/support/").status_code == 405
