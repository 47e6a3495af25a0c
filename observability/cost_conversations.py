"""The dearest conversations of a span of time, and what one costs on average."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from observability.cost import resolved_between
from observability.cost_figures import exact
from observability.cost_range import Wanted
from observability.cost_turns import turns_between
from observability.figures import spending
from observability.models import Trace

TOP = 10
# The turns of a span are read one by one. A hundred thousand take a tenth of a second; more than this is refused.
MOST_TURNS = 2_000_000
COLUMNS = {"agent_id": "agent_id", "agent_version": "agent_version", "channel": "channel", "model": "model"}


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """`usd` is the whole cost of its turns that ended in the span; `percent` of all conversations' turns."""

    session_id: UUID
    usd: Decimal
    turns: int
    ended_at: datetime
    percent: float | None
    newest: Trace | None

    @property
    def exact(self) -> str:
        return exact(self.usd)


@dataclass(frozen=True, kw_only=True)
class Conversations:
    """`usd` is what was spent on what the page is narrowed to; `resolved` is None where nobody can tell."""

    count: int
    resolved: int | None
    usd: Decimal
    top: list[Conversation]
    is_too_many: bool = False

    @property
    def usd_each(self) -> Decimal | None:
        return self.usd / self.count if self.count else None

    @property
    def usd_a_resolved(self) -> Decimal | None:
        return self.usd / self.resolved if self.resolved else None


def conversations_of(wanted: Wanted, now: datetime) -> Conversations:
    period = wanted.whole(now)
    spent = spending(since=period.since, until=period.until, where=wanted.where())
    usd = spent[0].usd if spent else Decimal(0)
    where = wanted.where_of_turns()
    turned = turns_between(period.since, period.until, where=where)
    if turned and turned[0].turns > MOST_TURNS:
        return Conversations(count=0, resolved=None, usd=usd, top=[], is_too_many=True)
    count, rows = read_dearest(where, since=period.since, until=period.until)
    return Conversations(
        count=count,
        resolved=resolved_between(period.since, min(period.until, now), where),
        usd=usd,
        top=described(rows, turned[0].cost_usd if turned else Decimal(0)),
    )


def count_conversations(where: dict[str, Any], *, since: datetime, until: datetime) -> int:
    return read_dearest(where, since=since, until=until)[0]


Dearest = tuple[UUID, Decimal, int, datetime]


def read_dearest(where: dict[str, Any], *, since: datetime, until: datetime) -> tuple[int, list[Dearest]]:
    """How many conversations had a turn that ended then, and the dearest with cost, turns and end: one pass."""
    conditions = "".join(f" AND {COLUMNS[name]} = %({name})s" for name in where)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT session_id, sum(cost_usd), count(*), max(ended_at), count(*) OVER () "  # noqa: S608
            "FROM observability_trace WHERE ended_at >= %(since)s AND ended_at < %(until)s"
            f"{conditions} GROUP BY session_id ORDER BY 2 DESC, session_id LIMIT {TOP}",
            {**where, "since": since, "until": until},
        )
        rows = cursor.fetchall()
    return (rows[0][4] if rows else 0), [row[:4] for row in rows]


def described(rows: list[Dearest], whole: Decimal) -> list[Conversation]:
    """With the newest turn of each, which says who it was with: a look-up in `trace_of_session` each."""
    return [
        Conversation(
            session_id=session_id,
            usd=usd,
            turns=turns,
            ended_at=ended_at,
            percent=float(100 * usd / whole) if whole else None,
            newest=Trace.objects.filter(session_id=session_id).order_by("-started_at").first(),
        )
        for session_id, usd, turns, ended_at in rows
    ]
