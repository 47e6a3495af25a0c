from __future__ import annotations

from html import unescape
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.intake import Inbound, receive
from agents.journal import end_turn, message_event
from agents.models import Escalation, Message, Session, Turn
from agents.models.sessions import Channel
from agents.sessions import close_session
from agents.turns import Claim, claim_turn
from observability.ids import uuid7
from tests.factories import client_of, make_agent, make_escalation, make_message, make_session

ACTIONS = ["write", "take_over", "hand_back", "close"]
HTMX = {"HX-Request": "true"}


def url_of(session: Session | UUID, action: str) -> str:
    return reverse(f"agents:conversation_{action}", args=[getattr(session, "pk", session)])


def post(user: Any, session: Session, action: str, *, htmx: bool = False, **data: Any) -> Any:
    return client_of(user).post(url_of(session, action), data, headers=HTMX if htmx else {})


def asked(text: str = "Where is my order?") -> tuple[Session, UUID]:
    """A conversation with a customer's message, and the turn queued for it."""
    agent = make_agent()
    received = receive(
        Inbound(agent_slug=agent.slug, channel=Channel.CHAT, customer_email="ada@example.com", text=text)
    )
    assert received.turn_id is not None
    return Session.objects.get(pk=received.session_id), received.turn_id


def reply(claim: Claim, text: str) -> None:
    """What the loop does at the end of a turn."""
    message = message_event(author=Message.Author.AGENT, channel=claim.channel, text=text, turn_id=claim.turn_id)
    controller, status = Session.Controller.AGENT, Turn.Status.REPLIED
    end_turn(claim.lease, status=status, controller=controller, published=[message])


def said(session: Session, visibility: str = "public") -> list[tuple[str, str]]:
    rows = Message.objects.filter(session=session, visibility=visibility).order_by("seq")
    return list(rows.values_list("author", "text"))


# -- to answer


def test_an_answer_is_said_and_takes_over(support):
    session, turn_id = asked()
    response = post(support, session, "write", kind="reply", text=" It is on its way. ", seen=1)
    session.refresh_from_db()

    assert response.status_code == 302
    assert response.headers["Location"].startswith(reverse("agents:conversation", args=[session.pk]))
    assert said(session)[-1] == ("person", "It is on its way.")
    assert (session.controller, session.assignee, session.waiting_since) == ("human", support, None)
    assert Turn.objects.get(pk=turn_id).status == Turn.Status.SILENCED


def test_an_answer_claims_the_escalation(reviewer):
    session = make_session(controller="human")
    escalation = make_escalation(session)
    post(reviewer, session, "write", kind="reply", text="I am here.", seen=0)
    escalation.refresh_from_db()

    assert (escalation.status, escalation.assignee) == (Escalation.Status.CLAIMED, reviewer)


def test_by_htmx_an_answer_brings_an_empty_form(support):
    session, _ = asked()
    response = post(support, session, "write", kind="reply", text="It is on its way.", seen=1, htmx=True)
    html = response.content.decode()

    assert response.status_code == 200
    assert "<html" not in html
    assert "</textarea>" in html
    assert "It is on its way." not in html
    assert 'id="seen" name="seen" value="3"' in html


def test_a_second_click_says_nothing_twice(support):
    session, _ = asked()
    for _ in range(2):
        assert post(support, session, "write", kind="reply", text="It is on its way.", seen=1).status_code == 302
        assert post(support, session, "write", kind="note", text="Told her.", seen=1).status_code == 302

    assert said(session)[1:] == [("person", "It is on its way.")]
    assert said(session, "note") == [("person", "Told her.")]


@pytest.mark.parametrize("htmx", [True, False])
def test_an_answer_to_less_than_was_said_is_held_back_once(support, htmx):
    session, _ = asked()
    receive(
        Inbound(
            agent_slug=session.agent.slug,
            channel=Channel.CHAT,
            customer_email="ada@example.com",
            text="Never mind, it has come.",
            session_id=session.pk,
        )
    )
    refused = post(support, session, "write", kind="reply", text="It comes on Monday.", seen=1, htmx=htmx)
    html = refused.content.decode()

    assert refused.status_code == 422
    assert "Not sent yet." in html
    assert html.count("Never mind, it has come.") >= 1
    assert ">It comes on Monday.</textarea>" in html
    assert 'name="seen" value="2"' in html
    assert ("person", "It comes on Monday.") not in said(session)

    post(support, session, "write", kind="reply", text="It comes on Monday.", seen=2, htmx=htmx)
    assert ("person", "It comes on Monday.") in said(session)


