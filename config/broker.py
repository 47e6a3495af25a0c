"""The queue in the database, at the price of what it is for: a nudge, of which every one may be lost or come twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import psycopg
from kombu.transport import pgmq
from pgmq import PGMQueue
from psycopg_pool import ConnectionPool

# Making the queue's trigger again takes an exclusive lock on the queue, and two that do it at once fail.
EQUIP_QUEUE = """
DO $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('tandem queue'));
  IF to_regclass('pgmq.q_{name}') IS NULL THEN
    PERFORM pgmq.create('{name}');
  END IF;
  IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'pgmq.q_{name}'::regclass
                 AND tgname = 'trigger_notify_queue_insert_listeners') THEN
    PERFORM pgmq.enable_notify_insert('{name}', 0);
  END IF;
END $$
"""


def in_one_statement(operation: Any) -> Any:
    """Given a connection, the library opens no transaction of its own."""

    @wraps(operation)
    def call(queue: NudgeQueue, *args: Any, **options: Any) -> Any:
        with queue.connection() as connection:
            return operation(queue, *args, **{**options, "conn": connection})

    return call


class NudgeQueue(PGMQueue):  # type: ignore[no-untyped-call]  # pgmq has no types for its base
    """Each operation is one statement and one round trip, and waits for no disk.

    After a crash of the server the last nudges may be gone or be given again: the sweeper looks at the rows.
    """

    send = in_one_statement(PGMQueue.send)
    read = in_one_statement(PGMQueue.read)
    delete = in_one_statement(PGMQueue.delete)

    def _init_pool(self) -> None:
        """With the connection string whole: the library keeps five of its parts and drops, say, `sslmode`."""
        options = {"autocommit": True, "options": "-c synchronous_commit=off"}
        size = self.config.pool_size
        self.pool = ConnectionPool(self.config.conn_string or "", min_size=1, max_size=size, open=True, kwargs=options)

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        if self.pool is None:
            raise psycopg.InterfaceError("the queue is closed")
        with self.pool.connection() as connection:
            yield connection

    def equip(self, name: str) -> None:
        """Make the queue, with the trigger that wakes a waiting worker, unless it is there."""
        with self.connection() as connection:
            connection.execute(EQUIP_QUEUE.format(name=name))


class Channel(pgmq.Channel):
    """Queues are made once."""

    connection: Any  # the transport
    pgmq: Any

    def _new_queue(self, queue: str, **_: Any) -> None:
        self.pgmq.equip(self._queue_name(queue))

    def _maybe_enable_notify(self, queue: str, queue_name: str | None = None) -> None:
        self.connection._register_notify_queue(queue_name or self._queue_name(queue))  # noqa: SLF001  kombu's own


class Transport(pgmq.Transport):
    """Kombu's transport without its question before each read and each message sent: which queues are there?

    It asks to learn whether the server is. Its connections come from a pool that mends itself, and a read that fails
    is an error that Celery connects anew upon.
    """

    Channel = Channel
    client: Any  # kombu's connection, with the settings
    _notify_waiter: Any

    def _create_pgmq_client(self) -> NudgeQueue:
        options = self.client.transport_options
        return NudgeQueue(
            conn_string=options["conn_string"],
            vt=options["visibility_timeout"],
            init_extension=False,
            pool_size=options["pool_size"],
        )

    def _get_notify_waiter(self) -> Any:
        if self._notify_waiter is None:
            self._notify_waiter = pgmq._NotifyWaiter(self.client.transport_options["conn_string"])  # noqa: SLF001
        return self._notify_waiter

    def verify_connection(self, connection: Any) -> bool:
        return True
