"""The database as the application sees it: as a role that row-level security holds for.

The login that DATABASE_URL names owns the tables, and in the embedded database it may do anything at all; to such a
one no policy of a table applies. So each connection that is opened takes the role `tandem_app` (`assume_role`, once a
connection and not once a query), which may read and write rows and nothing else. What changes tables says so:
`as_owner`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connection as default_connection
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg import sql
from psycopg.errors import InsufficientPrivilege, InvalidParameterValue

ROLE = "tandem_app"


class DatabaseWrapper(base.DatabaseWrapper):
    """Raises ImproperlyConfigured on connecting where the role is missing from a database that was set up for it."""

    def _configure_role(self, connection: Any) -> bool:
        # Not Django's own way: that asks the pool for a connection, which waits for this one.
        role = self.settings_dict["OPTIONS"].get("assume_role")
        if not role or self.alias == NO_DB_ALIAS:
            return False
        try:
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        except (InvalidParameterValue, InsufficientPrivilege) as error:
            connection.rollback()
            if is_prepared(connection):
                raise ImproperlyConfigured(f"{error}; docs/backup.md says how to make the role again") from error
            return False
        return True


def is_prepared(connection: Any) -> bool:
    """Whether there is something to protect: before the first migration there is not, and no role either."""
    (found,) = connection.execute("SELECT to_regclass('memory_memory') IS NOT NULL").fetchone()
    connection.rollback()
    return bool(found)


@contextmanager
def as_owner() -> Iterator[None]:
    """This thread's connection as the login that owns the tables."""
    try:
        set_role("NONE")
        yield
        default_connection.ensure_connection()
        if is_prepared(default_connection.connection):
            set_role(ROLE)
    except BaseException:
        default_connection.close()
        default_connection.close_pool()  # type: ignore[attr-defined]  # not in the stubs
        raise


def set_role(role: str) -> None:
    name = sql.SQL("NONE") if role == "NONE" else sql.Identifier(role)
    with default_connection.cursor() as cursor:
        cursor.execute(sql.SQL("SET ROLE {}").format(name))


class RunsAsOwner:
    """For management commands that change tables."""

    def execute(self, *args: Any, **options: Any) -> Any:
        with as_owner():
            return super().execute(*args, **options)  # type: ignore[misc]  # of the command beside it
