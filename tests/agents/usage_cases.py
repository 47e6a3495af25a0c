"""Limits, turns that set aside under them, and calls that begin at the same moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import F
from django.utils import timezone

from agents.journal import Lease
from agents.models import Limit, Session, Turn, Usage
from agents.usage import Reserved, limit_list, reserve
from tests.factories import make_session, make_turn
from tests.kept_caches import LONGER_THAN_ANY_TEST

USD, TOKENS = Limit.Measure.USD, Limit.Measure.TOKENS
ONE_CALL = Decimal("0.10")


@pytest.fixture
def fresh_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Read where a test makes some, and never again because it took longer than two seconds."""
    monkeypatch.setattr("agents.usage.CACHE_SECONDS", LONGER_THAN_ANY_TEST)
    limit_list.forget()
    yield
    limit_list.forget()


def make_limit(amount: str | int, *, scope: str = "all", measure: str = USD, **fields: Any) -> Limit:
    limit_list.forget()
    return Limit.objects.create(scope=scope, measure=measure, amount=amount, **{"period": "day", **fields})


def running_turn(session: Session | None = None) -> Turn:
    until = timezone.now() + timedelta(minutes=1)
    return make_turn(session or make_session(), status=Turn.Status.RUNNING, lease_until=until)


def lease_of(turn: Turn) -> Lease:
    assert turn.lease_token
    return Lease(turn_id=turn.pk, session_id=turn.session_id, token=turn.lease_token)


def set_aside(turn: Turn, *, tokens: int = 100, usd: Decimal = ONE_CALL, former: Reserved | None = None) -> Reserved:
    session = turn.session
    return reserve(
        turn_id=turn.pk,
        agent_id=session.agent_id,
        customer_id=session.customer_id,
        session_id=session.pk,
        tokens=tokens,
        usd=usd,
        former=former,
    )


def used(limit: Limit, subject: object = "") -> tuple[Decimal | int, Decimal | int]:
    """Spent and reserved."""
    usage = Usage.objects.filter(limit=limit, subject=str(subject)).first()
    return (usage.spent, usage.reserved) if usage else (0, 0)


def end(turn: Turn) -> None:
    Turn.objects.filter(pk=turn.pk).update(
        status="silenced", lease_token=None, lease_until=None, finished_at=timezone.now()
    )


@pytest.fixture
def sixty_connections(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    connection.close()
    connections["default"].close_pool()  # type: ignore[attr-defined]  # PostgreSQL's alone
    monkeypatch.setitem(connection.settings_dict["OPTIONS"]["pool"], "max_size", 60)
    yield
    connection.close()
    connections["default"].close_pool()  # type: ignore[attr-defined]  # PostgreSQL's alone


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """All calls begin at the same moment, each on a connection of its own."""
    ready = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        connection.ensure_connection()
        ready.wait(120)
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def watch_totals(stop: threading.Event, found: list[Decimal]) -> None:
    """What is spent and reserved, again and again, and once more when it is over: so there is always something."""
    try:
        is_over = False
        while not is_over:
            is_over = stop.is_set()
            found.extend(Usage.objects.values_list(F("spent") + F("reserved"), flat=True))
            time.sleep(0.001)
    finally:
        connection.close()
