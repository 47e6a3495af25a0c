"""Versions of documents: one is live, the others have no vectors, and the same content makes none."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, transaction

from memory.documents import store
from memory.documents.limits import Unreadable
from memory.documents.store import (
    AlreadyThere,
    Archived,
    add_document,
    add_version,
    archive,
    note_reading,
    restore,
)
from memory.embeddings import EmbeddingFailed, embedder
from memory.models import Document, DocumentVersion, Passage
from memory.recall import embedded, search_passages
from tests.memory.documents.files import read_text

pytestmark = pytest.mark.django_db
FIRST = "# Returns\n\nAn item can be returned within 30 days.\n\n# Fees\n\nA return is free."
SECOND = "# Returns\n\nAn item can be returned within 60 days."


@pytest.fixture(autouse=True)
def by_words(settings: Any) -> None:
    settings.EMBEDDINGS = "lexical"


@pytest.fixture
def document() -> Document:
    return add_document(read_text(FIRST), source="text")


def found(question: str) -> list[str]:
    return [passage.text for passage in search_passages(embedded(question), 5)]


class TestVersions:
    def test_the_first(self, document: Document) -> None:
        version = document.live_version
        assert version is not None
        assert (document.title, version.number, version.text, version.size) == ("Terms", 1, FIRST, len(FIRST))
        assert document.read_at
        passages = list(version.passages.all())
        assert [(row.position, row.heading) for row in passages] == [(1, "Returns"), (2, "Fees")]
        assert all(row.is_live and row.embedding_model == embedder().name for row in passages)

    def test_the_next_takes_the_place_of_the_one_before(self, document: Document) -> None:
        version = add_version(document, read_text(SECOND))
        assert version
        assert version.number == 2
        assert document.live_version == version
        assert Document.objects.get().live_version == version
        before = Passage.objects.filter(version__number=1)
        assert before.count() == 2
        assert not before.exclude(is_live=False, embedding=None, embedding_model="").exists()
        assert found("within how many days can I return an item") == ["An item can be returned within 60 days."]

    def test_the_same_again_makes_none(self, document: Document) -> None:
        assert add_version(document, read_text(FIRST)) is None
        assert DocumentVersion.objects.count() == 1
        assert add_version(document, read_text(SECOND))
        assert add_version(document, read_text(FIRST)), "what it said once is new again"
        assert [version.number for version in document.versions.all()] == [3, 2, 1]

    def test_one_that_fails_changes_nothing(self, document: Document) -> None:
        """A null byte, which no reader lets pass, is refused by the database."""
        with pytest.raises((DatabaseError, ValueError)), transaction.atomic():
            add_version(document, read_text(SECOND + "\x00"))
        assert DocumentVersion.objects.count() == 1
        assert Passage.objects.filter(is_live=True).count() == 2
        assert found("A return is free") != []

    def test_too_many_passages_are_refused(self, document: Document) -> None:
        with pytest.raises(Unreadable):
            add_version(document, read_text("\n\n".join(f"# a\n\n{number}" for number in range(6000))))
        assert DocumentVersion.objects.count() == 1

    def test_of_an_address_or_a_file_there_is_one(self) -> None:
        first = add_document(read_text(FIRST), source="url", location="https://example.org/a")
        with pytest.raises(AlreadyThere) as refused:
            add_document(read_text(SECOND), source="url", location="https://example.org/a")
        assert refused.value.document == first
        add_document(read_text(SECOND), source="folder", location="https://example.org/a")
        for _ in range(2):
            add_document(read_text(SECOND), source="upload", location="a.md")
        assert Document.objects.count() == 4


class TestVectors:
    def test_beyond_what_is_made_at_once_words_must_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(store, "EMBEDDED_AT_ONCE", 3)
        text = "\n\n".join(f"# Part {number}\n\nText of part {number}." for number in range(5))
        add_document(read_text(text), source="text")
        assert Passage.objects.filter(embedding=None).count() == 2
        unembedded = search_passages(embedded("Text of part 4, which is the last"), 5)
        assert "Text of part 4." in [passage.text for passage in unembedded if passage.rank.meaning_rank is None]

    def test_where_the_model_fails_too(self, settings: Any) -> None:
        settings.EMBEDDINGS = "openai:some-model"
        settings.EMBEDDINGS_URL, settings.EMBEDDINGS_API_KEY = "http://127.0.0.1:9/v1", "key"
        settings.EMBEDDINGS_SECONDS = 0.2
        with pytest.raises(EmbeddingFailed):
            embedder().embed(["x"])
        add_document(read_text(FIRST), source="text")
        assert Passage.objects.filter(is_live=True, embedding=None).count() == 2


class TestArchive:
    def test_it_is_found_no_longer_and_then_again(self, document: Document) -> None:
        archive(document)
        assert document.archived_at
        assert found("can an item be returned within 30 days") == []
        assert not Passage.objects.exclude(embedding=None).exists()
        restore(document)
        assert not Document.objects.exclude(archived_at=None).exists()
        assert found("can an item be returned within 30 days")[0] == "An item can be returned within 30 days."
        assert Passage.objects.exclude(embedding=None).count() == 2

    def test_it_gets_no_version_meanwhile(self, document: Document) -> None:
        archive(document)
        with pytest.raises(Archived):
            add_version(document, read_text(SECOND))
        assert DocumentVersion.objects.count() == 1

    def test_only_the_live_version_comes_back(self, document: Document) -> None:
        add_version(document, read_text(SECOND))
        archive(document)
        restore(document)
        assert [row.version.number for row in Passage.objects.filter(is_live=True)] == [2]

    def test_restored_twice_and_archived_twice(self, document: Document) -> None:
        archive(document)
        at = document.archived_at
        archive(document)
        assert document.archived_at == at
        restore(document)
        restore(document)
        assert Passage.objects.filter(is_live=True).count() == 2


def test_a_problem_is_noted_and_goes(document: Document) -> None:
    note_reading(document, "x" * 500)
    assert len(Document.objects.get().problem) == 300
    note_reading(document)
    assert Document.objects.get().problem == ""
