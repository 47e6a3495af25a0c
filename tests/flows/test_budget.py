"""Money that many turns at once share: what is spent and set aside never exceeds it; who gets none gets a person."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from agents.models import Limit, Message, Reservation, Turn, Usage
from agents.tasks import run_turn
from agents.usage import limit_list
from tests.flows.conftest import Desk
from tests.flows.planned import PlannedModel, first, planned_model
from tests.messages_api import text

TURNS = 50
HANDED_OVER = "I have passed this to a colleague, who will answer you here."


@pytest.fixture
def model(desk: Desk, settings: Any) -> Iterator[PlannedModel]:
    with planned_model(settings) as model:
        model.answers = [text("Hello.")]
        yield model


def set_limit(**values: Any) -> Limit:
    limit = Limit.objects.create(**{"scope": "all", "measure": "usd", "period": "day", **values})
    limit_list.forget()
    return limit


def most_of_one_turn(desk: Desk, model: PlannedModel) -> Decimal:
    """What one turn sets aside for its only call, seen while the call is made."""
    limit = set_limit(amount=100)
    seen: list[Decimal] = []
    answers = model.answers
    model.answers = [first(lambda: seen.append(Usage.objects.get().reserved), text("Hello."))]
    desk.ask("hello", customer="first@example.com")
    model.answers = answers
    limit.delete()
    limit_list.forget()
    return seen[0]


def watch(seen: list[Decimal], stop: threading.Event) -> None:
    while not stop.wait(0.01):
        usage = Usage.objects.first()
        if usage:
            seen.append(usage.spent + usage.reserved)
    connection.close()


def test_fifty_at_once_never_pass_the_money_of_ten(desk: Desk, model: PlannedModel) -> None:
    limit = set_limit(amount=10 * most_of_one_turn(desk, model))
    # The calls last until every turn has made its own or has been refused, however slowly the threads get on.
    released = threading.Event()
    model.asked.clear()
    model.answers = [text("Hello.", until=released.is_set)]
    received = [desk.send("hello", customer=f"one{number}@example.com") for number in range(TURNS)]
    seen: list[Decimal] = []
    stop = threading.Event()
    watcher = threading.Thread(target=watch, args=(seen, stop))
    watcher.start()

    threads = [threading.Thread(target=run_turn, args=(str(each.turn_id),)) for each in received]
    for thread in threads:
        thread.start()
    try:
        wait_until_all_are_decided(model)
        under_way = Usage.objects.get().reserved
    finally:
        released.set()
        for thread in threads:
            thread.join()
        stop.set()
    watcher.join()

    turns = Turn.objects.filter(pk__in=[each.turn_id for each in received])
    replied, failed = turns.filter(status="replied"), turns.filter(status="failed")
    assert replied.count() + failed.count() == TURNS
    assert replied.count() == 10, "the money of ten admits ten"
    assert max(seen) <= limit.amount
    assert limit.amount / 2 < under_way <= limit.amount
    said = Message.objects.filter(turn__in=failed, author="agent").values_list("text", flat=True)
    assert list(said) == [HANDED_OVER] * failed.count()
    assert "day" in failed[0].failure
    assert not Reservation.objects.exists()
    usage = Usage.objects.get()
    assert usage.reserved == 0
    assert usage.spent == replied.count() * Decimal("0.0015"), "what it cost, not what was set aside"


def wait_until_all_are_decided(model: PlannedModel) -> None:
    deadline = time.monotonic() + 120
    while len(model.asked) + Turn.objects.filter(status="failed").count() < TURNS:
        assert time.monotonic() < deadline, "not all turns have come so far"
        time.sleep(0.02)


def test_a_worker_that_died_in_a_call_is_paid_in_full(desk: Desk, model: PlannedModel) -> None:
    most = most_of_one_turn(desk, model)
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
