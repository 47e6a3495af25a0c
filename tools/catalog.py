"""The tools as rows, read again every two seconds: a tool that is switched off is off at the next step."""

from __future__ import annotations

import threading
import time

from tools.models import Tool

CACHE_SECONDS = 2.0


class Catalog:
    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}
        self._read_at = float("-inf")
        self._reading = threading.Lock()

    def tools(self) -> dict[str, Tool]:
        """All tools by name, enabled or not, with their targets.

        One thread reads them again while the others go on with what there is. Nobody waits for the lock: who waits
        here may hold the last connection of the pool, which the reader needs.
        """
        if not self._tools:
            self._read()
        elif time.monotonic() - self._read_at > CACHE_SECONDS and self._reading.acquire(blocking=False):
            try:
                self._read()
            finally:
                self._reading.release()
        return self._tools

    def _read(self) -> None:
        self._tools = {tool.name: tool for tool in Tool.objects.select_related("target")}
        self._read_at = time.monotonic()

    def forget(self) -> None:
        self._read_at = float("-inf")


catalog = Catalog()