def test_a_system_line_or_a_note_holds_nothing_back(support, reviewer):
    session, _ = asked()
    post(reviewer, session, "take_over")
    post(reviewer, session, "write", kind="note", text="Let me think.")
    assert post(support, session, "write", kind="reply", text="Hello", seen=1).status_code == 302
    assert said(session)[-1] == ("person", "Hello")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"kind": "reply", "text": "  "}, "The message is empty."),
        ({"kind": "note", "text": ""}, "The message is empty."),
        ({"kind": "note", "text": "x" * 20_001}, "at most 20,000"),
        ({"kind": "reply", "text": "a\x00b"}, "not text"),
        ({"kind": "shout", "text": "Hello"}, "a reply or a note"),
        ({}, "The message is empty."),
    ],
)
@pytest.mark.parametrize("htmx", [True, False])
def test_what_cannot_be_sent_is_kept_with_the_reason(support, data, words, htmx):
    session, _ = asked()
    response = post(support, session, "write", htmx=htmx, seen=1, **data)
    html = response.content.decode()

    assert response.status_code == 422
    assert words in html
    assert ('value="note" checked' in html) == (data.get("kind") == "note")
    assert len(Message.objects.all()) == 1


def test_a_form_that_does_not_say_what_it_saw_is_held_back(support):
    session, _ = asked()
    assert post(support, session, "write", kind="reply", text="Hello").status_code == 422


def test_nothing_is_sent_into_a_closed_conversation_but_notes_are_kept(support):
    session = make_session(controller="closed", closed_at=timezone.now())
    response = post(support, session, "write", kind="reply", text="Hello", seen=0)

    assert response.status_code == 422
    assert "Nothing was sent." in response.content.decode()
    assert ">Hello</textarea>" in response.content.decode()
    assert post(support, session, "write", kind="note", text="For the record").status_code == 302
    assert said(session) == []
    assert said(session, "note") == [("person", "For the record")]


# -- to take over


def test_taking_over_silences_a_turn_that_runs(support):
    session, turn_id = asked()
    claim = claim_turn(turn_id)
    assert claim is not None
    post(support, session, "take_over")
    reply(claim, "I am the agent.")
    session.refresh_from_db()

    assert Turn.objects.get(pk=turn_id).status == Turn.Status.SILENCED
    assert ("agent", "I am the agent.") not in said(session)
    assert said(session)[-1] == ("system", "Support took over")
    assert (session.controller, session.assignee) == ("human", support)


def test_taking_over_twice_leaves_one_line(support):
    session, _ = asked()
    for _ in range(2):
        assert post(support, session, "take_over").status_code == 302
    assert [author for author, _ in said(session)] == ["customer", "system"]


def test_a_conversation_is_not_taken_from_a_colleague(support, reviewer):
    session, _ = asked()
    post(reviewer, session, "take_over")
    response = client_of(support).post(url_of(session, "take_over"), follow=True)
    session.refresh_from_db()

    assert "Reviewer answers already." in response.content.decode()
    assert session.assignee == reviewer


def test_taking_what_is_escalated_claims_it(support):
    session = make_session(controller="human", waiting_since=timezone.now())
    escalation = make_escalation(session)
    post(support, session, "take_over")
    escalation.refresh_from_db()
    session.refresh_from_db()

    assert (escalation.status, escalation.assignee, session.assignee) == ("claimed", support, support)


# -- to hand back


def test_handing_back_lets_the_agent_answer_who_waits(support, django_capture_on_commit_callbacks):
    session, _ = asked()
    post(support, session, "take_over")
    with django_capture_on_commit_callbacks() as nudges:
        post(support, session, "hand_back", note="The address is checked.")
    session.refresh_from_db()

    assert (session.controller, session.assignee) == ("agent", None)
    assert Turn.objects.filter(session=session, status=Turn.Status.QUEUED).count() == 1
    assert len(nudges) == 1
    assert said(session, "note") == [("person", "The address is checked.")]
    turn = Turn.objects.get(session=session, status=Turn.Status.QUEUED)
    assert claim_turn(turn.pk) is not None


def test_handing_back_queues_nothing_where_nobody_waits(support, django_capture_on_commit_callbacks):
    session = make_session(controller="human", assignee=support)
    make_message(session)
    with django_capture_on_commit_callbacks() as nudges:
        post(support, session, "hand_back")

    assert not Turn.objects.exists()
    assert nudges == []


def test_handing_back_twice_leaves_one_line_one_note_and_one_turn(support):
    session, _ = asked()
    post(support, session, "take_over")
    for _ in range(2):
        assert post(support, session, "hand_back", note="All yours").status_code == 302

    assert said(session, "note") == [("person", "All yours")]
    assert [text for author, text in said(session) if author == "system"][1:] == ["Support handed back to the agent"]
    assert Turn.objects.filter(status=Turn.Status.QUEUED).count() == 1


