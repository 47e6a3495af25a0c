"""Where documents are read from: addresses, through the one safe way out, and the folder that settings name."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import cast

from django.conf import settings
from django.contrib.auth.models import User

from memory.documents.addresses import (
    READ_AGAIN_AFTER,
    Outcome,
    Page,
    Unreachable,
    add_address,
    read_again,
    read_due,
)
from memory.documents.folder import FolderReading, FolderUnusable, read_folder
from memory.documents.limits import MOST_BYTES
from memory.models import Document
from tools.net.addresses import AddressRefused, Reach
from tools.net.fetch import FetchFailed, fetch

logger = logging.getLogger(__name__)

# The job of `config/settings.py` that reads the folder, and asks which addresses are due.
JOB = "read-sources"
ACCEPT = "text/html, application/pdf, text/markdown, text/plain;q=0.9, */*;q=0.1"
SECONDS = 30.0


def fetch_page(url: str) -> Page:
    """Public addresses only: a document is given to customers. Raises `Unreachable`."""
    try:
        found = fetch(url, reach=Reach.PUBLIC, max_bytes=MOST_BYTES, deadline_seconds=SECONDS, accept=ACCEPT)
    except (AddressRefused, FetchFailed) as error:
        raise Unreachable(str(error)) from error
    return Page(status=found.status, content_type=found.content_type, body=found.body)


def add_from_address(url: str, *, title: str = "", user: User | None = None) -> Document:
    """Raises `Unreachable`, `Unreadable`, `AlreadyThere`."""
    return add_address(url, fetch_page, title=title, user=user)


def read_address_again(document: Document, *, user: User | None = None) -> Outcome:
    return read_again(document, fetch_page, user=user)


def read_documents_folder(*, user: User | None = None) -> FolderReading:
    """Raises `FolderUnusable`, also where settings name no folder."""
    if not settings.DOCUMENTS_FOLDER:
        raise FolderUnusable("The setting DOCUMENTS_FOLDER names no folder.")
    return read_folder(Path(settings.DOCUMENTS_FOLDER), user=user)


def addresses_are_read() -> str:
    """How often, for a sentence: "once a day"."""
    return how_often(READ_AGAIN_AFTER)


def folder_is_read() -> str:
    seconds = cast("float", settings.CELERY_BEAT_SCHEDULE[JOB]["schedule"])
    return how_often(timedelta(seconds=seconds))


def how_often(span: timedelta) -> str:
    known = {timedelta(days=1): "once a day", timedelta(hours=1): "once an hour"}
    return known.get(span) or f"every {span / timedelta(minutes=1):g} minutes"


def read_sources() -> None:
    """For the beat: the addresses that are due, and the folder each time."""
    counts = read_due(fetch_page)
    if any(counts.values()):
        logger.info("documents of addresses: %s", ", ".join(f"{count} {what}" for what, count in counts.items()))
    if not settings.DOCUMENTS_FOLDER:
        return
    try:
        reading = read_documents_folder()
    except FolderUnusable as error:
        logger.warning("%s", error)
    else:
        for name, problem in reading.problems:
            logger.warning("document %s was not read: %s", name, problem)
