"""Requests to an MCP server within its session, and what their failures mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mcp_types
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import BaseModel, ConfigDict

from tools.definitions import MAX_TOOLS, plain_text
from tools.errors import OutcomeUnclear, TargetUnreachable, ToolFailed, Unreadable
from tools.targets.answers import MAX_ANSWER_BYTES, MAX_MESSAGE, UNCLEAR_STATUSES
from tools.targets.mcp.fates import UNAUTHORISED, Fate

PAGES = 100
# The server looked at the request and did not begin with it.
NOT_BEGUN = frozenset(
    {
        mcp_types.INVALID_REQUEST,
        mcp_types.METHOD_NOT_FOUND,
        mcp_types.INVALID_PARAMS,
        mcp_types.HEADER_MISMATCH,
        mcp_types.MISSING_REQUIRED_CLIENT_CAPABILITY,
        mcp_types.UNSUPPORTED_PROTOCOL_VERSION,
        mcp_types.URL_ELICITATION_REQUIRED,
    }
)
# How servers answer a request of a session that they do not know, such as after a restart.
SESSION_STATUSES = frozenset({400, 404})
SESSION_CODES = frozenset({mcp_types.INVALID_REQUEST, -32000, -32001})


class SessionLost(Exception):
    """The server does not know the session, and did nothing: the same can be asked in a new one."""


class Raw(BaseModel):
    """A result as it came. The SDK has checked its form; it would also hold it against the server's output schema, by
    a validator that a pattern from there can keep busy for ever."""

    model_config = ConfigDict(extra="allow")


async def call_tool(client: Client, name: str, arguments: Mapping[str, Any], meta: Mapping[str, Any]) -> dict[str, Any]:
    """The result, whatever it says. Raises `MCPError`."""
    params = mcp_types.CallToolRequestParams.model_validate(
        {"name": name, "arguments": arguments, **({"_meta": meta} if meta else {})}
    )
    request = mcp_types.CallToolRequest(params=params)
    try:
        result = await client.session.send_request(request, Raw)
    except MCPError as error:
        if error.code != mcp_types.HEADER_MISMATCH:
            raise
        # The server wants some arguments in headers, and only a listing says which: 2026-07-28, Transports.
        await list_tools(client)
        result = await client.session.send_request(request, Raw)
    return dict(result.model_extra or {})


async def list_tools(client: Client) -> list[mcp_types.Tool]:
    """All pages. Raises `MCPError`, and `Unreadable` for more than anybody can use."""
    tools: list[mcp_types.Tool] = []
    cursor: str | None = None
    for _ in range(PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        if len(tools) > MAX_TOOLS:
            raise Unreadable(f"the server lists more than {MAX_TOOLS} tools")
        cursor = page.next_cursor
        if cursor is None:
            return tools
    raise Unreadable(f"the server lists more than {PAGES} pages of tools")


def failure_of(error: Exception, fate: Fate, version: str) -> Exception:
    """What a request's failure means for the call. `version` is the session's protocol version."""
    told = told_by_transport(fate)
    if told is not None:
        return told
    if isinstance(error, MCPError):
        return meaning_of(error, fate, version)
    return Unreadable(f"the answer is not of the protocol: {type(error).__name__}")


def told_by_transport(fate: Fate) -> Exception | None:
    told: Exception | None = None
    if fate.refused is not None:
        told = fate.refused
    elif fate.unreached and not fate.was_sent:
        told = TargetUnreachable(f"no connection: {fate.unreached}")
    elif fate.unreached or fate.lost:
        told = OutcomeUnclear(f"no answer: {fate.lost or fate.unreached}")
    elif fate.status in UNAUTHORISED:
        told = ToolFailed(f"http_{fate.status}", "The backend refused the credential.", status=fate.status)
    elif fate.is_too_large:
        told = Unreadable(f"the answer exceeds {MAX_ANSWER_BYTES} bytes")
    elif fate.status >= 500 or fate.status in UNCLEAR_STATUSES:
        told = OutcomeUnclear(f"the backend answered {fate.status}")
    return told


def meaning_of(error: MCPError, fate: Fate, version: str) -> Exception:
    """Of a JSON-RPC error, which the server sent or the SDK made up."""
    is_handshaken = version in HANDSHAKE_PROTOCOL_VERSIONS
    if is_handshaken and fate.status in SESSION_STATUSES and error.code in SESSION_CODES:
        return SessionLost("the server does not know the session")
    if 300 <= fate.status < 400:
        return ToolFailed(f"http_{fate.status}", "The backend redirected, which is not followed.", status=fate.status)
    made_up = error.code in {mcp_types.INVALID_REQUEST, mcp_types.PARSE_ERROR} and fate.status // 100 == 2
    if made_up:
        return Unreadable("the answer is not of the protocol")
    message = plain_text(error.message, MAX_MESSAGE)
    if error.code in NOT_BEGUN or 400 <= fate.status < 500:
        status = max(fate.status, 400)
        return ToolFailed(f"mcp_{-error.code}", message or "The backend refused the request.", status=status)
    return OutcomeUnclear(f"the backend answered an error: {message[:200]}")
