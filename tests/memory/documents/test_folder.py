"""A folder of documents: files that come, change, go, and links that lead elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from memory.documents import folder as reading
from memory.documents.folder import GONE, FolderUnusable, read_folder
from memory.documents.store import archive
from memory.models import Document, DocumentVersion
from tests.memory.documents.files import pdf

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def by_words(settings: Any) -> None:
    settings.EMBEDDINGS = "lexical"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "documents"
    (found / "faq").mkdir(parents=True)
    (found / "returns.md").write_text("# Returns\n\n30 days")
    (found / "faq" / "shipping.txt").write_text("Shipping takes 3 days.")
    (found / "terms.pdf").write_bytes(pdf([(11, "These are the terms of the shop.")]))
    return found


def locations() -> list[str]:
    return list(Document.objects.order_by("location").values_list("location", flat=True))


def test_all_files_below_it(folder: Path) -> None:
    (folder / "logo.png").write_bytes(b"\x89PNG")
    (folder / ".hidden.md").write_text("no")
    (folder / ".git").mkdir()
    (folder / ".git" / "config.txt").write_text("no")
    read = read_folder(folder)
    assert locations() == ["faq/shipping.txt", "returns.md", "terms.pdf"]
    assert sorted(read.added) == ["Returns", "Shipping", "Terms"]
    assert read.problems == []


def test_again_only_what_changed(folder: Path) -> None:
    read_folder(folder)
    (folder / "returns.md").write_text("# Returns\n\n60 days")
    read = read_folder(folder)
    assert (read.added, read.changed, read.same) == ([], ["Returns"], 2)
    assert DocumentVersion.objects.filter(document__location="returns.md").count() == 2


def test_a_file_that_is_gone_is_shown_and_not_deleted(folder: Path) -> None:
    read_folder(folder)
    (folder / "returns.md").unlink()
    assert read_folder(folder).gone == ["Returns"]
    document = Document.objects.get(location="returns.md")
    assert document.problem == GONE
    assert document.passages.filter(is_live=True).exists()
    (folder / "returns.md").write_text("# Returns\n\n30 days")
    assert read_folder(folder).gone == []
    assert Document.objects.get(location="returns.md").problem == ""


def test_a_link_out_of_the_folder_is_refused_and_one_within_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("SECRET")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.txt").write_text("SECRET")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "up.txt").symlink_to("../secret.txt")
    (folder / "passwd.txt").symlink_to("/etc/passwd")
    (folder / "folder").symlink_to(tmp_path / "elsewhere")
    (folder / "loop").symlink_to(folder)
    (folder / "within.md").symlink_to(folder / "returns.md")
    (folder / "broken.md").symlink_to(folder / "nothing.md")
    read = read_folder(folder)
    assert {name for name, _ in read.problems} == {"out.txt", "up.txt", "passwd.txt", "broken.md"}
    assert locations() == ["faq/shipping.txt", "returns.md", "terms.pdf", "within.md"]
    assert not DocumentVersion.objects.filter(text__contains="SECRET").exists()


def test_a_folder_that_is_a_link_itself_is_read(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert len(read_folder(tmp_path / "link").added) == 3


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.txt")
    assert read_folder(folder).problems == [("pipe.txt", "It is no file.")]


def test_a_file_that_cannot_be_read_is_listed_and_keeps_what_it_said(folder: Path) -> None:
    read_folder(folder)
    (folder / "returns.md").write_bytes(b"\x00\x01")
    (folder / "new.pdf").write_bytes(b"%PDF-1.4 broken")
    read = read_folder(folder)
    assert {name for name, _ in read.problems} == {"returns.md", "new.pdf"}
    kept = Document.objects.get(location="returns.md")
    assert "null bytes" in kept.problem
    assert kept.live_version is not None
    new = Document.objects.get(location="new.pdf")
    assert (new.live_version, new.title) == (None, "new.pdf")
    assert "broken" in new.problem
    (folder / "new.pdf").write_bytes(pdf([(11, "Now it can be read after all.")]))
    read_folder(folder)
    new.refresh_from_db()
    assert new.problem == ""
    assert new.live_version is not None


def test_a_huge_file_is_not_even_read(folder: Path) -> None:
    with (folder / "huge.txt").open("wb") as huge:
        huge.truncate(20_000_000_000)
    assert read_folder(folder).problems == [("huge.txt", "It has 20000.0 MB; at most 10 MB are read.")]


def test_an_archived_one_is_left_alone(folder: Path) -> None:
    read_folder(folder)
    document = Document.objects.get(location="returns.md")
    archive(document)
    (folder / "returns.md").write_text("# Returns\n\n60 days")
    read = read_folder(folder)
    assert (read.changed, read.problems, read.gone) == ([], [], [])
    assert document.versions.count() == 1
    (folder / "returns.md").unlink()
    assert read_folder(folder).gone == []


def test_there_is_an_end_to_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_FILES", 2)
    below = folder
    for _ in range(12):
        below = below / "deeper"
    below.mkdir(parents=True)
    (below / "deep.md").write_text("# Deep")
    read = read_folder(folder)
    assert len(read.added) == 2
    assert read.problems == [("terms.pdf", "The folder holds more than 2 documents.")]
    monkeypatch.setattr(reading, "MOST_FILES", 100)
    read_folder(folder)
    assert "deeper/" not in "".join(locations())


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FolderUnusable, match="There is no folder"):
        read_folder(tmp_path / "nothing")
    (tmp_path / "file").write_text("x")
    with pytest.raises(FolderUnusable):
        read_folder(tmp_path / "file")
