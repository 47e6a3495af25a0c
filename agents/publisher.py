"""Sends nudges to the broker from one thread a process.

A broker that is slow or away must not keep a customer's message waiting, and kombu's pgmq transport is not safe to
publish through from several threads at once. A nudge that is lost costs seconds: the sweeper finds the row.
"""

from __future__ import annotations

import logging
import queue
import threading
from typing import Any, NamedTuple

logger = logging.getLogger(__name__)


class Nudge(NamedTuple):
    task: Any
    argument: str


class Publisher:
    def __init__(self) -> None:
        self._nudges: queue.SimpleQueue[Nudge] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def publish(self, task: Any, argument: str) -> None:
        """Returns at once; the task is a Celery task of one argument."""
        self._nudges.put(Nudge(task, argument))
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while True:
            nudge = self._nudges.get()
            try:
                nudge.task.delay(nudge.argument)
            except Exception:
                # The boundary to the broker: whatever it raises, the next nudge is tried and this one is swept up.
                logger.warning("%s(%s) waits for the sweeper", nudge.task.name, nudge.argument, exc_info=True)


publisher = Publisher()
