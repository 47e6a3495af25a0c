from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from agents.journal import Event, message_event, write_session
from agents.models import Message, Session, Turn, TurnEvent
from agents.models.sessions import Channel
from agents.sessions import say
from observability.ids import uuid7
from tests.factories import customer_client, make_agent, make_customer, make_session, make_turn, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def session() -> Session:
    return make_session(agent=make_agent("support", greeting="Ask me."), customer=make_customer("ada@example.com"))


def url(session: Session) -> str:
    return f"/chat/support/{session.pk}/"


def write_message(session: Session, author: Message.Author, text: str) -> None:
    write_session(session.pk, events=[message_event(author=author, channel=Channel.CHAT, text=text)])


def test_shows_a_conversation_with_few_queries(session, django_assert_max_num_queries):
    user = make_user(None)
    for number in range(15):
        write_message(session, Message.Author.CUSTOMER, f"question {number}")
        write_message(session, Message.Author.AGENT, f"answer **{number}**")
    say(session, user=user, text="A person's answer")
    session.refresh_from_db()
    client = customer_client()
    with django_assert_max_num_queries(5):
        response = client.get(url(session))

    assert response.status_code == 200
    assert "Ask me." in response.text
    assert "<p>answer <strong>14</strong></p>" in response.text
    assert "Answered by a person" in response.text
    assert user.email not in response.text
    assert f'sse-connect="{url(session)}events/?after={session.event_seq}"' in response.text
    assert "no-store" in response.headers["Cache-Control"]


def test_nothing_that_was_written_is_markup(session):
    for author in (Message.Author.CUSTOMER, Message.Author.AGENT):
        write_message(session, author, '<img src=x onerror=alert(1)> [x](javascript:alert(1)) "><script>')

    page = customer_client().get(url(session)).text

    assert "<img src=x" not in page
    assert '"><script>' not in page
    assert 'href="javascript' not in page


def test_in_the_middle_of_a_turn_shows_what_was_released_and_what_is_done(session):
    turn = make_turn(session, status=Turn.Status.RUNNING)
    said = {"call": 1, "attempt": 3, "text": "One sentence. "}
    step = {"tool_call_id": "1", "tool_name": "get_order", "state": "reserved", "progress": "Looking up 7"}
    write_session(
        session.pk,
        events=[
            Event(kind=TurnEvent.Kind.STEP, data=step, turn_id=turn.pk),
            Event(kind=TurnEvent.Kind.TEXT, data=said, turn_id=turn.pk),
        ],
    )

    page = customer_client().get(url(session)).text

    assert "<p>One sentence.</p>" in page
    assert "Looking up 7" in page


def test_a_closed_conversation_stays_readable_and_leads_to_a_new_one(session):
    write_message(session, Message.Author.CUSTOMER, "said before")
    Session.objects.filter(pk=session.pk).update(controller="closed", closed_at=timezone.now())

    page = customer_client().get(url(session)).text

    assert "said before" in page
    assert "Start a new conversation" in page
    assert '<input type="hidden" form="composer" name="session" value="">' in page


def test_earlier_messages_have_a_page_without_a_stream(session, monkeypatch):
    monkeypatch.setattr("agents.channels.chat.conversation.ITEMS", 2)
    for number in range(3):
        write_message(session, Message.Author.CUSTOMER, f"number {number}")

    assert "?before=2" in customer_client().get(url(session)).text
    page = customer_client().get(url(session), {"before": 2}).text
    assert "number 0" in page
    assert "number 1" not in page
    assert "sse-connect" not in page


def test_others_learn_nothing(session):
    missing = customer_client().get(f"/chat/support/{uuid7()}/")

    for client in [customer_client("ben@example.com"), customer_client(verified=False)]:
        response = client.get(url(session))
        assert response.status_code == missing.status_code == 404
    assert Client().get(url(session)).headers["Location"] == "/chat/support/"


def test_bad_addresses_are_not_found(session):
    client = customer_client()

    assert client.get("/chat/support/1/").status_code == 404
    assert client.get(f"/chat/other/{session.pk}/").status_code == 404
    for before in ("x", "0", "-1", str(2**63)):
        assert client.get(url(session), {"before": before}).status_code == 404


def test_other_methods_are_refused(session):
    assert customer_client().post(url(session)).status_code == 405
