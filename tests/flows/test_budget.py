"""Money that many turns at once share: what is spent and set aside never exceeds it; who gets none gets a person."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from agents.models import Limit, Message, Reservation, Turn, Usage
from agents.tasks import run_turn
from agents.usage import limit_list
from tests.flows.conftest import Desk
from tests.flows.planned import PlannedModel, planned_model
from tests.messages_api import text

TURNS = 50
HANDED_OVER = "I have passed this to a colleague, who will answer you here."


@pytest.fixture
def model(desk: Desk, settings: Any) -> Iterator[PlannedModel]:
    with planned_model(settings) as model:
        model.answers = [text("Hello.", delay_seconds=0.5)]
        yield model


def set_limit(**values: Any) -> Limit:
    limit = Limit.objects.create(**{"scope": "all", "measure": "usd", "period": "day", **values})
    limit_list.forget()
    return limit


def most_of_one_turn(desk: Desk) -> Decimal:
    """What one turn sets aside for its only call, found by running one."""
    limit = set_limit(amount=100)
    seen: list[Decimal] = []
    stop = threading.Event()
    watcher = threading.Thread(target=watch, args=(seen, stop))
    watcher.start()
    desk.ask("hello", customer="first@example.com")
    stop.set()
    watcher.join()
    limit.delete()
    limit_list.forget()
    return max(seen)


def watch(seen: list[Decimal], stop: threading.Event) -> None:
    while not stop.wait(0.01):
        usage = Usage.objects.first()
        if usage:
            seen.append(usage.spent + usage.reserved)
    connection.close()


def test_fifty_at_once_never_pass_the_money_of_ten(desk: Desk, model: PlannedModel) -> None:
    limit = set_limit(amount=10 * most_of_one_turn(desk))
    received = [desk.send("hello", customer=f"one{number}@example.com") for number in range(TURNS)]
    seen: list[Decimal] = []
    stop = threading.Event()
    watcher = threading.Thread(target=watch, args=(seen, stop))
    watcher.start()

    threads = [threading.Thread(target=run_turn, args=(str(each.turn_id),)) for each in received]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    watcher.join()

    turns = Turn.objects.filter(pk__in=[each.turn_id for each in received])
    replied, failed = turns.filter(status="replied"), turns.filter(status="failed")
    assert replied.count() + failed.count() == TURNS
    assert replied.count() >= 10, "the money of ten admits ten"
    assert failed.count() > 0
    assert max(seen) <= limit.amount
    assert max(seen) > limit.amount / 2, "the watcher saw calls under way"
    said = Message.objects.filter(turn__in=failed, author="agent").values_list("text", flat=True)
    assert list(said) == [HANDED_OVER] * failed.count()
    assert "day" in failed[0].failure
    assert not Reservation.objects.exists()
    usage = Usage.objects.get()
    assert usage.reserved == 0
    assert usage.spent == replied.count() * Decimal("0.0015"), "what it cost, not what was set aside"


def test_a_worker_that_died_in_a_call_is_paid_in_full(desk: Desk, model: PlannedModel) -> None:
    most = most_of_one_turn(desk)
    set_limit(amount=10 * most)
    received = desk.send("hello", customer="one@example.com")
    turn = Turn.objects.get(pk=received.turn_id)
    from_a_dead_worker(turn, most)
    desk.work(received)
    assert Usage.objects.get().spent == most + Decimal("0.0015")


def from_a_dead_worker(turn: Turn, amount: Decimal) -> None:
    usage = Usage.objects.create(
        limit=Limit.objects.get(), begins_at=turn.queued_at.replace(hour=0, minute=0, second=0, microsecond=0)
    )
    Usage.objects.update(reserved=amount)
    Reservation.objects.create(
        turn_id=turn.pk, limit_id=usage.limit_id, subject="", begins_at=usage.begins_at, amount=amount
    )
