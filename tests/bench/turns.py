"""Turns run in this process, and what they cost. Django is set up by whoever imports this."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import connection

from agents.intake import Inbound, receive
from agents.models import Session
from agents.models.sessions import Channel
from agents.runtime import loop
from agents.turns import claim_turn

TURNS = 5


def measure(sessions: int, count_round_trips: Callable[[], int]) -> dict[str, Any]:
    """Seconds per turn by place in the session, and what all turns together cost."""
    run_session()  # imports, caches, connections
    before = (count_round_trips(), server_figures(), cpu_seconds())
    times = [run_session() for _ in range(sessions)]
    after = (count_round_trips(), server_figures(), cpu_seconds())
    turns = sessions * TURNS
    return {
        "seconds": times,
        "round_trips": (after[0] - before[0]) / turns,
        "commits": (after[1][0] - before[1][0]) / turns,
        "wal_bytes": (after[1][1] - before[1][1]) / turns,
        "cpu_ms": (after[2] - before[2]) / turns * 1000,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def run_session() -> list[float]:

    session_id: UUID | None = None
    seconds = []
    for number in range(TURNS):
        inbound = Inbound(
            agent_slug="support",
            channel=Channel.CHAT,
            customer_email="ada@example.com",
            text=f"Where is my order 1042? ({number})",
            identity=Session.Identity.VERIFIED,
            session_id=session_id,
        )
        started = time.perf_counter()
        session_id = one_turn(inbound)
        seconds.append(time.perf_counter() - started)
    return seconds


def one_turn(inbound: Any) -> UUID:

    received = receive(inbound)
    assert received.turn_id is not None
    claim = claim_turn(received.turn_id)
    assert claim is not None
    loop.run_turn(claim)
    return received.session_id


def server_figures() -> tuple[int, int]:
    """Write transactions and bytes of WAL so far. The next transaction id grows by one with each write transaction."""

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint, pg_current_wal_insert_lsn() - '0/0'"
        )
        row = cursor.fetchone()
    return int(row[0]), int(row[1])


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
