from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.incoming import assigned
from agents.models import Agent, Customer, Message, Session, Turn
from observability.ids import uuid7
from tests.factories import customer_client, make_agent, make_customer, make_session
from tests.kept_caches import read_once

pytestmark = pytest.mark.django_db
URL = "/chat/support/messages/"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def agent() -> Agent:
    return make_agent("support")


@pytest.fixture
def session(agent: Agent) -> Session:
    return make_session(agent=agent, customer=make_customer("ada@example.com"))


def token_of(client: Client, path: str = "/chat/support/new/") -> str:
    found = re.search(r'form="composer" name="token" value="([^"]+)"', client.get(path).text)
    assert found
    return found[1]


def opened(response: Any) -> UUID:
    return UUID(response.headers["Location"].split("/")[3])


# -- it works


def test_opens_a_conversation_and_shows_it(django_assert_max_num_queries):
    client = customer_client()
    # Three of them for the guardrail, which a process keeps.
    with django_assert_max_num_queries(12):
        response = client.post(URL, {"text": "Where is my order?"})

    session = Session.objects.get(pk=opened(response))
    assert response.status_code == 302
    assert session.customer.email == "ada@example.com"
    assert session.identity == Session.Identity.VERIFIED
    assert Turn.objects.get(session=session).status == Turn.Status.QUEUED
    assert "Where is my order?" in client.get(response.headers["Location"]).text


def test_goes_on_with_a_conversation_in_a_few_queries(agent, session):
    client = customer_client()
    with read_once():
        assigned.guard(agent.pk)  # a process that has run before
        with CaptureQueriesContext(connection) as queries:
            response = client.post(URL, {"text": "And now?", "session": str(session.pk)})

    assert len(queries) <= 3
    assert opened(response) == session.pk
    assert Message.objects.get(session=session).text == "And now?"


def test_an_open_page_gets_a_fresh_form_and_keeps_its_composer(session):
    client = customer_client()
    first = token_of(client, f"/chat/support/{session.pk}/")
    response = client.post(URL, {"text": "Hello", "session": str(session.pk), "token": first}, headers=HTMX)

    assert response.status_code == 200
    assert response.headers["HX-Reswap"] == "none"
    assert '<div id="compose-fields" hx-swap-oob="true">' in response.text
    assert f'name="session" value="{session.pk}"' in response.text
    assert first not in response.text
    assert "<textarea" not in response.text


def test_an_open_page_without_a_conversation_is_led_to_the_new_one():
    response = customer_client().post(URL, {"text": "Hello"}, headers=HTMX)

    assert response.headers["HX-Redirect"].startswith(f"/chat/support/{Session.objects.get().pk}/")


def test_a_claimed_address_reaches_its_conversation_again():
    client = customer_client(verified=False)
    session_id = opened(client.post(URL, {"text": "Hello"}))

    assert Session.objects.get(pk=session_id).identity == Session.Identity.CLAIMED
    assert opened(client.post(URL, {"text": "More", "session": str(session_id)})) == session_id
    assert "More" in client.get(f"/chat/support/{session_id}/").text


def test_where_a_person_speaks_no_turn_is_queued(session):
    Session.objects.filter(pk=session.pk).update(controller=Session.Controller.HUMAN)
    customer_client().post(URL, {"text": "Hello", "session": str(session.pk)})

    assert Message.objects.filter(session=session).count() == 1
    assert not Turn.objects.filter(session=session).exists()


# -- once


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_the_same_form_twice_is_one_message(headers):
    client = customer_client()
    form = {"text": "Refund me", "token": token_of(client), "session": ""}
    for _ in range(2):
        assert client.post(URL, form, headers=headers).status_code in {200, 302}

    assert Session.objects.count() == Message.objects.count() == Turn.objects.count() == 1


