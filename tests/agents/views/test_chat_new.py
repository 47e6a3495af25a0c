from __future__ import annotations

import pytest
from django.test import Client

from agents.models import Session
from tests.factories import client_of, customer_client, make_agent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _agent() -> None:
    make_agent("support", greeting="Ask me about an order.")


def test_shows_the_greeting_and_opens_nothing_yet(django_assert_max_num_queries):
    client = customer_client()
    with django_assert_max_num_queries(2):
        response = client.get("/chat/support/new/")

    assert response.status_code == 200
    assert "Ask me about an order." in response.text
    assert "An AI assistant answers here." in response.text
    assert "Talk to a person" in response.text
    assert "sse-connect" not in response.text
    assert not Session.objects.exists()


@pytest.mark.parametrize(("base", "is_said"), [("http://127.0.0.1:8020", True), ("https://api.anthropic.com", False)])
def test_says_when_the_model_is_scripted(settings, base, is_said):
    settings.SCRIPTED_MODEL_URL = "http://127.0.0.1:8020"
    settings.ANTHROPIC_BASE_URL = base

    assert ("scripted model" in customer_client().get("/chat/support/new/").text) is is_said


def test_somebody_unknown_is_sent_to_the_question_who_they_are(admin):
    assert Client().get("/chat/support/new/").headers["Location"] == "/chat/support/"
    # Nor is somebody of the desk a customer.
    assert client_of(admin).get("/chat/support/new/").headers["Location"] == "/chat/support/"


def test_other_methods_and_agents_are_refused():
    assert customer_client().post("/chat/support/new/").status_code == 405
    assert customer_client().get("/chat/nobody/new/").status_code == 404
