"""What the queue shows: its lists, its figures, and the evidence for one decision.

What waits is of two kinds in one list: escalations, and the approvals that nobody has decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import models
from django.db.models import (
    Aggregate,
    Case,
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    IntegerField,
    Min,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.utils import timezone

from agents import approval_list
from agents.approval_list import SOON, Line
from agents.models import Escalation, Message
from observability.models import Trace
from tools.models import Approval

PAGE_SIZE = 50
# From here on a wait is marked: a chat customer has put the window aside, and then has gone.
LONG_WAIT = timedelta(minutes=15)
TOO_LONG_WAIT = timedelta(hours=1)


class Show(models.TextChoices):
    OPEN = "open", "Waiting"
    MINE = "mine", "Mine"
    CLAIMED = "claimed", "Claimed"
    RESOLVED = "resolved", "Resolved"
    TODAY = "today", "Opened today"
    SNOOZED = "snoozed", "Snoozed"


# In the place of a reason: only the approvals.
APPROVALS = "approval"


# The field that each list is ordered by; "-" is newest first. The primary key breaks ties.
ORDER = {
    Show.OPEN: "opened_at",
    Show.MINE: "opened_at",
    Show.CLAIMED: "opened_at",
    Show.RESOLVED: "-resolved_at",
    Show.TODAY: "-opened_at",
}


class Rank(models.IntegerChoices):
    """What stands before what; within a rank the longest wait is first."""

    RUNS_OUT = 0
    BLOCKS = 1
    OTHER = 2


class BadCursor(ValueError):
    """A page's address that this list did not make."""


