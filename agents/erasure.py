"""Everything about one customer deleted, everywhere, in one transaction; what stays is a receipt that names nobody.

First the agents fall silent in their conversations: a worker in the middle of a turn loses its lease, and with it every
way to write. Then all rows go at once, or none. Afterwards the tables are vacuumed and their statistics made anew, for
both hold on to what was deleted (docs/retention.md).
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

from celery import shared_task
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction
from psycopg import sql
from psycopg.errors import DeadlockDetected

from agents.deletion import CALLS, SAID, SESSION_SUBJECTS, Conversations, ids
from agents.models import Customer
from agents.publisher import publisher
from memory.forget import count_known, forget_customer
from memory.models import Erasure
from observability.database import give_back_connection
from observability.retention import Rows, count_all, delete_all

logger = logging.getLogger(__name__)
TRIES = 5
# The first version in which the statistics of a column can be cleared.
CLEARS_STATISTICS = 180000

RECORDED = (
    Rows(
        table="observability_span",
        where="trace_id IN (SELECT t.id FROM observability_trace AS t "
        "WHERE t.session_id = ANY(%(sessions)s::uuid[]) OR t.customer = ANY(%(addresses)s::text[]))",
    ),
    Rows(
        table="observability_trace",
        where="session_id = ANY(%(sessions)s::uuid[]) OR customer = ANY(%(addresses)s::text[])",
    ),
)
LOCK_TRACES = """
SELECT id FROM observability_trace
WHERE session_id = ANY(%(sessions)s::uuid[]) OR customer = ANY(%(addresses)s::text[]) ORDER BY id FOR UPDATE
"""
# What a guardrail saw in calls without a conversation, and cases made of it.
OUTSIDE = (
    Rows(
        table="guardrails_labelledcase",
        where="violation_id IN (SELECT v.id FROM guardrails_violation AS v "
        "WHERE v.session_id IS NULL AND v.call_id = ANY(%(calls)s::uuid[]))",
    ),
    Rows(table="guardrails_violation", where="session_id IS NULL AND call_id = ANY(%(calls)s::uuid[])"),
)
THEMSELVES = (
    Rows(table="tools_gatewaykey", where="customer_id = %(customer)s OR lower(customer_email) = %(address)s"),
    Rows(table="agents_customer", where="id = %(customer)s"),
)
# Calls of their conversations, those that moved their money in conversations long gone, and those of outside callers
# that act for them or in which they are named.
CALLS_OF = """
SELECT c.id FROM tools_toolcall AS c WHERE c.turn_id = ANY(%(turns)s::uuid[])
UNION SELECT m.call_id FROM tools_moneyuse AS m WHERE m.customer_id = %(customer)s
UNION SELECT c.id FROM tools_toolcall AS c LEFT JOIN tools_approval AS a ON a.call_id = c.id
  WHERE c.key_id IS NOT NULL AND (
    a.customer_id = %(customer)s
    OR c.key_id IN (SELECT k.id FROM tools_gatewaykey AS k
      WHERE k.customer_id = %(customer)s OR lower(k.customer_email) = %(address)s)
    OR concat_ws(' ', c.arguments, c.result, c.decided, a.asked, a.arguments, a.seen) ~* %(named)s)
"""
# Ended for everybody who may still be at work: no worker's token fits any more, and no channel takes another message.
SILENCE_TURNS = """
UPDATE agents_turn SET status = 'silenced', finished_at = now(), lease_token = NULL, lease_until = NULL
WHERE session_id = ANY(%s::uuid[]) AND status IN ('queued', 'running', 'waiting')
"""
CLOSE = """
UPDATE agents_session SET controller = 'closed', closed_at = now(), waiting_since = NULL
WHERE id = ANY(%s::uuid[]) AND controller <> 'closed'
"""
# What people and backends wrote of something else, and named the customer in.
UNNAME = (
    ("tools_targethealth", "UPDATE tools_targethealth SET last_error = '' WHERE last_error ~* %s"),
    ("agents_stop", "UPDATE agents_stop SET reason = 'Erased.' WHERE reason ~* %s"),
)


@dataclass(frozen=True, kw_only=True)
class Belongings:
    """Whose rows, and the ids by which they are found."""

    customer: Customer
    conversations: Conversations
    # A regular expression of PostgreSQL: the address by itself, as text and in a URL, or the customer's id.
    named: str

    @property
    def given(self) -> dict[str, Any]:
        address = self.customer.email
        given = self.conversations.given()
        return {
            **given,
            "subjects": [*given["subjects"], str(self.customer.pk)],
            "customer": self.customer.pk,
            "address": address.lower(),
            "addresses": list({address, address.lower()}),
        }


# -- what there is


def belongings_of(customer: Customer) -> Belongings:
    named = name_pattern(customer)
    sessions = ids("SELECT id FROM agents_session WHERE customer_id = %s ORDER BY id", customer.pk)
    turns = ids("SELECT id FROM agents_turn WHERE session_id = ANY(%s::uuid[])", sessions)
    calls = ids(CALLS_OF, turns=turns, customer=customer.pk, address=customer.email.lower(), named=named)
    return Belongings(
        customer=customer, conversations=Conversations(sessions=sessions, turns=turns, calls=calls), named=named
    )


def name_pattern(customer: Customer) -> str:
    """Not within a longer address: that is somebody else's."""
    address = customer.email.lower()
    forms = {address, json.dumps(address, ensure_ascii=False)[1:-1], quote(address, safe=""), quote(address, safe="@")}
    either = "|".join(re.escape(form) for form in sorted(forms))
    return rf"(?<![a-z0-9._%+-])({either})(?![a-z0-9_-]|\.[a-z0-9])|{customer.pk}"


