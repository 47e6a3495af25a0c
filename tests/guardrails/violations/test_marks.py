from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agents.conversation import messages_of
from agents.models import Message, Session
from agents.thread_marks import said_of
from guardrails.marks import MOST_MARKS, Said, marks_of, message_of
from guardrails.models import Violation
from guardrails.violations import of_session
from observability.ids import uuid7
from tests.factories import client_of, customer_client, make_customer, make_message, make_session, make_turn
from tests.guardrails.violations.rows import make_pii, make_violation
from tools.ledger import digest_of
from tools.models import ToolCall

pytestmark = pytest.mark.django_db
Stage, Action, Author = Violation.Stage, Violation.Action, Message.Author


@pytest.fixture
def talk(db: None) -> dict[str, Any]:
    """A question, what the agent said beside a tool call, and the reply."""
    session = make_session(customer=make_customer("ada@example.com"))
    begun = timezone.now() - timedelta(minutes=1)
    asked = make_message(session, "Refund me", created_at=begun)
    turn = make_turn(session, seq=asked.seq)

    def message(text: str, seconds: int, **fields: Any) -> Message:
        return make_message(session, text, turn=turn, created_at=begun + timedelta(seconds=seconds), **fields)

    return {
        "session": session,
        "turn": turn,
        "asked": asked,
        "step": message("Let me see.", 2, author=Author.AGENT, visibility=Message.Visibility.STEP),
        "reply": message("It is done.", 4, author=Author.AGENT),
        "begun": begun,
    }


def seen(talk: dict[str, Any], rule: str = "content:PROMPT_ATTACK", *, seconds: int = 1, **fields: Any) -> Violation:
    at = talk["begun"] + timedelta(seconds=seconds)
    return make_violation(rule, session_id=talk["session"].pk, turn_id=talk["turn"].pk, at=at, **fields)


def said(talk: dict[str, Any]) -> list[Said]:
    return [said_of(message) for message in messages_of(talk["session"]).order_by("seq")]


def test_a_named_message_counts(talk: dict[str, Any]) -> None:
    found = seen(talk, message_id=talk["reply"].pk)
    assert message_of(found, said(talk)) == talk["reply"].pk


@pytest.mark.parametrize(
    ("stage", "seconds", "where"),
    [
        (Stage.INPUT, 1, "asked"),
        (Stage.OUTPUT, 1, "step"),
        (Stage.OUTPUT, 3, "reply"),
        (Stage.OUTPUT, 9, "reply"),
    ],
)
def test_otherwise_the_turn_and_the_time_tell(
    talk: dict[str, Any], stage: Violation.Stage, seconds: int, where: str
) -> None:
    found = seen(talk, stage=stage, seconds=seconds)
    assert message_of(found, said(talk)) == talk[where].pk
    assert message_of(found, []) is None


def test_one_mark_for_each_rule_and_action(talk: dict[str, Any]) -> None:
    for _ in range(2):
        seen(talk, "pii:CREDIT_DEBIT_CARD_NUMBER", action=Action.MASKED)
    seen(talk)
    seen(talk, "word:PROFANITY", action=Action.DETECTED, seconds=0)
    marks = marks_of(talk["session"].pk, said(talk)[:1])
    assert [mark.words for mark in marks.of_messages[talk["asked"].pk]] == [
        "Masked: card number, 2 times",
        "Blocked: prompt attack",
        "Noted: profanity",
    ]


def test_marks_are_few(talk: dict[str, Any]) -> None:
    for number in range(MOST_MARKS + 3):
        seen(talk, f"topic:Topic {number}")
    marks = marks_of(talk["session"].pk, said(talk)[:1])
    assert len(marks.of_messages[talk["asked"].pk]) == MOST_MARKS


def test_of_session_is_of_one_conversation_the_oldest_first(talk: dict[str, Any]) -> None:
    second, first = seen(talk, seconds=2), seen(talk, seconds=1)
    make_violation()
    assert of_session(talk["session"].pk) == [first, second]


def test_nothing_said_asks_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert not marks_of(uuid7(), []).of_messages


# -- on the pages


def conversation(user: User, session: Session) -> str:
    return client_of(user).get(f"/inbox/{session.pk}/").content.decode()


def test_the_team_sees_them_and_each_leads_to_its_violation(talk: dict[str, Any], support: User, analyst: User) -> None:
    found = seen(talk, "pii:CREDIT_DEBIT_CARD_NUMBER", action=Action.MASKED, message_id=talk["asked"].pk)
    for user in (support, analyst):
        text = conversation(user, talk["session"])
        assert f'id="violation-{found.pk}" href="/violations/{found.pk}/"' in text
        assert "Masked: card number" in text


def test_what_people_made_of_it_stands_at_it(talk: dict[str, Any], support: User) -> None:
    seen(talk, triage=Violation.Triage.FALSE_POSITIVE, triaged_at=timezone.now())
    assert 'title="Judged: false positive"' in conversation(support, talk["session"])


def test_a_tool_call_has_its_own(talk: dict[str, Any], support: User) -> None:
    use = {"type": "tool_use", "id": "use_1", "name": "get_order", "input": {}}
    Message.objects.filter(pk=talk["step"].pk).update(content=[use])
    call = ToolCall.objects.create(
        session_id=talk["session"].pk,
        turn_id=talk["turn"].pk,
        tool_use_id="use_1",
        tool_name="get_order",
        arguments={},
        digest=digest_of("get_order", {}),
        state=ToolCall.State.CONFIRMED,
        result={},
    )
    found = seen(talk, stage=Stage.TOOL_RESULT, call_id=call.pk)
    text = conversation(support, talk["session"])
    assert text.index(f'id="step-{call.pk}"') < text.index(f'id="violation-{found.pk}"')


def test_the_customer_sees_none(talk: dict[str, Any], support: User) -> None:
    seen(talk)
    make_pii(session_id=talk["session"].pk, message_id=talk["reply"].pk)
    slug = talk["session"].agent.slug
    text = customer_client().get(f"/chat/{slug}/{talk['session'].pk}/").content.decode()
    assert "It is done." in text
    assert "violation" not in text
    assert "Blocked:" in conversation(support, talk["session"])
