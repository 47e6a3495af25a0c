"""Documents and their versions. What is found are the passages of the live version of a document in use."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from hashlib import sha256

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from memory.documents.limits import Unreadable
from memory.documents.passages import Part, split
from memory.documents.reading import ReadDocument
from memory.embeddings import EmbeddingFailed, Vector, embedder
from memory.models import Document, DocumentVersion, Passage

logger = logging.getLogger(__name__)

# Passages that get their vectors before they are stored; those beyond are found by words until `reembedding` has come
# by. Of the local model 45 ms each.
EMBEDDED_AT_ONCE = 200
BATCH = 32
PROBLEM_LENGTH = 300


class AlreadyThere(Exception):
    """There is a document of that address or file."""

    def __init__(self, document: Document) -> None:
        super().__init__(f"{document.title} is read from there already.")
        self.document = document


class Archived(Exception):
    """The document is archived: it gets no new version."""


def add_document(
    read: ReadDocument, *, source: str, location: str = "", title: str = "", user: User | None = None
) -> Document:
    """A new document with its first version. Raises `AlreadyThere` (of a folder or an address), `Unreadable`."""
    parts = split(read.text)
    vectors, model = vectors_of(parts)
    try:
        with transaction.atomic():
            document = Document.objects.create(
                title=(title.strip() or read.title)[:200], source=source, location=location, read_at=timezone.now()
            )
            put_version(document, read, parts, vectors, model=model, user=user)
    except IntegrityError as error:
        there = Document.objects.filter(source=source, location=location).first()
        if there is None:
            raise
        raise AlreadyThere(there) from error
    return document


def add_version(document: Document, read: ReadDocument, *, user: User | None = None) -> DocumentVersion | None:
    """What the document says from now on; None where that is what it says already.

    The passages before it lose their vectors in the same transaction, so no search finds both or neither. Raises
    `Archived`, `Unreadable`.
    """
    digest = digest_of(read.text)
    if live_digest(document) == digest:
        return None
    parts = split(read.text)
    vectors, model = vectors_of(parts)
    with transaction.atomic():
        locked = lock(document)
        if locked.archived_at:
            raise Archived
        # Once more, under the lock: somebody else may have brought the same.
        if live_digest(locked) == digest:
            return None
        take_down(locked)
        version = put_version(locked, read, parts, vectors, model=model, user=user)
    document.live_version = version
    return version


def archive(document: Document) -> None:
    """It is found no longer; its versions and its uses stay."""
    with transaction.atomic():
        locked = lock(document)
        take_down(locked)
        Document.objects.filter(pk=document.pk, archived_at=None).update(archived_at=timezone.now())
    document.refresh_from_db()


def restore(document: Document) -> None:
    """Found again, as it was."""
    rows = list(Passage.objects.filter(version_id=document.live_version_id).order_by("position"))
    parts = [Part(heading=row.heading, text=row.text) for row in rows]
    # A file that could never be read has no version.
    vectors, model = vectors_of(parts) if parts else ([], "")
    with transaction.atomic():
        locked = lock(document)
        if not locked.archived_at or locked.live_version_id != document.live_version_id:
            return
        for row, vector in zip(rows, vectors, strict=True):
            row.is_live, row.embedding, row.embedding_model = True, vector, model if vector else ""
        Passage.objects.bulk_update(rows, ["is_live", "embedding", "embedding_model"], batch_size=200)
        Document.objects.filter(pk=document.pk).update(archived_at=None)
    document.refresh_from_db()


def note_reading(document: Document, problem: str = "") -> None:
    """That its address or its file was read just now, and what was wrong with it."""
    document.read_at, document.problem = timezone.now(), problem[:PROBLEM_LENGTH]
    document.save(update_fields=["read_at", "problem"])


# -- within the transactions above


def lock(document: Document) -> Document:
    return Document.objects.select_for_update(no_key=True, of=("self",)).get(pk=document.pk)


def take_down(document: Document) -> None:
    Passage.objects.filter(document=document, is_live=True).update(is_live=False, embedding=None, embedding_model="")


def put_version(
    document: Document,
    read: ReadDocument,
    parts: Sequence[Part],
    vectors: Sequence[Vector | None],
    *,
    model: str,
    user: User | None,
) -> DocumentVersion:
    newest = document.versions.order_by("-number").values_list("number", flat=True).first()
    version = DocumentVersion.objects.create(
        document=document,
        number=(newest or 0) + 1,
        sha256=digest_of(read.text),
        media_type=read.media_type,
        size=read.size,
        text=read.text,
        created_by=user,
    )
    Passage.objects.bulk_create(
        (
            Passage(
                document=document,
                version=version,
                position=position,
                heading=part.heading,
                text=part.text,
                is_live=True,
                embedding=vector,
                embedding_model=model if vector else "",
            )
            for position, (part, vector) in enumerate(zip(parts, vectors, strict=True), start=1)
        ),
        batch_size=200,
    )
    document.live_version = version
    document.save(update_fields=["live_version"])
    return version


def digest_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def live_digest(document: Document) -> str | None:
    return (
        DocumentVersion.objects.filter(pk=document.live_version_id).values_list("sha256", flat=True).first()
        if document.live_version_id
        else None
    )


def vectors_of(parts: Sequence[Part]) -> tuple[list[Vector | None], str]:
    """A vector for each, as far as they are made at once, and the model's name.

    Where the model fails the passages are stored without: they are found by words, and `reembedding` sees to the rest.
    """
    if not parts:
        raise Unreadable("It holds no words.")
    embed = embedder()
    vectors: list[Vector | None] = []
    try:
        for at in range(0, min(len(parts), EMBEDDED_AT_ONCE), BATCH):
            batch = parts[at : min(at + BATCH, EMBEDDED_AT_ONCE)]
            vectors += embed.embed([part.as_embedded for part in batch])
    except EmbeddingFailed as error:
        logger.warning("%d passages are stored without vectors: %s", len(parts) - len(vectors), error)
    return [*vectors, *[None] * (len(parts) - len(vectors))], embed.name
