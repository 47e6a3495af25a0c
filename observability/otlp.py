"""Exports what happened by OTLP over HTTP, from the rows: a turn that runs knows nothing of it.

Turns are exported when they have ended, in the order of their ends; a mark says how far. It is moved when the collector
has taken a batch, so nothing is lost and, unless a process dies in between, nothing is sent twice; ids are made from
the rows', so that a collector can tell. A turn is left alone for `SETTLE` first, for rows that are committed late and
clocks that differ. Steps that come later still (a conversation read for memories, when it is quiet) have a mark of
their own. What ended before the export was first switched on is not exported.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import urllib3
from celery import shared_task
from django.conf import settings
from django.core.cache import cache
from django.db.models import F
from django.utils import timezone

from observability.database import give_back_connection
from observability.models import ExportMark
from observability.names import LATEST, Conventions
from observability.otlp_protobuf import Unit, metrics_request, spans_request
from observability.otlp_rows import SOURCES, Batch, Mark, read_batch
from observability.otlp_sending import Refused, TryLater, post

logger = logging.getLogger(__name__)
# One exporter at a time: of two, both would send the same. One that died is waited for so long.
LOCK, HOLD_SECONDS = "tandem.otlp.lock", 120
PAUSE, PAUSE_SECONDS = "tandem.otlp.pause", 30
RUN_SECONDS = 40.0
NONE = "none"

# By the name of a model the provider that answers for it, as `LanguageModel.Provider` has it; filled from above.
providers: list[Callable[[], dict[str, str]]] = []


@dataclass(frozen=True, kw_only=True)
class Signal:
    """`request` makes the message of some turns; None where there is nothing to say."""

    name: str
    path: str
    request: Callable[[Sequence[Unit], Conventions], Any]


TRACES = Signal(name="traces", path="/v1/traces", request=spans_request)
METRICS = Signal(name="metrics", path="/v1/metrics", request=metrics_request)


@shared_task(name="observability.tasks.export_spans")
def export_spans() -> None:
    """Nothing without OTEL_EXPORTER_OTLP_ENDPOINT."""
    if not settings.OTEL_EXPORTER_OTLP_ENDPOINT or cache.get(PAUSE) or not cache.add(LOCK, 1, HOLD_SECONDS):
        return
    ends_at = time.monotonic() + RUN_SECONDS
    try:
        how = conventions()
        with urllib3.PoolManager(retries=False) as pool:
            for signal in signals():
                for source in SOURCES:
                    export(signal, source, how, pool, ends_at=ends_at)
    finally:
        cache.delete(LOCK)
        give_back_connection()


def signals() -> list[Signal]:
    """As OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER say: "none" is for collectors that take only the other."""
    named = {TRACES.name: settings.OTEL_TRACES_EXPORTER, METRICS.name: settings.OTEL_METRICS_EXPORTER}
    return [signal for signal in (TRACES, METRICS) if named[signal.name] != NONE]


def conventions() -> Conventions:
    known = {model: provider for each in providers for model, provider in each().items()}
    return Conventions(
        latest=LATEST in [part.strip() for part in settings.OTEL_SEMCONV_STABILITY_OPT_IN.split(",")],
        content=settings.OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT,
        provider=lambda model: known.get(model, ""),
    )


# -- one signal of one source
def export(signal: Signal, source: str, how: Conventions, pool: urllib3.PoolManager, *, ends_at: float) -> None:
    """Batch after batch, until nothing is left or the collector does not take it."""
    name = f"otlp.{signal.name}.{source}"
    mark = mark_of(name)
    while time.monotonic() < ends_at:
        batch = read_batch(source, mark, now=timezone.now())
        if batch is None:
            return
        give_back_connection()
        try:
            lost = send(signal, batch.units, how, pool)
        except TryLater as error:
            note_failure(name, error)
            return
        mark = move(name, batch, lost)
        if not batch.units:
            return


def send(signal: Signal, units: Sequence[Unit], how: Conventions, pool: urllib3.PoolManager) -> str:
    """What the collector would not take, in words. A batch that it refuses is halved until what it refuses stands
    alone, and that is left out. Raises `TryLater`."""
    request = signal.request(units, how) if units else None
    if request is None:
        return ""
    try:
        return post(pool, signal.path, request.SerializeToString())
    except Refused as error:
        if len(units) == 1:
            logger.warning("the collector refuses the %s of turn %s: %s", signal.name, units[0].trace.pk, error)
            return f"The {signal.name} of turn {units[0].trace.pk} were refused: {error}"
        middle = len(units) // 2
        halves = (send(signal, half, how, pool) for half in (units[:middle], units[middle:]))
        return " ".join(part for part in halves if part)


# -- how far it has come
def mark_of(name: str) -> Mark:
    """Where it is not there yet, now: what is past stays here."""
    row, _ = ExportMark.objects.get_or_create(name=name, defaults={"at": timezone.now()})
    return Mark(at=row.at, id=row.last_id)


def move(name: str, batch: Batch, lost: str) -> Mark:
    """What was left out stays said until something else has gone."""
    mark = ExportMark.objects.filter(name=name)
    mark.exclude(failing_since=None).update(failing_since=None, error="")
    if batch.units:
        mark.update(exported=F("exported") + len(batch.units), error=lost[:500])
    mark.update(at=batch.mark.at, last_id=batch.mark.id)
    return batch.mark


def note_failure(name: str, error: TryLater) -> None:
    now: datetime = timezone.now()
    cache.set(PAUSE, 1, min(error.retry_after or PAUSE_SECONDS, 600))
    failing = ExportMark.objects.filter(name=name)
    failing.update(error=str(error)[:500])
    if failing.filter(failing_since=None).update(failing_since=now):
        logger.warning("the collector does not take it: %s", error)


def lag(now: datetime) -> timedelta | None:
    """How far the export is behind what has ended; None where there is none."""
    oldest = ExportMark.objects.filter(name__startswith="otlp.").order_by("at").first()
    return now - oldest.at if oldest else None
