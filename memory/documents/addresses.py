"""Documents behind an address: read again, and kept as they were where that fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from memory.documents.limits import Unreadable
from memory.documents.reading import ReadDocument, read_document
from memory.documents.store import Archived, add_document, add_version, note_reading
from memory.models import Document

logger = logging.getLogger(__name__)

READ_AGAIN_AFTER = timedelta(hours=24)
FOUND = 200


@dataclass(frozen=True, kw_only=True)
class Page:
    """What an address answers: the status of HTTP, the header Content-Type, and the unpacked body."""

    status: int
    content_type: str
    body: bytes


Fetch = Callable[[str], Page]
"""Of an URL; raises `Unreachable`. The caller brings it: which addresses may be reached is not decided here."""


class Unreachable(Exception):
    """The address did not answer, or may not be asked. The message is fit for a form."""


class Outcome(StrEnum):
    CHANGED = "changed"
    SAME = "same"
    FAILED = "failed"


def add_address(url: str, fetch: Fetch, *, title: str = "", user: User | None = None) -> Document:
    """Raises `Unreachable`, `Unreadable`, `AlreadyThere`; then nothing is stored."""
    return add_document(read_page(url, fetch), source=Document.Source.URL, location=url, title=title, user=user)


def read_again(document: Document, fetch: Fetch, *, user: User | None = None) -> Outcome:
    """A new version where it says something else; where it cannot be read it stays what it was, with the problem."""
    try:
        version = add_version(document, read_page(document.location, fetch), user=user)
    except (Unreachable, Unreadable) as error:
        note_reading(document, str(error))
        return Outcome.FAILED
    except Archived:
        return Outcome.SAME
    note_reading(document)
    return Outcome.CHANGED if version else Outcome.SAME


def read_due(fetch: Fetch) -> dict[Outcome, int]:
    """All addresses that were not read for a day, one after another."""
    counts = dict.fromkeys(Outcome, 0)
    before = timezone.now() - READ_AGAIN_AFTER
    due = Document.objects.filter(Q(read_at=None) | Q(read_at__lt=before), source=Document.Source.URL, archived_at=None)
    for document in due.order_by("read_at", "id"):
        outcome = read_again(document, fetch)
        counts[outcome] += 1
        if outcome is Outcome.FAILED:
            logger.warning("document %s was not read again: %s", document.pk, document.problem)
    return counts


def read_page(url: str, fetch: Fetch) -> ReadDocument:
    page = fetch(url)
    if page.status != FOUND:
        raise Unreachable(f"The address answers with status {page.status}.")
    return read_document(page.body, name=url.rstrip("/").rpartition("/")[2], content_type=page.content_type)
