"""What the overview is asked for: a span of time in UTC up to now, an agent, a channel; and the addresses of lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from agents.models import Agent
from agents.models.sessions import Channel
from agents.resolution import Span
from observability.traces import BadQuery, read_uuid

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RANGES = {"24h": "24 hours", "7d": "7 days", "30d": "30 days"}
DAYS = {"7d": 7, "30d": 30}
DEFAULT_RANGE = "7d"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """`now` is read once, so that every figure of a page ends at the same instant."""

    now: datetime
    range: str = DEFAULT_RANGE
    agent: Agent | None = None
    channel: str = ""
    compares: bool = True

    @classmethod
    def read(cls, params: Mapping[str, str], *, now: datetime) -> Wanted:
        """Raises `BadQuery`."""
        span, channel = params.get("range") or DEFAULT_RANGE, params.get("channel", "")
        if span not in RANGES or (channel and channel not in Channel.values):
            raise BadQuery(f"There is no range {span!r} or no channel {channel!r}.")
        agent = Agent.objects.filter(pk=read_uuid(params["agent"])).first() if params.get("agent") else None
        if params.get("agent") and agent is None:
            raise BadQuery("There is no such agent.")
        return cls(now=now, range=span, agent=agent, channel=channel, compares=params.get("compare") != "0")

    @property
    def agent_id(self) -> UUID | None:
        return self.agent.pk if self.agent else None

    @property
    def step(self) -> str:
        return "hour" if self.range == "24h" else "day"

    @property
    def since(self) -> datetime:
        """Whole hours or days, the unfinished one included."""
        if self.step == "hour":
            return self.now.replace(minute=0, second=0, microsecond=0) - 23 * HOUR
        return self.now.replace(hour=0, minute=0, second=0, microsecond=0) - (DAYS[self.range] - 1) * DAY

    @property
    def length(self) -> timedelta:
        """Of the whole range, with what is to come of its last hour or day."""
        return 24 * HOUR if self.step == "hour" else DAYS[self.range] * DAY

    def span(self) -> Span:
        return Span(since=self.since, until=self.now, agent_id=self.agent_id, channel=self.channel)

    def span_before(self) -> Span:
        """As much of the range before as has gone by of this one."""
        return Span(
            since=self.since - self.length,
            until=self.now - self.length,
            agent_id=self.agent_id,
            channel=self.channel,
        )

    def steps(self) -> list[datetime]:
        size = HOUR if self.step == "hour" else DAY
        return [self.since + size * place for place in range(round(self.length / size))]

    def end_of(self, begin: datetime) -> datetime:
        return min(begin + (HOUR if self.step == "hour" else DAY), self.now)

    def label(self, begin: datetime) -> str:
        return f"{begin:%H:%M} UTC" if self.step == "hour" else f"{begin:%a} {begin.day} {begin:%b}"

    def where(self) -> dict[str, Any]:
        """For `turn_figures` and `spending`."""
        named = {"agent_id": self.agent_id, "channel": self.channel}
        return {name: value for name, value in named.items() if value}

    def where_of_steps(self) -> dict[str, Any]:
        """For `step_figures`, which knows no channels."""
        return {"agent": self.agent.slug} if self.agent else {}

    # -- addresses

    def query(self, **changed: str) -> str:
        """A URL's query part that asks for the same, with some changed."""
        now = {
            "range": "" if self.range == DEFAULT_RANGE else self.range,
            "agent": str(self.agent_id or ""),
            "channel": self.channel,
            "compare": "" if self.compares else "0",
            **changed,
        }
        return "?" + urlencode({name: value for name, value in now.items() if value})

    def conversations(self, name: str, begin: datetime | None = None) -> str:
        """One of the lists of `agents.resolution.LISTS`; of one bar, if given."""
        query = self.query(since=begin.isoformat() if begin else "")
        return reverse("agents:overview_list", args=[name]) + query

    def traces(self, begin: datetime | None = None, **more: str) -> str:
        until = self.end_of(begin) if begin else self.now
        values = {
            "since": (begin or self.since).isoformat(),
            "until": until.isoformat(),
            "agent": str(self.agent_id or ""),
            "channel": self.channel,
            **more,
        }
        return (
            f"{reverse('observability:traces')}?{urlencode({name: value for name, value in values.items() if value})}"
        )
