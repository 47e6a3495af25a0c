"""The database connection of this thread."""

from __future__ import annotations

from django.db import connection


def give_back_connection() -> None:
    """Return this thread's connection to the pool before waiting on the network.

    A turn waits on models and tools nearly all of its life; held connections ran out at 64 turns, given back they
    did not.
    """
    if not connection.in_atomic_block:
        connection.close()
