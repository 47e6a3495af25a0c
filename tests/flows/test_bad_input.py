"""Bad input gets a clear answer and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agents.errors import Rejected
from agents.intake import MAX_CHARACTERS, Inbound, receive
from agents.models import Escalation, Message, Session, Turn
from agents.models.sessions import Channel
from agents.sessions import close_session
from observability.access import Role
from observability.models import Span
from tests.factories import make_user
from tests.flows.conftest import Desk, forget_caches
from tests.flows.planned import Planned, first
from tests.messages_api import Answer, Body, running_messages_api, text, tool_use
from tools.models import Target, ToolCall


class Model:
    """A model that gives the answers that a test prepared, in order, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Planned] = []
        self.asked: list[Body] = []

    def __call__(self, body: Body) -> Answer:
        self.asked.append(body)
        planned = self.answers.pop(0)
        return planned if isinstance(planned, Answer) else planned(body)

    def last_result(self) -> dict[str, Any]:
        block: dict[str, Any] = self.asked[-1]["messages"][-1]["content"][-1]
        return block


@pytest.fixture
def model(desk: Desk, settings: Any) -> Iterator[Model]:
    answers = Model()
    with running_messages_api(answers) as url:
        settings.ANTHROPIC_BASE_URL = url
        forget_caches()
        yield answers
        forget_caches()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        ("\x07\x08", "empty"),
        ("a" * 1_000_000, "too_long"),
        ("PK\x03\x04\x00\x00", "not_text"),
        (b"\xff\xfe\x80".decode("utf-8", "replace"), "not_text"),
    ],
)
def test_what_is_no_message_is_refused_with_a_reason(desk: Desk, words: str, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        desk.send(words)
    assert refused.value.code == code
    assert len(str(refused.value)) > 20
    assert not Message.objects.exists()


def test_the_longest_message_that_is_allowed_is_taken(desk: Desk) -> None:
    assert desk.send("a" * MAX_CHARACTERS).turn_id is not None


def test_an_unknown_agent_is_named(desk: Desk) -> None:
    with pytest.raises(Rejected, match="'nobody'"):
        receive(Inbound(agent_slug="nobody", channel=Channel.CHAT, customer_email="a@example.com", text="hi"))


def test_a_closed_conversation_takes_no_message_and_keeps_what_was_said(desk: Desk) -> None:
    turn = desk.ask("hello")
    close_session(turn.session, user=make_user(Role.SUPPORT))
    with pytest.raises(Rejected) as refused:
        desk.send("one more thing", session_id=turn.session_id)
    assert refused.value.code == "closed"
    assert Message.objects.filter(session=turn.session, visibility="public").exclude(author="system").count() == 2


def test_a_customer_cannot_write_into_anothers_conversation(desk: Desk) -> None:
    turn = desk.ask("hello")
    with pytest.raises(Rejected) as refused:
        desk.send("and me", customer="ben@example.com", session_id=turn.session_id)
    assert refused.value.code == "not_yours"


def test_a_model_that_calls_an_unknown_tool_is_told_and_goes_on(desk: Desk, model: Model) -> None:
    model.answers = [tool_use("drop_tables", {"all": True}), text("I cannot do that.")]
    turn = desk.ask("hello")
    assert desk.calls(turn) == [("drop_tables", "refused")]
    assert model.last_result()["is_error"]
    assert "unknown_tool" in model.last_result()["content"]
    assert desk.reply(turn) == "I cannot do that."


@pytest.mark.parametrize(
    "arguments", [{"order_id": 1042}, {"order_id": "../../etc"}, {"order": "1042"}, {"order_id": "1" * 50}, "{not json"]
)
def test_a_model_that_sends_invalid_arguments_is_told_and_goes_on(desk: Desk, model: Model, arguments: Any) -> None:
    model.answers = [tool_use("get_order", arguments), text("Which order do you mean?")]
    turn = desk.ask("hello")
    assert desk.calls(turn) == [("get_order", "refused")]
    assert "invalid_arguments" in model.last_result()["content"]
    assert turn.status == Turn.Status.REPLIED


def test_a_malformed_tool_result_is_a_failure_that_the_model_is_told(desk: Desk, model: Model, settings: Any) -> None:
    def not_json(body: Body) -> Answer:
        return Answer(raw="<html>")

    with running_messages_api(not_json) as url:
        Target.objects.filter(name="shop").update(base_url=url)
        forget_caches()
        model.answers = [tool_use("get_order", {"order_id": "1042"}), text("I cannot see your order at present.")]
        turn = desk.ask("hello")
        forget_caches()
    assert desk.calls(turn) == [("get_order", "failed")]
    assert "no_answer" in model.last_result()["content"]
    assert turn.status == Turn.Status.REPLIED


@pytest.mark.parametrize(
    "broken",
    [
        text("half an ans", cut=True),
        text("half", error="overloaded_error"),
        Answer(status=529),
        Answer(status=500),
        Answer(status=429, headers={"retry-after": "0"}),
    ],
    ids=["cut", "overloaded in the stream", "529", "500", "429"],
)
def test_a_broken_model_call_is_made_again(desk: Desk, model: Model, broken: Answer) -> None:
    model.answers = [broken, text("A whole answer.")]
    turn = desk.ask("hello")
    assert desk.reply(turn) == "A whole answer."
    spans = Span.objects.filter(trace_id=turn.pk, kind=Span.Kind.MODEL).order_by("started_at")
    assert [span.status for span in spans] == ["error", "ok"]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([text("ha", cut=True)] * 3, "unclassified"),
        ([Answer(status=400)], "unclassified"),
        ([text("No.", stop_reason="refusal")], "policy_restriction"),
        ([text("Once upon", stop_reason="max_tokens")], "usage_limit"),
        ([Answer(blocks=[])], "unclassified"),
    ],
    ids=["cut three times", "rejected", "refusal", "cut off", "empty"],
)
def test_a_model_that_gives_no_reply_leaves_the_customer_with_a_person(
    desk: Desk, model: Model, answers: list[Answer], reason: str
) -> None:
    model.answers = list(answers)
    turn = desk.ask("hello")
    assert turn.status == Turn.Status.FAILED
    assert Escalation.objects.get(session=turn.session).reason == reason
    assert Session.objects.get(pk=turn.session_id).controller == "human"
    assert "colleague" in desk.reply(turn)
    assert desk.trace(turn).status == "error"


