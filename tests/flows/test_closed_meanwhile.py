"""A conversation that is closed while its turn runs: nothing is opened in it any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from agents.escalations import escalate
from agents.models import Escalation, Session, Turn, TurnEvent
from agents.sessions import close_session, take_over
from tests.flows.conftest import Desk
from tests.flows.planned import planned_model
from tests.messages_api import text, tool_use
from tools.models import ToolCall

HAND_OVER = tool_use("escalate_to_human", {"reason": "customer_requested", "summary": "Wants a person."})


@pytest.mark.parametrize("end", [close_session, take_over], ids=["closed", "taken-over"])
def test_nothing_is_escalated_in_it(
    end: Callable[..., Any], desk: Desk, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the last look at who speaks and the escalation itself."""
    person = User.objects.get(email="support@demo.example")

    def after_it_ended(*args: Any, **values: Any) -> Any:
        end(Session.objects.get(), user=person)
        return escalate(*args, **values)

    monkeypatch.setattr("agents.runtime.loop.escalate", after_it_ended)
    with planned_model(settings) as model:
        model.answers = [HAND_OVER, text("A colleague will help you.")]
        turn = desk.ask("I want to speak to a person")

    assert turn.status == Turn.Status.SILENCED
    assert not Escalation.objects.exists()
    assert [call.state for call in ToolCall.objects.all()] == ["refused"]
    numbers = list(TurnEvent.objects.order_by("seq").values_list("seq", flat=True))
    assert numbers == list(range(1, Session.objects.get().event_seq + 1))
