from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from agents.budget_drafts import State, content_of_draft, state_of
from agents.budget_sending import discard_draft, get_draft_for, send_draft
from agents.budgets import InForce
from agents.decisions import Conflict
from agents.escalations import claim
from agents.handling import close
from agents.models import BudgetStep, Escalation, Message, Session, Turn
from observability.ids import uuid7
from tests.agents.usage_cases import at_once, fresh_limits, sixty_connections
from tests.factories import client_of, make_escalation, make_message, make_session, make_turn

__all__ = ["fresh_limits", "sixty_connections"]
pytestmark = pytest.mark.django_db
STEP = InForce(action=BudgetStep.Action.DRAFTS, percent=95, budget="$50.00 a day for everything together")
WORDS = "Your parcel is on its way."


def make_draft() -> Message:
    """As a turn leaves it: the customer's message, the draft, what the customer was told, an open escalation."""
    session = make_session(controller=Session.Controller.HUMAN)
    make_message(session)
    turn = make_turn(session, status=Turn.Status.ESCALATED)
    draft = make_message(
        session, WORDS, author="agent", visibility="note", turn=turn, content=content_of_draft(WORDS, STEP)
    )
    make_message(session, "A colleague will answer you here.", author="agent", turn=turn)
    make_escalation(session, reason=Escalation.Reason.USAGE_LIMIT)
    return draft


def newest(session: Session) -> int:
    return Message.objects.filter(session=session).order_by("-seq").values_list("seq", flat=True)[0]


def url_of(draft: Message, act: str) -> str:
    return reverse(f"agents:budget_draft_{act}", args=[draft.turn_id])


def said_by_people(draft: Message) -> list[str]:
    return list(Message.objects.filter(session=draft.session, author="person").values_list("text", flat=True))


def test_sending_it_answers_the_customer_and_claims_the_escalation(support: User) -> None:
    draft = make_draft()
    response = client_of(support).post(url_of(draft, "send"), {"seen": newest(draft.session)})
    assert response["Location"] == f"/inbox/{draft.session_id}/#end"
    assert said_by_people(draft) == [WORDS]
    draft.refresh_from_db()
    assert state_of(draft) is State.SENT
    assert draft.content[0]["draft"]["by"]
    assert Escalation.objects.get().assignee == support
    assert Session.objects.get().preview == WORDS


def test_changed_it_says_so(support: User) -> None:
    draft = make_draft()
    client_of(support).post(url_of(draft, "send"), {"seen": newest(draft.session), "text": "It arrives today."})
    draft.refresh_from_db()
    assert said_by_people(draft) == ["It arrives today."]
    assert state_of(draft) is State.CHANGED
    assert draft.text == WORDS


def test_what_was_said_meanwhile_keeps_it_back(support: User) -> None:
    draft = make_draft()
    seen = newest(draft.session)
    make_message(draft.session, "Forget it, it came.")
    response = client_of(support).post(url_of(draft, "send"), {"seen": seen}, follow=True)
    assert "Something was said meanwhile" in response.content.decode()
    draft.refresh_from_db()
    assert state_of(draft) is State.OPEN
    assert said_by_people(draft) == []


def test_discarded_it_is_not_sent_any_more(support: User) -> None:
    draft = make_draft()
    client = client_of(support)
    client.post(url_of(draft, "discard"))
    draft.refresh_from_db()
    assert state_of(draft) is State.DISCARDED
    response = client.post(url_of(draft, "send"), {"seen": newest(draft.session)}, follow=True)
    assert "Somebody has decided on this draft already" in response.content.decode()
    assert said_by_people(draft) == []


def test_answered_by_hand_it_is_not_offered_any_more(support: User) -> None:
    draft = make_draft()
    client = client_of(support)
    answer = "I looked: it comes on Friday."
    client.post(f"/inbox/{draft.session_id}/write/", {"text": answer, "seen": newest(draft.session)})
    assert said_by_people(draft) == [answer]
    draft.refresh_from_db()
    assert state_of(draft) is State.ANSWERED
    assert draft.text == WORDS
    text = client.get(f"/inbox/{draft.session_id}/").content.decode()
    assert "Draft, not sent: answered by" in text
    assert url_of(draft, "send") not in text
    client.post(url_of(draft, "send"), {"seen": newest(draft.session)})
    assert said_by_people(draft) == [answer]


def test_in_a_closed_conversation_it_is_not_sent(support: User) -> None:
    draft = make_draft()
    close(draft.session, user=support)
    with pytest.raises(Conflict, match="closed"):
        send_draft(draft, user=support, text=WORDS, seen=10**9)
    draft.refresh_from_db()
    assert state_of(draft) is State.OPEN, "nothing of a refused sending stays"


def test_who_may(support: User, reviewer: User, analyst: User, stranger: User) -> None:
    draft = make_draft()
    for user in (analyst, stranger):
        for act in ("send", "discard"):
            assert client_of(user).post(url_of(draft, act)).status_code == 403
    assert client_of(support).get(url_of(draft, "send")).status_code == 405
    assert get_draft_for(reviewer, draft.turn_id or uuid7()).pk == draft.pk
    assert client_of(support).post(reverse("agents:budget_draft_send", args=[uuid7()])).status_code == 404


def test_a_reply_that_is_too_long_is_refused(support: User) -> None:
    draft = make_draft()
    data = {"seen": newest(draft.session), "text": "x" * 100_000}
    client_of(support).post(url_of(draft, "send"), data)
    assert said_by_people(draft) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("sixty_connections")
def test_of_people_who_click_at_once_one_sends_it(support: User, reviewer: User) -> None:
    draft = make_draft()
    seen = newest(draft.session)

    def send(user: User) -> str:
        try:
            send_draft(draft, user=user, text=WORDS, seen=seen)
        except Conflict:
            return "conflict"
        return "sent"

    def discard() -> str:
        try:
            discard_draft(draft, user=support)
        except Conflict:
            return "conflict"
        return "discarded"

    calls: list[Any] = [lambda user=user: send(user) for user in (support, reviewer) * 3]
    outcomes = at_once([*calls, discard, discard])
    assert outcomes.count("conflict") == 7
    draft.refresh_from_db()
    sent = outcomes.count("sent")
    assert len(said_by_people(draft)) == sent
    assert state_of(draft) is (State.SENT if sent else State.DISCARDED)


def test_the_conversation_shows_it_as_what_it_is(support: User, analyst: User) -> None:
    draft = make_draft()
    url = f"/inbox/{draft.session_id}/"
    text = client_of(support).get(url).content.decode()
    assert "Draft, not sent" in text
    assert url_of(draft, "send") in text
    assert f'name="seen" value="{newest(draft.session)}"' in text
    assert url_of(draft, "send") not in client_of(analyst).get(url).content.decode()
    claim(Escalation.objects.get(), user=support)
    discard_draft(draft, user=support)
    text = client_of(support).get(url).content.decode()
    assert "Draft, discarded by" in text
    assert url_of(draft, "send") not in text
