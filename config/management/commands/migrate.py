"""Django's `migrate`, as the owner of the tables."""

from __future__ import annotations

from django.core.management.commands import migrate

from config.postgresql.base import RunsAsOwner


class Command(RunsAsOwner, migrate.Command):
    """See `config/postgresql/base.py`."""
