"""What Home shows: today's figures, the last day by hour, what failed, and whether the parts are well."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, Max, Q
from django.db.models.functions import TruncHour
from django.utils import timezone

from agents.dashboard_attention import Call, attention
from agents.models import Agent, Escalation, Session, Turn
from agents.queue import Figures, figures, midnight
from agents.resolution import Outcomes, Span, outcomes
from observability.access import Role, has_role
from observability.models import Trace
from observability.traces import FAILED
from tools.models import Target

HOURS = 24
STUCK_AFTER = timedelta(seconds=10)
FAILURES_SINCE = timedelta(days=7)
FAILURES = 6
DAY = """
SELECT count(*), count(*) FILTER (WHERE status = 'error'), percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms),
  coalesce(sum(cost_usd), 0)
FROM observability_trace WHERE started_at >= %s
"""


@dataclass(frozen=True, kw_only=True)
class Day:
    """Since midnight UTC: the turns that began, and what became of conversations as `agents/resolution.py` says it."""

    outcomes: Outcomes
    turns: int
    failed: int
    median_ms: float | None
    cost_usd: Decimal

    @property
    def cost_per_resolution(self) -> Decimal | None:
        return self.cost_usd / self.outcomes.resolved if self.outcomes.resolved else None


@dataclass(frozen=True, kw_only=True)
class Hour:
    """`newest` is when the last finished turn of the hour began."""

    at: datetime
    turns: int
    newest: datetime | None
    unfinished: bool


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the installation. `tone` is good, warn, bad or idle; `text` says what was seen, or what to do.

    `target_id` is that of a target which waits to be tried, and which this user may let try at once.
    """

    name: str
    tone: str
    text: str
    at: datetime | None = None
    target_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class ReasonBar:
    """`percent` is the reason's share of all that was handed over."""

    label: str
    value: str
    count: int
    percent: int


@dataclass(frozen=True, kw_only=True)
class FirstMessage:
    """What a newcomer may write as one of the demo shop's customers, and what comes of it."""

    email: str
    name: str
    words: str
    outcome: str


FIRST_MESSAGES = [
    FirstMessage(
        email="ada@example.com",
        name="Ada",
        words="I want to return my order from last week",
        outcome="It is inside its return window: the agent finds it and refunds it.",
    ),
    FirstMessage(
        email="ben@example.com",
        name="Ben",
        words="I want my money back for order 1043",
        outcome="Its return window is over: a person has to decide.",
    ),
    FirstMessage(
        email="dan@example.com",
        name="Dan",
        words="Please cancel order 1047",
        outcome="It is not shipped yet: the agent cancels it.",
    ),
    FirstMessage(
        email="farid@example.com",
        name="Farid",
        words="I want to speak to a person",
        outcome="The agent hands over at once.",
    ),
]


