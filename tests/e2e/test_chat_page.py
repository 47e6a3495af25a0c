"""A customer's page in a real browser; the turn's events are written here as a worker would write them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from agents.journal import Event, Lease, end_turn, message_event, write_turn
from agents.models import Message, Session, Turn, TurnEvent
from agents.models.sessions import Channel
from agents.sessions import close_session, say
from agents.turns import claim_turn
from observability.access import Role
from tests.factories import make_agent, make_user


@pytest.fixture
def chat(asgi_server: str, page: Page, settings: Any) -> Page:
    """Ada's browser before her first message."""
    settings.DEMO = True
    make_agent("support", greeting="Ask me about an order.")
    page.goto(f"{asgi_server}/chat/support/")
    page.get_by_role("button", name="Ada").click()
    expect(page.get_by_text("Ask me about an order.")).to_be_visible()
    page.wait_for_load_state()
    return page


def send(page: Page, text: str) -> None:
    page.get_by_label("Your message").fill(text)
    page.get_by_role("button", name="Send").click()


def begin_turn(page: Page) -> Lease:
    expect(page.get_by_text("Reading your message")).to_be_visible()
    session_id = UUID(page.url.split("/")[5])
    claim = claim_turn(Turn.objects.get(session_id=session_id, status=Turn.Status.QUEUED).pk)
    assert claim is not None
    return claim.lease


def release(lease: Lease, text: str, *, call: int = 1) -> None:
    data = {"call": call, "attempt": 3, "text": text}
    write_turn(lease, events=[Event(kind=TurnEvent.Kind.TEXT, data=data, turn_id=lease.turn_id)])


def step(lease: Lease, state: str, progress: str = "") -> Event:
    data = {"tool_call_id": "1", "tool_name": "get_order", "state": state, "progress": progress}
    return Event(kind=TurnEvent.Kind.STEP, data=data, turn_id=lease.turn_id)


def reply(lease: Lease, text: str, *, controller: Session.Controller = Session.Controller.AGENT) -> None:
    message = message_event(author=Message.Author.AGENT, channel=Channel.CHAT, text=text, turn_id=lease.turn_id)
    end_turn(lease, status=Turn.Status.REPLIED, controller=controller, published=[message])


def texts(page: Page) -> list[str]:
    return [text.strip() for text in page.locator(".message .message-body").all_inner_texts()]


def test_a_reply_grows_before_the_customers_eyes_and_a_reload_loses_nothing(chat: Page):
    send(chat, "I want to return my order from last week")
    lease = begin_turn(chat)
    expect(chat.get_by_label("Your message")).to_be_focused()

    release(lease, "Let me look. ")
    expect(chat.locator("#live").get_by_text("Let me look.")).to_be_visible()
    said = message_event(
        author=Message.Author.AGENT,
        channel=Channel.CHAT,
        text="Let me look. ",
        visibility=Message.Visibility.STEP,
        turn_id=lease.turn_id,
    )
    write_turn(lease, events=[said, step(lease, "reserved", "Looking up order 1042")])
    expect(chat.get_by_text("Looking up order 1042")).to_be_visible()
    write_turn(lease, events=[step(lease, "confirmed")])
    release(lease, "Order 1042 came last week. ", call=2)
    expect(chat.locator("#live").get_by_text("Order 1042 came last week.")).to_be_visible()

    chat.reload()
    expect(chat.locator("#live").get_by_text("Order 1042 came last week.")).to_be_visible()
    release(lease, "I refund it now. ", call=2)
    expect(chat.locator("#live").get_by_text("Order 1042 came last week. I refund it now.")).to_be_visible()

    reply(lease, "Order 1042 came last week. I refund it now. It takes **5** days.")
    expect(chat.locator("#thread").get_by_text("It takes 5 days.")).to_be_visible()
    expect(chat.locator("#live")).to_be_empty()
    shown = [
        "Ask me about an order.",
        "I want to return my order from last week",
        "Let me look.",
        "Order 1042 came last week. I refund it now. It takes 5 days.",
    ]
    assert texts(chat) == shown

    chat.reload()
    assert texts(chat) == shown


def test_what_happens_while_the_stream_is_away_is_caught_up(chat: Page):
    send(chat, "Where is my order?")
    lease = begin_turn(chat)
    chat.route("**/events/**", lambda route: route.abort())
    chat.reload()
    expect(chat.get_by_text("Reconnecting")).to_be_visible()
    release(lease, "Nobody hears this. ")
    reply(lease, "It comes tomorrow.")

    chat.unroute("**/events/**")
    expect(chat.get_by_text("It comes tomorrow.")).to_be_visible()
    expect(chat.get_by_text("Reconnecting")).to_be_hidden()
    assert texts(chat) == ["Ask me about an order.", "Where is my order?", "It comes tomorrow."]


def test_a_person_joins_answers_and_closes(chat: Page):
    send(chat, "Hello")
    reply(begin_turn(chat), "Hello.")
    expect(chat.locator("#thread").get_by_text("Hello.", exact=True)).to_be_visible()
    chat.get_by_role("button", name="Talk to a person").click()
    expect(chat.locator("#thread").get_by_text("I would like to talk to a person.")).to_be_visible()
    reply(begin_turn(chat), "A colleague will answer.", controller=Session.Controller.HUMAN)
    expect(chat.get_by_text("A person answers this conversation")).to_be_visible()

    session, user = Session.objects.get(), make_user(Role.SUPPORT)
    assert isinstance(user, User)
    say(session, user=user, text="I look into it.")
    expect(chat.get_by_text("Answered by a person")).to_be_visible()
    send(chat, "Thank you")
    expect(chat.locator("#thread").get_by_text("Thank you")).to_be_visible()
    expect(chat.get_by_label("Your message")).to_have_value("")

    close_session(session, user=user)
    expect(chat.get_by_text("This conversation is closed.")).to_be_visible()
    send(chat, "One more thing")
    expect(chat.locator("#composer-error")).to_be_visible()
    expect(chat.get_by_label("Your message")).to_have_value("One more thing")
    chat.get_by_role("button", name="Start a new conversation").click()
    expect(chat.locator("#thread").get_by_text("One more thing")).to_be_visible()
    expect(chat.get_by_text("Thank you")).to_have_count(0)
    assert Session.objects.count() == 2


def test_without_script_a_customer_reads_and_writes(asgi_server: str, new_context: Any, settings: Any):
    settings.DEMO = True
    make_agent("support")
    page = new_context(java_script_enabled=False).new_page()
    page.goto(f"{asgi_server}/chat/support/")
    page.get_by_role("button", name="Ada").click()
    send(page, "Where is my order?")
    expect(page.get_by_text("Where is my order?")).to_be_visible()
    reply(begin_turn(page), "It comes tomorrow.")
    page.get_by_role("link", name="Show new messages").click()
    expect(page.get_by_text("It comes tomorrow.")).to_be_visible()
