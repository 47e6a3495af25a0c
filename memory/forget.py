"""What is remembered of conversations, or of a customer, when those are deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from memory.reach import bound_to, everyone
from observability.retention import Rows, count_all, delete_all

# Parameters: `sessions` and `turns`, and for those of a customer `customer` too.
OF_CONVERSATIONS = (
    Rows(table="memory_documentuse", where="turn_id = ANY(%(turns)s::uuid[])"),
    Rows(table="memory_sessionsummary", where="session_id = ANY(%(sessions)s::uuid[])"),
    Rows(table="memory_reading", where="session_id = ANY(%(sessions)s::uuid[])"),
)
# First, as a reader of the conversation locks it first: it finds none any more, and writes nothing down.
READINGS = Rows(table="memory_reading", where="customer_id = %(customer)s OR session_id = ANY(%(sessions)s::uuid[])")
OF_CUSTOMER = (
    Rows(table="memory_documentuse", where="turn_id = ANY(%(turns)s::uuid[])"),
    Rows(table="memory_sessionsummary", where="customer_id = %(customer)s"),
    Rows(table="memory_memory", where="customer_id = %(customer)s"),
)
# What was learnt in them outlives them, and no longer says where it was said.
UNNAME = """UPDATE memory_memory SET session_id = NULL, message_id = NULL WHERE session_id = ANY(%s::uuid[])"""
# As `memory/writing.py` locks: nobody writes down a thing more about them until the transaction ends.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


def forget_conversations(sessions: Sequence[UUID], turns: Sequence[UUID]) -> Counter[str]:
    """Within the transaction that deletes them."""
    with everyone():
        with connection.cursor() as cursor:
            cursor.execute(UNNAME, [list(sessions)])
        return delete_all(OF_CONVERSATIONS, {"sessions": list(sessions), "turns": list(turns)})


def forget_customer(customer_id: UUID, sessions: Sequence[UUID], turns: Sequence[UUID]) -> Counter[str]:
    """All that is known of a customer, within the transaction that deletes them."""
    parameters = given(customer_id, sessions, turns)
    with bound_to(customer_id):
        counts = delete_all([READINGS], parameters)
        with connection.cursor() as cursor:
            cursor.execute(LOCK, [f"memory of {customer_id}"])
        return counts + delete_all(OF_CUSTOMER, parameters)


def count_known(customer_id: UUID, sessions: Sequence[UUID], turns: Sequence[UUID]) -> Counter[str]:
    """What `forget_customer` would delete."""
    with bound_to(customer_id):
        return count_all((READINGS, *OF_CUSTOMER), given(customer_id, sessions, turns))


def given(customer_id: UUID, sessions: Sequence[UUID], turns: Sequence[UUID]) -> dict[str, Any]:
    return {"customer": customer_id, "sessions": list(sessions), "turns": list(turns)}
