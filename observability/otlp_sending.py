"""One request to the collector, and what its answer means (https://opentelemetry.io/docs/specs/otlp/, OTLP/HTTP)."""

from __future__ import annotations

import urllib3
from django.conf import settings
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from urllib3.exceptions import HTTPError

from observability.otlp_protobuf import pairs

PROTOBUF = "application/x-protobuf"
# The request itself is at fault: sent again it would be refused again. Others (no right, no such place, too many, a
# gateway without its server) are mended elsewhere, and what waits is sent then.
FAULTS = frozenset({400, 413, 415, 422})
ANSWER_BYTES = 65_536
SECONDS_DIGITS = 6


class TryLater(Exception):
    """Nothing was taken; `retry_after` in seconds where the collector named a time."""

    def __init__(self, text: str, *, retry_after: int | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class Refused(Exception):
    """It will not be taken, however often it is sent."""


def post(pool: urllib3.PoolManager, path: str, body: bytes) -> str:
    """What of it was not taken, in words; empty where all was. Raises `TryLater` and `Refused`.

    The address and the headers are those of the settings, so they are not judged as those that people enter are.
    """
    url = settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip("/") + path
    seconds = settings.OTEL_EXPORTER_OTLP_TIMEOUT / 1000
    headers = {"User-Agent": "Tandem", "Content-Type": PROTOBUF, **pairs(settings.OTEL_EXPORTER_OTLP_HEADERS)}
    try:
        response = pool.request(
            "POST",
            url,
            body=body,
            headers=headers,
            timeout=urllib3.Timeout(total=seconds),
            redirect=False,
            preload_content=False,
        )
        try:
            answer = response.read(ANSWER_BYTES)
        finally:
            response.close()
    except (HTTPError, ValueError) as error:
        raise TryLater(f"The collector did not answer at {path}: {type(error).__name__}.") from error
    if 200 <= response.status < 300:
        return not_taken(path, answer)
    said = f"It answered {response.status} at {path}."
    if response.status in FAULTS:
        raise Refused(said)
    after = response.headers.get("Retry-After", "")
    is_seconds = after.isascii() and after.isdecimal() and len(after) <= SECONDS_DIGITS
    raise TryLater(said, retry_after=int(after) if is_seconds else None)


def not_taken(path: str, answer: bytes) -> str:
    """Of a partial success, which is not to be sent again."""
    response = ExportTraceServiceResponse() if path.endswith("traces") else ExportMetricsServiceResponse()
    try:
        response.ParseFromString(answer)
    except DecodeError:  # some answer in JSON, or with a page
        return ""
    partial = response.partial_success
    count = getattr(partial, "rejected_spans", 0) or getattr(partial, "rejected_data_points", 0)
    return f"{count} were not taken: {partial.error_message}" if count else ""
