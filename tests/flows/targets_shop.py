"""A shop that checks nothing, and keeps in a folder what it was asked and what it did. Run as a file it is an MCP
server over stdio, so it imports nothing of ours."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp_types import CallToolResult, TextContent, ToolAnnotations

ADA, BEN = "ada@example.com", "ben@example.com"
SECRET = "a surprise for Clara"
KEY_META = "tandem/idempotency-key"
ORDERS = {
    "1001": {"order_id": "1001", "customer": ADA, "status": "shipped", "gift_note": ""},
    "2001": {"order_id": "2001", "customer": BEN, "status": "open", "gift_note": SECRET},
}
NO_ORDER = {"error": {"code": "not_found", "message": "There is no such order."}}


class AnswerLost(Exception):
    """It was done, and nobody is to hear of it."""


class Shop:
    """`folder` holds a line of JSON for each thing asked and done. Where there is a file `lose`, the next write is done
    and its answer lost; where there is a file `down`, the program does not start."""

    def __init__(self, folder: Path) -> None:
        self.journal = folder / "journal.jsonl"
        self.lose = folder / "lose"
        self.down = folder / "down"

    def asked(self) -> list[dict[str, Any]]:
        return [entry for entry in self.entries() if entry["what"] == "asked"]

    def done(self) -> list[dict[str, Any]]:
        return [entry for entry in self.entries() if entry["what"] == "done"]

    def entries(self) -> list[dict[str, Any]]:
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        return [json.loads(line) for line in lines]

    def write(self, what: str, name: str, arguments: dict[str, Any], key: str) -> None:
        with self.journal.open("a") as journal:
            journal.write(json.dumps({"what": what, "name": name, "arguments": arguments, "key": key}) + "\n")

    def call(self, name: str, arguments: dict[str, Any], key: str = "") -> dict[str, Any]:
        """Raises `KeyError` for an order that does not exist, and `AnswerLost`."""
        self.write("asked", name, arguments, key)
        if name == "list_all_orders":
            return {"orders": list(ORDERS.values())}  # everybody's
        order = ORDERS[arguments["order_id"]]
        if name == "read_order":
            return order
        if not (key and any(entry["key"] == key for entry in self.done())):
            self.write("done", name, arguments, key)
        if self.lose.exists():
            self.lose.unlink()
            raise AnswerLost
        return {"done": name, "order_id": order["order_id"]}


def mcp_server(shop: Shop, on_lost: Callable[[], None]) -> MCPServer:
    def call(name: str, arguments: dict[str, Any], key: str = "") -> CallToolResult:
        try:
            found = shop.call(name, arguments, key)
        except KeyError:
            return CallToolResult(content=[TextContent(text=json.dumps(NO_ORDER))], is_error=True)
        except AnswerLost:
            on_lost()
            raise
        return CallToolResult(content=[TextContent(text=json.dumps(found))], structured_content=found)

    def read_order(order_id: str, customer_email: str) -> CallToolResult:
        """One order by its number."""
        return call("read_order", {"order_id": order_id, "customer_email": customer_email})

    def list_all_orders(customer_email: str) -> CallToolResult:
        """The customer's orders."""
        return call("list_all_orders", {"customer_email": customer_email})

    def annotate_order(order_id: str, note: str, customer_email: str, context: Context) -> CallToolResult:
        """Put a note on an order."""
        arguments = {"order_id": order_id, "note": note, "customer_email": customer_email}
        return call("annotate_order", arguments, str((context.request_context.meta or {}).get(KEY_META, "")))

    def delete_order(order_id: str) -> CallToolResult:
        """Delete an order for ever."""
        return call("delete_order", {"order_id": order_id})

    server = MCPServer("orders", version="1")
    for function in (read_order, list_all_orders):
        server.add_tool(function, annotations=ToolAnnotations(read_only_hint=True))
    server.add_tool(annotate_order, annotations=ToolAnnotations(destructive_hint=False))
    server.add_tool(delete_order, annotations=ToolAnnotations(destructive_hint=True))
    return server


def main(folder: str) -> None:
    shop = Shop(Path(folder))
    if shop.down.exists():
        sys.exit("down")
    mcp_server(shop, lambda: os._exit(3)).run()


if __name__ == "__main__":
    main(sys.argv[1])
