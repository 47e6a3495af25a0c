from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agents.models import Escalation, Message, Session, Stop, Turn
from agents.runaways import stop_all, stop_runaways
from agents.sessions import hand_back, take_over
from agents.stops import lift, put, standing
from observability.ids import uuid7
from observability.models import Event, Notice, Span
from tests.factories import client_of, make_session, make_trace, make_turn

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def limits(settings) -> None:
    settings.RUNAWAY_USD, settings.RUNAWAY_CALLS = 5, 6
    settings.RUNAWAY_TOKENS, settings.RUNAWAY_TURNS = 10_000, 3


def take(session: Session, *, calls: int = 1, minutes: float = 1, usd: str = "0", tokens: int = 0) -> None:
    """One turn of so many model calls, each of which took as much."""
    at = timezone.now() - timedelta(minutes=minutes)
    trace = make_trace(session_id=session.pk, agent_id=session.agent_id, spans=0, started_at=at)
    for _ in range(calls):
        Span.objects.create(
            trace=trace, kind="model", name="m", started_at=at, cost_usd=Decimal(usd), input_tokens=tokens
        )


@pytest.mark.parametrize(
    ("took", "words"),
    [
        ({"calls": 7}, "7 calls of 6"),
        ({"calls": 2, "usd": "2.51"}, "$5.02 of $5"),
        ({"calls": 1, "tokens": 10_001}, "10,001 tokens of 10,000"),
    ],
    ids=["calls", "money", "tokens"],
)
def test_what_takes_more_than_a_limit_is_stopped_and_given_to_a_person(took: dict[str, Any], words: str) -> None:
    session = make_session()
    take(session, **took)
    (stop,) = stop_all()
    assert stop.reason == f"Runaway: {words} within 10 minutes"
    assert (stop.scope, stop.subject, stop.by) == ("session", str(session.pk), None)
    session.refresh_from_db()
    assert session.controller == "human"
    escalation = Escalation.objects.get(session=session)
    assert escalation.reason == Escalation.Reason.STOPPED
    assert words in escalation.summary
    note = Message.objects.get(session=session)
    assert (note.visibility, note.author) == ("note", "system")
    notice = Notice.objects.get(event=Event.RUNAWAY)
    assert notice.path == f"/inbox/{session.pk}/"
    assert words in notice.text


def test_too_many_turns_are_stopped() -> None:
    session = make_session()
    for _ in range(4):
        take(session)
    assert [stop.reason for stop in stop_all()] == ["Runaway: 4 turns of 3 within 10 minutes"]


def test_up_to_the_limit_and_before_the_window_nothing_happens() -> None:
    quiet, old = make_session(), make_session()
    take(quiet, calls=6)
    take(old, calls=60, minutes=11)
    assert stop_all() == []
    assert not Stop.objects.exists()


def test_a_limit_of_zero_is_none(settings) -> None:
    settings.RUNAWAY_CALLS = 0
    take(make_session(), calls=60)
    assert stop_all() == []


def test_it_is_stopped_once_and_not_again_for_what_it_took_before_the_stop_was_lifted(admin: User) -> None:
    session = make_session()
    take(session, calls=7)
    stop_runaways()
    stop_runaways()
    told = Notice.objects.filter(event="runaway")
    assert Stop.objects.count() == told.count() == Escalation.objects.count() == 1
    lift(Stop.objects.get().pk, by=admin)
    hand_back(Session.objects.get(), user=admin)
    assert stop_all() == []
    take(session, calls=7, minutes=0)
    Span.objects.filter(started_at__gte=timezone.now() - timedelta(seconds=20)).update(started_at=timezone.now())
    assert len(stop_all()) == 1
    assert told.count() == 2


def test_what_a_person_has_or_stopped_is_left_alone(support: User) -> None:
    taken, stopped = make_session(), make_session()
    take(taken, calls=7)
    take(stopped, calls=7)
    take_over(taken, user=support)
    put(Stop.Scope.SESSION, str(stopped.pk), reason="Wrong words.", by=support)
    assert stop_all() == []


def test_a_running_turn_hands_over_itself_and_one_that_waits_is_not_begun() -> None:
    running, queued = make_session(), make_session()
    make_turn(running, status=Turn.Status.RUNNING)
    turn = make_turn(queued, status=Turn.Status.QUEUED)
    for session in (running, queued):
        take(session, calls=7)
    assert len(stop_all()) == 2
    running.refresh_from_db()
    turn.refresh_from_db()
    assert running.controller == "agent"
    assert turn.status == Turn.Status.SILENCED


def test_live_and_home_show_it(support: User) -> None:
    session = make_session()
    take(session, calls=7)
    stop_all()
    assert [(line.scope, line.by) for line in standing()] == [("session", "")]
    client = client_of(support)
    for path in ("/live/", "/"):
        assert "7 calls of 6" in client.get(path).content.decode(), path


def test_a_trace_whose_conversation_is_gone_is_nobody() -> None:
    make_trace(session_id=uuid7(), spans=60)
    assert stop_all() == []