def test_handing_back_ends_the_escalation(support):
    session = make_session(controller="human", assignee=support)
    escalation = make_escalation(session)
    post(support, session, "hand_back", note="The window was extended.")
    escalation.refresh_from_db()

    assert (escalation.status, escalation.resolution) == ("resolved", "The window was extended.")


# -- to close


def test_closing_ends_everything_once(support):
    session, turn_id = asked()
    escalation = make_escalation(session)
    for _ in range(2):
        assert post(support, session, "close").status_code == 302
    session.refresh_from_db()
    escalation.refresh_from_db()

    assert session.is_closed
    assert escalation.status == Escalation.Status.RESOLVED
    assert Turn.objects.get(pk=turn_id).status == Turn.Status.SILENCED
    assert [text for author, text in said(session) if author == "system"] == ["Support closed the conversation"]


@pytest.mark.parametrize(
    ("outcome", "solved"), [({}, True), ({"outcome": "solved"}, True), ({"outcome": "unsolved"}, False)]
)
def test_whoever_closes_it_says_whether_it_is_solved(support, outcome, solved):
    session, _ = asked()
    page = client_of(support).get(reverse("agents:conversation", args=[session.pk])).content.decode()
    assert 'name="outcome" value="unsolved"' in page
    client_of(support).post(url_of(session, "close"), outcome)
    session.refresh_from_db()

    assert session.is_closed
    assert (session.solved_at is not None) is solved


@pytest.mark.parametrize("action", ["close", "hand_back"])
@pytest.mark.parametrize("held", ["by-a-colleague", "by-nobody-any-more"])
def test_what_a_colleague_holds_ends_too(support, reviewer, action, held):
    """The page says that it is resolved by it, whoever holds it."""
    session = make_session(controller="human", assignee=support)
    holder = reviewer if held == "by-a-colleague" else None
    escalation = make_escalation(session, status="claimed", assignee=holder, claimed_at=timezone.now())
    assert f"{escalation.label} is resolved by it." in unescape(
        client_of(support).get(reverse("agents:conversation", args=[session.pk])).content.decode()
    )
    assert post(support, session, action).status_code == 302
    escalation.refresh_from_db()

    assert (escalation.status, escalation.assignee) == (Escalation.Status.RESOLVED, support)


def test_whoever_closes_it_no_escalation_outlives_it(support):
    """By the function that every way of closing comes to."""
    session, other = make_session(controller="human"), make_escalation()
    escalation = make_escalation(session)
    close_session(session, user=support)
    escalation.refresh_from_db()
    other.refresh_from_db()

    assert (escalation.status, escalation.assignee) == (Escalation.Status.RESOLVED, support)
    assert escalation.resolution == "Closed the conversation."
    assert other.status == Escalation.Status.OPEN


def test_closing_again_changes_no_escalation(support, reviewer):
    session = make_session(controller="human")
    escalation = make_escalation(session)
    close_session(session, user=support)
    close_session(session, user=reviewer)
    escalation.refresh_from_db()

    assert escalation.assignee == support


@pytest.mark.parametrize("action", ["take_over", "hand_back"])
def test_a_closed_conversation_stays_closed(support, action):
    session = make_session(controller="closed", closed_at=timezone.now())
    response = client_of(support).post(url_of(session, action), {"note": "Again"}, follow=True)
    session.refresh_from_db()

    assert session.is_closed
    assert "The conversation is closed." in response.content.decode()
    assert not Message.objects.exists()


# -- who may


@pytest.mark.parametrize("action", ACTIONS)
def test_support_and_reviewers_may_act_and_others_may_not(action, support, reviewer, analyst, stranger):
    session, data = make_session(), {"kind": "note", "text": "Hello"}
    for user in (analyst, stranger):
        assert client_of(user).post(url_of(session, action), data).status_code == 403
    assert Client().post(url_of(session, action), data).headers["Location"].startswith("/accounts/login/")
    session.refresh_from_db()
    assert session.controller == Session.Controller.AGENT
    assert not Message.objects.exists()
    for user in (support, reviewer):
        assert client_of(user).post(url_of(session, action), data).status_code == 302


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_is_posted_with_a_token_at_something_that_exists(action, support):
    session = make_session()
    assert client_of(support).get(url_of(session, action)).status_code == 405
    assert client_of(support).post(url_of(uuid7(), action)).status_code == 404
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(support)
    assert strict.post(url_of(session, action), {"text": "Hello", "kind": "note"}).status_code == 403
