"""The matrix: which event is told where."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from observability.models import Event, NotificationChannel, Subscription
from observability.notices import MUTED

IN_APP = "app"
# What is ticked: events, each with `IN_APP` and the ids of channels.
Ticks = Mapping[str, frozenset[str]]


def read_matrix() -> dict[str, frozenset[str]]:
    """What is ticked for every event. One without any row is told in the application."""
    rows: dict[str, set[str]] = {}
    for row in Subscription.objects.all():
        own = rows.setdefault(row.event.removeprefix(MUTED), set())
        if row.channel_id is not None:
            own.add(str(row.channel_id))
        elif not row.event.startswith(MUTED):
            own.add(IN_APP)
    return {event: frozenset(rows.get(event, {IN_APP})) for event in Event.values}


def save_matrix(ticks: Ticks) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Make it so; what was ticked before and is now, of the events that have changed, in words for the record."""
    with transaction.atomic():
        # Of two admins who save at once the later one's matrix holds, whole.
        channels = {str(one.pk): one for one in NotificationChannel.objects.select_for_update().order_by("pk")}
        before = read_matrix()
        rows = []
        for event, ticked in ticks.items():
            rows.append(Subscription(event=event if IN_APP in ticked else MUTED + event, channel=None))
            rows += [Subscription(event=event, channel=channels[place]) for place in ticked if place in channels]
        Subscription.objects.filter(event__in=[name for event in ticks for name in (event, MUTED + event)]).delete()
        Subscription.objects.bulk_create(rows)
        after = read_matrix()
    changed = [event for event in Event.values if before[event] != after[event]]
    return (
        {event: in_words(before[event], channels) for event in changed},
        {event: in_words(after[event], channels) for event in changed},
    )


def in_words(ticked: frozenset[str], channels: Mapping[str, NotificationChannel]) -> list[str]:
    names = sorted(channels[place].name for place in ticked if place in channels)
    return [*(["in the application"] if IN_APP in ticked else []), *names]


def tick(event: str, channel_id: UUID) -> str:
    """The name of a check box."""
    return f"{event}.{channel_id}"
