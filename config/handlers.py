"""How a request reaches Django: event streams on the event loop, everything else in one thread.

Django's ASGI handler starts a thread for each request and changes threads around each synchronous middleware. Nearly
all requests here are short and synchronous, so they run from the first middleware to the last in a thread of a pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, cast

from asgiref.sync import iscoroutinefunction
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve, set_script_prefix

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class ThreadHandler(ASGIHandler):
    """Answers a request in one thread, with a synchronous chain of middleware."""

    def __init__(self, *, threads: int) -> None:
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        loop = asyncio.get_running_loop()
        try:
            response = await loop.run_in_executor(self._threads, self.answer, scope, body)
            await self.send_response(response, send)
            if response.streaming:
                await loop.run_in_executor(self._threads, response.close)
        finally:
            body.close()

    def answer(self, scope: Scope, body: IO[bytes]) -> HttpResponseBase:
        """The whole response; one that is not streamed is closed, so that its connection is back in the pool."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        request, refused = self.create_request(scope, body)
        response: HttpResponseBase = self.get_response(request) if request else cast("HttpResponse", refused)
        # Django's own name for the sender of the signal that it gives when it closes the response.
        response._handler_class = type(self)  # type: ignore[attr-defined]  # noqa: SLF001
        if isinstance(response, HttpResponse):
            response.close()
        return response


class Dispatcher:
    """Sends a request to the handler that its view needs."""

    def __init__(self, *, threads: int) -> None:
        self._on_the_loop = ASGIHandler()
        self._in_a_thread = ThreadHandler(threads=threads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._on_the_loop if is_asynchronous(scope) else self._in_a_thread
        await handler(scope, receive, send)


def is_asynchronous(scope: Scope) -> bool:
    path: str = scope["path"]
    try:
        match = resolve("/" + path.removeprefix(scope.get("root_path", "")).lstrip("/"))
    except Resolver404:
        return False
    return bool(iscoroutinefunction(match.func))
