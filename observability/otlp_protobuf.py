"""Rows as OTLP's messages (opentelemetry-proto 1.x): spans of turns, and histograms of model calls."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import unquote
from uuid import UUID

from django.conf import settings
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, HistogramDataPoint, Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from observability.models import Span, Trace
from observability.names import (
    DURATION_BOUNDS,
    OPERATION_DURATION,
    SCHEMA_URL,
    TOKEN_BOUNDS,
    TOKEN_USAGE,
    UNITS,
    Attributes,
    Conventions,
    Described,
    Measured,
    describe_step,
    describe_turn,
    measure,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SCOPE = "tandem"
BOUNDS = {TOKEN_USAGE: TOKEN_BOUNDS, OPERATION_DURATION: DURATION_BOUNDS}


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A turn with those of its steps that are exported with it. `has_root` where the turn's own span is."""

    trace: Trace
    spans: Sequence[Span]
    has_root: bool = True


# -- ids, which are the same however often a row is exported
def trace_id_of(trace_id: UUID) -> bytes:
    return trace_id.bytes


def span_id_of(row_id: UUID) -> bytes:
    """The half of the UUID that is random; a turn's own is made of its trace's id."""
    return row_id.bytes[8:]


# -- spans
def spans_request(units: Iterable[Unit], how: Conventions) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add(resource=resource_of(), schema_url=SCHEMA_URL)
    scope = resource.scope_spans.add(scope=scope_of(), schema_url=SCHEMA_URL)
    for unit in units:
        if unit.has_root:
            scope.spans.append(root_of(unit.trace, how))
        scope.spans.extend(child_of(span, unit.trace, how) for span in unit.spans)
    return request


def root_of(trace: Trace, how: Conventions) -> ProtoSpan:
    ended_at = trace.ended_at or trace.started_at + timedelta(milliseconds=trace.duration_ms or 0)
    return span_of(
        describe_turn(trace, how),
        trace_id=trace_id_of(trace.pk),
        span_id=span_id_of(trace.pk),
        start=trace.started_at,
        end=max(ended_at, trace.started_at),
    )


def child_of(span: Span, trace: Trace, how: Conventions) -> ProtoSpan:
    made = span_of(
        describe_step(span, trace, how),
        trace_id=trace_id_of(trace.pk),
        span_id=span_id_of(span.pk),
        start=span.started_at,
        end=span.started_at + timedelta(milliseconds=span.duration_ms),
    )
    made.parent_span_id = span_id_of(span.parent_id or trace.pk)
    return made


def span_of(described: Described, *, trace_id: bytes, span_id: bytes, start: datetime, end: datetime) -> ProtoSpan:
    made = ProtoSpan(
        trace_id=trace_id,
        span_id=span_id,
        name=described.name,
        kind=ProtoSpan.SpanKind.ValueType(described.kind),
        start_time_unix_nano=nanoseconds(start),
        end_time_unix_nano=nanoseconds(end),
        attributes=key_values(described.attributes),
    )
    if described.error:
        made.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=described.error))
    return made


def nanoseconds(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(microseconds=1) * 1000


# -- metrics
def metrics_request(units: Iterable[Unit], how: Conventions) -> ExportMetricsServiceRequest | None:
    """The calls of these turns as histograms of delta temporality, over the time in which they were made; None where
    no model was called."""
    request = ExportMetricsServiceRequest()
    points: dict[str, dict[tuple[tuple[str, object], ...], list[Measured]]] = {}
    times: list[datetime] = []
    for unit in units:
        for span in unit.spans:
            for one in measure(span, how):
                group = points.setdefault(one.metric, {})
                group.setdefault(tuple(sorted(one.attributes.items())), []).append(one)
                times += [span.started_at, span.started_at + timedelta(milliseconds=span.duration_ms)]
    if not points:
        return None
    resource = request.resource_metrics.add(resource=resource_of(), schema_url=SCHEMA_URL)
    scope = resource.scope_metrics.add(scope=scope_of(), schema_url=SCHEMA_URL)
    for name in sorted(points):
        metric = scope.metrics.add(name=name, unit=UNITS[name])
        fill(metric, points[name].values(), start=min(times), end=max(times))
    return request


def fill(metric: Metric, groups: Iterable[list[Measured]], *, start: datetime, end: datetime) -> None:
    metric.histogram.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    for group in groups:
        values = [one.value for one in group]
        metric.histogram.data_points.append(
            HistogramDataPoint(
                attributes=key_values(group[0].attributes),
                start_time_unix_nano=nanoseconds(start),
                time_unix_nano=nanoseconds(end),
                count=len(values),
                sum=sum(values),
                min=min(values),
                max=max(values),
                explicit_bounds=BOUNDS[metric.name],
                bucket_counts=bucket_counts(values, BOUNDS[metric.name]),
            )
        )


def bucket_counts(values: Iterable[float], bounds: Sequence[float]) -> list[int]:
    """A bucket ends with its bound, that included; the last one has none (metrics.proto, HistogramDataPoint)."""
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[bisect_left(bounds, value)] += 1
    return counts


# -- what both say of themselves
def resource_of() -> Resource:
    """OTEL_RESOURCE_ATTRIBUTES, as "name=value,name=value" with percent signs for what is special there."""
    named: Attributes = {"service.version": own_version(), **pairs(settings.OTEL_RESOURCE_ATTRIBUTES)}
    if settings.OTEL_SERVICE_NAME:
        named["service.name"] = settings.OTEL_SERVICE_NAME
    named.setdefault("service.name", SCOPE)
    return Resource(attributes=key_values(named))


def scope_of() -> InstrumentationScope:
    return InstrumentationScope(name=SCOPE, version=own_version())


def own_version() -> str:
    try:
        return version("tandem")
    except PackageNotFoundError:  # it runs from its folder
        return "0.1.0"


def pairs(listed: str) -> dict[str, str]:
    """Of "name=value,name=value" (https://opentelemetry.io/docs/specs/otel/protocol/exporter/)."""
    found = (part.partition("=") for part in listed.split(",") if "=" in part)
    return {unquote(name.strip()): unquote(value.strip()) for name, _, value in found if name.strip()}


def key_values(attributes: Mapping[str, object]) -> list[KeyValue]:
    return [KeyValue(key=name, value=any_value(value)) for name, value in attributes.items()]


def any_value(value: object) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[any_value(one) for one in value]))
    return AnyValue(string_value=clean(str(value)))


def clean(text: str) -> str:
    """UTF-8, which protobuf insists on: a model's text may hold half of a surrogate pair."""
    return text.encode(errors="replace").decode()
