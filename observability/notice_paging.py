"""Lists of what was told and sent, newest first, a page at a time: each begins at a place, not at a number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.utils.dateparse import parse_datetime

PAGE_SIZE = 50
Row = TypeVar("Row", bound=Model)


class BadPlace(ValueError):
    """No page of ours links there."""


@dataclass(frozen=True, kw_only=True)
class Place:
    at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{self.at.isoformat()}_{self.id.hex}"


@dataclass(frozen=True, kw_only=True)
class PageOf(Generic[Row]):
    """`newer` and `older` are places, as text; empty where there is nothing beyond."""

    rows: list[Row]
    newer: str = ""
    older: str = ""


def read_place(text: str) -> Place | None:
    """None for an empty text. Raises `BadPlace`."""
    if not text:
        return None
    instant, _, row_id = text.rpartition("_")
    try:
        # A plus in an address that somebody typed is a space by now.
        at = parse_datetime(instant.replace(" ", "+"))
        found = UUID(row_id)
    except ValueError as error:
        raise BadPlace(f"{text!r} is no place") from error
    if at is None or at.tzinfo is None:
        raise BadPlace(f"{text!r} is no place")
    return Place(at=at, id=found)


def page_of(rows: QuerySet[Row], column: str, *, before: Place | None, after: Place | None) -> PageOf[Row]:
    """Up to `PAGE_SIZE` rows by an instant: those older than `before`, or newer than `after`, or the newest."""
    if after is not None:
        found = list(beyond(rows, column, after, "gt").order_by(column, "id")[: PAGE_SIZE + 1])
        has_more, found = len(found) > PAGE_SIZE, found[:PAGE_SIZE][::-1]
        return PageOf(
            rows=found,
            newer=place_of(found[0], column) if has_more else "",
            older=place_of(found[-1], column) if found else "",
        )
    if before is not None:
        rows = beyond(rows, column, before, "lt")
    found = list(rows.order_by(f"-{column}", "-id")[: PAGE_SIZE + 1])
    has_more, found = len(found) > PAGE_SIZE, found[:PAGE_SIZE]
    return PageOf(
        rows=found,
        newer=place_of(found[0], column) if found and before else "",
        older=place_of(found[-1], column) if has_more else "",
    )


def place_of(row: Model, column: str) -> str:
    return str(Place(at=getattr(row, column), id=row.pk))


def beyond(rows: QuerySet[Row], column: str, place: Place, side: str) -> QuerySet[Row]:
    """The rows on one side of a place. The first condition, which the second implies, is what the index is read by."""
    return rows.filter(
        Q(**{f"{column}__{side}e": place.at})
        & (Q(**{f"{column}__{side}": place.at}) | Q(**{column: place.at, f"id__{side}": place.id}))
    )
