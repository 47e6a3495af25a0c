"""The rows that migrations made, put back after each test that really commits.

Django empties all tables with one TRUNCATE, which makes every file of theirs and of their indexes anew, and then saves
the rows of migrations one by one: together most of a second, hundreds of times. Here the rows lie in a schema of the
test's database, and one round trip deletes what a test left and copies them back. As with TRUNCATE, whoever still
writes is waited for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import psycopg
from django.db import connections
from django.test import TransactionTestCase
from psycopg import sql

from tests.processes import database_dsn

SCHEMA = "kept_rows"


@contextmanager
def kept_rows() -> Iterator[None]:
    """While it lasts, Django's way is replaced; not where the login may not do without triggers (see `put_back_by`),
    which only matters with a TEST_DATABASE_URL."""
    connection = connections["default"]  # itself: its class is that of every thread's
    with connection.cursor():
        names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    with own_connection() as own:
        if own.execute("SELECT rolsuper FROM pg_roles WHERE rolname = session_user").fetchone() != (True,):
            yield
            return
        script = put_back_by(names, keep(own, names))

    def put_back(_: Any) -> None:
        with own_connection() as own:
            own.execute(script)

    with (
        patch.object(TransactionTestCase, "_fixture_teardown", put_back),
        patch.object(type(connection), "_test_serialized_contents", "[]"),
    ):
        yield


def own_connection() -> psycopg.Connection[Any]:
    """That of the application may have taken a role. It is not kept: tests count connections."""
    return psycopg.connect(database_dsn(), autocommit=True)


def keep(own: psycopg.Connection[Any], names: Sequence[str]) -> list[str]:
    """Copies what tables hold; returns the names of those that hold anything."""
    own.execute(sql.SQL("DROP SCHEMA IF EXISTS {0} CASCADE; CREATE SCHEMA {0}").format(sql.Identifier(SCHEMA)))
    kept = []
    for name in names:
        table = sql.Identifier("public", name)
        if own.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(table)).fetchone() is not None:
            own.execute(sql.SQL("CREATE TABLE {} AS TABLE {}").format(sql.Identifier(SCHEMA, name), table))
            kept.append(name)
    return kept


def put_back_by(names: Sequence[str], kept: Sequence[str]) -> sql.Composed:
    """One transaction. As a replica it fires no trigger: neither those that guard rows nor those of foreign keys.

    A worker's task that holds one of the tables may ask for another one: of the two it is the task that gives way.
    """
    tables = [sql.Identifier("public", name) for name in sorted(names)]
    copies = [
        sql.SQL("INSERT INTO {} TABLE {}").format(sql.Identifier("public", name), sql.Identifier(SCHEMA, name))
        for name in kept
    ]
    steps = [
        sql.SQL("BEGIN"),
        sql.SQL("SET LOCAL session_replication_role = replica"),
        sql.SQL("SET LOCAL deadlock_timeout = '10min'"),
        sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.SQL(", ").join(tables)),
        *[sql.SQL("DELETE FROM {}").format(table) for table in tables],
        *copies,
        sql.SQL("COMMIT"),
    ]
    return sql.SQL("; ").join(steps)
