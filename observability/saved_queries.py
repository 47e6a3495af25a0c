"""Queries under a name: shipped ones, and those that people keep."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from observability.access import has_role
from observability.insight_range import LONGEST_TEXT, Asked
from observability.models import SavedQuery
from observability.query import QueryError, compile_query

NAME_LENGTH, DESCRIPTION_LENGTH = 120, 300


class NotSaved(Exception):
    """Its message says why; nothing was changed."""


def saved_queries() -> list[SavedQuery]:
    """The shipped ones first, then by name."""
    return list(SavedQuery.objects.select_related("created_by").order_by("-is_shipped", "name"))


def may_change(user: User, query: SavedQuery) -> bool:
    """Its author or an admin; a shipped one nobody: copies are made of it."""
    return not query.is_shipped and (query.created_by_id == user.pk or has_role(user))


def save_query(user: User, *, name: str, description: str, asked: Asked) -> SavedQuery:
    """Under a new name. Raises `NotSaved`."""
    query = SavedQuery(created_by=user)
    return write(query, name=name, description=description, asked=asked)


def change_query(user: User, query: SavedQuery, *, name: str, description: str, asked: Asked) -> SavedQuery:
    """Raises `NotSaved`."""
    if not may_change(user, query):
        raise NotSaved("Only its author or an admin changes this query. Save it under another name.")
    return write(query, name=name, description=description, asked=asked)


def delete_query(user: User, query: SavedQuery) -> None:
    """Raises `NotSaved`."""
    if not may_change(user, query):
        raise NotSaved("Only its author or an admin deletes this query, and shipped ones stay.")
    query.delete()


def write(query: SavedQuery, *, name: str, description: str, asked: Asked) -> SavedQuery:
    name = " ".join(name.replace("\0", "").split())
    if not name or len(name) > NAME_LENGTH:
        raise NotSaved(f"A query has a name of at most {NAME_LENGTH} characters.")
    check_text(asked)
    query.name = name
    query.description = " ".join(description.replace("\0", "").split())[:DESCRIPTION_LENGTH]
    query.text, query.range_hours, query.changed_at = asked.text, asked.hours, timezone.now()
    try:
        with transaction.atomic():
            query.save()
    except IntegrityError as error:
        raise NotSaved(f"There is a query {name!r} already. Take another name.") from error
    return query


def check_text(asked: Asked) -> None:
    """Whether it can be read at all. Raises `NotSaved`."""
    if not asked.text.strip() or len(asked.text) > LONGEST_TEXT:
        raise NotSaved(f"A query has a text of at most {LONGEST_TEXT:,} characters.")
    now = timezone.now()
    start, end = asked.span(now)
    try:
        compile_query(asked.text, start=start, end=end, now=now)
    except QueryError as error:
        line, column = error.place(asked.text)
        raise NotSaved(f"Line {line}, column {column}: {error}") from error
