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
        return self.status in {"queued", "running", "waiting"}


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


@dataclass(frozen=True, kw_only=True)
class ApprovalRow:
    id: str
    session_id: str
    call_id: str
    status: str
    needed: int
    amount: Decimal | None
    requested_at: datetime
    decided_at: datetime | None
    used_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class VoteRow:
    """`is_of_this` where it was said to the arguments that the approval has now."""

    approval_id: str
    email: str
    verdict: str
    is_of_this: bool


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that must not be."""

    session_id: str
    text: str


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
    approvals: list[ApprovalRow] = field(default_factory=list)
    votes: list[VoteRow] = field(default_factory=list)
    # Calls that the limits on money count.
    counted: set[str] = field(default_factory=set)
    # When the first request of each call came to the shop, whatever became of it.
    arrived: dict[str, datetime] = field(default_factory=dict)


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
APPROVALS = """
SELECT id::text, coalesce(session_id::text, '') AS session_id, call_id::text, status, needed, amount, requested_at,
  decided_at, used_at
FROM tools_approval ORDER BY requested_at
"""
VOTES = """
SELECT v.approval_id::text, u.email, v.verdict, v.digest = a.digest AS is_of_this FROM tools_approvalvote AS v
JOIN tools_approval AS a ON a.id = v.approval_id JOIN auth_user AS u ON u.id = v.user_id ORDER BY v.at
"""
COUNTED = "SELECT call_id::text FROM tools_moneyuse"
# The shop's books begin with refunds that are older than the run.
SEEDED = "seed-"


def read_all(database_url: str, shop_url: str, arrived: dict[str, datetime]) -> Rows:
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
            approvals=read(connection, ApprovalRow, APPROVALS),
            votes=read(connection, VoteRow, VOTES),
            counted={row[0] for row in plain.execute(COUNTED).fetchall()},
            arrived=arrived,
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
