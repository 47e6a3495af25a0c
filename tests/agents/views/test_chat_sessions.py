from __future__ import annotations

import pytest
from django.test import Client

from agents.models import Session
from tests.factories import customer_client, make_agent, make_customer, make_session

pytestmark = pytest.mark.django_db
URL = "/chat/support/conversations/"


def test_lists_the_own_conversations(django_assert_max_num_queries):
    agent, ada = make_agent("support"), make_customer("ada@example.com")
    for number in range(20):
        make_session(agent=agent, customer=ada, preview=f"preview {number}.")
    make_session(agent=agent, preview="somebody else's")
    make_session(customer=ada, preview="with another agent")
    make_session(agent=agent, customer=ada, preview="by a pretender", identity=Session.Identity.CLAIMED)
    client = customer_client()
    with django_assert_max_num_queries(2):
        page = client.get(URL).text

    assert all(f"preview {number}." in page for number in range(20))
    assert "somebody else" not in page
    assert "with another agent" not in page
    assert "by a pretender" not in page


def test_a_claimed_address_lists_what_this_browser_began():
    agent, ada = make_agent("support"), make_customer("ada@example.com")
    own = make_session(agent=agent, customer=ada, preview="mine", identity=Session.Identity.CLAIMED)
    make_session(agent=agent, customer=ada, preview="verified")
    make_session(agent=agent, customer=ada, preview="other browser", identity=Session.Identity.CLAIMED)

    page = customer_client(verified=False, sessions=[own]).get(URL).text

    assert "mine" in page
    assert "other browser" not in page
    assert "verified" not in page


def test_says_what_will_appear_here():
    make_agent("support")

    assert "No conversation yet" in customer_client().get(URL).text


def test_others_are_refused():
    make_agent("support")

    assert Client().get(URL).headers["Location"] == "/chat/support/"
    assert customer_client().post(URL).status_code == 405
    assert customer_client().get("/chat/nobody/conversations/").status_code == 404
