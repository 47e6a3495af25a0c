"""Trouble to order: the shop is slow, fails, or loses its answer after doing the work.

Set over HTTP (`PUT /_faults`), kept in memory only. The service's own paths (`/_…`, `/healthz`, `/openapi.json`) are
never troubled, so that it can always be inspected and put right.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tools.demo_shop.errors import ShopError

MAX_LATENCY_MS = 600_000
MAX_COUNT = 1_000_000
MAX_PATHS_CHARACTERS = 200
# Where the server puts the function that closes a request's connection (see `server.py`).
CLOSE_CONNECTION = "close_connection"

logger = logging.getLogger("demo_shop")


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What is wrong with the shop, in the form of `/_faults`.

    `latency_ms` delays every answer; `fail_next` and `lose_answer_next` count down by one for each request they hit,
    `fail_next` first. `paths` is "*" or patterns separated by commas, each a path with `*` as wildcard and, if wanted,
    a method before it: "POST /refunds, /orders/*".
    """

    latency_ms: int = 0
    fail_next: int = 0
    lose_answer_next: int = 0
    paths: str = "*"

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Faults:
        """What the body leaves out is back to normal; `ShopError` when it makes no sense."""
        unknown = sorted(body.keys() - {field.name for field in fields(cls)})
        if unknown:
            raise ShopError(422, "invalid_request", f"Unknown field {unknown[0][:40]!r}.")
        for name, limit in (("latency_ms", MAX_LATENCY_MS), ("fail_next", MAX_COUNT), ("lose_answer_next", MAX_COUNT)):
            value = body.get(name, 0)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= limit:
                raise ShopError(422, "invalid_request", f"{name} must be a whole number from 0 to {limit}.")
        paths = body.get("paths", "*")
        if not isinstance(paths, str) or not paths.isprintable() or not 0 < len(paths) <= MAX_PATHS_CHARACTERS:
            raise ShopError(422, "invalid_request", 'paths must be "*" or patterns like "POST /refunds, /orders/*".')
        return cls(**body)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def concern(self, method: str, path: str) -> bool:
        if path.startswith("/_") or path in {"/healthz", "/openapi.json"}:
            return False
        patterns = [" ".join(pattern.split()) for pattern in self.paths.split(",")]
        return any(fnmatchcase(f"{method} {path}" if " " in pattern else path, pattern) for pattern in patterns)


class FaultControl:
    """The faults in force. Used on the event loop only: a count is read and lowered without a pause between."""

    def __init__(self) -> None:
        self.faults = Faults()

    def take(self, method: str, path: str) -> Faults:
        """The faults of this one request, with counts of 0 or 1."""
        faults = self.faults
        if not faults.concern(method, path):
            return Faults()
        fails = min(faults.fail_next, 1)
        loses = min(faults.lose_answer_next, 1) if not fails else 0
        self.faults = Faults(
            latency_ms=faults.latency_ms,
            fail_next=faults.fail_next - fails,
            lose_answer_next=faults.lose_answer_next - loses,
            paths=faults.paths,
        )
        return Faults(latency_ms=faults.latency_ms, fail_next=fails, lose_answer_next=loses)


class FaultMiddleware:
    """Applies the faults in force around the application."""

    def __init__(self, app: ASGIApp, control: FaultControl) -> None:
        self.app = app
        self.control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_line = f"{scope['method']} {scope['path']}"
        faults = self.control.take(scope["method"], scope["path"])
        if faults.latency_ms:
            await asyncio.sleep(faults.latency_ms / 1000)
        if faults.fail_next:
            logger.info("%r fails as ordered", request_line)
            body = {"error": {"code": "unavailable", "message": "The shop is not available. Nothing was done."}}
            await JSONResponse(body, status_code=503)(scope, receive, send)
        elif faults.lose_answer_next:
            await self.app(scope, receive, _discard)
            logger.info("%r was done, its answer is lost as ordered", request_line)
            await _close_connection(scope, receive)
        else:
            await self.app(scope, receive, send)


async def _discard(message: Message) -> None:
    """Takes an answer that nobody will see."""


async def _close_connection(scope: Scope, receive: Receive) -> None:
    scope["state"][CLOSE_CONNECTION]()
    # Returning before the server has noticed would make it answer 500 for the missing response.
    while (await receive())["type"] != "http.disconnect":
        pass
