"""Kill switches: what they are put on, who wins a race, and what is told of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from agents.channels import hub
from agents.demo import load_demo
from agents.journal import NOTIFY_CHANNEL
from agents.models import Message, Session, Stop, Turn
from agents.shell import read_waiting
from agents.stops import (
    MOST_ON_BANNER,
    CannotStop,
    NoSuchSubject,
    TurnEnded,
    lift,
    lifted,
    may_stop,
    put,
    standing,
)
from observability.access import Role
from observability.ids import uuid7
from tests.factories import make_agent, make_session, make_turn, make_user

ALL, AGENT, TOOL, SESSION, TURN = Stop.Scope.ALL, Stop.Scope.AGENT, Stop.Scope.TOOL, Stop.Scope.SESSION, Stop.Scope.TURN


def notes(session: Session) -> list[str]:
    lines = Message.objects.filter(session=session, author="system", visibility="note").order_by("seq")
    return list(lines.values_list("text", flat=True))


# -- putting


def test_everything_is_stopped_once_and_keeps_its_first_reason(admin: User) -> None:
    first = put(ALL, "", reason="Prices\nare   wrong ", by=admin)
    again = put(ALL, "", reason="Me too", by=make_user(Role.ADMIN))

    assert (again.pk, again.reason, again.by) == (first.pk, "Prices are wrong", admin)
    assert Stop.objects.count() == 1


def test_each_scope_has_a_subject_of_its_own(admin: User) -> None:
    load_demo()
    session = make_session()
    turn = make_turn(session, status=Turn.Status.RUNNING)
    subjects = {ALL: "", AGENT: str(session.agent_id), TOOL: "process_refund", SESSION: str(session.pk), TURN: turn.pk}
    for scope, subject in subjects.items():
        put(scope, str(subject), reason="Drill", by=admin)

    assert [(line.scope, line.title) for line in standing()] == [
        ("all", "Everything"),
        ("session", "Conversation with Ada"),
        ("agent", "Support agent"),
        ("tool", "process_refund"),
        ("turn", "Turn for Ada"),
    ]
    assert {line.by for line in standing()} == {"Admin"}


NOBODY = "01900000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("scope", "subject"),
    [
        (ALL, "something"),
        (AGENT, ""),
        (AGENT, "support"),
        (AGENT, NOBODY),
        (TOOL, "no_such_tool"),
        (SESSION, "1"),
        (SESSION, NOBODY),
        (TURN, NOBODY),
    ],
)
def test_what_there_is_not_cannot_be_stopped(admin: User, scope: Stop.Scope, subject: str) -> None:
    with pytest.raises(NoSuchSubject, match="There is no such"):
        put(scope, subject, reason="Drill", by=admin)
    assert not Stop.objects.exists()


def test_a_turn_that_has_ended_needs_no_stop(support: User) -> None:
    turn = make_turn(make_session(), status=Turn.Status.REPLIED)
    with pytest.raises(TurnEnded):
        put(TURN, str(turn.pk), reason="Too late", by=support)


@pytest.mark.parametrize("reason", ["", " \n\t", "\x00", "x" * 301])
def test_a_reason_is_asked_for(admin: User, reason: str) -> None:
    with pytest.raises(CannotStop, match="Nothing was stopped"):
        put(ALL, "", reason=reason, by=admin)


def test_an_id_is_kept_in_one_form(admin: User) -> None:
    agent = make_agent()
    put(AGENT, str(agent.pk).upper(), reason="Drill", by=admin)
    assert Stop.objects.get().subject == str(agent.pk)


def test_the_conversation_says_so_to_the_team_only(support: User) -> None:
    session = make_session()
    turn = make_turn(session, status=Turn.Status.RUNNING)

    put(TURN, str(turn.pk), reason="It loops", by=support)
    put(TURN, str(turn.pk), reason="It still loops", by=support)
    stop = put(SESSION, str(session.pk), reason="Abuse", by=support)
    lift(stop.pk, by=support)

    assert notes(session) == [
        "Support stopped the agent's turn: It loops",
        "Support stopped the agent in this conversation: Abuse",
        "Support lifted the stop: the agent may answer here again",
    ]
    assert session.events.filter(kind="message").count() == 3


# -- lifting


def test_a_stop_is_lifted_once(admin: User) -> None:
    stop = put(ALL, "", reason="Drill", by=admin)

    assert lift(stop.pk, by=admin)
    assert not lift(stop.pk, by=make_user(Role.ADMIN))
    assert not lift(uuid7(), by=admin)

    stop.refresh_from_db()
    assert (stop.lifted_by, standing()) == (admin, [])
    assert [(line.title, line.lifted_by) for line in lifted()] == [("Everything", "Admin")]


def test_after_lifting_it_can_be_stopped_anew(admin: User) -> None:
    first = put(ALL, "", reason="Drill", by=admin)
    lift(first.pk, by=admin)
    assert put(ALL, "", reason="Again", by=admin).pk != first.pk


def test_the_stop_of_a_turn_ends_with_the_turn(admin: User, support: User) -> None:
    turn = make_turn(make_session(), status=Turn.Status.RUNNING)
    put(TURN, str(turn.pk), reason="It loops", by=support)
    Turn.objects.update(status="escalated", lease_token=None, lease_until=None, finished_at=timezone.now())

    assert standing() == []
    assert [(line.title, line.lifted_by) for line in lifted()] == [("Turn for Ada", "")]

    put(ALL, "", reason="Drill", by=admin)
    assert not Stop.objects.filter(scope=TURN, lifted_at__isnull=True).exists()


# -- who may


@pytest.mark.parametrize(
    ("role", "narrow", "wide"),
    [
        (Role.SUPPORT, True, False),
        (Role.REVIEWER, True, False),
        (Role.ANALYST, False, False),
        (Role.ADMIN, True, True),
        (None, False, False),
    ],
)
def test_people_stop_what_is_theirs_to_stop(db: None, role: Role | None, narrow: bool, wide: bool) -> None:
    user = make_user(role)
    assert [may_stop(user, scope) for scope in (TURN, SESSION)] == [narrow] * 2
    assert [may_stop(user, scope) for scope in (AGENT, TOOL, ALL)] == [wide] * 3


# -- at the same time


def at_once(count: int, work: Callable[[], Any]) -> list[Any]:
    """What so many threads return that all begin at the same moment."""
    gate, results = threading.Barrier(count), []

    def run() -> None:
        try:
            gate.wait(60)
            results.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_stop_stands_and_all_are_given_it() -> None:
    user, session = make_user(Role.SUPPORT), make_session()

    stops = at_once(6, lambda: put(SESSION, str(session.pk), reason="Abuse", by=user).pk)

    assert len(stops) == 6
    assert set(stops) == {Stop.objects.get().pk}
    assert len(notes(session)) == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_who_lift_at_once_one_did() -> None:
    user, session = make_user(Role.SUPPORT), make_session()
    stop = put(SESSION, str(session.pk), reason="Abuse", by=user)
    assert sorted(at_once(6, lambda: lift(stop.pk, by=user))) == [False] * 5 + [True]
    assert len(notes(session)) == 2


# -- who is told


@pytest.mark.django_db(transaction=True)
def test_open_pages_are_told(caplog: pytest.LogCaptureFixture) -> None:
    admin = make_user(Role.ADMIN)
    with psycopg.connect(hub.listen_dsn(), autocommit=True) as listener:
        listener.execute(f"LISTEN {NOTIFY_CHANNEL}")
        stop = put(ALL, "", reason="Drill", by=admin)
        lift(stop.pk, by=admin)
        heard = [notify.payload for notify in listener.notifies(timeout=60, stop_after=2)]

    assert heard == ["stops", "stops"]
    assert hub.session_of("stops") is None
    assert not [record for record in caplog.records if record.name == hub.__name__]


def test_the_banner_names_what_concerns_the_page(admin: User, django_assert_num_queries: Any) -> None:
    session, other = make_session(), make_session()
    turn = make_turn(session, status=Turn.Status.RUNNING)
    for scope, subject in ((SESSION, session.pk), (SESSION, other.pk), (TURN, turn.pk), (AGENT, session.agent_id)):
        put(scope, str(subject), reason="Drill", by=admin)

    with django_assert_num_queries(1):
        here = read_waiting(session.pk).stops
    assert [line.sentence for line in here.lines] == [
        "The agent is stopped in this conversation.",
        "Support agent is stopped.",
    ]
    assert [line.scope for line in read_waiting().stops.lines] == ["agent"]


def test_the_banner_is_short_however_much_is_stopped(admin: User) -> None:
    for _ in range(MOST_ON_BANNER + 2):
        put(AGENT, str(make_agent().pk), reason="Drill", by=admin)
    put(ALL, "", reason="Drill", by=admin)
    banner = read_waiting().stops
    assert (banner.lines[0].sentence, len(banner.lines), banner.more) == ("Everything is stopped.", MOST_ON_BANNER, 3)
