from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.test import AsyncClient

from agents.channels.chat.identity import COOKIE
from agents.channels.stream import in_thread
from agents.journal import message_event, write_session
from agents.models import Message, Session
from agents.models.sessions import Channel
from agents.sessions import take_over, write_note
from tests.factories import customer_client, make_agent, make_customer, make_session, make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def session() -> Session:
    return make_session(agent=make_agent("support"), customer=make_customer("ada@example.com"))


def url(session: Session, after: str = "") -> str:
    return f"/chat/support/{session.pk}/events/" + (f"?after={after}" if after else "")


def as_customer(email: str = "ada@example.com", **options: Any) -> AsyncClient:
    client = AsyncClient()
    client.cookies[COOKIE] = customer_client(email, **options).cookies[COOKIE].value
    return client


def say_to(session: Session, text: str) -> None:
    write_session(session.pk, events=[message_event(author=Message.Author.AGENT, channel=Channel.CHAT, text=text)])


async def read_until(chunks: AsyncIterator[bytes], wanted: str) -> str:
    got = ""
    async with asyncio.timeout(60):
        while wanted not in got:
            got += (await anext(chunks)).decode()
    return got


def test_shows_what_is_said_from_where_the_page_ended(session):
    say_to(session, "on the page")

    async def scenario() -> tuple[Any, str]:
        response: Any = await as_customer().get(url(session, after="1"))
        chunks = aiter(response.streaming_content)
        await in_thread(say_to, session, "It is **here**.\n\nAnd there.")
        return response, await read_until(chunks, "id: 2\n")

    response, got = asyncio.run(scenario())

    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert "event: update\n" in got
    assert "<p>It is <strong>here</strong>.</p>" in got
    assert 'id="live" hx-swap-oob="true"' in got
    assert "on the page" not in got


def test_tells_who_answers_when_it_changes_and_no_notes(session):
    user = make_user(None)

    async def scenario() -> str:
        response: Any = await as_customer().get(url(session))
        chunks = aiter(response.streaming_content)
        await in_thread(write_note, session, user=user, text="a secret")
        await in_thread(take_over, session, user=user)
        return await read_until(chunks, "A person answers this conversation")

    got = asyncio.run(scenario())

    assert "A person has taken over" in got
    assert "a secret" not in got
    assert user.email not in got


def test_others_learn_nothing(session):
    async def statuses() -> list[int]:
        asked = [
            as_customer("ben@example.com").get(url(session)),
            as_customer(verified=False).get(url(session)),
            AsyncClient().get(url(session)),
            as_customer().get(url(session, after="x")),
            as_customer().post(url(session)),
            as_customer().get("/chat/support/1/events/"),
        ]
        return [(await response).status_code for response in asked]

    assert asyncio.run(statuses()) == [404, 404, 403, 400, 405, 404]
