"""What became of conversations, said once for every page: `docs/overview.md` has the same in more words.

Each is counted at the moment at which it became so:
- begun: its first message.
- confirmed: it was said to be solved, by the person who closed it or by the customer. A customer who writes again takes
  that back, and a conversation that was closed without it being solved is none.
- assumed: the agent alone answered, the customer wrote nothing for `ASSUMED_RESOLVED_HOURS`, here or in a new
  conversation with that agent, and nobody said anything. It counts from the end of that silence on.
- handed over: a person had the word for the first time, because the agent gave it or a person took it. That it is
  confirmed later does not undo it.
- unsolved: closed by a person who did not call it solved, without ever having been handed over.
- reopened: it was confirmed or assumed, and its customer wrote again within seven days, here or in a new conversation
  with that agent. It is counted once, after its longest silence.

So each conversation has at most one end: solved by the agent alone, assumed, unsolved, or handed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import TextChoices
from django.utils import timezone

from agents.models import Session

REOPENED_WITHIN = timedelta(days=7)


class Kind(TextChoices):
    """What is counted; the value stands in addresses."""

    BEGUN = "begun", "Conversations"
    SOLVED = "solved", "Solved by the agent alone"
    SOLVED_BY_PEOPLE = "solved-by-people", "Solved with a person"
    ASSUMED = "assumed", "Assumed solved"
    UNSOLVED = "unsolved", "Closed unsolved"
    HANDED_OVER = "handed-over", "Handed over"
    REOPENED = "reopened", "Reopened"


# Each conversation has at most one of these.
ENDS = (Kind.SOLVED, Kind.ASSUMED, Kind.UNSOLVED, Kind.HANDED_OVER)
RESOLVED = (Kind.SOLVED, Kind.SOLVED_BY_PEOPLE, Kind.ASSUMED)
# What a list may show: the word of its address, its name, its kinds.
LISTS: Mapping[str, tuple[str, tuple[Kind, ...]]] = {
    "begun": ("Begun", (Kind.BEGUN,)),
    "ended": ("Ended", ENDS),
    "resolved": ("Resolved", RESOLVED),
    **{kind.value: (str(kind.label), (kind,)) for kind in Kind if kind != Kind.BEGUN},
}

# By kind: the instant (as SQL over `agents_session AS s`), the column that its index has, which is so much earlier, and
# what must hold besides. Each is a range of an index of the model.
SILENCE = "%(silence)s::interval"
INSTANTS: Mapping[Kind, tuple[str, str, str]] = {
    Kind.BEGUN: ("s.opened_at", "s.opened_at", "TRUE"),
    Kind.SOLVED: ("s.solved_at", "s.solved_at", "s.handed_over_at IS NULL"),
    Kind.SOLVED_BY_PEOPLE: ("s.solved_at", "s.solved_at", "s.handed_over_at IS NOT NULL"),
    Kind.ASSUMED: (
        f"s.last_message_at + {SILENCE}",
        "s.last_message_at",
        "s.controller = 'agent' AND s.preview_author = 'agent' AND s.waiting_since IS NULL "
        "AND s.handed_over_at IS NULL AND s.solved_at IS NULL AND (s.came_back_at IS NULL "
        f"OR s.came_back_at <= s.last_message_at OR s.came_back_at >= s.last_message_at + {SILENCE})",
    ),
    Kind.UNSOLVED: ("s.closed_at", "s.closed_at", "s.solved_at IS NULL AND s.handed_over_at IS NULL"),
    Kind.HANDED_OVER: ("s.handed_over_at", "s.handed_over_at", "TRUE"),
    Kind.REOPENED: (
        "s.came_back_at",
        "s.came_back_at",
        f"(s.quiet_since IS NULL OR s.came_back_at - s.quiet_since BETWEEN {SILENCE} AND %(within)s::interval "
        "AND (s.handed_over_at IS NULL OR s.handed_over_at > s.quiet_since))",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Span:
    """From `since` up to `until`, of one agent or channel if named."""

    since: datetime
    until: datetime
    agent_id: UUID | None = None
    channel: str = ""

    @property
    def params(self) -> dict[str, Any]:
        return {
            "since": self.since,
            "until": min(self.until, timezone.now()),
            "agent": self.agent_id,
            "channel": self.channel,
            "silence": silence(),
            "within": REOPENED_WITHIN,
        }

    @property
    def conditions(self) -> str:
        """Of rows of conversations `s`."""
        of_agent = " AND s.agent_id = %(agent)s" if self.agent_id else ""
        return of_agent + (" AND s.channel = %(channel)s" if self.channel else "")


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """How many conversations, by kind."""

    counts: Mapping[Kind, int]

    def __getitem__(self, kind: Kind) -> int:
        return self.counts.get(kind, 0)

    @property
    def begun(self) -> int:
        return self[Kind.BEGUN]

    @property
    def confirmed(self) -> int:
        return self[Kind.SOLVED] + self[Kind.SOLVED_BY_PEOPLE]

    @property
    def by_people(self) -> int:
        return self[Kind.SOLVED_BY_PEOPLE]

    @property
    def assumed(self) -> int:
        return self[Kind.ASSUMED]

    @property
    def resolved(self) -> int:
        return self.confirmed + self.assumed

    @property
    def handed_over(self) -> int:
        return self[Kind.HANDED_OVER]

    @property
    def reopened(self) -> int:
        return self[Kind.REOPENED]

    @property
    def ended(self) -> int:
        return sum(self[kind] for kind in ENDS)

    @property
    def alone_percent(self) -> float | None:
        """Of those that ended, those that the agent solved alone, assumed ones included."""
        return 100 * (self[Kind.SOLVED] + self.assumed) / self.ended if self.ended else None


def silence() -> timedelta:
    return timedelta(hours=settings.ASSUMED_RESOLVED_HOURS)


def rows_of(kind: Kind, span: Span) -> str:
    """The conversations that became so in the span, as a SELECT of `id` and `at`."""
    instant, column, condition = INSTANTS[kind]
    earlier = f" - {SILENCE}" if instant != column else ""
    return (
        f"SELECT s.id, {instant} AS at FROM agents_session AS s WHERE {column} >= %(since)s{earlier} "  # noqa: S608
        f"AND {column} < %(until)s{earlier} AND {condition}{span.conditions}"
    )


def outcomes(span: Span, *, kinds: tuple[Kind, ...] = tuple(Kind)) -> Outcomes:
    return Outcomes(counts={kind: sum(counts.values()) for kind, counts in outcomes_by(span, "", kinds=kinds).items()})


def outcomes_by(
    span: Span, step: str, *, kinds: tuple[Kind, ...] = tuple(Kind)
) -> dict[Kind, dict[datetime | None, int]]:
    """By kind and where its hour or day (UTC) begins; without a step all together, under None."""
    bucket = f"date_trunc('{step}', x.at, 'UTC')" if step in {"hour", "day"} else "NULL::timestamptz"
    parts = [
        f"(SELECT '{kind.value}', {bucket} AS bucket, count(*) FROM ({rows_of(kind, span)}) AS x GROUP BY bucket)"  # noqa: S608
        for kind in kinds
    ]
    found: dict[Kind, dict[datetime | None, int]] = {kind: {} for kind in kinds}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), span.params)
        for kind, begin, count in cursor.fetchall():
            found[Kind(kind)][begin] = count
    return found


def resolved_between(since: datetime, until: datetime, agent_id: UUID | None = None, channel: str = "") -> int:
    """How many conversations were resolved in that time, confirmed and assumed."""
    return outcomes(Span(since=since, until=until, agent_id=agent_id, channel=channel), kinds=RESOLVED).resolved


def confirm(session_id: UUID) -> bool:
    """The customer says that it is solved. Whether this was news; a closed conversation takes no more of them."""
    open_ones = Session.objects.filter(pk=session_id, solved_at__isnull=True, closed_at__isnull=True)
    return bool(open_ones.update(solved_at=timezone.now()))
