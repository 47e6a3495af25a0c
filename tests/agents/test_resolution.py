from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agents.handling import close
from agents.intake import Inbound, receive
from agents.models import Message, Session
from agents.models.sessions import Channel
from agents.resolution import REOPENED_WITHIN, Kind, Span, confirm, outcomes, outcomes_by, resolved_between
from agents.sessions import close_session, hand_back, say, take_over
from observability.ids import uuid7
from tests.factories import make_agent, make_customer, make_message, make_session

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def counted(since: timedelta = 60 * DAY, **narrowed) -> dict[str, int]:
    now = timezone.now()
    found = outcomes(Span(since=now - since, until=now + HOUR, **narrowed))
    return {str(kind): found[kind] for kind in Kind if found[kind] and kind != Kind.BEGUN}


def quiet_for(silence: timedelta, **fields) -> Session:
    """A conversation that the agent answered last, so long ago."""
    at = timezone.now() - silence
    return make_session(opened_at=at - HOUR, last_message_at=at, preview_author=Message.Author.AGENT, **fields)


def write_again(session: Session) -> None:
    receive(
        Inbound(
            channel=Channel.CHAT,
            external_id=uuid7().hex,
            session_id=session.pk,
            agent_slug=session.agent.slug,
            customer_email=session.customer.email,
            text="It came back.",
        )
    )


def begin_again(session: Session) -> UUID:
    return make_session(agent=session.agent, customer=session.customer).pk


@pytest.mark.parametrize(("silence", "wanted"), [(25 * HOUR, {"assumed": 1}), (23 * HOUR, {})], ids=["past", "within"])
def test_silence_after_an_answer_is_assumed_to_be_content(silence: timedelta, wanted: dict[str, int]) -> None:
    quiet_for(silence)
    assert counted() == wanted


def test_the_length_of_the_silence_is_a_setting(settings) -> None:
    quiet_for(3 * HOUR)
    settings.ASSUMED_RESOLVED_HOURS = 2
    assert counted() == {"assumed": 1}


def test_a_customer_who_waits_is_not_content(support: User) -> None:
    session = quiet_for(30 * HOUR)
    Session.objects.filter(pk=session.pk).update(waiting_since=session.last_message_at)
    quiet_for(30 * HOUR, agent=session.agent)
    Session.objects.filter(preview_author="agent").exclude(pk=session.pk).update(preview_author="customer")
    assert counted() == {}


def test_it_counts_where_the_silence_ends() -> None:
    session = quiet_for(30 * HOUR)
    end = session.last_message_at + DAY
    assert resolved_between(end - HOUR, end + HOUR) == 1
    assert resolved_between(end - 2 * HOUR, end - HOUR) == 0
    assert resolved_between(end, end + HOUR) == 1
    assert resolved_between(end - HOUR, end) == 0


def test_closing_confirms_and_whoever_closes_may_say_that_it_is_not_solved(support: User) -> None:
    close(make_session(), user=support)
    close_session(make_session(), user=support, solved=False)
    assert counted() == {"solved": 1, "unsolved": 1}


def test_what_was_handed_over_and_then_closed_is_solved_with_a_person(support: User) -> None:
    session = make_session()
    take_over(session, user=support)
    assert counted() == {"handed-over": 1}
    close(session, user=support)
    assert counted() == {"handed-over": 1, "solved-by-people": 1}
    now = timezone.now()
    assert outcomes(Span(since=now - HOUR, until=now + HOUR)).ended == 1
    assert resolved_between(now - HOUR, now + HOUR) == 1


def test_where_a_person_spoke_nothing_is_assumed_even_after_it_was_handed_back(support: User) -> None:
    session = make_session()
    make_message(session)
    say(session, user=support, text="I look at it.")
    hand_back(session, user=support)
    Session.objects.update(
        controller="agent", preview_author="agent", waiting_since=None, last_message_at=timezone.now() - 30 * HOUR
    )
    assert counted() == {"handed-over": 1}


def test_it_is_handed_over_once(support: User) -> None:
    session = make_session()
    take_over(session, user=support)
    first = Session.objects.get().handed_over_at
    hand_back(session, user=support)
    take_over(Session.objects.get(), user=support)
    assert Session.objects.get().handed_over_at == first


def test_a_customer_who_writes_after_the_silence_reopens_it() -> None:
    session = quiet_for(30 * HOUR)
    write_again(session)
    assert counted() == {"reopened": 1}
    Session.objects.update(preview_author="agent", waiting_since=None)
    write_again(session)
    again = Session.objects.get()
    assert again.quiet_since == session.last_message_at, "the longest silence stays"
    assert counted() == {"reopened": 1}


@pytest.mark.parametrize("silence", [2 * HOUR, REOPENED_WITHIN + HOUR], ids=["too-soon", "too-late"])
def test_coming_back_too_soon_or_too_late_reopens_nothing(silence: timedelta) -> None:
    write_again(quiet_for(silence))
    assert counted() == {}


def test_a_new_conversation_reopens_what_was_closed(support: User) -> None:
    session = make_session()
    close(session, user=support)
    begin_again(session)
    assert counted() == {"reopened": 1, "solved": 1}
    begin_again(session)
    assert counted() == {"reopened": 1, "solved": 1}


def test_a_new_conversation_with_another_agent_or_much_later_reopens_nothing(support: User) -> None:
    session = make_session()
    close(session, user=support)
    make_session(agent=make_agent(), customer=session.customer)
    make_session(agent=session.agent, customer=make_customer("ben@example.com"))
    make_session(agent=session.agent, customer=session.customer, opened_at=timezone.now() + 8 * DAY)
    assert counted() == {"solved": 1}


def test_a_new_conversation_within_the_silence_means_that_it_was_not_solved() -> None:
    session = quiet_for(30 * HOUR)
    make_session(agent=session.agent, customer=session.customer, opened_at=session.last_message_at + 2 * HOUR)
    assert counted() == {}
    other = quiet_for(40 * HOUR)
    make_session(agent=other.agent, customer=other.customer, opened_at=other.last_message_at + 30 * HOUR)
    assert counted() == {"assumed": 1, "reopened": 1}


def test_the_customer_says_that_it_is_solved_and_takes_it_back() -> None:
    session = quiet_for(HOUR)
    assert confirm(session.pk)
    assert not confirm(session.pk)
    assert counted() == {"solved": 1}
    write_again(session)
    assert counted() == {"reopened": 1}
    assert Session.objects.get().solved_at is None


def test_a_closed_conversation_is_not_confirmed_again(support: User) -> None:
    session = make_session()
    close_session(session, user=support, solved=False)
    assert not confirm(session.pk)


def test_agent_and_channel_narrow() -> None:
    session = quiet_for(30 * HOUR)
    assert counted(agent_id=session.agent_id, channel="chat") == {"assumed": 1}
    assert counted(agent_id=make_agent().pk) == {}
    assert counted(channel="shell") == {}


def test_each_step_has_its_own() -> None:
    now = timezone.now()
    session = quiet_for(30 * HOUR)
    found = outcomes_by(Span(since=now - 3 * DAY, until=now), "day")
    end = session.last_message_at + DAY
    assert found[Kind.ASSUMED] == {datetime(end.year, end.month, end.day, tzinfo=UTC): 1}
    assert sum(found[Kind.BEGUN].values()) == 1
