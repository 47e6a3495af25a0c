"""Documents in a folder of this machine: each file a document, read again when it changed, shown when it is gone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.contrib.auth.models import User

from memory.documents.limits import MOST_BYTES, Unreadable, check_size
from memory.documents.reading import read_document
from memory.documents.store import AlreadyThere, Archived, add_document, add_version, note_reading
from memory.models import Document

ENDINGS = frozenset({".md", ".markdown", ".txt", ".text", ".html", ".htm", ".pdf"})
DEEPEST = 8
MOST_FILES = 2000
LOCATION_LENGTH = 1000
GONE = "The file is gone from the folder."


class FolderUnusable(Exception):
    """The folder is not there, or cannot be read."""


@dataclass(kw_only=True)
class FolderReading:
    """What became of the files: titles, and for those that could not be read the name with the problem."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    same: int = 0
    gone: list[str] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)


def read_folder(folder: Path, *, user: User | None = None) -> FolderReading:
    """All documents below the folder. One that is archived is left alone. Raises `FolderUnusable`."""
    if not folder.is_dir():
        raise FolderUnusable(f"There is no folder {folder}.")
    reading = FolderReading()
    known = {found.location: found for found in Document.objects.filter(source=Document.Source.FOLDER)}
    seen: set[str] = set()
    for name, path in files_below(folder, reading):
        seen.add(name)
        document = known.get(name)
        if document is None or not document.archived_at:
            read_file(name, path, document, reading, user)
    for name, document in known.items():
        if name not in seen and not document.archived_at:
            reading.gone.append(document.title)
            note_reading(document, GONE)
    return reading


def read_file(name: str, path: Path, document: Document | None, reading: FolderReading, user: User | None) -> None:
    try:
        read = read_document(content_of(path), name=name)
        if document is None:
            reading.added.append(add_document(read, source=Document.Source.FOLDER, location=name, user=user).title)
        elif add_version(document, read, user=user):
            reading.changed.append(document.title)
        else:
            reading.same += 1
    except (Unreadable, OSError) as error:
        problem = str(error) if isinstance(error, Unreadable) else f"The file cannot be opened: {error.strerror}."
        reading.problems.append((name, problem))
        note_reading(document or unread(name), problem)
    except (AlreadyThere, Archived):
        # Somebody else reads the folder at the same time.
        reading.same += 1
    else:
        if document:
            note_reading(document)


def unread(name: str) -> Document:
    """A document without a version, so that the file is seen in the list with its problem."""
    document, _ = Document.objects.get_or_create(
        source=Document.Source.FOLDER, location=name, defaults={"title": Path(name).name[:200]}
    )
    return document


def content_of(path: Path) -> bytes:
    """Raises `Unreadable` for a large one before it is read, `OSError`."""
    with path.open("rb") as file:
        check_size(os.fstat(file.fileno()).st_size)
        return file.read(MOST_BYTES + 1)


def files_below(folder: Path, reading: FolderReading) -> Iterator[tuple[str, Path]]:
    """(name below the folder, the file itself), by name. A link is followed where it stays within the folder."""
    root = folder.resolve()
    count = 0
    for name, path in entries(folder, ""):
        if path.suffix.lower() not in ENDINGS:
            continue
        real = path.resolve()
        if not real.is_relative_to(root):
            reading.problems.append((name, "It is a link that leads out of the folder."))
        elif not real.is_file():
            reading.problems.append((name, "It is no file."))
        elif len(name) > LOCATION_LENGTH:
            reading.problems.append((name[:80] + "…", "Its path is too long."))
        elif count >= MOST_FILES:
            reading.problems.append((name, f"The folder holds more than {MOST_FILES:,} documents."))
            return
        else:
            count += 1
            yield name, real


def entries(folder: Path, above: str, depth: int = 1) -> Iterator[tuple[str, Path]]:
    """What is in the folder and below, without hidden things; folders that are links are not entered."""
    try:
        found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        if not above:
            raise FolderUnusable(f"The folder {folder} cannot be read.") from None
        return
    for entry in found:
        name = f"{above}{entry.name}"
        # A name that is no UTF-8 could not be stored.
        if entry.name.startswith(".") or not entry.name.isprintable():
            continue
        if entry.is_dir(follow_symlinks=False):
            if depth < DEEPEST:
                yield from entries(Path(entry.path), f"{name}/", depth + 1)
        else:
            yield name, Path(entry.path)
