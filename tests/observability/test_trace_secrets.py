"""Secrets planted in what a turn records, and looked for in every column of the tables of traces."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from guardrails.pii import find_secrets, mask
from observability import masking
from observability.ids import uuid7
from observability.models import Span
from observability.prices import Tokens
from observability.tracing import Recorder
from tests.factories import make_trace

pytestmark = pytest.mark.django_db
KEY, BEARER, NAMED = "sk-live-abcdefghijklmnop0123", "abcdef0123456789abcdef", "9f8e7d6c5b4a39281706abcd"


def write(recorder: Recorder) -> None:
    parts = [
        *recorder.take(fence="turn"),
        *recorder.close(outcome="failed", error=f"401 for {KEY}", output_text=f"Bearer {BEARER}", fence="turn"),
    ]
    expressions = ", ".join(f"part{number} AS ({part.sql})" for number, part in enumerate(parts))
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH turn AS (SELECT 1 AS base), {expressions} SELECT FROM turn",  # noqa: S608
            [value for part in parts for value in part.params],
        )


def everything() -> str:
    rows: list[Any] = []
    with connection.cursor() as cursor:
        for table in ("observability_trace", "observability_span", "observability_charge"):
            cursor.execute(f"SELECT to_jsonb(t) FROM {table} AS t")  # noqa: S608
            rows += cursor.fetchall()
    return json.dumps(rows, default=str)


def test_no_row_of_a_trace_holds_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "secret_maskers", [lambda text: mask(text, find_secrets(text))])
    trace, now = make_trace(spans=0), timezone.now()
    recorder = Recorder(trace_id=trace.pk, agent_id=trace.agent_id, started_at=now)
    recorder.tool_call(
        "call_api",
        span_id=uuid7(),
        started_at=now,
        cost_usd=recorder.totals.cost_usd,
        attributes={
            "toolInputs": {"api_key": NAMED, "note": f"with {KEY}"},
            "toolOutput": {"headers": {"Authorization": f"Bearer {BEARER}"}, "echo": [KEY]},
        },
        error=f"refused: Bearer {BEARER}",
    )
    said = [{"type": "text", "text": f"The key is {KEY}"}, {"type": "tool_use", "input": {"api_key": NAMED}}]
    recorder.model_call("m", started_at=now, tokens=Tokens(), attributes={"output": said}, error=f"bad {KEY}")
    recorder.memory("recall", started_at=now, attributes={"question": f"my key {KEY}"})
    recorder.guardrail("input", started_at=now, attributes={"findings": [{"excerpt": f"Bearer {BEARER}"}]})
    write(recorder)
    assert Span.objects.count() == 4
    found = everything()
    for secret in (KEY, BEARER, NAMED):
        assert secret not in found
    assert "call_api" in found
