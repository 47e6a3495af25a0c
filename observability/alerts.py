"""Alerts: queries that are asked again and again, and told of when their number passes a threshold.

An alert that is due is claimed by a counted update that holds it for a while: of two runners one asks it, and what a
dead runner held is asked again later. What changed is written, and told, in one transaction.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from celery import shared_task
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from observability.database import give_back_connection
from observability.models import Alert, AlertRun, Event, Notice
from observability.notices import tell
from observability.query import Answer, QueryError, run_query

logger = logging.getLogger(__name__)
State, NoData, Side = Alert.State, Alert.NoData, Alert.Side
SECONDS = 10.0
HOLD = timedelta(seconds=90)
AT_ONCE = 20
KEPT_RUNS = 500
# Of which people are told, the worse the higher; what is neither better nor worse than well is not in it.
WORSE = {State.OK: 0, State.NEW: 0, State.NO_DATA: 1, State.ERROR: 1, State.WARN: 2, State.CRITICAL: 3}
TONES = {
    State.OK: Notice.Tone.GOOD,
    State.WARN: Notice.Tone.WARN,
    State.CRITICAL: Notice.Tone.BAD,
    State.NO_DATA: Notice.Tone.WARN,
    State.ERROR: Notice.Tone.WARN,
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one asking found; `value` None where there was no number."""

    state: Alert.State
    value: float | None
    error: str
    ms: int


@shared_task(name="observability.tasks.run_alerts")
def run_alerts() -> None:
    try:
        run_due()
    finally:
        give_back_connection()


def run_due(now: datetime | None = None) -> int:
    """Ask those that are due, the longest overdue first; how many this runner has asked."""
    now = now or timezone.now()
    due = Alert.objects.filter(is_due(now)).order_by("next_run_at").values_list("pk", flat=True)[:AT_ONCE]
    return sum(run(alert_id, now=now) for alert_id in list(due))


def run(alert_id: UUID, *, now: datetime) -> bool:
    """Whether this runner got it."""
    if not take(alert_id, now):
        return False
    alert = Alert.objects.get(pk=alert_id)
    settle(alert, find(alert, now), now)
    return True


def is_due(now: datetime) -> Q:
    free = Q(held_until__isnull=True) | Q(held_until__lt=now)
    return free & Q(enabled=True, next_run_at__lte=now)


def take(alert_id: UUID, now: datetime) -> bool:
    return Alert.objects.filter(is_due(now), pk=alert_id).update(held_until=now + HOLD) == 1


# -- asking


def find(alert: Alert, now: datetime) -> Finding:
    """Ask its query over the newest minutes; nothing is written."""
    start = now - timedelta(minutes=alert.window_minutes)
    try:
        answer = run_query(alert.text, start=start, end=now, now=now, seconds=SECONDS)
        value = value_of(answer, alert)
    except QueryError as error:
        return Finding(state=State.ERROR, value=None, error=str(error), ms=0)
    ms = round(answer.ms)
    if value is None:
        return Finding(state=without_data(alert), value=None, error="", ms=ms)
    return Finding(state=judged(alert, value), value=value, error="", ms=ms)


def value_of(answer: Answer, alert: Alert) -> float | None:
    """The worst number of the column that is looked at. Raises `QueryError` where there is no such column."""
    places = [place for place, column in enumerate(answer.columns) if is_looked_at(answer, place, alert.column)]
    if not places:
        named = f"column {alert.column!r}" if alert.column else "number"
        raise QueryError(f"The answer has no {named} to look at.", 0, len(alert.text))
    numbers = [number for row in answer.rows if (number := number_of(row[places[-1]])) is not None]
    if not numbers:
        return 0.0 if alert.no_data == NoData.ZERO else None
    return max(numbers) if alert.side == Side.ABOVE else min(numbers)


def is_looked_at(answer: Answer, place: int, wanted: str) -> bool:
    column = answer.columns[place]
    return column.name == wanted if wanted else column.type == "number"


def number_of(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, int | float | Decimal):
        return None
    return float(value) if math.isfinite(value) else None


def judged(alert: Alert, value: float) -> Alert.State:
    for state, threshold in ((State.CRITICAL, alert.critical), (State.WARN, alert.warn)):
        if threshold is not None and (value > threshold if alert.side == Side.ABOVE else value < threshold):
            return state
    return State.OK


