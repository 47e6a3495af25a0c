"""The tools as rows, with the health of their targets, read again every two seconds.

A tool that is switched off is off at the next step, and a target that fails is known to every process soon.
"""

from __future__ import annotations

import threading
import time
from uuid import UUID

from tools.models import TargetHealth, Tool

CACHE_SECONDS = 2.0


class Catalog:
    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}
        self._health: dict[UUID, TargetHealth] = {}
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
        tools = {tool.name: tool for tool in Tool.objects.select_related("target__health")}
        targets = {tool.target_id: tool.target for tool in tools.values()}
        # A target that never failed has no row.
        self._health = {pk: target.health for pk, target in targets.items() if hasattr(target, "health")}
        self._tools = tools
        self._read_at = time.monotonic()

    def health_of(self, target_id: UUID) -> TargetHealth | None:
        """As last read or noted, or None for a target that never failed; never a query, as it is asked between the
        database and the network."""
        return self._health.get(target_id)

    def note_health(self, target_id: UUID, health: TargetHealth | None) -> None:
        """What this process just wrote or read, until the next reading."""
        if health is None:
            self._health.pop(target_id, None)
        else:
            self._health[target_id] = health

    def forget(self) -> None:
        self._read_at = float("-inf")


catalog = Catalog()
