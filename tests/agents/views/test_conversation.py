from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.journal import Event, write_session
from agents.models import Escalation, Message, Session, Turn, TurnEvent
from observability.ids import uuid7
from tests.factories import (
    client_of,
    make_customer,
    make_escalation,
    make_message,
    make_session,
    make_trace,
    make_turn,
    next_seq,
)
from tools.models import ToolCall


def url_of(session: Session) -> str:
    return reverse("agents:conversation", args=[session.pk])


def page(user: Any, session: Session, **query: Any) -> str:
    response = client_of(user).get(url_of(session), query)
    assert response.status_code == 200
    return str(response.content.decode())


def make_step(session: Session, turn: Turn, *, state: str = "confirmed", text: str = "", **fields: Any) -> ToolCall:
    """A step of the agent with one tool call."""
    use = f"toolu_{uuid7().hex}"
    arguments = {"reason": "Does not fit", "order_id": "1042"}
    blocks = [{"type": "tool_use", "id": use, "name": "process_refund", "input": arguments}]
    make_message(
        session, text, author="agent", visibility="step", turn=turn, agent_version=turn.agent_version, content=blocks
    )
    failed = {"error": {"code": "outcome_unknown", "message": "The answer was lost."}}
    return ToolCall.objects.create(
        session_id=session.pk,
        turn_id=turn.pk,
        tool_use_id=use,
        tool_name="process_refund",
        effect="money",
        arguments=arguments,
        digest="-",
        state=state,
        **{"result": {"status": "processed"} if state == "confirmed" else failed, "attempts": 2, **fields},
    )


def say(session: Session, author: str, text: str, **fields: Any) -> Message:
    return make_message(session, text, author=author, **fields)


# -- the thread


def test_it_shows_who_said_what(support, reviewer):
    session = make_session()
    say(session, "customer", "I want my money back.\n<script>alert(1)</script>")
    say(session, "agent", "It is **done**.", agent_version=session.agent.live_version)
    say(session, "system", "Reviewer took over", user=reviewer)
    say(session, "person", "I am a *person*.", user=reviewer)
    say(session, "person", "Check it by its key.", user=support, visibility="note")
    html = page(support, session)

    assert "I want my money back.<br>&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "It is <strong>done</strong>." in html
    assert "Agent, version 1" in html
    assert "Reviewer took over" in html
    assert "I am a <em>person</em>." in html
    assert "Note, only the team sees this" in html
    assert 'class="thread-day"' in html


def test_a_step_shows_what_was_asked_and_what_came_of_it(support):
    session = make_session()
    turn = make_turn(session)
    call = make_step(session, turn, text="Let me look.", duration_ms=84)
    html = page(support, session)

    assert f'<details class="step confirmed" id="step-{call.pk}">' in html
    assert "1042, Does not fit" in html
    assert "84 ms" in html
    assert "2 attempts" in html
    assert call.idempotency_key in html
    assert "Let me look." in html
    assert reverse("observability:trace", args=[turn.pk]) in html


@pytest.mark.parametrize(
    ("state", "words"),
    [("failed", "The answer was lost."), ("refused", "Refused"), ("unknown", "Nobody knows whether this was done.")],
)
def test_a_call_that_went_wrong_stands_out(support, state, words):
    session = make_session()
    make_step(session, make_turn(session), state=state)
    html = page(support, session)

    assert f'class="step {state}"' in html
    assert words in html


def test_a_long_thread_begins_at_its_end_and_can_be_read_to_its_beginning(support):
    session = make_session()
    for number in range(250):
        say(session, "customer", f"Message {number:03}.")
    client, url, found = client_of(support), url_of(session), []
    while url:
        html = client.get(url, headers={"HX-Request": "true"} if "before" in url else {}).content.decode()
        found += re.findall(r"Message (\d+)\.", html.split('id="facts"')[0].split('id="thread"')[-1])
        earlier = re.search(r'href="([^"]+before=\d+)"', html)
        url = earlier[1].replace("&amp;", "&") if earlier else ""

    assert len(found) == len(set(found)) == 250
    assert found[0] == "150"


def test_an_earlier_page_reads_without_script(support):
    session = make_session()
    for number in range(120):
        say(session, "customer", f"Message {number:03}.")
    html = page(support, session, before=21)

    assert "Message 019." in html
    assert "Message 020." not in html
    assert "Show the newest" in html
    assert "sse-connect" not in html


@pytest.mark.parametrize("size", [3, 500])
def test_queries_do_not_grow_with_the_thread(support, django_assert_max_num_queries, size):
    session = make_session(controller="human", waiting_since=timezone.now(), assignee=support)
    for number in range(size):
        if number % 5:
            say(session, "customer", "Hello")
            continue
        turn = make_turn(session)
        make_trace(turn_id=turn.pk, session_id=session.pk, spans=0)
        make_step(session, turn)
    make_escalation(session)
    for _ in range(3):
        make_session(customer=session.customer)
        make_session(controller="human")
    make_turn(session, status=Turn.Status.QUEUED)
    client = client_of(support)
    with django_assert_max_num_queries(12):
        assert client.get(url_of(session), {"view": "open"}).status_code == 200


def test_a_conversation_without_words_says_so(support):
    assert "Nothing was said yet" in page(support, make_session())


# -- the turn that runs


def event(session: Session, turn: Turn, kind: str, **data: Any) -> None:
    TurnEvent.objects.create(session=session, seq=next_seq(session), turn=turn, kind=kind, data=data)


