"""What a page of money shows: a span of days in UTC, and what it is narrowed to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from observability.models import Charge
from observability.traces import BadQuery, read_instant, read_uuid

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Up to so many days a chart shows hours.
MOST_DAYS_BY_HOUR = 2
MOST_DAYS = 731
RANGES = {
    "today": "Today",
    "7d": "7 days",
    "30d": "30 days",
    "month": "This month",
    "last-month": "Last month",
    "custom": "Chosen days",
}
DEFAULT_RANGE = "30d"
STACKS = {"kind": "Kind", "model": "Model"}


@dataclass(frozen=True, kw_only=True)
class Period:
    """From `since` up to `until`, which may lie ahead; `before` is where the period that it is compared to begins."""

    since: datetime
    until: datetime
    before: datetime

    @property
    def days(self) -> int:
        return (self.until - self.since).days

    @property
    def step(self) -> timedelta:
        return HOUR if self.days <= MOST_DAYS_BY_HOUR else DAY

    def steps(self) -> list[datetime]:
        count = int((self.until - self.since) / self.step)
        return [self.since + self.step * number for number in range(count)]

    def elapsed(self, now: datetime) -> timedelta:
        return max(min(now, self.until) - self.since, timedelta(0))

    def end_before(self, now: datetime) -> datetime:
        """Up to where the period before counts: as much of it as has gone by of this one."""
        return min(self.before + self.elapsed(now), self.since)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def first_of_next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def first_of_last_month(day: date) -> date:
    return (day.replace(day=1) - DAY).replace(day=1)


def month_of(day: date) -> Period:
    first = day.replace(day=1)
    before = first_of_last_month(first)
    return Period(since=midnight(first), until=midnight(first_of_next_month(first)), before=midnight(before))


def days_of(first: date, last: date) -> Period:
    """Both days included; compared to as many days before."""
    count = (last - first) + DAY
    return Period(since=midnight(first), until=midnight(last + DAY), before=midnight(first - count))


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A query string of a page of money, read. `since` and `until` are one bar of the chart."""

    range: str = DEFAULT_RANGE
    first: date | None = None
    last: date | None = None
    agent: UUID | None = None
    version: int | None = None
    channel: str = ""
    kind: str = ""
    subject: str = ""
    basis: str = ""
    stack: str = "kind"
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def read(cls, params: Mapping[str, str]) -> Wanted:
        """Raises `BadQuery`."""
        agent, since, until = (params.get(name, "") for name in ("agent", "since", "until"))
        first, last = read_days(params)
        span = known("range", params.get("range", ""), RANGES) or ("custom" if first else DEFAULT_RANGE)
        return cls(
            range=span if first or span != "custom" else DEFAULT_RANGE,
            first=first,
            last=last,
            agent=read_uuid(agent) if agent else None,
            version=read_version(params.get("version", "")) if agent else None,
            channel=text_of(params, "channel", 20),
            kind=known("kind", params.get("kind", ""), dict(Charge.Kind.choices)),
            subject=text_of(params, "subject", 120),
            basis=known("basis", params.get("basis", ""), dict(Charge.Basis.choices)),
            stack=known("chart", params.get("stack") or "kind", STACKS),
            since=read_instant(since.replace(" ", "+")) if since else None,
            until=read_instant(until.replace(" ", "+")) if until else None,
        )

    def params(self, **changed: str) -> dict[str, str]:
        """The parameters that say the same, with some changed; what is usual is left out."""
        now = {
            "range": self.range,
            "from": self.first.isoformat() if self.first else "",
            "to": self.last.isoformat() if self.last else "",
            **self.narrowed(),
            "stack": self.stack,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }
        usual = {"range": DEFAULT_RANGE, "stack": "kind"}
        return {name: value for name, value in {**now, **changed}.items() if value and value != usual.get(name)}

    def query(self, **changed: str) -> str:
        """A URL's query part, with its question mark."""
        return f"?{urlencode(self.params(**changed))}"

    def narrowed(self) -> dict[str, str]:
        """What it is narrowed by besides time, as parameters."""
        named = {
            "agent": str(self.agent or ""),
            "version": "" if self.version is None else str(self.version),
            "channel": self.channel,
            "kind": self.kind,
            "subject": self.subject,
            "basis": self.basis,
        }
        return {name: value for name, value in named.items() if value}

    def where(self) -> dict[str, Any]:
        """The same by the columns of the sums, as `observability.figures.spending` takes it."""
        columns = {"agent": "agent_id", "version": "agent_version"}
        return {columns.get(name, name): getattr(self, name) for name in self.narrowed()}

    def where_of_turns(self) -> dict[str, Any]:
        """What of it a turn can be told by: a turn has one model of its own, and no kind of charge."""
        columns = {"agent": "agent_id", "version": "agent_version", "channel": "channel"}
        found = {columns[name]: getattr(self, name) for name in self.narrowed() if name in columns}
        if self.kind == Charge.Kind.MODEL and self.subject:
            found["model"] = self.subject
        return found

    def turns_query(self, now: datetime, *, agent: str = "", version: str = "", channel: str = "") -> str:
        """The query part of the list of traces that are counted here, or of those of a row that are narrowed further.

        What that list reads: `observability/trace_filter.py`.
        """
        period, where = self.period(now), self.where_of_turns()
        version = version or ("" if self.version is None else str(self.version))
        shown = {
            "agent": agent or str(self.agent or ""),
            "channel": channel or self.channel,
            "model": where.get("model", ""),
            "q": f"version:{version}" if version else "",
            "since": period.since.isoformat(),
            "until": period.until.isoformat(),
        }
        return f"?{urlencode({name: value for name, value in shown.items() if value})}"

    def period(self, now: datetime) -> Period:
        """One bar, if one is chosen; else the range as of now."""
        if self.since and self.until:
            return Period(since=self.since, until=self.until, before=self.since - (self.until - self.since))
        return self.whole(now)

    def whole(self, now: datetime) -> Period:
        today = now.astimezone(UTC).date()
        if self.first and self.last:
            return days_of(self.first, self.last)
        if self.range == "month":
            return month_of(today)
        if self.range == "last-month":
            return month_of(first_of_last_month(today))
        days = {"today": 1, "7d": 7}.get(self.range, 30)
        return days_of(today - timedelta(days=days - 1), today)

    def name(self, now: datetime) -> str:
        """The span in words: "today", "the last 30 days", "November 2026", "1 Nov to 14 Nov 2026"."""
        period = self.whole(now)
        if self.range in {"month", "last-month"}:
            return f"{period.since:%B %Y}"
        if self.first and self.last:
            if self.first == self.last:
                return f"{self.first.day} {self.first:%b %Y}"
            return f"{self.first.day} {self.first:%b} to {self.last.day} {self.last:%b %Y}"
        return "today" if self.range == "today" else f"the last {RANGES[self.range]}"

    def without_bar(self) -> Wanted:
        return replace(self, since=None, until=None)


# -- reading


def read_days(params: Mapping[str, str]) -> tuple[date | None, date | None]:
    """The days of a chosen span, in order; both None where the form was left empty. One alone is a single day."""
    found = [read_day(params[name]) for name in ("from", "to") if params.get(name)]
    if not found or params.get("range", "custom") != "custom":
        return None, None
    first, last = min(found), max(found)
    if (last - first).days >= MOST_DAYS:
        raise BadQuery(f"A span has at most {MOST_DAYS} days.")
    return first, last


def read_day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise BadQuery(f"{text!r} is no day") from error
    if not 2000 <= day.year <= 2200:
        raise BadQuery(f"{text!r} is out of range")
    return day


def read_version(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise BadQuery(f"{text!r} is no version")
    return int(text)


def known(name: str, value: str, values: Mapping[str, str]) -> str:
    if value and value not in values:
        raise BadQuery(f"There is no {name} {value!r}.")
    return value


def text_of(params: Mapping[str, str], name: str, length: int) -> str:
    return params.get(name, "").replace("\0", "")[:length]
