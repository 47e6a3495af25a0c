"""A collector of OTLP/HTTP as a process of its own: it parses what it gets and writes it down, a line a request.

    python -m tests.observability.otlp.collector OUT ANSWERS

It prints its port. A line of the file ANSWERS is used once (with `always`, for ever): a status, and perhaps a JSON
object with `rejected`, a number of spans that are not taken. With `if_over` it is for larger batches of turns only.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

REQUESTS: dict[str, Any] = {"/v1/traces": ExportTraceServiceRequest, "/v1/metrics": ExportMetricsServiceRequest}


class Handler(BaseHTTPRequestHandler):
    out: Path
    answers: Path

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Type"] != "application/x-protobuf" or self.path not in REQUESTS:
            self.answer(404 if self.path not in REQUESTS else 415)
            return
        request = REQUESTS[self.path]()
        request.ParseFromString(body)
        status, options = self.next_answer(request)
        if status == 200:
            got = {"path": self.path, "headers": dict(self.headers.items()), "body": MessageToDict(request)}
            with self.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(got) + "\n")
        self.answer(status, rejected=options.get("rejected", 0))

    def next_answer(self, request: Any) -> tuple[int, dict[str, Any]]:
        lines = self.answers.read_text(encoding="utf-8").splitlines() if self.answers.exists() else []
        if not lines:
            return 200, {}
        status, _, options = lines[0].partition(" ")
        found = json.loads(options or "{}")
        if "if_over" in found and turns_in(request) <= found["if_over"]:
            return 200, {}
        if not found.get("always"):
            self.answers.write_text("\n".join(lines[1:]), encoding="utf-8")
        return int(status), found

    def answer(self, status: int, *, rejected: int = 0) -> None:
        response: Any = ExportMetricsServiceResponse()
        if self.path == "/v1/traces":
            response = ExportTraceServiceResponse()
            if rejected:
                response.partial_success.rejected_spans = rejected
                response.partial_success.error_message = "too old"
        body = response.SerializeToString()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


def main(out: Path, answers: Path) -> None:
    handler = type("Handler", (Handler,), {"out": out, "answers": answers})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    print(server.server_address[1], flush=True)  # noqa: T201  the test reads it
    server.serve_forever()


def turns_in(request: Any) -> int:
    if not isinstance(request, ExportTraceServiceRequest):
        return 0
    scopes = [scope for resource in request.resource_spans for scope in resource.scope_spans]
    return len({span.trace_id for scope in scopes for span in scope.spans})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
