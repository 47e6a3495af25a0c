from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, cast

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import AsyncClient, RequestFactory
from django.urls import reverse
from django.utils import timezone

from agents.models import Message, Session, Turn, TurnEvent
from agents.sessions import close_session, say, take_over, write_note
from agents.views.conversation_live import ThreadStream
from agents.views.requests import StaffRequest
from observability.ids import uuid7
from tests.agents.views.test_conversation import make_step
from tests.factories import make_escalation, make_message, make_session, make_turn, next_seq


def stream_of(user: User, session: Session, after: int = 0) -> ThreadStream:
    request = cast("StaffRequest", RequestFactory().get("/"))
    request.user = user
    return ThreadStream.open(request, session.pk, after)


def html_after(user: User, session: Session, after: int) -> str:
    events = list(TurnEvent.objects.filter(session=session, seq__gt=after).order_by("seq"))
    return stream_of(user, session, after).html_of(events)


def thread_of(html: str) -> str:
    """What is added to the thread: all that replaces nothing."""
    return html.partition("hx-swap-oob")[0]


def test_it_sends_what_the_page_would_show(support):
    session = make_session()
    say(session, user=support, text="I am **here**.")
    write_note(session, user=support, text="Careful.")
    html = html_after(support, session, 0)
    thread = thread_of(html)

    assert "I am <strong>here</strong>." in thread
    assert "Note, only the team sees this" in thread
    assert 'class="thread-day"' in thread
    assert 'id="live" hx-swap-oob="true"' in html
    assert 'id="facts-live" hx-swap-oob="true"' in html
    assert re.search(r'id="seen" name="seen" value="2" form="write" hx-swap-oob="true"', html)


def test_it_repeats_nothing_after_a_reconnect(support):
    session = make_session()
    say(session, user=support, text="The first.")
    session.refresh_from_db()
    seen = session.event_seq
    say(session, user=support, text="The second.")
    html = html_after(support, session, seen)

    assert "The second." in html
    assert "The first." not in html
    assert "thread-day" not in html


def test_a_new_day_is_said_once(support):
    session = make_session()
    say(session, user=support, text="Before midnight.")
    Message.objects.update(created_at=timezone.now() - timedelta(days=1))
    session.refresh_from_db()
    stream = stream_of(support, session, session.event_seq)
    found = []
    for _ in range(2):
        before = session.event_seq
        say(session, user=support, text="After midnight.")
        session.refresh_from_db()
        found.append("Today" in stream.html_of(list(TurnEvent.objects.filter(session=session, seq__gt=before))))

    assert found == [True, False]


def test_the_banner_follows_who_answers(support, reviewer):
    session = make_session()
    take_over(session, user=reviewer)
    html = html_after(support, session, 0)
    assert "Reviewer took over" in thread_of(html)
    assert "Reviewer answers." in html
    assert "Take over" not in html

    close_session(session, user=reviewer)
    assert "This conversation is closed." in html_after(support, session, 2)


def test_text_moves_only_the_text(support):
    session = make_session()
    turn = make_turn(session, status=Turn.Status.RUNNING)
    seq = next_seq(session)
    data = {"call": 1, "attempt": 3, "text": "I have found it."}
    TurnEvent.objects.create(session=session, seq=seq, turn=turn, kind="text", data=data)
    html = html_after(support, session, 0)

    assert "I have found it." in html
    assert 'id="banner"' not in html
    assert 'id="facts-live"' not in html


def test_a_step_that_ends_replaces_itself(support):
    session = make_session()
    turn = make_turn(session, status=Turn.Status.RUNNING)
    call = make_step(session, turn, duration_ms=12)
    data = {"tool_call_id": str(call.pk), "tool_name": call.tool_name, "state": "confirmed", "duration_ms": 12}
    TurnEvent.objects.create(session=session, seq=next_seq(session), turn=turn, kind="step", data=data)
    html = html_after(support, session, 0)

    assert f'<details class="step confirmed" id="step-{call.pk}" hx-swap-oob="true">' in html


def test_an_escalation_appears_as_a_line(support):
    session = make_session(controller="human")
    escalation = make_escalation(session)
    seq = next_seq(session)
    TurnEvent.objects.create(session=session, seq=seq, kind="escalation", data={"reason": escalation.reason})
    html = html_after(support, session, 0)

    assert f"{escalation.label} opened: policy restriction" in thread_of(html)
    assert f"Claim {escalation.label}" in html


def test_who_may_only_read_is_sent_no_buttons(analyst):
    session = make_session()
    make_message(session)
    TurnEvent.objects.create(session=session, seq=session.event_seq, kind="message", data={})
    html = html_after(analyst, session, 0)

    assert "Where is my order?" in html
    assert "<form" not in html
    assert 'id="seen"' not in html


# -- the route


def get(user: User | None, url: str, **headers: str) -> Any:
    async def ask() -> Any:
        client = AsyncClient()
        if user:
            await client.aforce_login(user)
        response: Any = await client.get(url, headers=headers)
        if not response.streaming:
            return response, b""
        got = b""
        async for chunk in response.streaming_content:
            got += chunk
            if b"\nid: " in got:
                break
        return response, got

    return async_to_sync(ask)()


@pytest.mark.django_db(transaction=True)
def test_the_stream_goes_on_where_it_was_left(support):
    session = make_session()
    say(session, user=support, text="The first.")
    say(session, user=support, text="The second.")
    url = reverse("agents:conversation_events", args=[session.pk])
    response, got = get(support, f"{url}?after=1", **{"Last-Event-ID": "2"})

    assert response.headers["Content-Type"] == "text/event-stream"
    assert b"event: thread" in got
    assert b"The second." in got
    assert b"The first." not in got
    assert b"id: 4" in got


@pytest.mark.django_db(transaction=True)
def test_only_staff_may_follow_it(support, stranger):
    session = make_session()
    url = reverse("agents:conversation_events", args=[session.pk])

    assert get(None, url)[0].status_code == 302
    assert get(stranger, url)[0].status_code == 403
    assert get(support, reverse("agents:conversation_events", args=[uuid7()]))[0].status_code == 404
    assert get(support, f"{url}?after=x")[0].status_code == 400
