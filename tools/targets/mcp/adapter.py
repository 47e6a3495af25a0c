"""MCP servers, over streamable HTTP and as children over stdio, in both eras of the protocol.

The era is found out when a session is opened (`server/discover`, else the `initialize` handshake). Progress and log
messages of a server are ignored; it is offered neither sampling nor elicitation nor roots.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

from django.db import Error
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError

from observability.batch import encode
from observability.database import give_back_connection
from tools.credentials import credential_of, scrub, stdio_environment
from tools.definitions import Definition
from tools.errors import OutcomeUnclear, TargetUnreachable, ToolFailed
from tools.models import Target
from tools.targets.answers import MAX_ANSWER_BYTES, read_content
from tools.targets.base import Call
from tools.targets.http import key_header, reach_of
from tools.targets.lookups import found, look_up_of
from tools.targets.mcp.background import background
from tools.targets.mcp.fates import Fate, current
from tools.targets.mcp.listing import definitions_of
from tools.targets.mcp.requests import SessionLost, call_tool, failure_of, list_tools
from tools.targets.mcp.sessions import CLOSE_SECONDS, LISTING_BYTES, Place, Sessions

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
Ask = Callable[[Client], Awaitable[Result]]
LISTING_SECONDS = 30.0
# A result comes twice, as text and as JSON, and each character may be escaped.
WIRE_BYTES = 4 * MAX_ANSWER_BYTES
# In the `_meta` of a request; over HTTP the key is in the usual header, too.
KEY_META = "tandem/idempotency-key"
INPUT_REQUIRED = "input_required"


class McpAdapter:
    def __init__(self) -> None:
        self.sessions = Sessions(note_changed)
        atexit.register(self.close)

    def send(self, call: Call) -> Any:
        target = call.tool.target
        name = call.tool.recipe.get("source_name", call.tool.name)
        meta = {KEY_META: call.key} if call.key else {}
        fate = Fate(target=target, limit=WIRE_BYTES, deadline=call.deadline, headers=key_header(call))
        result = self.ask(fate, lambda client: call_tool(client, name, call.arguments, meta))
        if result.get("resultType") == INPUT_REQUIRED:
            raise ToolFailed(
                INPUT_REQUIRED, "The tool asks for more than its arguments, which is not given.", status=422
            )
        return read_content(scrubbed(result, target))

    def send_look_up(self, call: Call) -> Any:
        return found(self.send(look_up_of(call)), call.tool.lookup or {})

    def list_definitions(self, target: Target) -> list[Definition]:
        fate = Fate(target=target, limit=LISTING_BYTES, deadline=time.monotonic() + LISTING_SECONDS)
        return definitions_of(self.ask(fate, list_tools))

    def close(self) -> None:
        """Ends the children, too. What a call under way waits for does not come any more."""
        atexit.unregister(self.close)
        if self.sessions.sessions:
            background.run(self.sessions.close(), seconds=CLOSE_SECONDS + 1)

    def ask(self, fate: Fate, ask: Ask[Result]) -> Result:
        """What the server answers within its session, by the deadline. Raises as `Adapter.send` does."""
        credential_of(fate.target)  # a query, where the target came without it: there is none in the loop
        place = place_of(fate.target)
        seconds = (fate.deadline or 0) - time.monotonic()
        if seconds <= 0:
            raise TargetUnreachable("no time is left for this call")
        try:
            return background.run(self.ask_within(place, fate, ask), seconds=seconds)
        except TimeoutError as error:
            if fate.was_sent:
                raise OutcomeUnclear(f"timeout after {seconds:.1f} s") from error
            raise TargetUnreachable(f"no MCP session after {seconds:.1f} s") from error

    async def ask_within(self, place: Place, fate: Fate, ask: Ask[Result]) -> Result:
        """Once more in a new session where the server does not know the old one."""
        current.set(fate)
        try:
            return await self.ask_once(place, fate, ask)
        except SessionLost:
            fate.begin_again()
        try:
            return await self.ask_once(place, fate, ask)
        except SessionLost as error:
            raise ToolFailed("no_session", "The backend keeps no session.", status=fate.status) from error

    async def ask_once(self, place: Place, fate: Fate, ask: Ask[Result]) -> Result:
        async with self.sessions.open_for(place, fate) as (session, client):
            fate.was_sent = bool(place.command)  # over HTTP the transport knows better
            try:
                result = await ask(client)
            except asyncio.CancelledError:
                session.note_silence()
                raise
            except (MCPError, ValueError, RuntimeError) as error:
                failure = failure_of(error, fate, client.session.protocol_version or "")
                if isinstance(failure, SessionLost):
                    self.sessions.put_away(session)
                elif isinstance(failure, ToolFailed):
                    self.sessions.note_answer(session)
                raise failure from error
            self.sessions.note_answer(session)
            return result


def place_of(target: Target) -> Place:
    """Raises `ToolRefused` where the credential cannot be used."""
    if target.kind == Target.Kind.MCP_STDIO:
        command = tuple(str(part) for part in target.command)
        return Place(target_id=target.pk, name=target.name, command=command, environment=stdio_environment(target))
    return Place(target_id=target.pk, name=target.name, url=target.base_url, reach=reach_of(target))


def scrubbed(result: dict[str, Any], target: Target) -> dict[str, Any]:
    """Some servers tell in an error what they were sent."""
    if credential_of(target) is None:
        return result
    text = encode(result)
    clean = scrub(text, target)
    return result if clean == text else dict(json.loads(clean))


def note_changed(target_id: UUID) -> None:
    """The server says that its tools are others: they are listed soon. Called in the loop."""
    asyncio.get_running_loop().run_in_executor(None, make_due, target_id)


def make_due(target_id: UUID) -> None:
    try:
        Target.objects.filter(pk=target_id).update(listed_at=None)
    except Error as error:
        logger.warning("target %s: it could not be noted that its tools changed: %s", target_id, error)
    finally:
        give_back_connection()
