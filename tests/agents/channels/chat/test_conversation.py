from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import Http404

from agents.channels.chat import conversation
from agents.channels.chat.conversation import (
    get_session_for_customer,
    live_of,
    read_live,
    read_new_items,
    read_thread,
)
from agents.channels.chat.identity import new_identity
from agents.journal import Event, message_event, write_session
from agents.models import Message, Session, Turn, TurnEvent
from agents.models.sessions import Channel
from agents.sessions import close_session, hand_back, say, take_over, write_note
from tests.factories import make_customer, make_session, make_turn, make_user

CLAIMED, VERIFIED = Session.Identity.CLAIMED, Session.Identity.VERIFIED


def event(kind: str, **data: Any) -> TurnEvent:
    return TurnEvent(seq=1, kind=kind, data=data, at=datetime.now(UTC))


def text(words: str, *, call: int = 1, attempt: int = 3) -> TurnEvent:
    return event("text", call=call, attempt=attempt, text=words)


def step(state: str, number: int = 1, **data: Any) -> TurnEvent:
    return event("step", tool_call_id=str(number), tool_name="get_order", state=state, **data)


def message(author: Message.Author, words: str, visibility: Message.Visibility = Message.Visibility.PUBLIC) -> Event:
    return message_event(author=author, channel=Channel.CHAT, text=words, visibility=visibility)


# -- what happens now


@pytest.mark.parametrize(
    ("events", "shown", "progress"),
    [
        ([], "", "Reading your message"),
        ([text("One. "), text("Two. ")], "One. Two. ", "Writing"),
        # A repeated call begins its text anew; a straggler of the first attempt changes nothing.
        ([text("One. "), text("First. ", attempt=4)], "First. ", "Writing"),
        ([text("First. ", attempt=4), text("One. ")], "First. ", "Writing"),
        # What was said before a tool is a message by then.
        ([text("Let me look. "), event("message"), step("reserved", progress="Looking up order 1042")],
         "", "Looking up order 1042"),
        ([step("reserved", progress="Looking up order 1042"), step("confirmed")], "", "Working on an answer"),
        ([step("reserved", 1, progress="One"), step("reserved", 2, progress="Two"), step("confirmed", 2)], "", "One"),
        ([event("message"), step("failed"), text("It is on its way. ", call=2)], "It is on its way. ", "Writing"),
    ],
)  # fmt: skip
def test_what_a_turn_has_shown_so_far(events, shown, progress):
    assert live_of(events) == (shown, progress)


def test_an_open_turn_is_shown_and_an_ended_one_is_not(db):
    session = make_session()
    turn = make_turn(session, status=Turn.Status.RUNNING)
    write_session(
        session.pk,
        events=[Event(kind=TurnEvent.Kind.TEXT, data={"call": 1, "attempt": 3, "text": "**One.** "}, turn_id=turn.pk)],
    )
    live = read_live(session.pk)

    assert live is not None
    assert live.html == "<p><strong>One.</strong></p>\n"

    Session.objects.filter(pk=session.pk).update(controller=Session.Controller.HUMAN)
    assert read_live(session.pk) is None


# -- what was said


def test_a_customer_sees_what_was_said_and_no_notes_steps_or_addresses(db):
    session, user = make_session(), make_user(None, "sam@desk.example")
    write_session(
        session.pk,
        events=[
            message(Message.Author.CUSTOMER, "<b>Hello</b>"),
            message(Message.Author.AGENT, "I look it up.", Message.Visibility.STEP),
            message(Message.Author.AGENT, "", Message.Visibility.STEP),
            message(Message.Author.AGENT, "It is *here*."),
            Event(kind=TurnEvent.Kind.ESCALATION, data={"reason": "customer_requested"}),
            Event(kind=TurnEvent.Kind.ESCALATION, data={"status": "claimed"}),
        ],
    )
    take_over(session, user=user)
    session.refresh_from_db()
    write_note(session, user=user, text="a secret")
    say(session, user=user, text="I am **here**.")
    hand_back(session, user=user)
    close_session(session, user=user)
    session.refresh_from_db()
    items = read_thread(session).items

    assert [(item.kind, item.text) for item in items] == [
        ("customer", "<b>Hello</b>"),
        ("agent", "I look it up."),
        ("agent", "It is *here*."),
        ("line", "Passed to a person, who will answer here"),
        ("line", "A person has taken over"),
        ("person", "I am **here**."),
        ("line", "The AI assistant answers again"),
        ("line", "The conversation was closed"),
    ]
    assert [item.seq for item in items] == sorted(item.seq for item in items)
    assert "sam@desk.example" not in repr(items)
    assert "a secret" not in repr(items)
    person = next(item for item in items if item.kind == "person")
    assert (person.name, person.label) == ("Stranger", "Answered by a person")
    assert person.html == "<p>I am <strong>here</strong>.</p>\n"
    assert items[0].html == ""


def test_a_page_and_its_stream_show_the_same(db):
    session, user = make_session(), make_user(None)
    take_over(session, user=user)
    session.refresh_from_db()
    say(session, user=user, text="One")
    write_note(session, user=user, text="Two")
    close_session(session, user=user)
    session.refresh_from_db()

    events = list(TurnEvent.objects.filter(session=session).order_by("seq"))

    assert read_new_items(session, events) == read_thread(session).items


def test_a_long_conversation_is_shown_in_pages_that_miss_nothing(db, monkeypatch):
    monkeypatch.setattr(conversation, "ITEMS", 3)
    session = make_session()
    for number in range(8):
        write_session(
            session.pk,
            events=[message(Message.Author.CUSTOMER, f"number {number}")],
        )
    session.refresh_from_db()
    shown: list[str] = []
    thread = read_thread(session)
    while True:
        shown = [item.text for item in thread.items] + shown
        if thread.earlier is None:
            break
        thread = read_thread(session, before=thread.earlier)

    assert shown == [f"number {number}" for number in range(8)]


def test_what_comes_after_the_page_was_read_is_left_to_the_stream(db):
    session = make_session()
    write_session(session.pk, events=[message(Message.Author.CUSTOMER, "later")])

    assert session.event_seq == 0
    assert read_thread(session).items == []


# -- whose


def test_a_conversation_opens_to_its_own_customer_alone(db):
    ada = make_customer("ada@example.com")
    sure = make_session(customer=ada)
    slug = sure.agent.slug
    claimed = make_session(customer=ada, agent=sure.agent, identity=CLAIMED)
    by_shell = make_session(customer=ada, agent=sure.agent)
    Session.objects.filter(pk=by_shell.pk).update(channel=Channel.SHELL)
    verified = new_identity(email="ADA@example.com", name="", level=VERIFIED)
    pretender = new_identity(email="ada@example.com", name="", level=CLAIMED)
    other = new_identity(email="ben@example.com", name="", level=VERIFIED)

    assert get_session_for_customer(verified, slug, sure.pk) == sure
    assert get_session_for_customer(pretender.with_session(claimed.pk), slug, claimed.pk) == claimed
    for identity, session, agent in [
        (other, sure, slug),
        (pretender, sure, slug),
        (pretender, claimed, slug),
        # Even a cookie that names a verified conversation does not open it under a claimed address.
        (pretender.with_session(sure.pk), sure, slug),
        (other.with_session(sure.pk), sure, slug),
        (verified, claimed, slug),
        (verified, by_shell, slug),
        (verified, sure, "another-agent"),
    ]:
        with pytest.raises(Http404):
            get_session_for_customer(identity, agent, session.pk)
