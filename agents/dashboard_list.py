"""The conversations behind a number of the overview, newest first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db import connection

from agents.models import Escalation, Session
from agents.queue import read_cursor
from agents.resolution import Kind, Span, rows_of

PAGE_SIZE = 50
OF_REASON = """ WHERE EXISTS (SELECT FROM agents_escalation AS e WHERE e.session_id = x.id AND e.reason = %(reason)s)"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """`at` is when it became what the list is of; `reasons` are those of its hand-overs."""

    session: Session
    at: datetime
    reasons: list[str]


@dataclass(frozen=True, kw_only=True)
class Page:
    """`after` is the cursor of the page after this one, or empty on the last."""

    rows: list[Row]
    after: str


def page_of(kinds: tuple[Kind, ...], span: Span, *, reason: str = "", after: str = "") -> Page:
    """Raises `agents.queue.BadCursor`."""
    params = {**span.params, "reason": reason, "limit": PAGE_SIZE + 1}
    place = ""
    if after:
        at, pk = read_cursor(after)
        # The rows up to the cursor's instant are a range of the index; those beside it are left out in what is read.
        span = replace(span, until=min(span.until, at + datetime.resolution))
        params = {**params, **span.params, "at": at, "pk": pk}
        place = f"{' AND' if reason else ' WHERE'} (x.at, x.id) < (%(at)s, %(pk)s)"
    rows = " UNION ALL ".join(f"({rows_of(kind, span)})" for kind in kinds)
    sql = f"SELECT x.id, x.at FROM ({rows}) AS x{OF_REASON if reason else ''}{place}"  # noqa: S608  words of ours
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} ORDER BY x.at DESC, x.id DESC LIMIT %(limit)s", params)
        found: list[tuple[UUID, datetime]] = cursor.fetchall()
    shown = found[:PAGE_SIZE]
    last = shown[-1] if len(found) > PAGE_SIZE else None
    return Page(rows=rows_with(shown), after=f"{last[1].timestamp() * 1_000_000:.0f}-{last[0].hex}" if last else "")


def rows_with(shown: list[tuple[UUID, datetime]]) -> list[Row]:
    ids = [pk for pk, _ in shown]
    sessions = Session.objects.select_related("customer", "agent").in_bulk(ids)
    reasons: dict[UUID, list[str]] = {}
    for session_id, reason in (
        Escalation.objects.filter(session__in=ids).order_by("opened_at").values_list("session_id", "reason")
    ):
        reasons.setdefault(session_id, []).append(str(Escalation.Reason(reason).label))
    return [Row(session=sessions[pk], at=at, reasons=reasons.get(pk, [])) for pk, at in shown if pk in sessions]
