from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from memory.documents.store import add_document, add_version, archive, note_reading
from memory.embeddings import embedder
from memory.models import Document, DocumentUse, EmbeddingJob, Passage
from observability.ids import uuid7
from tests.factories import client_of, make_customer, make_session, make_turn
from tests.memory.documents.files import pdf, read_text

pytestmark = pytest.mark.django_db
URL = "/documents/"
TEXT = "# Returns\n\nAn item can be returned within 30 days.\n\n# Fees\n\nA return is free <b>of charge</b>."
INVALID, CONFLICT = 422, 409


@pytest.fixture(autouse=True)
def by_words(settings: Any) -> None:
    settings.EMBEDDINGS = "lexical"
    settings.DOCUMENTS_FOLDER = ""


@pytest.fixture
def document() -> Document:
    return add_document(read_text(TEXT), source="text", title="Return policy")


def text_of(user: User, url: str = URL, status: int = 200) -> str:
    response = client_of(user).get(url)
    assert response.status_code == status
    return str(response.content.decode())


def used(document: Document, times: int = 1) -> list[UUID]:
    """Answers that were given its first passage; ids of their conversations."""
    sessions = []
    for number in range(times):
        session = make_session(customer=make_customer(name=f"Ada {number}"))
        turn = make_turn(session)
        DocumentUse.objects.create(
            document=document,
            turn_id=turn.pk,
            session_id=session.pk,
            passages=[Passage.objects.filter(document=document).order_by("position")[0].pk],
        )
        sessions.append(session.pk)
    return sessions


def page_of(document: Document) -> str:
    return f"{URL}{document.pk}/"


class TestList:
    def test_every_role_sees_it_and_only_an_admin_adds(
        self, document: Document, support: User, reviewer: User, analyst: User, admin: User
    ) -> None:
        used(document, 3)
        for user in (support, reviewer, analyst, admin):
            text = text_of(user)
            assert "Return policy" in text
            assert "3 answers" in text
            assert ("Add a document" in text) == (user == admin)
            assert ("Admins add and change documents" in text) == (user != admin)

    def test_a_stranger_and_nobody(self, stranger: User) -> None:
        assert client_of(stranger).get(URL).status_code == 403
        assert Client().get(URL).status_code == 302

    def test_empty(self, support: User, admin: User) -> None:
        assert "once an admin has added one" in text_of(support)
        assert "Add a document" in text_of(admin)

    def test_problems_and_archived_ones_have_their_lists(self, document: Document, support: User) -> None:
        broken = add_document(read_text("x y"), source="url", location="https://example.org/a", title="Broken one")
        note_reading(broken, "The address answers with status 500.")
        archive(add_document(read_text("z"), source="text", title="Old one"))
        text = text_of(support)
        assert "Broken one" in text
        assert "The address answers with status 500." in text
        assert "Old one" not in text
        assert "Return policy" not in text_of(support, f"{URL}?view=problem")
        assert "Old one" in text_of(support, f"{URL}?view=archived")
        assert "Return policy" in text_of(support, f"{URL}?view=nonsense")

    def test_it_says_when_search_goes_by_words(self, document: Document, support: User) -> None:
        assert "Search goes by words, not by meaning" in text_of(support)

    def test_its_queries_do_not_grow_with_its_rows(self, support: User, django_assert_max_num_queries: Any) -> None:
        for number in range(12):
            used(add_document(read_text(f"Text {number}"), source="text", title=f"Document {number}"), 2)
        client = client_of(support)
        with django_assert_max_num_queries(18):
            assert client.get(URL).content.count(b"2 answers") == 12

    def test_another_method_is_refused(self, support: User) -> None:
        assert client_of(support).post(URL).status_code == 405


