from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agents.escalations import claim
from agents.models import Escalation, Message, Session
from tests.agents.cases import make_case
from tests.factories import (
    client_of,
    make_customer,
    make_escalation,
    make_message,
    make_session,
)

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
POSTS = ("claim", "release", "take", "answer", "resolve")


def url(escalation: Escalation, action: str = "") -> str:
    return f"/queue/{escalation.pk}/{action + '/' if action else ''}"


def test_it_works(support: User) -> None:
    escalation = make_case()
    response = client_of(support).get(url(escalation))
    page = response.content.decode()
    assert response.status_code == 200
    for words in (
        "Ben wants what a policy does not allow",
        "Policy restriction",
        "Ben wants a refund outside the window.",
        "I want my money back for order 1043",
        "Order 1043",
        "2 × Linen shirt",  # noqa: RUF001  a times sign, as the page has it
        "The window closed 45 days ago.",
        "$0.0123",
        f"/traces/{escalation.turn_id}/",
        "There are none.",
        "Answer and resolve",
    ):
        assert words in page
    assert "escape" not in page


def test_a_long_conversation_shows_its_end(support: User) -> None:
    session = make_session()
    for number in range(20):
        make_message(session, f"Message number {number}.")
    page = client_of(support).get(url(make_escalation(session))).content.decode()
    assert "Message number 19." in page
    assert "Message number 3." not in page


def test_other_escalations_of_the_customer_are_shown(support: User) -> None:
    escalation = make_case()
    earlier = make_escalation(
        make_session(customer=escalation.session.customer),
        status="resolved",
        resolved_at=timezone.now(),
        resolution="Refunded as an exception.",
    )
    make_escalation()
    response = client_of(support).get(url(escalation))
    assert list(response.context["others"]) == [earlier]
    assert "Refunded as an exception." in response.content.decode()


def test_it_asks_little_of_the_database(support: User, django_assert_max_num_queries) -> None:
    escalation = make_case()
    client = client_of(support)
    with django_assert_max_num_queries(11):
        client.get(url(escalation))
    with django_assert_max_num_queries(7):
        client.get(url(escalation), {"seen": "1"}, headers=HTMX)


def test_the_live_fragment_says_how_it_stands(support: User, reviewer: User) -> None:
    escalation = make_case()
    seen = escalation.session.event_seq
    make_message(escalation.session, "Are you there?")
    claim(escalation, user=reviewer)
    page = client_of(support).get(url(escalation), {"seen": seen}, headers=HTMX).content.decode()
    assert page.lstrip().startswith('<div id="escalation-state"')
    assert "Reviewer has claimed this." in page
    assert "has written 1 new message." in page
    assert 'data-count=queue]"></span>' in page


# -- claim, release, take


def test_claim(support: User) -> None:
    escalation = make_case()
    response = client_of(support).post(url(escalation, "claim"), follow=True)
    assert response.redirect_chain == [(url(escalation), 302)]
    assert "Yours" in response.content.decode()
    assert f"{escalation.label} is yours." in response.content.decode()


def test_a_claim_lost_answers_409_and_names_the_winner(support: User, reviewer: User) -> None:
    escalation = make_case()
    claim(escalation, user=reviewer)
    for headers in ({}, HTMX):
        response = client_of(support).post(url(escalation, "claim"), headers=headers)
        page = response.content.decode()
        assert response.status_code == 409
        assert "Already claimed by Reviewer." in page
        assert "Take it from them" in page
        assert ("<html" in page) is not bool(headers)
        assert 'name="text"' not in page


def test_a_claimed_one_can_be_taken_after_a_question(support: User, reviewer: User) -> None:
    escalation = make_case()
    claim(escalation, user=reviewer)
    page = client_of(support).get(url(escalation)).content.decode()
    assert f"Take {escalation.label} from Reviewer" in page
    response = client_of(support).post(url(escalation, "take"), {"holder": reviewer.pk, "kept": "Draft"}, headers=HTMX)
    assert response.status_code == 200
    assert ">Draft</textarea>" in response.content.decode()
    escalation.refresh_from_db()
    assert escalation.assignee == support
    gone = client_of(reviewer).post(url(escalation, "release"))
    assert gone.status_code == 409
    assert "Already claimed by Support." in gone.content.decode()