def preview(customer: Customer) -> dict[str, int]:
    """What `erase` would delete, by table."""
    found = belongings_of(customer)
    counts = count_all((*SESSION_SUBJECTS, *OUTSIDE, *CALLS, *RECORDED, *SAID, *THEMSELVES), found.given)
    counts += count_known(customer.pk, found.conversations.sessions, found.conversations.turns)
    return dict(+counts)


# -- erased


def erase(customer: Customer, user: User | None) -> Erasure:
    """The receipt. Raises `Customer.DoesNotExist` where somebody else was quicker."""
    began = time.monotonic()
    for tried in range(1, TRIES + 1):
        try:
            silence(customer)
            with transaction.atomic():
                counts = delete_everything(customer)
                return Erasure.objects.create(
                    user=user, counts=dict(+counts), seconds=round(time.monotonic() - began, 3)
                )
        except OperationalError as error:
            # A message came in, or a worker took a turn, in between: that one is silenced in the next try.
            if tried == TRIES or not isinstance(error.__cause__, DeadlockDetected):
                raise
    raise AssertionError("unreachable")


def silence(customer: Customer) -> None:
    """Committed before anything is deleted. Turns before conversations, as a worker's write locks them."""
    with transaction.atomic(), connection.cursor() as cursor:
        sessions = ids("SELECT id FROM agents_session WHERE customer_id = %s ORDER BY id", customer.pk)
        cursor.execute(SILENCE_TURNS, [sessions])
        cursor.execute(CLOSE, [sessions])


def delete_everything(customer: Customer) -> Counter[str]:
    """Under the locks of the customer and of their conversations: nobody adds to them meanwhile."""
    locked = Customer.objects.select_for_update().get(pk=customer.pk)
    ids("SELECT id FROM agents_session WHERE customer_id = %s ORDER BY id FOR UPDATE", locked.pk)
    found = belongings_of(locked)
    given = found.given
    # Whoever is still writing a step of theirs locks its trace; after this they find none.
    ids(LOCK_TRACES, **given)
    counts = delete_all((*SESSION_SUBJECTS, *OUTSIDE, *CALLS, *RECORDED), given)
    counts += forget_customer(locked.pk, found.conversations.sessions, found.conversations.turns)
    counts += delete_all((*SAID, *THEMSELVES), given)
    with connection.cursor() as cursor:
        for table, unname in UNNAME:
            cursor.execute(unname, [found.named])
            counts[table] += cursor.rowcount
    return counts


# -- what the tables still hold

# Of a table's columns, and of what its indexes compute.
CLEAR_STATISTICS = """
SELECT pg_clear_attribute_stats('public', c.relname, a.attname, false)
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE (c.oid = %(table)s::regclass OR c.oid IN
    (SELECT i.indexrelid FROM pg_index AS i WHERE i.indrelid = %(table)s::regclass AND i.indexprs IS NOT NULL))
  AND a.attnum > 0 AND NOT a.attisdropped
"""


def clean_up_later(receipt: Erasure) -> None:
    publisher.publish(clean_up_after, str(receipt.pk))


@shared_task(name="agents.erasure.clean_up_after")
def clean_up_after(erasure_id: str) -> None:
    try:
        clean_up(Erasure.objects.get(pk=UUID(erasure_id)))
    finally:
        give_back_connection()


def clean_up(receipt: Erasure) -> None:
    """Let go of deleted rows, and of their values in the planner's statistics, in the tables that the receipt names.

    On a connection of the login that owns them, outside of any transaction: only so can a table be vacuumed. On a table
    that is empty now ANALYZE would leave the old statistics, so they are cleared first where the server can.
    """
    began = time.monotonic()
    with connection.Database.connect(**connection.get_connection_params(), autocommit=True) as owner:  # type: ignore[attr-defined]  # psycopg
        for table in sorted(receipt.counts):
            if owner.info.server_version >= CLEARS_STATISTICS:
                owner.execute(CLEAR_STATISTICS, {"table": table})
            owner.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))
        owner.execute("VACUUM pg_catalog.pg_statistic")
    logger.info("%d tables were cleaned in %.1f s", len(receipt.counts), time.monotonic() - began)
