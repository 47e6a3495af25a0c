"""The violations: what of them a list shows, page by page from the newest, and which conversation they are of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from guardrails.findings import Policy, Tier
from guardrails.models import Violation
from guardrails.violation_words import RULE_LENGTH

Triage = Violation.Triage
PAGE_SIZE = 50
ALL = "all"
# "999+" says enough; counting further would read rows that nobody looks at.
MOST_COUNTED = 1_000
# The agents and guardrails on offer are those of so many of the newest rows: reading all would be a scan.
FACET_SAMPLE = 1_000
# Of one conversation so many are marked; more would hide what was said.
MOST_OF_SESSION = 500
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class BadQuery(ValueError):
    """A filter or a cursor that no page of ours has written."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """A span of time up to now in `count` steps, the last of which is unfinished. `is_endless`: the list goes back
    further than the figures do."""

    key: str
    name: str
    step: timedelta
    count: int
    is_endless: bool = False

    def begin(self, now: datetime) -> datetime:
        """The first step's, so that the figures and the list count the same."""
        return floor(now, self.step) - self.step * (self.count - 1)


RANGES = {
    each.key: each
    for each in (
        Range(key="24h", name="24 hours", step=HOUR, count=24),
        Range(key="7d", name="7 days", step=DAY, count=7),
        Range(key="30d", name="30 days", step=DAY, count=30),
        Range(key=ALL, name="All time", step=DAY, count=90, is_endless=True),
    )
}
DEFAULT_RANGE = RANGES["7d"]


def floor(moment: datetime, step: timedelta) -> datetime:
    """Hours and days begin as they do in UTC."""
    moment = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return moment.replace(hour=0) if step == DAY else moment


@dataclass(frozen=True, kw_only=True)
class Cursor:
    at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{self.at.isoformat()}_{self.id.hex}"

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Raises `BadQuery`."""
        at, _, violation_id = text.rpartition("_")
        return cls(at=read_instant(at), id=read_uuid(violation_id))


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a list of violations shows. `since` and `until` are one bar of the trend; an empty `triage` is all."""

    triage: str = Triage.OPEN
    range: Range = DEFAULT_RANGE
    rule: str = ""
    policy: str = ""
    stage: str = ""
    action: str = ""
    tier: str = ""
    agent: UUID | None = None
    guardrail: UUID | None = None
    session: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def read(cls, params: Mapping[str, str]) -> Wanted:
        """From a query string. Raises `BadQuery`."""
        triage = params.get("triage") or Triage.OPEN
        agent, guardrail, session = (params.get(name, "") for name in ("agent", "guardrail", "session"))
        since, until = params.get("since", ""), params.get("until", "")
        if (key := params.get("range") or DEFAULT_RANGE.key) not in RANGES:
            raise BadQuery(f"There is no range {key!r}.")
        return cls(
            triage="" if triage == ALL else known("triage", triage, Triage.values),
            range=RANGES[key],
            rule=params.get("rule", "").replace("\0", "")[:RULE_LENGTH],
            policy=known("policy", params.get("policy", ""), [str(policy) for policy in Policy]),
            stage=known("stage", params.get("stage", ""), Violation.Stage.values),
            action=known("action", params.get("action", ""), Violation.Action.values),
            tier=known("tier", params.get("tier", ""), [str(tier) for tier in Tier]),
            agent=read_uuid(agent) if agent else None,
            guardrail=read_uuid(guardrail) if guardrail else None,
            session=read_uuid(session) if session else None,
            since=read_instant(since) if since else None,
            until=read_instant(until) if until else None,
        )

    def params(self, **changed: str) -> dict[str, str]:
        """The query parameters that say the same, with some changed; what is usual is left out."""
        now = {
            "triage": self.triage or ALL,
            "range": self.range.key,
            "rule": self.rule,
            "policy": self.policy,
            "stage": self.stage,
            "action": self.action,
            "tier": self.tier,
            "agent": str(self.agent or ""),
            "guardrail": str(self.guardrail or ""),
            "session": str(self.session or ""),
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }
        usual = {"triage": str(Triage.OPEN), "range": DEFAULT_RANGE.key}
        return {name: value for name, value in {**now, **changed}.items() if value and value != usual.get(name)}

    def query(self, **changed: str) -> str:
        """A URL's query part, with its question mark."""
        return f"?{urlencode(self.params(**changed))}"

    @property
    def is_narrowed(self) -> bool:
        """By more than triage and time."""
        return bool(self.params(triage="", range=""))

    def whole(self) -> Wanted:
        """The same whatever was thought of it, and over the whole range: what the figures are made of."""
        return replace(self, triage="", since=None, until=None)

    def apply(self, violations: QuerySet[Violation]) -> QuerySet[Violation]:
        same = {"rule": self.rule, "policy": self.policy, "stage": self.stage, "action": self.action, "tier": self.tier}
        wanted: dict[str, Any] = {name: value for name, value in same.items() if value}
        if self.triage:
            wanted["triage"] = self.triage
        ids = {"agent_id": self.agent, "guardrail_id": self.guardrail, "session_id": self.session}
        wanted |= {name: value for name, value in ids.items() if value}
        if self.since or self.until:
            span = {"at__gte": self.since, "at__lt": self.until}
            wanted |= {name: moment for name, moment in span.items() if moment}
        elif not self.range.is_endless:
            wanted["at__gte"] = self.range.begin(timezone.now())
        return violations.filter(**wanted)


