from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.errors import Rejected
from agents.intake import Inbound, Received, receive
from agents.models import Agent, Customer, Limit, Message, Session, Turn, Usage
from agents.models.sessions import Channel
from agents.usage import limit_list
from observability.ids import uuid7
from tests.agents.usage_cases import at_once, fresh_limits, sixty_connections
from tests.factories import make_agent
from tests.kept_caches import read_once

__all__ = ["fresh_limits", "sixty_connections"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_limits")]


@pytest.fixture
def agent(db: None) -> Agent:
    return make_agent("support")


def limit_messages(amount: int, *, scope: str = "customer", period: str = "day", **fields: Any) -> Limit:
    limit_list.forget()
    return Limit.objects.create(scope=scope, measure="messages", period=period, amount=amount, **fields)


def send(
    *, customer: str = "ada@example.com", session_id: UUID | None = None, external_id: str | None = None
) -> Received:
    return receive(
        Inbound(
            agent_slug="support",
            channel=Channel.CHAT,
            customer_email=customer,
            text="Where is my order?",
            session_id=session_id,
            external_id=external_id,
        )
    )


def refused(**options: Any) -> str:
    with pytest.raises(Rejected) as error:
        send(**options)
    assert error.value.code == "too_many"
    return str(error.value)


def spent() -> list[int]:
    return sorted(int(amount) for amount in Usage.objects.values_list("spent", flat=True))


def test_a_customer_is_refused_until_the_period_ends_and_nothing_is_stored(agent: Agent) -> None:
    limit_messages(2)
    session_id = send().session_id
    send(session_id=session_id)
    before = Message.objects.count(), Turn.objects.count(), Session.objects.get().event_seq
    said = refused(session_id=session_id)
    assert "00:00 UTC" in said
    assert said.startswith("You have written as many messages as can be taken for now")
    assert (Message.objects.count(), Turn.objects.count(), Session.objects.get().event_seq) == before
    assert spent() == [2]
    send(customer="ben@example.com")


def test_a_new_conversation_does_not_get_round_it(agent: Agent) -> None:
    limit_messages(1)
    send()
    refused()
    assert Session.objects.count() == 1


def test_a_refused_stranger_leaves_no_trace(agent: Agent) -> None:
    limit_messages(0)
    refused(customer="nobody-yet@example.com")
    assert not Customer.objects.exists()
    assert not Session.objects.exists()
    assert spent() == []


def test_the_same_message_twice_counts_once(agent: Agent) -> None:
    limit_messages(1)
    first = send(external_id="one")
    again = send(session_id=first.session_id, external_id="one")
    assert (again.message_id, again.is_duplicate) == (first.message_id, True)
    assert spent() == [1]


def test_it_is_counted_in_every_scope_or_in_none(agent: Agent) -> None:
    limit_messages(10, scope="all", period="month")
    limit_messages(10, scope="agent", period="ever")
    limit_messages(10, scope="customer", agent=make_agent("another"))
    limit_messages(2, scope="session", period="ever")
    session_id = send().session_id
    send(session_id=session_id)
    assert refused(session_id=session_id).startswith("This conversation has as many messages as it can take.")
    assert spent() == [2, 2, 2]
    send()
    assert spent() == [1, 2, 3, 3]


def test_a_closed_conversation_counts_nothing(agent: Agent) -> None:
    limit_messages(5)
    session = Session.objects.get(pk=send().session_id)
    session.controller, session.closed_at = Session.Controller.CLOSED, session.opened_at
    session.save()
    with pytest.raises(Rejected) as error:
        send(session_id=session.pk)
    assert error.value.code == "closed"
    assert spent() == [1]


def test_where_a_person_speaks_it_is_counted_and_no_turn_is_queued(agent: Agent) -> None:
    limit_messages(5)
    session_id = send().session_id
    Session.objects.update(controller=Session.Controller.HUMAN)
    assert send(session_id=session_id).turn_id is None
    assert spent() == [2]


def test_a_limit_costs_a_known_conversation_no_statement(agent: Agent) -> None:
    with read_once():
        session_id = send().session_id
        limit_list.limits()
        with CaptureQueriesContext(connection) as without:
            send(session_id=session_id)
        limit_messages(50)
        limit_list.limits()
        with CaptureQueriesContext(connection) as counted:
            send(session_id=session_id)
    assert len(without) == len(counted) == 2
    assert spent() == [1]


@pytest.mark.usefixtures("sixty_connections")
@pytest.mark.django_db(transaction=True)
def test_many_at_once_get_no_more_than_there_is() -> None:
    make_agent("support")
    limit_messages(7)
    session_id = send(external_id="0").session_id
    limit_list.limits()

    def attempt(external_id: str) -> str:
        try:
            return str(send(session_id=session_id, external_id=external_id).message_id)
        except Rejected as error:
            return error.code

    # Each message is delivered twice at the same moment.
    answers = at_once([lambda name=name: attempt(name) for name in [f"m{number}" for number in range(20)] * 2])
    assert Message.objects.count() == Turn.objects.count() == 7
    assert spent() == [7]
    assert set(answers) - {"too_many", "busy"} <= {str(pk) for pk in Message.objects.values_list("pk", flat=True)}
    assert answers.count("too_many") >= 26


def test_who_is_over_the_limit_of_a_minute_is_told_the_time(agent: Agent) -> None:
    limit_messages(0, scope="all", period="minute")
    said = refused(customer=f"{uuid7()}@example.com")
    assert said.startswith("More messages came in than can be taken for now")
    assert said.endswith(" UTC.")
