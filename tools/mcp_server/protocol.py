"""What MCP clients are answered: the tools of their key, and what came of a call.

The protocol in both of its eras (a handshake until 2025-11-25, none in 2026-07-28) is the SDK's part.
https://modelcontextprotocol.io/specification
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mcp.types as wire
from mcp.server import Server
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

from tools.binding import progress_text
from tools.gateway import problem
from tools.mcp_server.search import best_matches
from tools.mcp_server.threads import Threads
from tools.models import GatewayKey, Tool
from tools.outside import Answer, call_for, definitions_for

# Where the request's scope holds the key that the endpoint has checked.
KEY = "tandem.key"
# More tools than this are not listed: a model that is shown too many chooses badly, and pays for all of them.
MOST_LISTED = 40
MOST_FOUND = 10
SEARCH, CALL = "search_tools", "call_tool"
Context = ServerRequestContext[Any, Any]

SEARCH_TOOL = wire.Tool(
    name=SEARCH,
    description="Find tools by what they do. Returns the best matches with their names and input schemas; call one by "
    f"its name, or through {CALL}.",
    input_schema={
        "type": "object",
        "properties": {"query": {"type": "string", "description": "A few words, such as: refund an order"}},
        "required": ["query"],
        "additionalProperties": False,
    },
    annotations=wire.ToolAnnotations(read_only_hint=True, open_world_hint=False),
)
CALL_TOOL = wire.Tool(
    name=CALL,
    description=f"Call a tool that {SEARCH} has found.",
    input_schema={
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "The tool's name"},
            "arguments": {"type": "object", "description": "Its arguments, by its input schema"},
        },
        "required": ["name"],
        "additionalProperties": False,
    },
)


def key_of(ctx: Context) -> GatewayKey:
    if ctx.request is None:
        raise RuntimeError("a request without HTTP")
    key: GatewayKey = ctx.request.scope[KEY]
    return key


def make_server(threads: Threads) -> Server[Any]:
    handlers = Handlers(threads)
    server: Server[Any] = Server(
        "tandem",
        title="Tandem",
        on_list_tools=handlers.list_tools,
        on_call_tool=handlers.call_tool,
        # Without this the SDK lists all tools before each call, to check headers that ours have none of.
        get_tool_input_schema=lambda _: None,
    )
    server.middleware = [with_instructions]
    return server


async def with_instructions(ctx: Context, call_next: CallNext) -> HandlerResult:
    """One server stands for all gateways; each has its own name and its own words for the model."""
    result = await call_next(ctx)
    if ctx.method not in {"initialize", "server/discover"} or not isinstance(result, dict):
        return result
    gateway = key_of(ctx).gateway
    said = {**result, "instructions": gateway.instructions} if gateway.instructions else result
    if "serverInfo" in said:
        said = {**said, "serverInfo": {**said["serverInfo"], "title": gateway.label}}
    return said


@dataclass(frozen=True)
class Handlers:
    threads: Threads

    async def list_tools(self, ctx: Context, _: wire.PaginatedRequestParams | None) -> wire.ListToolsResult:
        found = await self.threads.quickly(definitions_for, key_of(ctx))
        if len(found) > MOST_LISTED:
            return wire.ListToolsResult(tools=[SEARCH_TOOL, CALL_TOOL])
        return wire.ListToolsResult(tools=[wire_tool(definition) for definition in found])

    async def call_tool(self, ctx: Context, params: wire.CallToolRequestParams) -> wire.CallToolResult:
        key, name, arguments = key_of(ctx), params.name, params.arguments or {}
        if name in {SEARCH, CALL}:
            found = await self.threads.quickly(definitions_for, key)
            is_own = any(definition["name"] == name for definition in found)
            if name == SEARCH and not is_own:
                return wire_result(search(found, arguments))
            if name == CALL and not is_own:
                name, arguments = str(arguments.get("name", "")), object_of(arguments.get("arguments"))
        await self.say_progress(ctx, key, name, arguments)
        answer = await self.threads.calling(call_for, key, name, arguments, request_id=str(ctx.request_id))
        return wire_result(answer)

    async def say_progress(self, ctx: Context, key: GatewayKey, name: str, arguments: dict[str, Any]) -> None:
        """Nothing is sent to a client that asked for none."""
        if ctx.meta is None or ctx.meta.get("progress_token") is None:
            return
        found = await self.threads.quickly(definitions_for, key)
        tool = next((one["tool"] for one in found if name in {one["name"], one["tool"].key}), None)
        if tool is not None:
            await ctx.session.report_progress(0, None, progress_text(tool.progress, arguments))


def object_of(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def wire_tool(definition: dict[str, Any]) -> wire.Tool:
    return wire.Tool(
        name=definition["name"],
        description=definition["description"],
        input_schema=definition["input_schema"],
        annotations=annotations_of(definition["tool"]),
    )


def annotations_of(tool: Tool) -> wire.ToolAnnotations:
    """What a client may ask its user about. A call that a client repeats is made again, but for one that waits."""
    return wire.ToolAnnotations(
        read_only_hint=tool.is_read,
        destructive_hint=None if tool.is_read else tool.effect in {Tool.Effect.MONEY, Tool.Effect.IRREVERSIBLE},
        idempotent_hint=True if tool.is_read else None,
    )


def search(found: list[dict[str, Any]], arguments: dict[str, Any]) -> Answer:
    query = arguments.get("query")
    if not isinstance(query, str) or not query.strip():
        return Answer(result=problem("invalid_arguments", "query: a few words are needed."), is_error=True)
    matches = best_matches(found, query[:500], most=MOST_FOUND)
    shown = [{name: one[name] for name in ("name", "description", "input_schema")} for one in matches]
    return Answer(result={"tools": shown, "of": len(found)}, is_error=False)


def wire_result(answer: Answer) -> wire.CallToolResult:
    return wire.CallToolResult(
        content=[wire.TextContent(text=answer.text)],
        structured_content=answer.result if isinstance(answer.result, dict) else None,
        is_error=answer.is_error,
    )