class Median(Aggregate):
    """The middle value, by PostgreSQL's `percentile_cont`."""

    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    name = "Median"


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How the queue stands. `today` is since midnight UTC; `reasons` counts what was opened today.

    `waiting` and `oldest` are of the escalations, `approvals` the same of those; `all_waiting` is both.
    """

    waiting: int
    mine: int
    claimed: int
    oldest: datetime | None
    today: int
    median_claim_ms: int | None
    reasons: dict[str, int]

    @cached_property
    def approvals(self) -> approval_list.Waiting:
        """Asked for only where it is shown."""
        return approval_list.figures()

    @property
    def all_waiting(self) -> int:
        return self.waiting + self.approvals.count

    @property
    def longest_wait(self) -> datetime | None:
        return min((moment for moment in (self.oldest, self.approvals.oldest) if moment), default=None)


Row = Escalation | Line


@dataclass(frozen=True, kw_only=True)
class Page:
    rows: list[Row]
    #: The cursor of the page after this one, or None on the last.
    after: str | None


def midnight() -> datetime:
    return timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)


def figures(user: User) -> Figures:
    """One query over what is unresolved and what was opened today."""
    today = Q(opened_at__gte=midnight())
    claimed = Q(status=Escalation.Status.CLAIMED)
    waited = ExpressionWrapper(F("claimed_at") - F("opened_at"), output_field=DurationField())
    row: dict[str, Any] = Escalation.objects.filter(Q(status__in=Escalation.UNRESOLVED) | today).aggregate(
        waiting=Count("pk", filter=Q(status=Escalation.Status.OPEN)),
        mine=Count("pk", filter=claimed & Q(assignee=user)),
        claimed=Count("pk", filter=claimed),
        oldest=Min("opened_at", filter=Q(status=Escalation.Status.OPEN)),
        today=Count("pk", filter=today),
        median_claim=Median(waited, filter=today & Q(claimed_at__isnull=False), output_field=DurationField()),
        **{f"reason_{reason}": Count("pk", filter=today & Q(reason=reason)) for reason in Escalation.Reason.values},
    )
    median: timedelta | None = row["median_claim"]
    return Figures(
        waiting=row["waiting"],
        mine=row["mine"],
        claimed=row["claimed"],
        oldest=row["oldest"],
        today=row["today"],
        median_claim_ms=None if median is None else round(median.total_seconds() * 1000),
        reasons={reason: row[f"reason_{reason}"] for reason in Escalation.Reason.values},
    )


def escalations_in(show: Show, *, user: User, reason: str = "") -> QuerySet[Escalation]:
    rows = Escalation.objects.select_related("session__customer", "session__agent", "assignee", "turn__agent_version")
    if show in ORDER:
        rows = rows.order_by(ORDER[show], "-pk" if ORDER[show].startswith("-") else "pk")
    if reason:
        rows = rows.filter(reason=reason)
    match show:
        case Show.OPEN:
            return rows.filter(status=Escalation.Status.OPEN)
        case Show.MINE:
            return rows.filter(status=Escalation.Status.CLAIMED, assignee=user)
        case Show.CLAIMED:
            return rows.filter(status=Escalation.Status.CLAIMED)
        case Show.RESOLVED:
            return rows.filter(status=Escalation.Status.RESOLVED)
        case Show.TODAY:
            return rows.filter(opened_at__gte=midnight())
        case Show.SNOOZED:
            return rows.none()


def page_of(show: Show, *, user: User, reason: str = "", after: str = "") -> Page:
    """Fifty rows after the cursor; raises `BadCursor`."""
    if show == Show.OPEN:
        return waiting_page(user=user, reason=reason, after=after)
    if show == Show.SNOOZED:
        return snoozed_page()
    rows = escalations_in(show, user=user, reason=reason)
    field, is_descending = ORDER[show].lstrip("-"), ORDER[show].startswith("-")
    if after:
        at, pk = read_cursor(after)
        # The first condition is implied by the second; it is what the index can use.
        side, beyond = ("lte", "lt") if is_descending else ("gte", "gt")
        rows = rows.filter(
            Q(**{f"{field}__{side}": at}) & (Q(**{f"{field}__{beyond}": at}) | Q(**{f"pk__{beyond}": pk}))
        )
    found = list(rows[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    return Page(rows=list(shown), after=cursor_of(shown[-1], field) if len(found) > PAGE_SIZE else None)


# -- both kinds in one list


def waiting_page(*, user: User, reason: str, after: str) -> Page:
    """What waits, ranked: the best of each kind, merged. Raises `BadCursor`."""
    beyond = read_ranked_cursor(after) if after else None
    escalations = escalations_in(Show.OPEN, user=user, reason="" if reason == APPROVALS else reason)
    escalations = escalations.annotate(
        rank=Case(
            When(session__waiting_since__isnull=False, then=Value(Rank.BLOCKS)),
            default=Value(Rank.OTHER),
            output_field=IntegerField(),
        )
    )
    approvals = approval_list.waiting().select_related("call")
    approvals = approvals.annotate(
        rank=Case(
            When(expires_at__lte=timezone.now() + SOON, then=Value(Rank.RUNS_OUT)),
            default=Value(Rank.BLOCKS),
            output_field=IntegerField(),
        )
    )
    found: list[Escalation | Approval] = []
    if reason != APPROVALS:
        found.extend(first_of(escalations, "opened_at", beyond))
    if reason in {"", APPROVALS}:
        found.extend(first_of(approvals, "requested_at", beyond))
    found.sort(key=place_of)
    shown = found[:PAGE_SIZE]
    lines = {line.pk: line for line in approval_list.lines_of([row for row in shown if isinstance(row, Approval)])}
    rows: list[Row] = [row if isinstance(row, Escalation) else lines[row.pk] for row in shown]
    return Page(rows=rows, after=ranked_cursor_of(shown[-1]) if len(found) > PAGE_SIZE else None)


def first_of(rows: QuerySet[Any], field: str, beyond: tuple[int, datetime, UUID] | None) -> list[Any]:
    if beyond is not None:
        rank, at, pk = beyond
        later = Q(**{f"{field}__gt": at}) | Q(**{field: at}, pk__gt=pk)
        rows = rows.filter(Q(rank__gt=rank) | Q(rank=rank) & later)
    return list(rows.order_by("rank", field, "pk")[: PAGE_SIZE + 1])


def place_of(row: Any) -> tuple[int, datetime, UUID]:
    """`rank` is annotated."""
    return row.rank, row.opened_at if isinstance(row, Escalation) else row.requested_at, row.pk


def ranked_cursor_of(row: Any) -> str:
    rank, moment, pk = place_of(row)
    return f"{rank}-{moment.timestamp() * 1_000_000:.0f}-{pk.hex}"


def read_ranked_cursor(text: str) -> tuple[int, datetime, UUID]:
    rank, _, rest = text.partition("-")
    if rank not in {str(one) for one in Rank.values}:
        raise BadCursor(f"{text[:80]!r} is no page of this list")
    return int(rank), *read_cursor(rest)


def snoozed_page() -> Page:
    """The first fifty, that which comes back next first."""
    found = approval_list.snoozed().select_related("call").order_by("snoozed_until", "pk")[:PAGE_SIZE]
    return Page(rows=list(approval_list.lines_of(list(found))), after=None)


def cursor_of(row: Escalation, field: str) -> str:
    moment: datetime = getattr(row, field)
    return f"{moment.timestamp() * 1_000_000:.0f}-{row.pk.hex}"


def read_cursor(text: str) -> tuple[datetime, UUID]:
    """The moment (microseconds since 1970) and the id that `cursor_of` wrote."""
    try:
        microseconds, _, pk = text.partition("-")
        return datetime.fromtimestamp(0, tz=timezone.get_default_timezone()) + timedelta(
            microseconds=int(microseconds)
        ), UUID(pk)
    except (ValueError, OverflowError) as error:
        raise BadCursor(f"{text[:80]!r} is no page of this list") from error


def urgency(row: Row) -> str:
    """ "warn" or "bad" where somebody has waited long for a person, or an approval runs out soon; else empty."""
    if isinstance(row, Line):
        return "bad" if row.expires_soon else waited_long(row.approval.requested_at)
    return waited_long(row.opened_at) if row.status == Escalation.Status.OPEN else ""


def waited_long(since: datetime) -> str:
    waited = timezone.now() - since
    return "bad" if waited >= TOO_LONG_WAIT else "warn" if waited >= LONG_WAIT else ""


def next_waiting(escalation: Escalation) -> Escalation | None:
    """The one to open after this one: the longest wait among those that nobody has claimed."""
    waiting = Escalation.objects.filter(status=Escalation.Status.OPEN).exclude(pk=escalation.pk)
    return waiting.order_by("opened_at", "pk").first()


def messages_since(escalation: Escalation, seq: int) -> int:
    """How many messages the customer has written since the conversation stood at this number."""
    newer = Message.objects.filter(session_id=escalation.session_id, seq__gt=seq, author=Message.Author.CUSTOMER)
    return newer.count()


def others_of_customer(escalation: Escalation, *, limit: int = 5) -> list[Escalation]:
    found = Escalation.objects.filter(session__customer_id=escalation.session.customer_id).exclude(pk=escalation.pk)
    return list(found.order_by("-opened_at")[:limit])


def cost_of_session(session_id: UUID) -> dict[str, Any]:
    """`usd` (Decimal or None), `turns` and `model_calls` of a conversation."""
    return Trace.objects.filter(session_id=session_id).aggregate(
        usd=Sum("cost_usd"), turns=Count("pk"), model_calls=Sum("model_calls")
    )