def test_a_form_that_came_back_and_says_something_else_is_another_message():
    client = customer_client()
    token = token_of(client)
    first = opened(client.post(URL, {"text": "One", "token": token}))
    second = opened(client.post(URL, {"text": "Two", "token": token}))

    assert first == second
    assert [message.text for message in Message.objects.order_by("seq")] == ["One", "Two"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_new", [True, False])
def test_the_same_form_at_the_same_moment_is_one_message(session, is_new):
    client = customer_client()
    form = {"text": "Refund me", "token": token_of(client), "session": "" if is_new else str(session.pk)}
    statuses: list[int] = []
    together = threading.Barrier(4)

    def post() -> None:
        browser = Client()
        browser.cookies = client.cookies
        together.wait(60)
        try:
            statuses.append(browser.post(URL, form).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [302] * 4
    assert Message.objects.count() == Turn.objects.count() == 1


# -- what is refused


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The message is empty"),
        (" \n ", "The message is empty"),
        ("x" * 20_001, "20,001 characters"),
        ("\x00\x01", "not text"),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_refusal_stands_beside_the_composer_with_the_text_kept(session, text, said, headers):
    form = {"text": text, "session": str(session.pk)}
    response = customer_client().post(URL, form, headers=headers)

    assert response.status_code == 422
    assert said in response.text
    assert 'id="composer-error"' in response.text
    assert f'name="session" value="{session.pk}"' in response.text
    assert text.strip("\x00\x01 \n") in response.text
    assert ("<html" in response.text) is (not headers)
    assert not Message.objects.exists()


def test_bytes_that_are_no_text_are_refused(session):
    body = b"session=%s&text=%%ff%%fe%%00" % str(session.pk).encode()
    response = customer_client().post(URL, body, content_type="application/x-www-form-urlencoded")

    assert response.status_code == 422
    assert not Message.objects.exists()


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_closed_conversation_offers_a_new_one_with_the_text_kept(session, headers):
    Session.objects.filter(pk=session.pk).update(controller="closed", closed_at=timezone.now())
    client = customer_client()
    response = client.post(URL, {"text": "One more thing", "session": str(session.pk)}, headers=headers)

    assert response.status_code == 422
    assert "One more thing" in response.text
    assert "Start a new conversation" in response.text
    assert 'form="composer" name="session" value=""' in response.text
    assert opened(client.post(URL, {"text": "One more thing", "session": ""})) != session.pk


def test_too_much_is_refused_before_it_is_read(session):
    response = customer_client().post(URL, {"text": "x" * 1_000_000, "session": str(session.pk)})

    assert response.status_code == 413
    assert not Message.objects.exists()


def test_a_length_that_is_not_given_is_refused():
    client = customer_client()

    assert client.post(URL, {"text": "x"}, CONTENT_LENGTH="").status_code == 411
    assert not Message.objects.exists()


def test_another_site_cannot_post(session):
    client = Client(enforce_csrf_checks=True)
    client.cookies = customer_client().cookies

    assert client.post(URL, {"text": "Hello", "session": str(session.pk)}).status_code == 403
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    "attacker",
    [lambda: customer_client("ben@example.com"), lambda: customer_client(verified=False)],
    ids=["another customer", "the same address, claimed"],
)
def test_nobody_writes_into_anothers_conversation(session, attacker: Callable[[], Any]):
    response = attacker().post(URL, {"text": "Refund it to me", "session": str(session.pk)})

    assert response.status_code == 404
    assert not Message.objects.exists()


def test_a_form_shown_to_another_is_refused_and_can_be_sent_anew(session):
    token = token_of(customer_client("ben@example.com"))
    response = customer_client().post(URL, {"text": "Hello", "token": token})

    assert response.status_code == 422
    assert "under another address" in response.text
    assert not Message.objects.exists()


def test_anothers_token_does_not_lead_to_their_conversation():
    ben = customer_client("ben@example.com")
    token = token_of(ben)
    theirs = opened(ben.post(URL, {"text": "Hello", "token": token}))
    response = customer_client().post(URL, {"text": "Hello", "token": token})

    assert str(theirs) not in response.text
    assert "Location" not in response.headers


def test_what_is_not_there_is_not_found(agent):
    client = customer_client()

    assert client.post("/chat/nobody/messages/", {"text": "Hello"}).status_code == 404
    assert client.post(URL, {"text": "Hello", "session": "1"}).status_code == 404
    assert customer_client(verified=False).post(URL, {"text": "Hello", "session": str(uuid7())}).status_code == 404
    assert not Customer.objects.exists()


def test_somebody_unknown_is_asked_who_they_are():
    response = Client().post(URL, {"text": "Hello"})

    assert response.headers["Location"] == "/chat/support/"
    assert not Message.objects.exists()


def test_other_methods_are_refused():
    assert customer_client().get(URL).status_code == 405