class Overview:
    """Each property is one query, made when it is first shown."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.now = timezone.now()

    @cached_property
    def queue(self) -> Figures:
        return figures(self.user)

    @cached_property
    def day(self) -> Day:
        with connection.cursor() as cursor:
            cursor.execute(DAY, [midnight()])
            turns, failed, median_ms, cost_usd = cursor.fetchone()
        return Day(
            outcomes=outcomes(Span(since=midnight(), until=timezone.now())),
            turns=turns,
            failed=failed,
            median_ms=median_ms,
            cost_usd=cost_usd,
        )

    @cached_property
    def attention(self) -> list[Call]:
        return attention(self.user, self.now)

    @property
    def today_query(self) -> str:
        """Of the lists behind today's figures: one day of the overview."""
        return "?" + urlencode({"since": midnight().isoformat()})

    @property
    def sees_cost(self) -> bool:
        return has_role(self.user, Role.ANALYST)

    @cached_property
    def hours(self) -> list[Hour]:
        """The last 24 hours, the last of them unfinished; an hour without turns is a zero."""
        first = self.now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
        rows = (
            Trace.objects.filter(started_at__gte=first)
            .annotate(hour=TruncHour("started_at"))
            .values("hour")
            .annotate(turns=Count("pk"), newest=Max("started_at", filter=Q(duration_ms__isnull=False)))
            .order_by()
        )
        found = {row["hour"]: row for row in rows}
        hours = [first + timedelta(hours=number) for number in range(HOURS)]
        return [
            Hour(
                at=hour,
                turns=found[hour]["turns"] if hour in found else 0,
                newest=found[hour]["newest"] if hour in found else None,
                unfinished=hour == hours[-1],
            )
            for hour in hours
        ]

    @property
    def hour_points(self) -> list[dict[str, Any]]:
        """As the tag `bars` takes them."""
        return [
            {"label": f"{hour.at:%H:%M} UTC", "value": hour.turns, "unfinished": hour.unfinished} for hour in self.hours
        ]

    @property
    def turns_in_hours(self) -> int:
        return sum(hour.turns for hour in self.hours)

    @property
    def reasons(self) -> list[ReasonBar]:
        """Why conversations were handed over today, the most frequent reason first."""
        counts = sorted(self.queue.reasons.items(), key=lambda item: -item[1])
        return [
            ReasonBar(
                label=str(Escalation.Reason(value).label),
                value=value,
                count=count,
                percent=round(100 * count / self.queue.today),
            )
            for value, count in counts
            if count
        ]

    @cached_property
    def failures(self) -> list[Trace]:
        failed = Trace.objects.filter(FAILED, started_at__gte=self.now - FAILURES_SINCE)
        return list(failed.order_by("-started_at", "-pk")[:FAILURES])

    @cached_property
    def parts(self) -> list[Part]:
        began = time.perf_counter()
        # Without those that wait for approval, which the partial index leaves out.
        at_work = Turn.objects.filter(status__in=[Turn.Status.QUEUED, Turn.Status.RUNNING], session__controller="agent")
        open_turns: dict[str, int] = at_work.aggregate(
            stuck=Count("pk", filter=Q(status=Turn.Status.QUEUED, queued_at__lt=self.now - STUCK_AFTER)),
            running=Count("pk", filter=Q(status=Turn.Status.RUNNING)),
        )
        milliseconds = (time.perf_counter() - began) * 1000
        newest = max((hour.newest for hour in self.hours if hour.newest), default=None)
        database = Part(name="Database", tone="good", text=f"answers in {milliseconds:.0f} ms")
        return [database, worker_part(newest=newest, **open_turns), model_part(), *self.target_parts, mail_part()]

    @cached_property
    def target_parts(self) -> list[Part]:
        """The backends that tools call, by name."""
        targets = Target.objects.filter(kind=Target.Kind.HTTP).select_related("health").order_by("name")
        return [target_part(target, now=self.now, may_try=has_role(self.user, Role.ADMIN)) for target in targets]

    # -- the first run

    @cached_property
    def is_new(self) -> bool:
        """Whether nobody has written yet; asked of the database only where today's figures leave it open."""
        seen = self.turns_in_hours or self.queue.claimed or self.queue.today or self.queue.all_waiting
        return not seen and not Session.objects.exists()

    @cached_property
    def agent(self) -> Agent | None:
        ready = Agent.objects.filter(status=Agent.Status.ACTIVE, live_version__isnull=False)
        return ready.select_related("live_version").order_by("created_at").first()

    @property
    def first_messages(self) -> list[FirstMessage]:
        return FIRST_MESSAGES if settings.DEMO else []


def worker_part(*, stuck: int, running: int, newest: datetime | None) -> Part:
    """A worker shows that it lives by finishing turns; a turn that stays queued shows that none does."""
    if stuck:
        turns = "1 turn waits" if stuck == 1 else f"{stuck} turns wait"
        return Part(name="Worker", tone="bad", text=f"{turns} longer than 10 s: is the worker running?")
    if running:
        return Part(
            name="Worker", tone="good", text="1 turn is running" if running == 1 else f"{running} turns are running"
        )
    if newest:
        return Part(name="Worker", tone="good", text="the newest turn began:", at=newest)
    return Part(name="Worker", tone="idle", text="no turn in the last 24 h")


def target_part(target: Target, *, now: datetime, may_try: bool) -> Part:
    name = label_of(target)
    if not target.enabled:
        return Part(name=name, tone="idle", text="switched off")
    health = getattr(target, "health", None)  # a target that never failed has none
    if health is None or not health.failures:
        return Part(name=name, tone="good", text="answering")
    times = "1 failure" if health.failures == 1 else f"{health.failures} failures in a row"
    failed = f"{times}: {health.last_error}"
    if health.retry_at is None:
        return Part(name=name, tone="warn", text=failed)
    if health.retry_at <= now:
        return Part(name=name, tone="bad", text=f"the next call tries it, {failed}")
    return Part(
        name=name,
        tone="bad",
        text=f"not asked until {health.retry_at:%H:%M:%S} UTC, {failed}",
        target_id=target.pk if may_try else None,
    )


def label_of(target: Target) -> str:
    return target.name.replace("-", " ").capitalize()


def model_part() -> Part:
    if settings.ANTHROPIC_BASE_URL == settings.SCRIPTED_MODEL_URL:
        return Part(name="Model", tone="warn", text="scripted: rules answer, not a language model")
    return Part(name="Model", tone="good", text=urlsplit(settings.ANTHROPIC_BASE_URL).hostname or "")


def mail_part() -> Part:
    if settings.EMAIL_BACKEND.endswith(".console.EmailBackend"):
        return Part(name="E-mail", tone="warn", text="no EMAIL_HOST: notices go to the log")
    return Part(name="E-mail", tone="good", text=f"sent by {settings.EMAIL_HOST}")