class TestDocument:
    def test_its_passages_versions_and_uses(self, document: Document, support: User) -> None:
        [session] = used(document)
        add_version(document, read_text(TEXT.replace("30", "60")))
        text = text_of(support, page_of(document))
        assert "within 60 days" in text
        assert "within 30 days" not in text
        assert "free &lt;b&gt;of charge&lt;/b&gt;" in text, "as text, never as markup"
        assert "Version 1" in text
        assert "Version 2" in text
        assert reverse("agents:conversation", args=[session]) in text
        assert "Returns (v1)" in text
        assert "Archive" not in text

    def test_uses_are_listed_by_page_and_deleted_conversations_said(self, document: Document, support: User) -> None:
        used(document, 52)
        DocumentUse.objects.create(document=document, turn_id=uuid7(), session_id=uuid7(), passages=[uuid7()])
        assert "in 53 answers" in text_of(support, page_of(document))
        text = text_of(support, f"{page_of(document)}uses/")
        assert "A conversation that was deleted" in text
        assert "1–50 of 53 answers" in text  # noqa: RUF001  an en dash, as the page has it
        assert "51–53 of 53 answers" in text_of(support, f"{page_of(document)}uses/?page=2")  # noqa: RUF001  as above

    def test_without_uses(self, document: Document, support: User) -> None:
        assert "No answer was given a passage of it so far" in text_of(support, page_of(document))
        assert "Not used yet" in text_of(support, f"{page_of(document)}uses/")

    def test_one_that_was_never_read(self, support: User) -> None:
        broken = Document.objects.create(title="new.pdf", source="folder", location="new.pdf")
        note_reading(broken, "It is broken.")
        assert "It has never been read" in text_of(support, page_of(broken))

    def test_an_unknown_one(self, support: User, stranger: User, document: Document) -> None:
        assert client_of(support).get(f"{URL}{uuid7()}/").status_code == 404
        assert client_of(stranger).get(page_of(document)).status_code == 403


class TestVersion:
    def test_it_is_shown_with_what_changed(self, document: Document, support: User) -> None:
        add_version(document, read_text(TEXT.replace("30", "60")))
        text = text_of(support, f"{page_of(document)}versions/2/")
        assert "from version 1 to version 2" in text
        assert 'class="diff' in text
        assert all(f"<mark>{days}</mark>" in text for days in (30, 60))
        first = text_of(support, f"{page_of(document)}versions/1/")
        assert "from version" not in first
        assert f"{page_of(document)}versions/2/" in first

    def test_an_unknown_one(self, document: Document, support: User) -> None:
        assert client_of(support).get(f"{page_of(document)}versions/7/").status_code == 404


class TestAdd:
    def post(self, user: User, by: str, **data: Any) -> Any:
        return client_of(user).post(f"{URL}new/?by={by}", data)

    def test_a_file(self, admin: User) -> None:
        file = SimpleUploadedFile("policy.md", b"# Returns\n\n30 days", content_type="text/markdown")
        response = self.post(admin, "file", file=file, title="")
        made = Document.objects.get()
        assert response.url == page_of(made)
        assert (made.title, made.source, made.location) == ("Returns", "upload", "policy.md")
        assert made.live_version is not None
        assert made.live_version.created_by == admin

    def test_a_pdf_under_another_name(self, admin: User) -> None:
        file = SimpleUploadedFile("page.html", pdf([(11, "Returns within 30 days, always.")]))
        self.post(admin, "file", file=file, title="Rules")
        assert Document.objects.get().title == "Rules"
        assert Passage.objects.get().text == "Returns within 30 days, always."

    def test_pasted_text(self, admin: User) -> None:
        self.post(admin, "text", text=TEXT, title="Return policy")
        assert Document.objects.get().title == "Return policy"
        assert Passage.objects.filter(is_live=True).count() == 2

    @pytest.mark.parametrize(
        ("name", "content", "problem"),
        [
            ("a.pdf", b"%PDF-1.4 nothing", "It is broken"),
            ("a.docx", b"PK\x03\x04", "Office document"),
            ("a.txt", b"", "It is empty."),
            ("a.txt", b"\x00", "null bytes"),
        ],
    )
    def test_a_file_that_cannot_be_read(self, admin: User, name: str, content: bytes, problem: str) -> None:
        response = self.post(admin, "file", file=SimpleUploadedFile(name, content), title="Kept title")
        assert response.status_code == INVALID
        text = response.content.decode()
        assert problem in text
        assert "Kept title" in text, "nothing is lost on error"
        assert not Document.objects.exists()

    @pytest.mark.parametrize(
        ("url", "problem"),
        [
            ("http://127.0.0.1:9/", "this machine"),
            ("http://169.254.169.254/latest/meta-data/", "link-local"),
            ("file:///etc/passwd", "http"),
            ("http://[::1]/", "this machine"),
            ("", "required"),
        ],
    )
    def test_an_address_that_may_not_be_reached(self, admin: User, url: str, problem: str) -> None:
        response = self.post(admin, "url", url=url)
        assert response.status_code == INVALID
        assert problem in response.content.decode()
        assert not Document.objects.exists()

    def test_an_address_that_is_there_already(self, admin: User) -> None:
        add_document(read_text(TEXT), source="url", location="https://example.org/returns")
        response = self.post(admin, "url", url="https://example.org/returns")
        assert response.status_code == INVALID
        assert "There is a document of this address already." in response.content.decode()

    def test_empty_text(self, admin: User) -> None:
        assert self.post(admin, "text", text="***").status_code == INVALID
        assert self.post(admin, "file").status_code == INVALID

    def test_the_page_has_each_way(self, admin: User) -> None:
        for by in ("file", "text", "url", "nonsense"):
            assert "Add a document" in text_of(admin, f"{URL}new/?by={by}")

    def test_others_are_refused(self, support: User, stranger: User) -> None:
        for user in (support, stranger):
            assert client_of(user).get(f"{URL}new/").status_code == 403
            assert self.post(user, "text", text=TEXT).status_code == 403
        assert not Document.objects.exists()


