"""Queries with answers of each kind, and alerts in each state."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.utils import timezone

from observability.models import Alert, AlertRun, SavedQuery
from tests.shots.camera import Shot

ANALYST = "analyst@demo.example"
BY_TOOL = 'filter kind = "tool"\n| stats count() as calls, pct(duration, 95) as p95 by toolName\n| sort calls desc'
BY_HOUR = 'filter kind = "invocation"\n| stats count() by agentId, bin(1h)'
ROWS = 'fields @timestamp, toolName, toolInputs, duration, invocationId\n| filter kind = "tool"\n| sort duration desc'
WRONG = "fields @timestamp, toolName\n| filter duration > > 5s\n| stats count()"


def watch_some(user: User) -> None:
    """Five alerts, one in each state, with a history."""
    now = timezone.now()
    made = {
        "Failed tool calls": ("critical", 12.0, 3.0, (5, 10)),
        "Slow turns (p95)": ("warn", 6200.0, 4100.0, (6000, 10_000)),
        "Cost of an hour": ("ok", 0.42, 0.35, (2, 5)),
        "Turns of an hour": ("no_data", None, 4.0, (20, None)),
        "Blocks by the guardrail": ("error", None, 1.0, (5, 10)),
    }
    for name, (state, value, usual, (warn, critical)) in made.items():
        alert = Alert.objects.create(
            name=name,
            text=BY_TOOL,
            warn=warn,
            critical=critical,
            state=state,
            last_value=value,
            state_since=now - timedelta(hours=2),
            last_run_at=now,
            last_error="Line 1: There is no function `rate`." if state == "error" else "",
            created_by=user,
        )
        for place in range(40):
            late = place > 34
            number = value if late else usual * (1 + (place * 7 % 5) / 20)
            run_state = state if late else "ok"
            at = now - timedelta(minutes=5 * (40 - place))
            AlertRun.objects.create(alert=alert, at=at, state=run_state, value=number, duration_ms=14, told=place == 35)


def asked(text: str, **params: str) -> str:
    return f"/insights/?{urlencode({'q': text, 'range': '7d', **params})}"


def insight_pages() -> list[Shot]:
    alert = Alert.objects.get(name="Failed tool calls")
    first = SavedQuery.objects.order_by("name").first()
    assert first is not None
    return [
        Shot(name="insights", path="/insights/", who=ANALYST),
        Shot(name="insights-by-tool", path=asked(BY_TOOL), who=ANALYST),
        Shot(name="insights-by-hour", path=asked(BY_HOUR), who=ANALYST),
        Shot(name="insights-rows", path=asked(ROWS), who=ANALYST),
        Shot(name="insights-wrong", path=asked(WRONG), who=ANALYST),
        Shot(name="insights-document", path=f"/insights/{first.pk}/", who=ANALYST),
        Shot(name="alerts", path="/alerts/", who=ANALYST),
        Shot(name="alert", path=f"/alerts/{alert.pk}/", who=ANALYST, whole=True),
        Shot(name="alert-new", path=f"/alerts/new/?{urlencode({'q': BY_TOOL})}", who=ANALYST, whole=True),
    ]


def first_insight_pages() -> list[Shot]:
    return [Shot(name="alerts-first", path="/alerts/", who=ANALYST)]
