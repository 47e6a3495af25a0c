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
        self._lock = threading.Lock()

    def tools(self) -> dict[str, Tool]:
        """All tools by name, enabled or not, with their targets."""
        if time.monotonic() - self._read_at > CACHE_SECONDS:
            with self._lock:
                if time.monotonic() - self._read_at > CACHE_SECONDS:
                    self._tools = {tool.name: tool for tool in Tool.objects.select_related("target")}
                    self._read_at = time.monotonic()
        return self._tools

    def forget(self) -> None:
        self._read_at = float("-inf")


catalog = Catalog()
