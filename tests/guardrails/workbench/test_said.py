"""What the back-test reads of the desk's own conversations."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Message
from guardrails.backtest import read_messages
from guardrails.findings import Direction
from guardrails.models import Measurement
from guardrails.workbench import request_measurement, run_claimed, said_since
from tests.factories import make_message, make_session
from tests.guardrails.workbench.cases import make_version, words_config

pytestmark = pytest.mark.django_db


def test_what_customers_and_agents_said() -> None:
    session = make_session()
    asked = make_message(session, "Where is it?")
    answered = make_message(session, "On its way.", author=Message.Author.AGENT)
    make_message(session, "Looks fine to me", author=Message.Author.PERSON, visibility=Message.Visibility.NOTE)
    make_message(session, "step", author=Message.Author.AGENT, visibility=Message.Visibility.STEP)
    make_message(session, "", author=Message.Author.AGENT)
    found = list(said_since(timezone.now() - timedelta(days=1)))
    assert [(said.message_id, said.direction) for said in found] == [
        (answered.pk, Direction.OUTPUT),
        (asked.pk, Direction.INPUT),
    ]
    assert {said.session_id for said in found} == {session.pk}
    assert read_messages([asked.pk]) == {asked.pk: found[1]}


def test_what_was_said_before_is_not_read() -> None:
    make_message(make_session(), created_at=timezone.now() - timedelta(days=3))
    assert list(said_since(timezone.now() - timedelta(days=1))) == []
    assert list(said_since(timezone.now() + timedelta(minutes=1))) == []


def test_a_draft_on_a_conversation() -> None:
    message = make_message(make_session(), "Where is my teapot?")
    draft = make_version(words_config("teapot"), number=None)
    request_measurement(user=None, version=draft, days=1)
    run_claimed()
    result = Measurement.objects.get().result
    assert [example["message"] for example in result["examples"]] == [str(message.pk)]
