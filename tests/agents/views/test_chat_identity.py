from __future__ import annotations

import pytest
from django.test import Client

from agents.channels.chat.identity import COOKIE
from tests.factories import make_agent

pytestmark = pytest.mark.django_db
URL = "/chat/support/identity/"


@pytest.fixture(autouse=True)
def _agent() -> None:
    make_agent("support")


def test_anybody_may_claim_an_address():
    client = Client()
    response = client.post(URL, {"name": "Ada", "email": "Ada@Example.com"})

    assert response.headers["Location"] == "/chat/support/"
    page = client.get("/chat/support/new/").text
    assert "ada@example.com" in page
    assert "Your address is not confirmed" in page


def test_a_demo_customer_is_verified(settings):
    settings.DEMO = True
    client = Client()
    client.post(URL, {"demo_customer": "ada@example.com"})

    assert "not confirmed" not in client.get("/chat/support/new/").text


@pytest.mark.parametrize(("demo", "chosen"), [(False, "ada@example.com"), (True, "somebody@example.com")])
def test_nobody_else_is_verified_by_asking(settings, demo, chosen):
    settings.DEMO = demo
    response = Client().post(URL, {"demo_customer": chosen})

    assert response.status_code == 404
    assert COOKIE not in response.cookies


@pytest.mark.parametrize("email", ["", "not an address", f"{'a' * 300}@example.com"])
def test_what_is_no_address_is_said_beside_it(email):
    response = Client().post(URL, {"name": "Ada <b>", "email": email})

    assert response.status_code == 422
    assert "Ada &lt;b&gt;" in response.text
    assert COOKIE not in response.cookies


def test_is_guarded_against_other_sites_and_large_bodies():
    assert Client(enforce_csrf_checks=True).post(URL, {"email": "ada@example.com"}).status_code == 403
    assert Client().post(URL, {"name": "x" * 300_000}).status_code == 413


def test_other_methods_and_agents_are_refused():
    assert Client().get(URL).status_code == 405
    assert Client().post("/chat/nobody/identity/", {"email": "ada@example.com"}).status_code == 404