def known(name: str, value: str, values: list[str]) -> str:
    if value and value not in values:
        raise BadQuery(f"There is no {name} {value!r}.")
    return value


def read_uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadQuery(f"{text!r} is no id") from error


def read_instant(text: str) -> datetime:
    try:
        # A plus sign that was written into an address by hand arrives as a blank.
        instant = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as error:
        raise BadQuery(f"{text!r} is no instant") from error
    if instant.tzinfo is None:
        raise BadQuery(f"{text!r} has no time zone")
    return instant


# -- the list


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of the list, and the places before and after it; None where there is nothing more."""

    violations: list[Violation]
    newer: Cursor | None
    older: Cursor | None


def list_violations(wanted: Wanted, *, before: Cursor | None = None, after: Cursor | None = None) -> Page:
    """Up to `PAGE_SIZE`, newest first: the page below `before`, or the one above `after`."""
    violations = wanted.apply(Violation.objects.all())
    if after is not None:
        rows = list(beyond(violations, after, "gt").order_by("at", "id")[: PAGE_SIZE + 1])
        has_more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE][::-1]
        newer, older = (cursor_of(rows[0]) if has_more else None), (cursor_of(rows[-1]) if rows else None)
        return Page(violations=rows, newer=newer, older=older)
    if before is not None:
        violations = beyond(violations, before, "lt")
    rows = list(violations.order_by("-at", "-id")[: PAGE_SIZE + 1])
    has_more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    return Page(
        violations=rows,
        newer=cursor_of(rows[0]) if rows and before else None,
        older=cursor_of(rows[-1]) if has_more else None,
    )


def cursor_of(violation: Violation) -> Cursor:
    return Cursor(at=violation.at, id=violation.pk)


def beyond(violations: QuerySet[Violation], cursor: Cursor, side: str) -> QuerySet[Violation]:
    """The rows on one side of a place. The first condition, which the second implies, is what the index is read by."""
    return violations.filter(
        Q(**{f"at__{side}e": cursor.at})
        & (Q(**{f"at__{side}": cursor.at}) | Q(**{"at": cursor.at, f"id__{side}": cursor.id}))
    )


def neighbours(wanted: Wanted, violation: Violation) -> tuple[UUID | None, UUID | None]:
    """The ids above (newer) and below (older) in the list, whether or not this one still is in it."""
    violations, place = wanted.apply(Violation.objects.all()), cursor_of(violation)
    above = beyond(violations, place, "gt").order_by("at", "id")
    below = beyond(violations, place, "lt").order_by("-at", "-id")
    return above.values_list("pk", flat=True).first(), below.values_list("pk", flat=True).first()


def count(wanted: Wanted) -> int:
    """Up to `MOST_COUNTED`."""
    return wanted.apply(Violation.objects.all())[:MOST_COUNTED].count()


@dataclass(frozen=True, kw_only=True)
class Facets:
    """What the newest rows have in them, sorted by name: id and name, and the rules."""

    agents: list[tuple[UUID, str]]
    guardrails: list[tuple[UUID, str]]
    rules: list[str]


def read_facets(wanted: Wanted) -> Facets:
    """The values worth offering; what is chosen is always among them."""
    newest = Violation.objects.order_by("-at", "-id")
    columns = ("agent_id", "agent_name", "guardrail_id", "guardrail_name", "rule")
    rows = list(newest.values_list(*columns)[:FACET_SAMPLE])
    # The newest name of each counts, and is read last.
    agents = {row[0]: row[1] for row in reversed(rows) if row[0]}
    guardrails = {row[2]: row[3] for row in reversed(rows)}
    if wanted.agent and wanted.agent not in agents:
        named = newest.filter(agent_id=wanted.agent).values_list("agent_name", flat=True).first()
        agents[wanted.agent] = named or "This agent"
    if wanted.guardrail:
        guardrails.setdefault(wanted.guardrail, "This guardrail")
    return Facets(
        agents=sorted(agents.items(), key=lambda pair: pair[1].lower()),
        guardrails=sorted(guardrails.items(), key=lambda pair: pair[1].lower()),
        rules=sorted(({row[4] for row in rows} | {wanted.rule}) - {""}),
    )


# -- for others


def of_session(session_id: UUID) -> list[Violation]:
    """Of one conversation, the oldest first, without their excerpts: one range of `violation_of_session`."""
    rows = Violation.objects.filter(session_id=session_id).order_by("-at").defer("excerpt", "triage_note")
    return list(rows[:MOST_OF_SESSION])[::-1]
