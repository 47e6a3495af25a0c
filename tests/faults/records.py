"""What the desk's database and the shop hold when all is over, as plain values for the reconciliation."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import httpx2
import psycopg
from psycopg.rows import class_row

Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class SessionRow:
    id: str
    email: str
    controller: str
    event_seq: int


@dataclass(frozen=True, kw_only=True)
class MessageRow:
    session_id: str
    seq: int
    turn_id: str | None
    author: str
    visibility: str
    text: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class EventRow:
    """`detail` is the new controller of a controller event, and the words of a text event."""

    session_id: str
    seq: int
    kind: str
    turn_id: str | None
    detail: str


@dataclass(frozen=True, kw_only=True)
class TurnRow:
    id: str
    session_id: str
    seq: int
    status: str
    attempts: int
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    failure: str

    @property
    def is_open(self) -> bool:
        return self.status in {"queued", "running"}


@dataclass(frozen=True, kw_only=True)
class CallRow:
    id: str
    session_id: str
    turn_id: str
    tool_name: str
    state: str
    order_id: str
    result: str


@dataclass(frozen=True, kw_only=True)
class RefundRow:
    """Of the shop's own books."""

    refund_id: str
    order_id: str
    amount: Decimal
    key: str


@dataclass(kw_only=True)
class Rows:
    sessions: list[SessionRow] = field(default_factory=list)
    messages: list[MessageRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    turns: list[TurnRow] = field(default_factory=list)
    calls: list[CallRow] = field(default_factory=list)
    # Sessions with an escalation, resolved ones included.
    escalated: set[str] = field(default_factory=set)
    reservations: list[str] = field(default_factory=list)
    refunds: list[RefundRow] = field(default_factory=list)


SESSIONS = """
SELECT s.id::text, c.email, s.controller, s.event_seq FROM agents_session AS s
JOIN agents_customer AS c ON c.id = s.customer_id ORDER BY s.id
"""
MESSAGES = """
SELECT session_id::text, seq, turn_id::text, author, visibility, text, created_at AS at
FROM agents_message ORDER BY session_id, seq
"""
EVENTS = """
SELECT session_id::text, seq, kind, turn_id::text, coalesce(data ->> 'controller', data ->> 'text', '') AS detail
FROM agents_turnevent ORDER BY session_id, seq
"""
TURNS = """
SELECT id::text, session_id::text, seq, status, attempts, queued_at, started_at, finished_at, failure
FROM agents_turn ORDER BY session_id, seq
"""
CALLS = """
SELECT id::text, session_id::text, turn_id::text, tool_name, state, coalesce(arguments ->> 'order_id', '') AS order_id,
  coalesce(left(result::text, 160), '') AS result
FROM tools_toolcall ORDER BY id
"""
ESCALATED = "SELECT DISTINCT session_id::text FROM agents_escalation"
RESERVATIONS = "SELECT turn_id::text FROM agents_reservation"
STILL_RESERVED = "SELECT limit_id || ' ' || subject || ': ' || reserved FROM agents_usage WHERE reserved <> 0"
# The shop's books begin with refunds that are older than the run.
SEEDED = "seed-"


def read_all(database_url: str, shop_url: str) -> Rows:
    with psycopg.connect(database_url) as connection:
        plain = connection.cursor()
        return Rows(
            sessions=read(connection, SessionRow, SESSIONS),
            messages=read(connection, MessageRow, MESSAGES),
            events=read(connection, EventRow, EVENTS),
            turns=read(connection, TurnRow, TURNS),
            calls=read(connection, CallRow, CALLS),
            escalated={row[0] for row in plain.execute(ESCALATED).fetchall()},
            reservations=[row[0] for sql in (RESERVATIONS, STILL_RESERVED) for row in plain.execute(sql).fetchall()],
            refunds=read_refunds(shop_url),
        )


def read(connection: psycopg.Connection[Any], kind: type[Row], sql: str) -> list[Row]:
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(sql.encode()).fetchall()


def read_refunds(shop_url: str) -> list[RefundRow]:
    answer = httpx2.get(f"{shop_url}/_refunds", trust_env=False)
    return [
        RefundRow(
            refund_id=row["refund_id"],
            order_id=row["order_id"],
            amount=Decimal(row["amount"]),
            key=row["idempotency_key"],
        )
        for row in answer.json()["refunds"]
        if not row["idempotency_key"].startswith(SEEDED)
    ]
