"""Django's `flush`, as the owner of the tables: the application's role may not truncate."""

from __future__ import annotations

from django.core.management.commands import flush

from config.postgresql.base import RunsAsOwner


class Command(RunsAsOwner, flush.Command):
    """See `config/postgresql/base.py`."""
