"""A fall-back model answers where the first one is overloaded, throttled, out of reach or unknown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agents.models import Turn
from agents.runtime import model_calls
from observability.models import Span
from tests.flows.conftest import Desk
from tests.flows.planned import PlannedModel, planned_model
from tests.flows.test_turn_limits import limit
from tests.messages_api import Answer, Body, text, tool_use

FALLBACK = "claude-haiku-5-5"


@pytest.fixture
def model(desk: Desk, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlannedModel]:
    monkeypatch.setattr(model_calls, "LONGEST_RETRY_WAIT_SECONDS", 0.01)
    with planned_model(settings) as model:
        yield model


def only_the_fallback(answer: Answer, *, status: int = 529) -> Any:
    def answered(body: Body) -> Answer:
        return answer if body["model"] == FALLBACK else Answer(status=status)

    return answered


@pytest.mark.parametrize("status", [429, 500, 529])
def test_it_answers_and_the_trace_says_for_whom(desk: Desk, model: PlannedModel, status: int) -> None:
    limit(fallback_model=FALLBACK)
    model.answers = [only_the_fallback(text("Hello."), status=status)]
    turn = desk.ask("hello")
    assert desk.reply(turn) == "Hello."
    spans = list(Span.objects.filter(trace_id=turn.pk, kind=Span.Kind.MODEL).order_by("started_at"))
    assert [span.status for span in spans] == ["error", "error", "error", "ok"]
    assert spans[-1].attributes["fallbackFor"] == "claude-sonnet-5-5"


def test_it_stays_for_the_rest_of_the_turn(desk: Desk, model: PlannedModel) -> None:
    limit(fallback_model=FALLBACK)
    look_up = tool_use("get_order", {"order_id": "1042"})
    model.answers = [*[only_the_fallback(look_up)] * 4, only_the_fallback(text("It was delivered."))]
    assert desk.reply(desk.ask("Where is my order?")) == "It was delivered."
    assert [body["model"] for body in model.asked[3:]] == [FALLBACK, FALLBACK]


def test_where_both_fail_a_person_goes_on(desk: Desk, model: PlannedModel) -> None:
    limit(fallback_model=FALLBACK)
    model.answers = [Answer(status=529)]
    turn = desk.ask("hello")
    assert turn.status == Turn.Status.FAILED
    assert len(model.asked) == 6


def test_a_request_that_is_refused_is_not_given_to_another(desk: Desk, model: PlannedModel) -> None:
    limit(fallback_model=FALLBACK)
    model.answers = [Answer(status=400)]
    assert desk.ask("hello").status == Turn.Status.FAILED
    assert len(model.asked) == 1


def test_an_unknown_model_falls_back(desk: Desk, model: PlannedModel) -> None:
    limit(model="no-such-model", fallback_model=FALLBACK)
    model.answers = [text("Hello.")]
    assert desk.reply(desk.ask("hello")) == "Hello."


def test_an_alias_answers_with_a_warning_in_the_trace(desk: Desk, model: PlannedModel) -> None:
    limit(model="anthropic.claude-3-5-sonnet-20241022-v2:0")
    model.answers = [text("Hello.")]
    turn = desk.ask("hello")
    assert desk.reply(turn) == "Hello."
    assert model.asked[0]["model"] == "claude-sonnet-5-5"
    assert "claude-3-5-sonnet" in Span.objects.get(trace_id=turn.pk, kind=Span.Kind.MODEL).attributes["modelWarning"]