class TestNewVersion:
    def test_text(self, admin: User, document: Document) -> None:
        assert "within 30 days" in text_of(admin, f"{page_of(document)}new/"), "what it says stands in the form"
        client_of(admin).post(f"{page_of(document)}new/?by=text", {"text": TEXT.replace("30", "60")})
        document.refresh_from_db()
        assert document.live_version is not None
        assert document.live_version.number == 2

    def test_the_same_again(self, admin: User, document: Document) -> None:
        response = client_of(admin).post(f"{page_of(document)}new/?by=text", {"text": TEXT}, follow=True)
        assert "It says this already." in response.content.decode()
        assert document.versions.count() == 1

    def test_a_file_that_cannot_be_read(self, admin: User, document: Document) -> None:
        file = SimpleUploadedFile("a.pdf", b"%PDF-1.4")
        assert client_of(admin).post(f"{page_of(document)}new/?by=file", {"file": file}).status_code == INVALID

    def test_of_an_archived_one(self, admin: User, document: Document) -> None:
        archive(document)
        response = client_of(admin).post(f"{page_of(document)}new/?by=text", {"text": "new"})
        assert response.status_code == CONFLICT
        assert "Restore it first" in response.content.decode()

    def test_what_is_read_from_somewhere_has_none(self, admin: User) -> None:
        found = add_document(read_text(TEXT), source="url", location="https://example.org/a")
        assert client_of(admin).get(f"{page_of(found)}new/").status_code == 404

    def test_others_are_refused(self, support: User, document: Document) -> None:
        assert client_of(support).post(f"{page_of(document)}new/", {"text": "new"}).status_code == 403


class TestActions:
    def test_archive_and_restore(self, admin: User, document: Document) -> None:
        client = client_of(admin)
        client.post(f"{page_of(document)}archive/")
        assert not Passage.objects.filter(is_live=True).exists()
        assert "This document is archived." in text_of(admin, page_of(document))
        client.post(f"{page_of(document)}restore/")
        assert Passage.objects.filter(is_live=True).count() == 2

    def test_an_address_that_fails_now(self, admin: User) -> None:
        found = add_document(read_text(TEXT), source="url", location="http://127.0.0.1:9/")
        response = client_of(admin).post(f"{page_of(found)}read/", follow=True)
        text = response.content.decode()
        assert "It could not be read, and says what it said before." in text
        assert "Answers rest on version 1" in text
        assert Passage.objects.filter(is_live=True).count() == 2

    def test_only_addresses_are_read(self, admin: User, document: Document) -> None:
        assert client_of(admin).post(f"{page_of(document)}read/").status_code == 404

    def test_the_folder(self, admin: User, settings: Any, tmp_path: Path) -> None:
        (tmp_path / "a.md").write_text(TEXT)
        (tmp_path / "b.pdf").write_bytes(b"%PDF-1.4")
        settings.DOCUMENTS_FOLDER = str(tmp_path)
        text = client_of(admin).post(f"{URL}folder/", follow=True).content.decode()
        assert "The folder was read: 1 new." in text
        assert re.search(r"Not read: b\.pdf: It is broken", text)
        assert "Read the folder" in text

    def test_how_often_is_what_the_jobs_do(self, admin: User, document: Document, settings: Any) -> None:
        assert "Addresses are read once a day." in text_of(admin, URL)
        settings.DOCUMENTS_FOLDER = "/somewhere"
        assert "Addresses are read once a day, the folder once an hour." in text_of(admin, URL)
        settings.CELERY_BEAT_SCHEDULE = {"read-sources": {"schedule": 900.0}}
        assert "the folder every 15 minutes." in text_of(admin, URL)

    def test_no_folder(self, admin: User) -> None:
        text = client_of(admin).post(f"{URL}folder/", follow=True).content.decode()
        assert "DOCUMENTS_FOLDER names no folder" in text

    @pytest.mark.parametrize("action", ["archive", "restore", "read"])
    def test_others_are_refused_and_so_is_get(
        self, action: str, support: User, admin: User, document: Document
    ) -> None:
        url = f"{page_of(document)}{action}/"
        assert client_of(support).post(url).status_code == 403
        assert client_of(admin).get(url).status_code == 405
        document.refresh_from_db()
        assert document.archived_at is None


