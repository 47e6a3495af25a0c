"""A stock MCP server made with the SDK. Run as a file it speaks over stdio, or misbehaves."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import time
from typing import Any

from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel

READS = ToolAnnotations(read_only_hint=True)


def get_order(order_id: str) -> dict[str, Any]:
    """One order by its number."""
    return {"id": order_id, "total": "61.00"}


def refund(order_id: str, amount: float) -> dict[str, Any]:
    """Pay money back."""
    return {"id": "re_1", "order": order_id, "amount": amount}


def words() -> str:
    """Plain words."""
    return "It ships on Monday."


def json_words() -> list[Any]:
    """A picture, and JSON in a text."""
    return ['{"orders": [1, 2]}', Image(data=base64.b64decode("iVBORw0KGgo="), format="png")]


def fails() -> str:
    """Says no, in the SDK's words."""
    raise ToolError("The order is closed.")


def finds_nothing() -> CallToolResult:
    """Says no, in words of its own."""
    text = '{"error": {"code": "not_found", "message": "There is no such order."}}'
    return CallToolResult(content=[TextContent(text=text)], is_error=True)


def much(size: int) -> str:
    """A long text."""
    return "x" * size


async def slow(pause: float, context: Context) -> str:
    """Takes its time, and tells how far it is."""
    for step in range(3):
        await context.report_progress(step + 1, 3, f"step {step + 1}")
        await asyncio.sleep(pause / 3)
    return "done"


async def changes_itself(context: Context) -> str:
    """The tools are others from now on."""
    await context.session.send_tool_list_changed()
    return "changed"


def ends() -> str:
    """The server is gone."""
    os._exit(3)


def environment() -> dict[str, str]:
    """What the server's environment holds."""
    return dict(os.environ)


class Sure(BaseModel):
    sure: bool


async def asks_back(context: Context) -> str:
    """Wants to hear it twice."""
    answer = await context.elicit("Sure?", Sure)
    return answer.action


def stock() -> MCPServer:
    server = MCPServer("shelf", version="1")
    server.add_tool(get_order, annotations=READS)
    server.add_tool(refund, annotations=ToolAnnotations(destructive_hint=True))
    server.add_tool(json_words, name="json-words", structured_output=False)
    server.add_tool(words, structured_output=False)
    server.add_tool(much, structured_output=False)
    server.add_tool(slow, structured_output=False)
    server.add_tool(changes_itself, structured_output=False)
    for function in (fails, finds_nothing, ends, environment, asks_back):
        server.add_tool(function)
    return server


def main(how: str) -> None:
    if how == "mute":
        sys.stdin.read()
    elif how == "gone":
        sys.exit("no licence")
    elif how == "endless":
        sys.stdout.write("x" * 5_000_000)
        sys.stdout.flush()
        sys.stdin.read()
    elif how == "deaf":
        while True:
            time.sleep(60)
    else:
        stock().run()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
