"""A long answer, sent while it is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import HttpRequest, StreamingHttpResponse

# Lines are sent so many at a time.
CHUNK = 500


def csv_response(request: HttpRequest, name: str, lines: Iterable[str]) -> StreamingHttpResponse:
    """A file of lines. Under ASGI, Django would gather a synchronous iterator whole before it sent anything."""
    chunks = in_chunks(iter(lines))
    return StreamingHttpResponse(
        from_a_thread(chunks) if isinstance(request, ASGIRequest) else chunks,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def in_chunks(lines: Iterator[str]) -> Iterator[str]:
    while chunk := "".join(islice(lines, CHUNK)):
        yield chunk


async def from_a_thread(chunks: Iterator[str]) -> AsyncGenerator[str, None]:
    """The same, made in one thread of its own, whose connection to the database ends with it."""
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, thread_name_prefix="csv")
    try:
        while chunk := await loop.run_in_executor(thread, next, chunks, ""):
            yield chunk
    finally:
        await loop.run_in_executor(thread, connections.close_all)
        thread.shutdown(wait=False)
