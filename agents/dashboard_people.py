"""The figures of the overview that are read from rows of people's work: first answers, approvals, violations, reasons.

Each is bounded: a range of an index, or of first answers the newest thousand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, Q

from agents.models import Escalation
from agents.resolution import Span
from guardrails.models import Violation
from tools.models import Approval

SAMPLE = 1_000
# From a conversation's beginning to the agent's first public message; from a hand-over to a person's first one.
FIRST_BY_AGENT = f"""
SELECT extract(epoch FROM m.created_at - s.opened_at)::float8 * 1000 AS ms FROM (
  SELECT s.id, s.opened_at FROM agents_session AS s
  WHERE s.opened_at >= %(since)s AND s.opened_at < %(until)s {{conditions}} ORDER BY s.opened_at DESC LIMIT {SAMPLE}
) AS s CROSS JOIN LATERAL (
  SELECT m.created_at FROM agents_message AS m
  WHERE m.session_id = s.id AND m.author = 'agent' AND m.visibility = 'public' ORDER BY m.seq LIMIT 1
) AS m"""  # noqa: S608  a number of ours
FIRST_BY_PEOPLE = f"""
SELECT extract(epoch FROM m.created_at - s.handed_over_at)::float8 * 1000 AS ms FROM (
  SELECT s.id, s.handed_over_at FROM agents_session AS s
  WHERE s.handed_over_at >= %(since)s AND s.handed_over_at < %(until)s {{conditions}}
  ORDER BY s.handed_over_at DESC LIMIT {SAMPLE}
) AS s CROSS JOIN LATERAL (
  SELECT m.created_at FROM agents_message AS m
  WHERE m.session_id = s.id AND m.author = 'person' AND m.visibility = 'public' ORDER BY m.seq LIMIT 1
) AS m"""  # noqa: S608  a number of ours
PERCENTILES = """
SELECT count(*), percentile_cont(%(low)s) WITHIN GROUP (ORDER BY ms),
  percentile_cont(%(high)s) WITHIN GROUP (ORDER BY ms)
FROM ({rows}) AS x"""
DECIDED = """
SELECT extract(epoch FROM a.decided_at - a.requested_at)::float8 * 1000 AS ms FROM tools_approval AS a
WHERE a.status IN ('approved', 'used', 'rejected') AND a.decided_at >= %(since)s AND a.decided_at < %(until)s
  {conditions}"""


@dataclass(frozen=True, kw_only=True)
class Waits:
    """How many were timed, the middle and a higher percentile in milliseconds; None without any."""

    count: int
    middle_ms: float | None
    high_ms: float | None


def first_by_agent(span: Span) -> Waits:
    return waits(FIRST_BY_AGENT.format(conditions=span.conditions), span.params, high=0.9)


def first_by_people(span: Span) -> Waits:
    return waits(FIRST_BY_PEOPLE.format(conditions=span.conditions), span.params, high=0.9)


def decisions(span: Span) -> Waits:
    """On approvals, by people: from the request on. Approvals know no channel."""
    of_agent = "AND a.agent_id = %(agent)s" if span.agent_id else ""
    return waits(DECIDED.format(conditions=of_agent), span.params, high=0.95)


def waits(rows: str, params: dict[str, Any], *, high: float) -> Waits:
    with connection.cursor() as cursor:
        cursor.execute(PERCENTILES.format(rows=rows), {**params, "low": 0.5, "high": high})
        count, middle, upper = cursor.fetchone()
    return Waits(count=count, middle_ms=middle, high_ms=upper)


def approvals_waiting(span: Span) -> int:
    waiting = Approval.objects.filter(status=Approval.Status.PENDING)
    return (waiting.filter(agent_id=span.agent_id) if span.agent_id else waiting).count()


@dataclass(frozen=True, kw_only=True)
class Violations:
    """Seen in the time; of them open, and of those that somebody judged the false alarms."""

    seen: int
    open: int
    judged: int
    wrong: int

    @property
    def wrong_percent(self) -> float | None:
        return 100 * self.wrong / self.judged if self.judged else None


def violations(span: Span) -> Violations:
    seen = Violation.objects.filter(at__gte=span.since, at__lt=span.until)
    seen = seen.filter(agent_id=span.agent_id) if span.agent_id else seen
    open_ones = Q(triage=Violation.Triage.OPEN)
    row = seen.aggregate(
        seen=Count("pk"),
        open=Count("pk", filter=open_ones),
        judged=Count("pk", filter=~open_ones),
        wrong=Count("pk", filter=Q(triage=Violation.Triage.FALSE_POSITIVE)),
    )
    return Violations(**row)


def reasons(span: Span) -> list[tuple[str, int]]:
    """Why the agent handed over in the time, the most frequent reason first: value and count of escalations."""
    rows = Escalation.objects.filter(opened_at__gte=span.since, opened_at__lt=span.until)
    if span.agent_id:
        rows = rows.filter(session__agent_id=span.agent_id)
    if span.channel:
        rows = rows.filter(session__channel=span.channel)
    found = rows.order_by().values_list("reason").annotate(count=Count("pk"))
    return sorted(found, key=lambda row: (-row[1], row[0]))
