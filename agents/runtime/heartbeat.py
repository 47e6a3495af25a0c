"""Keeps the leases of this process's running turns alive while they wait on models and tools."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DatabaseError, connection

from agents.turns import Lease, renew_leases

logger = logging.getLogger(__name__)


class Heartbeat:
    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._leases: set[Lease] = set()
        self._thread: threading.Thread | None = None

    @contextmanager
    def holding(self, lease: Lease) -> Iterator[None]:
        with self._wake:
            self._leases.add(lease)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
                self._thread.start()
            elif len(self._leases) == 1:
                self._wake.notify()
        try:
            yield
        finally:
            self._leases.discard(lease)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._leases:
                    self._wake.wait()
            # Two renewals may be missed before a lease runs out.
            time.sleep(settings.TURN_LEASE_SECONDS / 3)
            self._renew(list(self._leases.copy()))

    def _renew(self, leases: list[Lease]) -> None:
        try:
            if leases:
                renew_leases(leases)
        except DatabaseError:
            # The turns notice for themselves: each of their writes is fenced by the lease.
            logger.warning("leases could not be renewed", exc_info=True)
        finally:
            connection.close()


heartbeat = Heartbeat()
