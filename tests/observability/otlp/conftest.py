"""A collector in a process of its own, and an export that leads to it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from observability.models import ExportMark
from observability.otlp import export_spans
from tests.flows.conftest import desk, model_url
from tests.processes import ROOT, kill

__all__ = ["desk", "model_url"]


@dataclass
class Collector:
    port: int
    out: Path
    answers: Path

    def will_answer(self, *answers: str) -> None:
        self.answers.write_text("\n".join(answers), encoding="utf-8")

    def requests(self, path: str = "/v1/traces") -> list[dict[str, Any]]:
        lines = self.out.read_text(encoding="utf-8").splitlines() if self.out.exists() else []
        return [found for found in map(json.loads, lines) if found["path"] == path]

    def spans(self) -> list[dict[str, Any]]:
        return [
            span
            for request in self.requests()
            for resource in request["body"]["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]

    def names(self) -> list[str]:
        return [span["name"] for span in self.spans()]

    def metrics(self) -> list[dict[str, Any]]:
        return [
            metric
            for request in self.requests("/v1/metrics")
            for resource in request["body"]["resourceMetrics"]
            for scope in resource["scopeMetrics"]
            for metric in scope["metrics"]
        ]


@pytest.fixture
def collector(tmp_path: Path, settings: Any) -> Iterator[Collector]:
    out, answers = tmp_path / "collected", tmp_path / "answers"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.observability.otlp.collector", str(out), str(answers)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process.stdout:
        port = int(process.stdout.readline())
        set_up(settings, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}/")
        cache.clear()
        yield Collector(port, out, answers)
        cache.clear()
    kill(process)


def set_up(settings: Any, **given: Any) -> None:
    defaults = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "",
        "OTEL_EXPORTER_OTLP_HEADERS": "",
        "OTEL_EXPORTER_OTLP_TIMEOUT": 60_000,
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_SERVICE_NAME": "",
        "OTEL_RESOURCE_ATTRIBUTES": "",
        "OTEL_SEMCONV_STABILITY_OPT_IN": "",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": False,
    }
    for name, value in {**defaults, **given}.items():
        setattr(settings, name, value)


def start_at(instant: datetime) -> None:
    """As if the export had been switched on then."""
    for signal in ("traces", "metrics"):
        for source in ("finished", "late"):
            ExportMark.objects.update_or_create(
                name=f"otlp.{signal}.{source}", defaults={"at": instant, "last_id": None}
            )


def settle_for(time: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("observability.otlp_rows.SETTLE", {"finished": time, "late": time})


def export_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the time for rows to settle."""
    settle_for(timedelta(0), monkeypatch)
    cache.clear()
    export_spans()


@pytest.fixture
def an_hour_ago() -> datetime:
    return timezone.now() - timedelta(hours=1)
