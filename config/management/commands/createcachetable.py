"""Django's `createcachetable`, as the owner of the tables."""

from __future__ import annotations

from django.core.management.commands import createcachetable

from config.postgresql.base import RunsAsOwner


class Command(RunsAsOwner, createcachetable.Command):
    """See `config/postgresql/base.py`."""
