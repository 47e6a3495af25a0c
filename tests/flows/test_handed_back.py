"""A turn that a person has silenced, and who answers then; and of whom a worker is told again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agents.models import Escalation, Message, Session, Turn, TurnEvent
from agents.runtime.loop import Run
from agents.sessions import hand_back, take_over
from agents.tasks import run_turn
from agents.turns import Claim, claim_turn, turns_to_nudge
from tests.flows.conftest import Desk
from tests.flows.planned import PlannedModel, planned_model
from tests.messages_api import text, tool_use


@pytest.fixture
def model(desk: Desk, settings: Any) -> Iterator[PlannedModel]:
    with planned_model(settings) as model:
        model.answers = [text("Gladly.")]
        yield model


def claimed(
    desk: Desk, words: str = "Where is my order 1042?", session: Session | None = None
) -> tuple[Session, Claim]:
    received = desk.send(words, session_id=session.pk if session else None)
    assert received.turn_id is not None
    claim = claim_turn(received.turn_id)
    assert claim is not None
    return Session.objects.get(pk=claim.session_id), claim


def numbers(session: Session) -> list[int]:
    return list(TurnEvent.objects.filter(session=session).order_by("seq").values_list("seq", flat=True))


def no_gap(session: Session) -> bool:
    session.refresh_from_db()
    return numbers(session) == list(range(1, session.event_seq + 1))


def test_taken_over_and_handed_back_while_it_ran_it_leaves_no_gap_and_an_answer(
    desk: Desk, model: PlannedModel
) -> None:
    """It has seen the take-over and ends; by then the agent speaks again, and the customer still waits."""
    session, claim = claimed(desk)
    run, person = Run(claim), User.objects.get(email="support@demo.example")
    take_over(session, user=person)
    assert hand_back(session, user=person) is None  # the turn runs yet, so no other is begun
    run.end_silently()
    assert no_gap(session)
    assert Turn.objects.get(pk=claim.turn_id).status == Turn.Status.SILENCED
    session.refresh_from_db()
    assert session.preview == "Where is my order 1042?"
    (anew,) = Turn.objects.filter(session=session, status=Turn.Status.QUEUED)
    run_turn(str(anew.pk))
    assert Message.objects.filter(session=session, author="agent", visibility="public", text="Gladly.").exists()
    assert "Where is my order 1042?" in "\n".join(model.texts())
    assert no_gap(session)


def test_where_a_person_answered_in_between_no_other_turn_is_begun(desk: Desk, model: PlannedModel) -> None:
    session, claim = claimed(desk)
    Session.objects.filter(pk=session.pk).update(waiting_since=None)
    Run(claim).end_silently()
    assert not Turn.objects.filter(session=session, status=Turn.Status.QUEUED).exists()
    assert no_gap(session)


def test_a_hand_over_that_is_silenced_leaves_no_gap(desk: Desk, model: PlannedModel) -> None:
    """It would have been two events, the escalation's and the message's."""
    session, claim = claimed(desk)
    run = Run(claim)
    take_over(session, user=User.objects.get(email="support@demo.example"))
    run.hand_over(Escalation.Reason.UNCLASSIFIED, "It cannot go on.", failure="")
    assert no_gap(session)
    assert not Escalation.objects.exists()


# -- the sweeper


@pytest.fixture
def at_once(settings: Any) -> None:
    settings.NUDGE_AFTER_SECONDS = 0


def test_a_turn_is_named_once_in_a_while(desk: Desk, model: PlannedModel, at_once: None) -> None:
    received = desk.send("hello")
    assert turns_to_nudge() == [received.turn_id]
    assert turns_to_nudge() == []
    Turn.objects.update(nudged_at=timezone.now() - timedelta(minutes=1))
    assert turns_to_nudge() == [received.turn_id]


def test_those_behind_another_are_not_named(desk: Desk, model: PlannedModel, at_once: None) -> None:
    """A claim of theirs would get nothing: the first one's end tells of the next."""
    first = desk.send("hello")
    session = Session.objects.get()
    second = desk.send("are you there?", session_id=session.pk)
    assert turns_to_nudge() == [first.turn_id]
    Turn.objects.filter(pk=first.turn_id).update(status=Turn.Status.WAITING, nudged_at=None)
    assert turns_to_nudge() == []
    Turn.objects.filter(pk=first.turn_id).update(status=Turn.Status.REPLIED, finished_at=timezone.now())
    assert turns_to_nudge() == [second.turn_id]


def test_one_whose_lease_has_run_out_is_named(desk: Desk, model: PlannedModel) -> None:
    model.answers = [tool_use("get_order", {"order_id": "1042"}), text("Done.")]
    _, claim = claimed(desk)
    assert turns_to_nudge() == []
    Turn.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert turns_to_nudge() == [claim.turn_id]
