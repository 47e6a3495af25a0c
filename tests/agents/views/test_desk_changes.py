from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session as SignIn
from django.test import AsyncClient

from agents.channels import stream
from agents.channels.stream import in_thread
from agents.journal import Event, write_session
from agents.models import TurnEvent
from agents.views import live
from observability.access import POLICY, Role
from tests.factories import client_of, customer_client, make_session, make_user

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/live/changes/"


def signed_in(user: User) -> AsyncClient:
    client = AsyncClient()
    client.cookies[settings.SESSION_COOKIE_NAME] = client_of(user).cookies[settings.SESSION_COOKIE_NAME].value
    return client


async def read_until(chunks: AsyncIterator[bytes], wanted: str) -> str:
    got = ""
    async with asyncio.timeout(60):
        while wanted not in got:
            got += (await anext(chunks)).decode()
    return got


def test_tells_the_people_of_the_desk_which_conversations_change():
    session, client = make_session(), signed_in(make_user(Role.SUPPORT))

    async def scenario() -> tuple[Any, str]:
        response: Any = await client.get(URL)
        chunks = aiter(response.streaming_content)
        await read_until(chunks, "changed")
        await read_until(chunks, "changed")  # LISTEN stands
        await in_thread(write_session, session.pk, events=[Event(kind=TurnEvent.Kind.CONTROLLER)])
        return response, await read_until(chunks, str(session.pk))

    response, got = asyncio.run(scenario())

    assert response.headers["Content-Type"] == "text/event-stream"
    assert "event: changed\n" in got


@pytest.mark.parametrize("change", ["signed out", "shut out", "role taken"])
def test_ends_with_the_readers_right(monkeypatch, change):
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.05)
    user = make_user(Role.ANALYST)
    client = signed_in(user)

    def take_right() -> None:
        if change == "signed out":
            SignIn.objects.all().delete()
        elif change == "shut out":
            User.objects.update(is_active=False)
        else:
            user.groups.clear()

    async def scenario() -> str:
        response: Any = await client.get(URL)
        chunks = aiter(response.streaming_content)
        await read_until(chunks, ": heartbeat")
        await in_thread(take_right)
        return await read_until(chunks, "event: end")

    assert asyncio.run(scenario())


def test_others_are_refused():
    stranger = signed_in(make_user(None))
    customer = AsyncClient()
    customer.cookies = customer_client().cookies

    async def statuses() -> list[int]:
        asked = [AsyncClient().get(URL), customer.get(URL), stranger.get(URL), stranger.post(URL)]
        return [(await response).status_code for response in asked]

    assert asyncio.run(statuses()) == [302, 302, 403, 405]


def test_it_bears_a_policy():
    assert getattr(live.desk_changes, POLICY) == "public"
