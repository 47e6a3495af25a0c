"""The limits of one turn hold, and name what was reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from agents.models import Agent, Escalation, Turn
from agents.runtime.loop import get_version
from config.postgresql.base import as_owner
from tests.flows.conftest import Desk
from tests.flows.planned import PlannedModel, planned_model
from tests.messages_api import text, tool_use


@pytest.fixture
def model(desk: Desk, settings: Any) -> Iterator[PlannedModel]:
    with planned_model(settings) as model:
        yield model


def limit(**values: object) -> None:
    """Set on the live version, past the trigger that keeps it as it is."""
    version = Agent.objects.get(slug="support").live_version
    assert version is not None
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE agents_agentversion DISABLE TRIGGER USER")
        for name, value in values.items():
            setattr(version, name, value)
        version.save()
        cursor.execute("ALTER TABLE agents_agentversion ENABLE TRIGGER USER")
    get_version.cache_clear()


def look_up(number: int, order_id: str = "1042") -> Any:
    return tool_use("get_order", {"order_id": order_id}, use_id=f"toolu_{number}")


def summary_of(turn: Turn) -> str:
    assert turn.status == Turn.Status.FAILED
    return Escalation.objects.get(reason="usage_limit").summary


def test_the_same_call_again_and_again_is_named(desk: Desk, model: PlannedModel) -> None:
    model.answers = [look_up(number) for number in range(9)]
    turn = desk.ask("Where is my order?")
    assert summary_of(turn) == (
        'The agent goes round in circles: it asked 4 times for get_order with {"order_id": "1042"}; 3 are allowed.'
    )
    assert [state for _, state in desk.calls(turn)] == ["confirmed", "confirmed", "confirmed", "refused"]


def test_other_arguments_are_another_call(desk: Desk, model: PlannedModel) -> None:
    model.answers = [*(look_up(number, f"10{number}") for number in range(42, 47)), text("Found.")]
    assert desk.reply(desk.ask("Where are my orders?")) == "Found."


def test_money(desk: Desk, model: PlannedModel) -> None:
    limit(max_usd="0.0001")
    model.answers = [text("never")]
    assert "The limit of US$ 0.0001 a turn was reached" in summary_of(desk.ask("hello"))
    assert model.asked == []


def test_tokens(desk: Desk, model: PlannedModel) -> None:
    limit(max_tokens=1000)
    model.answers = [text("never")]
    assert "The limit of 1,000 tokens a turn was reached" in summary_of(desk.ask("hello"))
    assert model.asked == []


def test_tool_calls(desk: Desk, model: PlannedModel) -> None:
    limit(max_tool_calls=1)
    model.answers = [look_up(1), look_up(2, "1043"), text("never")]
    assert summary_of(desk.ask("hello")) == "The limit of 1 tool calls a turn was reached."


def test_model_calls(desk: Desk, model: PlannedModel) -> None:
    limit(max_model_calls=2, max_same_call=20)
    model.answers = [look_up(1), look_up(2), text("never")]
    assert summary_of(desk.ask("hello")) == "The limit of 2 model calls a turn was reached."
