"""What Home says needs attention: conversations stopped as runaways, alerts that are on, hours out of the way, budgets
that reached a step within a day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.urls import reverse

from agents.budget_words import budget_words
from agents.models import BudgetCrossing, Stop
from observability.access import Role, has_role
from observability.anomaly_words import headline, name_of_agent
from observability.models import Alert, Anomaly

MOST = 3
ANOMALIES_SINCE, BUDGETS_SINCE = timedelta(days=7), timedelta(days=1)
ALERTS_ON = (Alert.State.WARN, Alert.State.CRITICAL, Alert.State.NO_DATA, Alert.State.ERROR)
TONES = {Alert.State.WARN: "warn", Alert.State.NO_DATA: "warn"}


@dataclass(frozen=True, kw_only=True)
class Call:
    """`kind` is the word before the text; `tone` is warn or bad."""

    kind: str
    text: str
    href: str
    tone: str
    at: datetime


def attention(user: User, now: datetime) -> list[Call]:
    """The newest of each, for those who may look at them; the bad ones first."""
    found = list(stopped())
    if has_role(user, Role.ANALYST):
        found += [*alerts(), *anomalies(now)]
    found += crossings(now)
    return sorted(found, key=lambda call: (call.tone != "bad", -call.at.timestamp()))


def stopped() -> Iterator[Call]:
    """Stops that no person put: the application's own, of conversations that ran away."""
    standing = Stop.objects.filter(scope=Stop.Scope.SESSION, lifted_at__isnull=True, by__isnull=True)
    for stop in standing.filter(reason__startswith="Runaway").order_by("-at")[:MOST]:
        href = reverse("agents:conversation", args=[stop.subject])
        yield Call(kind="Stopped", text=stop.reason, href=href, tone="bad", at=stop.at)


def alerts() -> Iterator[Call]:
    for alert in Alert.objects.filter(enabled=True, state__in=ALERTS_ON).order_by("-state_since")[:MOST]:
        yield Call(
            kind="Alert",
            text=alert.name,
            href=reverse("observability:alert", args=[alert.pk]),
            tone=TONES.get(Alert.State(alert.state), "bad"),
            at=alert.state_since,
        )


def anomalies(now: datetime) -> Iterator[Call]:
    newest = Anomaly.objects.filter(state=Anomaly.State.OPEN, hour__gte=now - ANOMALIES_SINCE).order_by("-hour", "-id")
    for anomaly in newest[:MOST]:
        yield Call(
            kind="Anomaly",
            text=f"{headline(anomaly)}, {name_of_agent(anomaly.agent_id)}",
            href=reverse("observability:anomaly", args=[anomaly.pk]),
            tone="warn",
            at=anomaly.hour,
        )


def crossings(now: datetime) -> Iterator[Call]:
    newest = BudgetCrossing.objects.filter(at__gte=now - BUDGETS_SINCE, limit__enabled=True)
    for crossing in newest.select_related("limit__agent").order_by("-at")[:MOST]:
        yield Call(
            kind="Budget",
            text=f"{crossing.percent}% of {budget_words(crossing.limit)}",
            href=reverse("agents:budget", args=[crossing.limit_id]),
            tone="bad" if crossing.percent >= 100 else "warn",
            at=crossing.at,
        )