def test_a_model_that_never_stops_calling_tools_is_stopped(desk: Desk, model: Model) -> None:
    model.answers = [tool_use("get_order", {"order_id": f"{number}"}, use_id=f"toolu_{number}") for number in range(20)]
    turn = desk.ask("hello")
    assert turn.status == Turn.Status.FAILED
    assert "8 model calls" in turn.failure
    assert Escalation.objects.get(session=turn.session).reason == "usage_limit"


def test_a_hanging_model_is_broken_off(desk: Desk, model: Model, settings: Any) -> None:
    plenty, settings.LLM_CALL_SECONDS = settings.LLM_CALL_SECONDS, 1
    slow = text("slow " * 600, chunks=600, chunk_seconds=0.1)
    # The next call has its time again: on a busy machine a second may be too little for the fastest model.
    model.answers = [first(lambda: setattr(settings, "LLM_CALL_SECONDS", plenty), slow), text("Fast now.")]
    turn = desk.ask("hello")
    assert desk.reply(turn) == "Fast now."
    span = Span.objects.filter(trace_id=turn.pk, kind=Span.Kind.MODEL).order_by("started_at")[0]
    assert span.error.startswith("broken off")
    assert span.duration_ms < 20_000, "of the 60 seconds that it would take"


def test_two_tools_asked_for_at_once_are_both_called_and_answered(desk: Desk, model: Model) -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "tool_use", "id": f"toolu_{name}", "name": name, "input": {}}
        for name in ("get_order", "get_refund_status")
    ]
    model.answers = [Answer(blocks=blocks, stop_reason="tool_use"), text("Here is both.")]
    turn = desk.ask("hello")
    assert desk.calls(turn) == [("get_order", "confirmed"), ("get_refund_status", "confirmed")]
    results = model.asked[-1]["messages"][-1]["content"]
    assert [block["tool_use_id"] for block in results] == ["toolu_get_order", "toolu_get_refund_status"]


def test_a_doubled_task_runs_the_turn_once(desk: Desk) -> None:
    received = desk.send("I want to return order 1042, please refund it")
    desk.work(received)
    desk.work(received)
    assert ToolCall.objects.filter(turn_id=received.turn_id, tool_name="process_refund").count() == 1
    assert Message.objects.filter(turn_id=received.turn_id, visibility="public").count() == 1
