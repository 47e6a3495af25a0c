"""What /metrics says of the desk now; `observability/metrics.py` is handed it."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.db import connection
from django.utils import timezone

from agents.models import Agent
from observability.metric_workers import last_seen
from observability.metrics import Gauge

# Each counts by an index of what is open, of which there is never much.
NOW = """
SELECT
  (SELECT count(*) FROM agents_turn WHERE status = 'queued'),
  (SELECT count(*) FROM agents_turn WHERE status = 'running'),
  (SELECT count(*) FROM agents_turn WHERE status = 'waiting'),
  (SELECT coalesce(extract(epoch FROM now() - min(queued_at)), 0) FROM agents_turn WHERE status = 'queued'),
  (SELECT count(*) FROM agents_session WHERE controller IN ('human', 'paused') AND waiting_since IS NOT NULL),
  (SELECT count(*) FROM agents_escalation WHERE status = 'open'),
  (SELECT coalesce(extract(epoch FROM now() - min(opened_at)), 0) FROM agents_escalation WHERE status = 'open'),
  (SELECT count(*) FROM tools_approval WHERE status = 'pending' AND expires_at > now()),
  (SELECT coalesce(extract(epoch FROM now() - min(requested_at)), 0) FROM tools_approval
    WHERE status = 'pending' AND expires_at > now()),
  (SELECT count(*) FROM agents_stop WHERE lifted_at IS NULL AND scope <> 'turn')
"""
SAID: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("tandem_turns_open", "Turns that have not ended.", {"status": "queued"}),
    ("tandem_turns_open", "Turns that have not ended.", {"status": "running"}),
    ("tandem_turns_open", "Turns that have not ended.", {"status": "waiting"}),
    ("tandem_queue_oldest_seconds", "For how long the oldest queued turn has waited for a worker.", {}),
    ("tandem_conversations_waiting", "Conversations that wait for a person's answer.", {}),
    ("tandem_escalations_open", "Escalations that nobody has claimed.", {}),
    ("tandem_escalation_oldest_seconds", "For how long the oldest of them has been open.", {}),
    ("tandem_approvals_pending", "Approvals that wait for a decision.", {}),
    ("tandem_approval_oldest_seconds", "For how long the oldest of them has waited.", {}),
    ("tandem_stops", "Stops that stand.", {}),
)


def desk_gauges() -> Iterator[Gauge]:
    with connection.cursor() as cursor:
        cursor.execute(NOW)
        values = cursor.fetchone()
    for (name, words, labels), value in zip(SAID, values, strict=True):
        yield Gauge(name=name, help=words, value=float(value), labels=labels)
    seen = last_seen()
    if seen is not None:
        lag = (timezone.now() - seen).total_seconds()
        yield Gauge(name="tandem_worker_seen_seconds", help="How long ago a worker last ran a task.", value=lag)


def slugs_of_agents() -> dict[UUID, str]:
    return dict(Agent.objects.values_list("pk", "slug"))
