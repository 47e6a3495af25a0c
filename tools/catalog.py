"""The tools as rows, with the health of their targets, read again every two seconds.

A tool that is switched off is off at the next step, and a target that fails is known to every process soon.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from uuid import UUID

from tools.models import Target, TargetHealth, Tool

CACHE_SECONDS = 2.0


class Catalog:
    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}
        self._health: dict[UUID, TargetHealth] = {}
        self._read_at = float("-inf")
        self._reading = threading.Lock()

    def find(self, name: str) -> Tool | None:
        return self.tools().get(name)

    def every(self) -> list[Tool]:
        """Each tool once, in a steady order."""
        return [tool for name, tool in sorted(self.tools().items()) if name == tool.key]

    def name_of(self, tool: Tool) -> str:
        """What a model calls it: the short name where that is the only one."""
        # By key: the row may have been read again since.
        found = self.tools().get(tool.name)
        return tool.name if found is not None and found.key == tool.key else tool.key

    def tools(self) -> dict[str, Tool]:
        """All tools, enabled or not, with their targets: by `Target___tool`, and by the short name where only one tool
        has it.

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
        rows = list(Tool.objects.all())
        # Once each: a target may hold a whole document.
        places = Target.objects.select_related("health", "credential").defer("proposed")
        targets = places.in_bulk({tool.target_id for tool in rows})
        for tool in rows:
            tool.target = targets[tool.target_id]
        times = Counter(tool.name for tool in rows)
        tools = {tool.key: tool for tool in rows} | {tool.name: tool for tool in rows if times[tool.name] == 1}
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
