"""Money that was taken out of the limits for a call that never left is given back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.models import Session, Stop, Turn
from agents.sessions import take_over
from agents.turns import silence_abandoned_turns
from observability.access import Role
from tests.factories import make_user
from tests.flows.conftest import Desk
from tests.flows.planned import PlannedModel, planned_model
from tests.messages_api import text, tool_use
from tools import money
from tools.models import MoneyUse, ToolCall

REFUND = tool_use("process_refund", {"order_id": "1042", "reason": "broken"})


@pytest.fixture
def model(desk: Desk, settings: Any) -> Iterator[PlannedModel]:
    with planned_model(settings) as model:
        model.answers = [REFUND, text("Done.")]
        yield model


@pytest.mark.parametrize("what", ["take-over", "stop"])
def test_what_is_stopped_between_its_money_and_its_request_counts_for_nothing(
    desk: Desk, model: PlannedModel, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    take = money.take

    def stopped_after(*args: Any, **kwargs: Any) -> None:
        take(*args, **kwargs)
        if what == "stop":
            Stop.objects.create(scope="all", reason="Wrong prices")
        else:
            take_over(Session.objects.get(), user=make_user(Role.SUPPORT))

    monkeypatch.setattr(money, "take", stopped_after)
    turn = desk.ask("Please refund order 1042")
    assert turn.status == (Turn.Status.ESCALATED if what == "stop" else Turn.Status.SILENCED)
    assert (ToolCall.objects.get().state, desk.refunds("1042")) == ("refused", [])
    assert not MoneyUse.objects.exists()


class WorkerDied(BaseException):
    """Stands for the end of a process: nothing of ours may catch it."""


def test_what_a_worker_took_before_it_died_counts_for_nothing_once_a_person_speaks(
    desk: Desk, model: PlannedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = money.take

    def dies_after(*args: Any, **kwargs: Any) -> None:
        take(*args, **kwargs)
        raise WorkerDied

    monkeypatch.setattr(money, "take", dies_after)
    sent = desk.send("Please refund order 1042")
    with pytest.raises(WorkerDied):
        desk.work(sent)
    take_over(Session.objects.get(), user=make_user(Role.SUPPORT))
    Turn.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert silence_abandoned_turns() == 1
    assert ToolCall.objects.get().state == "refused"
    assert not MoneyUse.objects.exists()