def without_data(alert: Alert) -> Alert.State:
    if alert.no_data == NoData.KEEP:
        return last_judged(alert)
    return State.NO_DATA if alert.no_data == NoData.NO_DATA else State.OK


def last_judged(alert: Alert) -> Alert.State:
    """What its last number came to; a run that failed says nothing about it."""
    runs = AlertRun.objects.filter(alert=alert).exclude(state__in=(State.NO_DATA, State.ERROR)).order_by("-at")
    newest = runs.values_list("state", flat=True).first()
    return State(newest) if newest else State.OK


# -- telling


def settle(alert: Alert, found: Finding, now: datetime) -> None:
    """Write what was found, and tell it where somebody should know. Of two who settle at once, one tells."""
    with transaction.atomic():
        kept = Alert.objects.select_for_update().filter(pk=alert.pk).first()
        if kept is None:
            return
        told = should_tell(kept, found.state, now)
        is_changed = kept.state != found.state
        AlertRun.objects.create(
            alert=kept,
            at=now,
            state=found.state,
            value=found.value,
            error=found.error,
            duration_ms=found.ms,
            told=told,
        )
        if told:
            tell_change(kept, found, now)
        Alert.objects.filter(pk=kept.pk).update(
            state=found.state,
            state_since=now if is_changed else kept.state_since,
            last_value=found.value,
            last_error=found.error,
            last_run_at=now,
            next_run_at=now + timedelta(minutes=kept.every_minutes),
            held_until=None,
            told_at=now if told else kept.told_at,
        )
    forget_runs(alert.pk)


def should_tell(alert: Alert, state: Alert.State, now: datetime) -> bool:
    """A change for the worse or for the better, and what stays bad for too long; nothing while it is muted or off."""
    if not alert.enabled:
        return False
    if alert.muted_until and alert.muted_until > now:
        return False
    before, after = WORSE[State(alert.state)], WORSE[state]
    if before != after:
        return True
    if not after:
        return was_last_told_bad(alert)
    if alert.state != state or was_never_told(alert):
        return True
    again = alert.renotify_minutes
    return again is not None and alert.told_at is not None and now - alert.told_at >= timedelta(minutes=again)


def was_never_told(alert: Alert) -> bool:
    """It became so while it was muted."""
    return alert.told_at is None or alert.told_at < alert.state_since


def was_last_told_bad(alert: Alert) -> bool:
    """It recovered while it was muted, and those who were told know of the trouble only."""
    if alert.told_at is None or not was_never_told(alert):
        return False
    last = AlertRun.objects.filter(alert=alert, told=True).order_by("-at").values_list("state", flat=True).first()
    return last is not None and WORSE[State(last)] > 0


def tell_change(alert: Alert, found: Finding, now: datetime) -> None:
    tell(
        Event.ALERT,
        key=f"alert:{alert.pk}:{now.isoformat()}",
        title=f"{alert.name}: {WORDS[found.state]}",
        text=sentence(alert, found),
        path=reverse("observability:alert", args=[alert.pk]),
        tone=TONES[found.state],
    )


WORDS = {
    State.NEW: "not asked yet",
    State.OK: "all is well",
    State.WARN: "warning",
    State.CRITICAL: "critical",
    State.NO_DATA: "no data",
    State.ERROR: "cannot be asked",
}


def sentence(alert: Alert, found: Finding) -> str:
    if found.state == State.ERROR:
        return f"Its query failed: {found.error}"
    if found.value is None:
        return f"There was no number in the last {alert.window_minutes} minutes."
    return f"{found.value:g} in the last {alert.window_minutes} minutes; {thresholds(alert)}."


def thresholds(alert: Alert) -> str:
    """ "warning above 5, critical above 10"."""
    named: Sequence[tuple[str, float | None]] = (("warning", alert.warn), ("critical", alert.critical))
    return ", ".join(f"{name} {alert.side} {limit:g}" for name, limit in named if limit is not None)


def forget_runs(alert_id: UUID) -> None:
    newest = AlertRun.objects.filter(alert_id=alert_id).order_by("-at")
    old = list(newest.values_list("pk", flat=True)[KEPT_RUNS : 2 * KEPT_RUNS])
    if old:
        AlertRun.objects.filter(pk__in=old).delete()