@pytest.mark.parametrize("holder", ["", "x", "9" * 30, "²"])
def test_taking_it_from_nobody_is_refused(support: User, holder: str) -> None:
    assert client_of(support).post(url(make_case(), "take"), {"holder": holder}).status_code == 422


def test_release(support: User) -> None:
    escalation = make_case()
    claim(escalation, user=support)
    response = client_of(support).post(url(escalation, "release"), headers=HTMX)
    assert f"{escalation.label} is back in the queue." in response.content.decode()
    escalation.refresh_from_db()
    assert escalation.status == Escalation.Status.OPEN


# -- answer, resolve


def test_answer_and_resolve_is_what_the_form_does_by_itself(support: User) -> None:
    escalation = make_case()
    waiting = make_escalation(opened_at=timezone.now() - timedelta(minutes=1))
    response = client_of(support).post(
        url(escalation, "answer"), {"text": "We make an exception.", "then": "close"}, headers=HTMX
    )
    page = response.content.decode()
    assert response.status_code == 200
    assert page.lstrip().startswith('<div id="escalation-main"')
    assert "Answered Ben and resolved" in page
    assert f"Next: {waiting.label}" in page
    escalation.refresh_from_db()
    assert escalation.status == Escalation.Status.RESOLVED
    assert Session.objects.get(pk=escalation.session_id).is_closed
    assert Message.objects.filter(text="We make an exception.", author="person", user=support).exists()


def test_answer_only_keeps_it_mine(support: User) -> None:
    escalation = make_case()
    response = client_of(support).post(url(escalation, "answer"), {"text": "One moment.", "do": "answer"}, follow=True)
    assert "Answered Ben." in response.content.decode()
    assert "One moment." in response.content.decode()
    escalation.refresh_from_db()
    assert (escalation.status, escalation.assignee) == (Escalation.Status.CLAIMED, support)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"text": "  "},
        {"text": "x" * 8001},
        {"text": "Hello", "then": "vanish"},
        {"text": "Hello", "seen": "x"},
        {"text": "a\x00b"},
    ],
)
def test_an_answer_that_cannot_be_sent_is_kept(support: User, data: dict[str, str]) -> None:
    escalation = make_case()
    response = client_of(support).post(url(escalation, "answer"), data)
    assert response.status_code == 422
    assert 'role="alert"' in response.content.decode()
    assert data.get("text", "")[:5].strip("\x00 ") in response.content.decode()
    assert not Message.objects.filter(author="person").exists()


def test_an_answer_to_what_somebody_else_holds_is_kept_and_not_sent(support: User, reviewer: User) -> None:
    escalation = make_case()
    claim(escalation, user=reviewer)
    response = client_of(support).post(url(escalation, "answer"), {"text": "My long answer"}, headers=HTMX)
    page = response.content.decode()
    assert response.status_code == 409
    assert "Already claimed by Reviewer." in page
    assert 'name="kept" value="My long answer"' in page
    assert not Message.objects.filter(author="person").exists()


def test_an_answer_that_crosses_a_new_message_is_asked_about(support: User) -> None:
    escalation = make_case()
    seen = escalation.session.event_seq
    make_message(escalation.session, "Never mind, it has come.")
    data = {"text": "We look for it.", "seen": str(seen)}
    response = client_of(support).post(url(escalation, "answer"), data, headers=HTMX)
    page = response.content.decode()
    assert response.status_code == 409
    assert "Meanwhile the customer wrote: “Never mind, it has come.”" in page
    assert ">We look for it.</textarea>" in page
    assert not Message.objects.filter(author="person").exists()
    escalation.session.refresh_from_db()
    data["seen"] = str(escalation.session.event_seq)
    assert client_of(support).post(url(escalation, "answer"), data, headers=HTMX).status_code == 200


