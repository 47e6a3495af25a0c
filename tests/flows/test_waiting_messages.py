"""Messages that come in while a turn runs wait in order; where the version says so, they are answered together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agents.models import Message, Turn
from agents.turns import claim_turn
from tests.flows.conftest import Desk
from tests.flows.planned import PlannedModel, planned_model
from tests.flows.test_turn_limits import limit
from tests.messages_api import text


@pytest.fixture
def model(desk: Desk, settings: Any) -> Iterator[PlannedModel]:
    with planned_model(settings) as model:
        model.answers = [text("First."), text("Second."), text("Third.")]
        yield model


def three_messages(desk: Desk) -> list[Any]:
    one = desk.send("one")
    return [one, *(desk.send(words, session_id=one.session_id) for words in ("two", "three"))]


def test_each_is_answered_in_order(desk: Desk, model: PlannedModel) -> None:
    one, two, three = three_messages(desk)
    assert claim_turn(three.turn_id) is None, "an earlier one waits"
    turns = [desk.work(received) for received in (one, two, three)]
    assert [desk.reply(turn) for turn in turns] == ["First.", "Second.", "Third."]


def test_merged_they_have_one_answer_that_was_given_all(desk: Desk, model: PlannedModel) -> None:
    limit(merge_waiting=True)
    one, two, three = three_messages(desk)
    desk.work(one)
    turns = [Turn.objects.get(pk=received.turn_id) for received in (one, two, three)]
    assert [turn.status for turn in turns] == ["merged", "merged", "replied"]
    assert model.texts() == ["one", "two", "three"]
    assert desk.reply(turns[2]) == "First."
    assert Message.objects.filter(author="agent").count() == 1
    assert [claim_turn(received.turn_id) for received in (one, two, three)] == [None, None, None]


def test_a_merged_exchange_is_whole_in_the_next_turns_history(desk: Desk, model: PlannedModel) -> None:
    limit(merge_waiting=True)
    one, *_ = three_messages(desk)
    desk.work(one)
    desk.ask("four", session_id=one.session_id)
    assert model.texts() == ["one", "two", "three", "four"]


def test_what_runs_already_is_not_merged(desk: Desk, model: PlannedModel) -> None:
    limit(merge_waiting=True)
    one = desk.send("one")
    assert claim_turn(one.turn_id) is not None
    two = desk.send("two", session_id=one.session_id)
    assert claim_turn(two.turn_id) is None
    assert Turn.objects.get(pk=one.turn_id).status == Turn.Status.RUNNING
