"""The shop behind HTTP: as a company's whole API with its OpenAPI document, and as a Lambda endpoint."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.flows.targets_shop import NO_ORDER, AnswerLost, Shop
from tests.tools.targets.documents import THINGS, document

TEXT = {"type": "string"}
NUMBER = {"name": "order_id", "in": "path", "required": True, "schema": TEXT}
CUSTOMER = {"name": "customer_email", "in": "query", "required": True, "schema": TEXT}
NOTE = {
    "type": "object",
    "properties": {"note": TEXT, "customer_email": TEXT},
    "required": ["note", "customer_email"],
}


def whole_document() -> dict[str, Any]:
    """Everything that the company has, the orders among it; where it is reached stands in it as a path."""
    found = document(things=THINGS[1:])
    found["servers"] = [{"url": "/api"}]
    found["paths"] |= {
        "/orders": {"get": {"operationId": "list_all_orders", "parameters": [CUSTOMER], "responses": {}}},
        "/orders/{order_id}": {
            "get": {"operationId": "read_order", "parameters": [NUMBER, CUSTOMER], "responses": {}},
            "delete": {"operationId": "delete_order", "parameters": [NUMBER], "responses": {}},
        },
        "/orders/{order_id}/notes": {
            "post": {
                "operationId": "annotate_order",
                "parameters": [NUMBER],
                "requestBody": {"required": True, "content": {"application/json": {"schema": NOTE}}},
                "responses": {},
            }
        },
    }
    return found


def lambda_tools() -> list[dict[str, Any]]:
    """The tool schema that an admin has of such a function, in AgentCore's form."""
    wanted = {
        "read_order": ["order_id", "customer_email"],
        "list_all_orders": ["customer_email"],
        "annotate_order": ["order_id", "note", "customer_email"],
        "delete_order": ["order_id"],
    }
    return [
        {
            "name": name,
            "description": name,
            "inputSchema": {"type": "object", "properties": dict.fromkeys(names, TEXT), "required": names},
        }
        for name, names in wanted.items()
    ]


class Company(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, shop: Shop) -> None:
        super().__init__(("127.0.0.1", 0), Door)
        self.shop = shop
        self.open: set[socket.socket] = set()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def stop(self) -> None:
        """Nobody is there any more, for kept connections either."""
        self.shutdown()
        self.server_close()
        for connection in list(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: Any) -> None:
        """A caller who breaks off is what some tests are about."""


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Company

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        super().finish()

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            status, found = self.found(json.loads(body or b"{}"))
        except KeyError:
            status, found = 404, NO_ORDER
        except AnswerLost:
            self.close_connection = True
            return
        text = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815  the names that http.server calls

    def found(self, body: dict[str, Any]) -> tuple[int, Any]:
        path = urlsplit(self.path).path.strip("/").split("/")
        if path == ["openapi.json"]:
            return 200, whole_document()
        if path[0] == "api":
            return 200, self.asked(path[1:], body)
        return 200, self.invoked(body)

    def asked(self, path: list[str], body: dict[str, Any]) -> Any:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        call, key = self.server.shop.call, self.headers.get("Idempotency-Key", "")
        match self.command, path:
            case "GET", ["orders"]:
                return call("list_all_orders", query)
            case "GET", ["orders", order_id]:
                return call("read_order", {"order_id": order_id, **query})
            case "POST", ["orders", order_id, "notes"]:
                return call("annotate_order", {"order_id": order_id, **body}, key)
            case "DELETE", ["orders", order_id]:
                return call("delete_order", {"order_id": order_id}, key)
        raise KeyError(self.path)

    def invoked(self, event: dict[str, Any]) -> Any:
        """What the function gives; that there is no such order it says in the form of API Gateway."""
        custom = json.loads(base64.b64decode(self.headers["X-Amz-Client-Context"]))["custom"]
        name = custom["bedrockAgentCoreToolName"].partition("___")[2]
        try:
            return self.server.shop.call(name, event, custom.get("idempotencyKey", ""))
        except KeyError:
            return {"statusCode": 404, "body": json.dumps(NO_ORDER)}

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def running_company(shop: Shop) -> Iterator[Company]:
    company = Company(shop)
    thread = threading.Thread(target=company.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield company
    finally:
        company.stop()
        thread.join()