def test_resolve_without_an_answer(support: User) -> None:
    escalation = make_case()
    data = {"resolution": "Answered by telephone.", "then": "hand_back"}
    response = client_of(support).post(url(escalation, "resolve"), data, follow=True)
    page = response.content.decode()
    assert "Answered by telephone." in page
    assert "The agent answers in this conversation again." in page
    assert "Nothing else waits" in page


@pytest.mark.parametrize("data", [{}, {"resolution": "Done."}, {"then": "keep"}, {"resolution": "D", "then": "x"}])
def test_a_resolution_that_lacks_something_is_kept(support: User, data: dict[str, str]) -> None:
    escalation = make_case()
    response = client_of(support).post(url(escalation, "resolve"), data)
    assert response.status_code == 422
    assert data.get("resolution", "") in response.content.decode()
    escalation.refresh_from_db()
    assert escalation.status == Escalation.Status.OPEN


def test_a_resolved_one_is_not_decided_again(support: User, reviewer: User) -> None:
    escalation = make_case()
    client_of(reviewer).post(url(escalation, "answer"), {"text": "Done.", "then": "keep"})
    for action, data in (
        ("claim", {}),
        ("release", {}),
        ("take", {"holder": reviewer.pk}),
        ("answer", {"text": "Me too."}),
        ("resolve", {"resolution": "Again.", "then": "keep"}),
    ):
        response = client_of(support).post(url(escalation, action), data)
        assert (action, response.status_code) == (action, 409)
        assert "Already resolved by Reviewer." in response.content.decode()


def test_a_closed_conversation_can_only_be_resolved(support: User) -> None:
    session = make_session(controller=Session.Controller.CLOSED, closed_at=timezone.now())
    escalation = make_escalation(session)
    page = client_of(support).get(url(escalation)).content.decode()
    assert "The conversation is closed." in page
    assert 'name="text"' not in page
    answered = client_of(support).post(url(escalation, "answer"), {"text": "Hello?"})
    assert answered.status_code == 409
    assert "Nothing was sent." in answered.content.decode()
    resolved = client_of(support).post(url(escalation, "resolve"), {"resolution": "They left.", "then": "keep"})
    assert resolved.status_code == 302


# -- who may


def test_an_analyst_reads_and_decides_nothing(analyst: User) -> None:
    escalation = make_case()
    client = client_of(analyst)
    page = client.get(url(escalation)).content.decode()
    assert 'class="decision-answer' not in page
    assert "/claim/" not in page
    assert [client.post(url(escalation, action)).status_code for action in POSTS] == [403] * 5


def test_an_admin_decides(admin: User) -> None:
    assert client_of(admin).post(url(make_case(), "claim")).status_code == 302


def test_signed_out(client: Client) -> None:
    escalation = make_escalation()
    assert client.get(url(escalation)).headers["Location"] == f"/accounts/login/?next={url(escalation)}"
    assert [client.post(url(escalation, action)).status_code for action in POSTS] == [302] * 5


def test_without_a_role(stranger: User) -> None:
    assert client_of(stranger).get(url(make_escalation())).status_code == 403


def test_one_that_does_not_exist(support: User) -> None:
    client = client_of(support)
    assert client.get(f"/queue/{uuid4()}/").status_code == 404
    assert [client.post(f"/queue/{uuid4()}/{action}/", {"text": "x"}).status_code for action in POSTS] == [404] * 5


def test_wrong_method(support: User) -> None:
    escalation = make_escalation()
    client = client_of(support)
    assert client.post(url(escalation)).status_code == 405
    assert [client.get(url(escalation, action)).status_code for action in POSTS] == [405] * 5


def test_a_forged_request_is_refused(support: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(support)
    assert client.post(url(make_escalation(), "claim")).status_code == 403


def test_what_people_wrote_is_escaped(support: User) -> None:
    session = make_session(customer=make_customer(name="<i>Ada</i>"))
    make_message(session, "<script>alert(1)</script>")
    page = client_of(support).get(url(make_escalation(session, summary="<script>alert(2)</script>"))).content.decode()
    assert "<script>alert" not in page
    assert "<i>Ada" not in page
