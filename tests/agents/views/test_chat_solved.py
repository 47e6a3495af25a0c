"""The customer says that it is solved, and takes it back by writing again."""

from __future__ import annotations

import pytest
from django.utils import timezone

from agents.channels.chat.pages import Standing, standing_of
from agents.intake import Inbound, receive
from agents.journal import message_event, write_session
from agents.models import Message, Session
from agents.models.sessions import Channel
from agents.resolution import Kind, Span, outcomes
from memory.models import Reading
from tests.factories import client_of, customer_client, make_agent, make_customer, make_session, make_user

pytestmark = pytest.mark.django_db
BUTTON, SAID = "That solved it", "You said that this is solved."


@pytest.fixture
def session() -> Session:
    return make_session(agent=make_agent("support"), customer=make_customer("ada@example.com"))


def url(session: Session) -> str:
    return f"/chat/support/{session.pk}/"


def say_as(session: Session, author: Message.Author) -> None:
    now = timezone.now()
    values = {
        "waiting_since": now if author == Message.Author.CUSTOMER else None,
        "preview_author": author,
        "last_message_at": now,
    }
    write_session(
        session.pk, events=[message_event(author=author, channel=Channel.CHAT, text="So it is.")], values=values
    )


def answered(session: Session) -> None:
    say_as(session, Message.Author.CUSTOMER)
    say_as(session, Message.Author.AGENT)
    session.refresh_from_db()


def test_asked_once_somebody_has_answered(session):
    client = customer_client()
    assert BUTTON not in client.get(url(session)).text
    say_as(session, Message.Author.CUSTOMER)
    assert BUTTON not in client.get(url(session)).text
    say_as(session, Message.Author.AGENT)
    assert BUTTON in client.get(url(session)).text


def test_a_persons_answer_can_solve_it_too(session):
    say_as(session, Message.Author.CUSTOMER)
    say_as(session, Message.Author.PERSON)
    Session.objects.filter(pk=session.pk).update(controller="human", handed_over_at=timezone.now())
    client = customer_client()
    assert BUTTON in client.get(url(session)).text
    client.post(f"{url(session)}solved/")
    found = outcomes(Span(since=session.opened_at, until=timezone.now()))
    assert (found[Kind.SOLVED_BY_PEOPLE], found[Kind.SOLVED]) == (1, 0)


def test_it_counts_as_solved_by_the_agent_alone(session):
    answered(session)
    response = customer_client().post(f"{url(session)}solved/", follow=True)
    assert SAID in response.text
    assert BUTTON not in response.text
    now = timezone.now()
    assert outcomes(Span(since=session.opened_at, until=now))[Kind.SOLVED] == 1
    assert Reading.objects.filter(session_id=session.pk, due_at__lte=now).exists()
    session.refresh_from_db()
    assert not session.is_closed


def test_writing_again_takes_it_back(session):
    answered(session)
    client = customer_client()
    client.post(f"{url(session)}solved/")
    receive(
        Inbound(
            agent_slug="support",
            channel=Channel.CHAT,
            customer_email="ada@example.com",
            text="It is not solved after all",
            identity=Session.Identity.VERIFIED,
            session_id=session.pk,
        )
    )
    session.refresh_from_db()
    assert session.solved_at is None
    assert SAID not in client.get(url(session)).text


def test_an_open_page_gets_the_line_alone(session):
    answered(session)
    response = customer_client().post(f"{url(session)}solved/", headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert SAID in response.text
    assert "<html" not in response.text


@pytest.mark.parametrize("whose", ["another", "nobody"])
def test_of_ones_own_conversation_only(session, whose):
    answered(session)
    client = customer_client("mallory@example.com") if whose == "another" else client_of(make_user(None))
    assert client.post(f"{url(session)}solved/").status_code == (404 if whose == "another" else 302)
    session.refresh_from_db()
    assert session.solved_at is None


def test_it_is_posted(session):
    assert customer_client().get(f"{url(session)}solved/").status_code == 405


def test_a_closed_one_stays_as_it_was_closed(session):
    Session.objects.filter(pk=session.pk).update(controller="closed", closed_at=timezone.now())
    customer_client().post(f"{url(session)}solved/")
    session.refresh_from_db()
    assert session.solved_at is None
    assert standing_of(session) == Standing.OPEN