class TestQuestion:
    def test_what_is_found_and_how(self, document: Document, support: User) -> None:
        text = text_of(support, f"{URL}test/?q=within+how+many+days+can+an+item+be+returned")
        assert "An item can be returned within 30 days." in text
        assert "No. 1" in text
        assert re.search(r"<dd>0\.\d{3}</dd>", text)
        assert embedder().name in text
        assert "Search goes by words, not by meaning" in text

    def test_nothing_is_found(self, document: Document, support: User) -> None:
        assert "Nothing fits this question" in text_of(support, f"{URL}test/?q=zebra+xylophone")

    def test_before_it_is_asked(self, document: Document, support: User) -> None:
        assert "Ask as a customer would" in text_of(support, f"{URL}test/")

    def test_without_documents(self, support: User) -> None:
        assert "No document is in use" in text_of(support, f"{URL}test/")

    def test_an_empty_or_endless_question(self, document: Document, support: User) -> None:
        assert client_of(support).get(f"{URL}test/?q=").status_code == INVALID
        assert client_of(support).get(f"{URL}test/", {"q": "x" * 2001}).status_code == INVALID

    def test_where_the_model_fails(self, document: Document, support: User, settings: Any) -> None:
        settings.EMBEDDINGS = "openai:some-model"
        settings.EMBEDDINGS_URL, settings.EMBEDDINGS_API_KEY = "http://127.0.0.1:9/v1", "key"
        settings.EMBEDDINGS_SECONDS = 0.2
        assert "could not be embedded" in text_of(support, f"{URL}test/?q=returns", status=503)

    def test_a_stranger(self, stranger: User) -> None:
        assert client_of(stranger).get(f"{URL}test/?q=x").status_code == 403


class TestEmbedding:
    @pytest.fixture
    def other_model(self, document: Document) -> None:
        Passage.objects.update(embedding_model="another-model")

    def test_what_differs_is_said_and_can_be_embedded(self, other_model: None, support: User, admin: User) -> None:
        assert "2 passages and 0 memories are not embedded with" in text_of(support)
        assert client_of(support).post(f"{URL}embedding/start/").status_code == 403
        text = client_of(admin).post(f"{URL}embedding/start/", follow=True).content.decode()
        assert "0 of 2 passages and memories" in text
        assert 'hx-trigger="every 2s"' in text
        assert client_of(support).post(f"{URL}embedding/stop/").status_code == 403
        client_of(admin).post(f"{URL}embedding/stop/")
        assert EmbeddingJob.objects.get().state == "stopped"

    def test_its_progress(self, other_model: None, admin: User) -> None:
        client_of(admin).post(f"{URL}embedding/start/")
        EmbeddingJob.objects.update(done=1, error="503: overloaded")
        text = text_of(admin, f"{URL}embedding/")
        assert '<progress class="embedding-bar" max="2" value="1"' in text
        assert "503: overloaded" in text
        assert "<html" not in text
        EmbeddingJob.objects.update(state="failed", error="401: who are you")
        text = text_of(admin, f"{URL}embedding/")
        assert "hx-trigger" not in text
        assert "The last attempt failed: 401: who are you" in text

    def test_where_nothing_differs(self, document: Document, admin: User) -> None:
        text = client_of(admin).post(f"{URL}embedding/start/", follow=True).content.decode()
        assert "Everything is embedded with this model already." in text
        assert not EmbeddingJob.objects.exists()
