"""The approvals that wait, as the queue lists them beside the escalations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Min, Q, QuerySet, Sum
from django.utils import timezone

from agents.approval_words import Words, currency_of, money_words, words_of
from agents.models import Session
from tools.catalog import catalog
from tools.models import Approval, GatewayKey

# What runs out within this time stands before everything else.
SOON = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One approval with whom it is for; `session` is None for an outside caller's."""

    approval: Approval
    words: Words
    session: Session | None
    caller: str
    is_approval = True

    @property
    def pk(self) -> UUID:
        return self.approval.pk

    @property
    def customer(self) -> str:
        return str(self.session.customer) if self.session else ""

    @property
    def why(self) -> str:
        """Why a person is asked, in a few words."""
        if self.approval.seen.get("tainted"):
            return "Untrusted text"
        return ", ".join(self.approval.rules) or "Policy"

    @property
    def expires_soon(self) -> bool:
        return self.approval.expires_at - timezone.now() <= SOON


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """The approvals that wait now: how many, how many run out soon, since when, and the money by currency in words."""

    count: int
    soon: int
    oldest: datetime | None
    money: str


def waiting() -> QuerySet[Approval]:
    """What somebody can decide now. What has run out stays pending until the sweeper finds it, and is not shown."""
    now = timezone.now()
    awake = Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=now)
    return Approval.objects.filter(awake, status=Approval.Status.PENDING, expires_at__gt=now)


def snoozed() -> QuerySet[Approval]:
    now = timezone.now()
    return Approval.objects.filter(status=Approval.Status.PENDING, snoozed_until__gt=now, expires_at__gt=now)


def lines_of(approvals: Sequence[Approval]) -> list[Line]:
    """In the order given; two queries, or three with outside callers among them."""
    if not approvals:
        return []
    sessions = sessions_of(approvals)
    keys = names_of_keys(approvals)
    return [line_of(approval, sessions, keys) for approval in approvals]


def line_of(approval: Approval, sessions: Mapping[UUID, Session], keys: Mapping[UUID, str]) -> Line:
    session = sessions.get(approval.session_id) if approval.session_id else None
    key = keys.get(approval.call.key_id, "") if approval.call.key_id else ""
    return Line(
        approval=approval,
        words=words_of(approval, str(session.customer) if session else ""),
        session=session,
        caller=session.agent.name if session else f"Outside caller {key}".strip(),
    )


def sessions_of(approvals: Sequence[Approval]) -> dict[UUID, Session]:
    ids = {approval.session_id for approval in approvals if approval.session_id}
    if not ids:
        return {}
    return Session.objects.select_related("customer", "agent__live_version", "assignee").in_bulk(ids)


def names_of_keys(approvals: Sequence[Approval]) -> dict[UUID, str]:
    ids = {approval.call.key_id for approval in approvals if approval.call.key_id}
    return dict(GatewayKey.objects.filter(pk__in=ids).values_list("pk", "name")) if ids else {}


def figures() -> Waiting:
    """One query, one row for each tool that is asked for."""
    soon = Q(expires_at__lte=timezone.now() + SOON)
    asked = waiting().order_by().values("tool_key")
    rows: list[Any] = list(
        asked.annotate(count=Count("pk"), soon=Count("pk", filter=soon), oldest=Min("requested_at"), sum=Sum("amount"))
    )
    sums: dict[str, Decimal] = {}
    for row in rows:
        if row["sum"] is not None:
            currency = currency_of(catalog.find(row["tool_key"]))
            sums[currency] = sums.get(currency, Decimal(0)) + row["sum"]
    return Waiting(
        count=sum(row["count"] for row in rows),
        soon=sum(row["soon"] for row in rows),
        oldest=min((row["oldest"] for row in rows), default=None),
        money=", ".join(money_words(amount, currency) for currency, amount in sorted(sums.items())),
    )


def next_waiting(approval: Approval) -> Approval | None:
    """The one to open after this one: that which runs out next."""
    return waiting().exclude(pk=approval.pk).order_by("expires_at", "pk").first()


def skip_from(approval: Approval) -> Approval | None:
    """The one after this one in the order in which they run out, from the first again after the last."""
    later = Q(expires_at__gt=approval.expires_at) | Q(expires_at=approval.expires_at, pk__gt=approval.pk)
    return waiting().filter(later).order_by("expires_at", "pk").first() or next_waiting(approval)
