"""A worker is killed in the middle of a turn; another one finishes it, and the shop has one refund."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.models import Message, Turn
from tests.flows.conftest import Desk
from tests.processes import kill, running_beat, running_worker
from tools.models import ToolCall


def wait_for(condition: Callable[[], bool], *, seconds: float = 180, what: str = "") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


@pytest.mark.parametrize(
    "moment", ["the shop is at work on the refund", "the refund is done and its answer on its way"]
)
def test_a_killed_workers_turn_is_finished_by_another(desk: Desk, tmp_path: Path, moment: str) -> None:
    is_done_first = moment.startswith("the refund is done")
    # The shop waits before it works, or does its work and then loses the answer while the worker is killed: it takes
    # its time over each, so that the worker does not get any further before this process has seen it there.
    desk.fault(paths="POST /refunds, /refunds/by-key/*", latency_ms=4000, lose_answer_next=int(is_done_first))
    received = desk.send("I want to return order 1042, please refund it")
    refund = ToolCall.objects.filter(turn_id=received.turn_id, tool_name="process_refund")
    with running_beat(tmp_path):
        # A lease that a worker which is only slow does not lose; the next one has it for longer than its turn takes.
        with running_worker(TURN_LEASE_SECONDS=8) as first:
            wait_for(lambda: refund.filter(state=ToolCall.State.SENT).exists(), what="the refund is sent")
            if is_done_first:
                wait_for(lambda: len(desk.refunds("1042")) == 1, what="the shop made it")
            kill(first)
        desk.fault()
        assert Turn.objects.get(pk=received.turn_id).status == Turn.Status.RUNNING
        with running_worker(TURN_LEASE_SECONDS=60):
            wait_for(lambda: Turn.objects.get(pk=received.turn_id).status == Turn.Status.REPLIED, what="another worker")
    turn = Turn.objects.get(pk=received.turn_id)
    assert turn.attempts == 2
    assert len(desk.refunds("1042")) == 1
    assert refund.get().state == ToolCall.State.CONFIRMED
    assert Message.objects.filter(turn=turn, visibility="public").count() == 1
    assert "42.00" in desk.reply(turn)
