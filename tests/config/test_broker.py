"""The queue in the database: made once by whoever comes first, and mended after its connections are lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg.conninfo import make_conninfo

from config.broker import NudgeQueue
from config.postgresql.base import as_owner

QUEUE = "tandem_test"


@pytest.fixture
def dsn(transactional_db: None) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    parameters = connection.get_connection_params()
    known = {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if name in parameters}
    yield make_conninfo(**known, application_name="tandem-queue-test")
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT pgmq.drop_queue(%s) FROM pgmq.list_queues() WHERE queue_name = %s", [QUEUE, QUEUE])


def open_queue(dsn: str) -> NudgeQueue:
    return NudgeQueue(conn_string=dsn, vt=60, init_extension=False, pool_size=2)


def test_two_that_make_the_queue_at_once_both_have_it(dsn: str) -> None:
    failures: list[BaseException] = []
    ready = threading.Barrier(4)

    def start() -> None:
        queue = open_queue(dsn)
        ready.wait()
        try:
            for _ in range(5):
                queue.equip(QUEUE)
        except psycopg.Error as error:
            failures.append(error)
        finally:
            queue.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_nudge_wakes_a_listener(dsn: str) -> None:
    queue = open_queue(dsn)
    queue.equip(QUEUE)
    with psycopg.connect(dsn, autocommit=True) as listener:
        listener.execute(f'LISTEN "pgmq.q_{QUEUE}.INSERT"')
        queue.send(QUEUE, {"turn": "1"})
        assert list(listener.notifies(timeout=60, stop_after=1))
    queue.close()


def test_a_nudge_is_sent_read_and_deleted(dsn: str) -> None:
    queue = open_queue(dsn)
    queue.equip(QUEUE)
    number = queue.send(QUEUE, {"turn": "1"})
    message = queue.read(QUEUE)
    assert (message.msg_id, message.message) == (number, {"turn": "1"})
    assert queue.read(QUEUE) is None, "it is hidden while somebody has it"
    assert queue.delete(QUEUE, number)
    queue.close()


def test_lost_connections_are_replaced(dsn: str) -> None:
    queue = open_queue(dsn)
    queue.equip(QUEUE)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            # Of this database: another worker of pytest-xdist may be at the test above, on the same server.
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = %s",
            ["tandem-queue-test"],
        )
        assert cursor.fetchone()[0] >= 1
    with pytest.raises(psycopg.OperationalError):
        queue.send(QUEUE, {"turn": "1"})
    assert sent_within(queue, tries=5)
    queue.close()


def sent_within(queue: Any, *, tries: int) -> bool:
    for _ in range(tries):
        try:
            queue.send(QUEUE, {"turn": "1"})
        except psycopg.OperationalError:
            continue
        return True
    return False
