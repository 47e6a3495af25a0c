"""How many requests a key may make: a token bucket for each, in this process.

With more than one web process each counts by itself, so the whole is that many times as much. It keeps one client from
taking the desk for itself; what a key may do with money is held by the money limits, which are in the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

BURST = 200.0
EACH_SECOND = 20.0
ROUNDING = 1e-6
MOST_KEYS = 10_000


class Buckets:
    """Not for more than one thread: it is asked on the event loop."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[UUID, tuple[float, float]] = {}  # what was left, and when

    def take(self, key_id: UUID) -> float:
        """0 where the request may be made; otherwise the seconds until one may."""
        now = self._clock()
        left, at = self._left.pop(key_id, (BURST, now))
        left = min(BURST, left + (now - at) * EACH_SECOND)
        may = left >= 1 - ROUNDING
        self._left[key_id] = (max(left - 1, 0.0) if may else left, now)
        if len(self._left) > MOST_KEYS:  # the one that was used longest ago is full again, or nearly
            del self._left[next(iter(self._left))]
        return 0.0 if may else (1 - left) / EACH_SECOND
