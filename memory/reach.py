"""Whose memories a connection may see. Without one of these it sees none (`migrations/0002_reach_and_recall.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection, transaction


@contextmanager
def bound_to(customer_id: UUID) -> Iterator[None]:
    """A transaction that sees, and may write, what is known of this customer."""
    with transaction.atomic(), _setting("tandem.customer", str(customer_id)):
        yield


@contextmanager
def everyone() -> Iterator[None]:
    """A transaction that sees everybody's: for counting, deleting and embedding, never for an answer.

    `tests/memory/test_reach.py` lists who may use it.
    """
    with transaction.atomic(), _setting("tandem.everyone", "on"):
        yield


@contextmanager
def _setting(name: str, value: str) -> Iterator[None]:
    """Set until the transaction ends; within one that goes on, until the block does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting(%s, true), ''), set_config(%s, %s, true)", [name, name, value])
        before = cursor.fetchone()[0]
    yield
    # Not after an error: the savepoint or the transaction is rolled back, and the setting with it.
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, true)", [name, before])