def test_a_running_turn_shows_its_text_and_what_it_does(support):
    session = make_session(waiting_since=timezone.now())
    turn = make_turn(session, status=Turn.Status.RUNNING)
    event(session, turn, "text", call=1, attempt=3, text="I have fou")
    event(session, turn, "text", call=1, attempt=4, text="I have found ")
    event(session, turn, "text", call=1, attempt=4, text="your order.")
    assert "I have found your order." in page(support, session)

    event(session, turn, "message", message_id=str(uuid7()), author="agent", visibility="step")
    event(session, turn, "step", tool_call_id="1", tool_name="get_order", state="reserved", progress="Looking up 1042")
    html = page(support, session)
    assert "Looking up 1042" in html
    assert "I have found" not in html

    event(session, turn, "step", tool_call_id="1", tool_name="get_order", state="confirmed", duration_ms=3)
    assert "Reading the result" in page(support, session)


def test_a_queued_turn_says_that_an_answer_is_coming(support):
    session = make_session()
    make_turn(session, status=Turn.Status.QUEUED)
    assert "Working on an answer" in page(support, session)


# -- the facts, and who answers


def test_the_facts_tell_the_customer_the_escalation_and_the_cost(support):
    session = make_session(controller="human", customer=make_customer("ada@example.com"))
    for number in range(2):
        turn = make_turn(session)
        make_trace(
            turn_id=turn.pk,
            session_id=session.pk,
            started_at=timezone.now() + timedelta(seconds=number),
            input_tokens=1000,
            output_tokens=200,
            cache_read_tokens=34,
            cost_usd=Decimal("0.01"),
        )
    escalation = make_escalation(session, summary="Ninety days have passed.")
    other = make_session(customer=session.customer, preview="An older question")
    html = page(support, session)

    assert "ada@example.com" in html
    assert "Verified" in html
    assert "Ninety days have passed." in html
    assert reverse("agents:escalation", args=[escalation.pk]) in html
    assert "1,034" in html
    assert "$0.0100" in html
    assert "2,468" in html
    assert "$0.0200" in html
    assert url_of(other) in html
    assert "An older question" in html


def test_an_address_that_is_only_claimed_is_called_that(support):
    assert "Not verified" in page(support, make_session(identity=Session.Identity.CLAIMED))


def test_the_banner_says_who_answers_and_offers_what_may_be_done(support, reviewer, analyst):
    take, back = "/take-over/", "/hand-back/"
    session = make_session()
    html = page(support, session)
    assert "The agent is answering." in html
    assert take in html

    Session.objects.update(controller="human", assignee=support)
    html = page(support, session)
    assert "You answer." in html
    assert back in html
    assert f"{take}?" not in html

    html = page(reviewer, session)
    assert "Support answers." in html
    assert "Take over" not in html

    Session.objects.update(assignee=None)
    escalation = make_escalation(session)
    html = page(reviewer, session)
    assert "A person is needed." in html
    assert f"Claim {escalation.label}" in html

    Session.objects.update(controller="closed", closed_at=timezone.now())
    html = page(support, session)
    assert "This conversation is closed." in html
    assert "<textarea" not in html


def test_who_may_only_read_is_offered_nothing_else(analyst):
    session = make_session(controller="human")
    make_escalation(session)
    html = page(analyst, session)

    assert "You may read this conversation." in html
    assert "<textarea" not in html
    assert "Claim" not in html
    assert "data-key=" not in html


def test_the_list_stands_beside_it(support):
    session = make_session(controller="human", assignee=support)
    make_session(customer=make_customer(name="Ben"), controller="human", assignee=support)
    make_session(customer=make_customer(name="Chloe"))
    html = page(support, session, view="mine")

    assert 'aria-current="true"' in html
    assert ">Ben<" in html
    assert ">Chloe<" not in html


# -- who may see it, and bad addresses


def test_staff_sees_it_and_nobody_else(support, reviewer, analyst, stranger):
    session = make_session()
    for user in (support, reviewer, analyst):
        assert client_of(user).get(url_of(session)).status_code == 200
    assert client_of(stranger).get(url_of(session)).status_code == 403
    response = Client().get(url_of(session))
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/accounts/login/")


def test_what_is_not_there_is_not_found(support):
    client = client_of(support)
    assert client.get(reverse("agents:conversation", args=[uuid7()])).status_code == 404
    session = make_session()
    for query in ({"before": "x"}, {"before": "1" * 30}, {"view": "none"}):
        assert client.get(url_of(session), query).status_code == 404
    assert client.post(url_of(session)).status_code == 405


# -- what a note is not


def test_a_note_is_no_news_for_the_customer(support):
    session = make_session()
    client_of(support).post(
        reverse("agents:conversation_write", args=[session.pk]), {"kind": "note", "text": "Careful with this one"}
    )
    session.refresh_from_db()
    note = Message.objects.get()

    assert note.visibility == Message.Visibility.NOTE
    assert session.preview == ""
    assert session.controller == Session.Controller.AGENT
    assert not Message.objects.filter(visibility=Message.Visibility.PUBLIC).exists()
    assert TurnEvent.objects.get().data["visibility"] == "note"


def test_an_escalation_leaves_lines_in_the_thread(support):
    session = make_session(controller="human")
    write_session(session.pk, events=[Event(kind=TurnEvent.Kind.ESCALATION)])
    escalation = make_escalation(session)
    Escalation.objects.update(
        status="resolved", assignee=support, claimed_at=timezone.now(), resolved_at=timezone.now(), resolution="Done."
    )
    html = page(support, session)

    assert f"{escalation.label} opened: policy restriction" in html
    assert f"Support claimed {escalation.label}" in html
    assert f"Support resolved {escalation.label}" in html
