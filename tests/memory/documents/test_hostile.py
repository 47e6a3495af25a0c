"""Documents made to do harm: each ends, as text or as an error, and none takes the process that reads it along."""

from __future__ import annotations

import subprocess
import zlib
from contextlib import suppress
from typing import Any

import pytest

from memory.documents import apart, plain
from memory.documents.apart import read_apart
from memory.documents.limits import READ_SECONDS, Unreadable
from memory.documents.passages import MOST_CHARACTERS, split
from memory.documents.reading import read_document
from tests.memory.documents.files import assembled, pdf, stream

HOSTILE = {
    "nested divs": b"<!doctype html>" + b"<div>" * 80_000 + b"deep" + b"</div>" * 80_000,
    "nested tables": b"<!doctype html>" + b"<table><tr><td>" * 25_000 + b"x",
    "nested lists": b"<!doctype html>" + b"<ul><li>" * 50_000 + b"x",
    "unclosed formats": b"<!doctype html><p>" + b"<b><i>" * 50_000 + b"x",
    "end tags alone": b"<!doctype html><p>x" + b"</b></i>" * 50_000,
    "attributes": b"<!doctype html><p " + b"a=b " * 100_000 + b">x</p>",
    "unclosed tags": b"<!doctype html><p>x" + b"<a" * 125_000,
    "unclosed comments": b"<!doctype html><p>x" + b"<!--" * 100_000,
    "unclosed declarations": b"<!doctype html><p>x" + b"<![" * 100_000,
    "comments before": b"<!---->" * 62_500 + b"<p>x",
    "entities": b"<!doctype html><p>" + b"&lt" * 125_000,
    "spaces in a heading": b"# a" + b" " * 475_000 + b"b",
    "hashes": b"# a\n\n" + b"# #" * 150_000,
    "backticks": b"# a\n\n" + b"`" * 475_000,
    "rows": b"# a\n\n" + b"|" * 475_000,
    "a long table": b"# a\n\n| a | b |\n| --- | --- |\n" + b"| 1 | 2 |\n" * 37_500,
    "one word": b"x" * 475_000,
    "one sentence": b"word " * 97_500,
    "full stops": b"a" + b". " * 225_000,
    "exclamation marks": b"a" + b"!" * 475_000,
    "quotation marks": b"a." + b'"' * 475_000,
    "combining marks": ("a" + "\u0301\u0316" * 225_000).encode(),
    "list items": b"- a\n" * 112_500,
    "indented items": b"".join(b" " * (at % 2000) + b"- a\n" for at in range(1800)),
    "underlines": b"a\n-\n" * 100_000,
    "dashes": b"a\n" + b"-" * 475_000 + b"x",
    "headings": b"# a\n" * 100_000,
    "front matter": b"---\n" + b"title: " * 62_500 + b"\n# a\n\nb",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_it_ends(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read in this process must end by itself; for what is read apart, less time than usual will do."""
    monkeypatch.setattr(apart, "READ_SECONDS", 2)
    parts = []
    with suppress(Unreadable):
        parts = split(read_document(content).text)
    assert all(len(part.text) <= MOST_CHARACTERS + 2 and len(part.heading) <= 300 for part in parts)


def test_a_page_nested_too_deeply_says_so() -> None:
    with pytest.raises(Unreadable, match="nested more than 500 deep"):
        read_document(b"<!doctype html>" + b"<div>" * 2000 + b"deep")


def test_a_pdf_that_unpacks_to_much_more_than_it_is() -> None:
    bomb = zlib.compress(b"BT /F1 11 Tf (text) Tj ET\n" * 12_000_000, 9)
    packed = b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(bomb), bomb)
    content = assembled(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>",
            packed,
        ]
    )
    assert len(content) < 1_000_000
    with pytest.raises(Unreadable):
        read_document(content)


def test_a_pdf_whose_pages_are_their_own_children() -> None:
    content = assembled(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>",
        ]
    )
    with pytest.raises(Unreadable):
        read_document(content)


def test_a_pdf_that_says_that_it_has_millions_of_pages() -> None:
    content = pdf([(11, "text")]).replace(b"/Count 1 ", b"/Count 99999999 ")
    with suppress(Unreadable):
        assert "text" in read_document(content).text


def test_one_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real reader with a shorter time: no document is known that keeps it busy for the usual one."""
    monkeypatch.setattr(apart, "READ_SECONDS", 0.01)
    with pytest.raises(Unreadable, match="took longer"):
        read_apart(stream(b""), apart.PDF)
    assert READ_SECONDS <= 60


def test_one_that_breaks_the_parser_is_refused() -> None:
    with pytest.raises(Unreadable):
        read_apart(b"\x00" * 1000, apart.PDF)


def test_the_process_that_reads_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    environments: list[dict[str, str]] = []
    run = subprocess.run

    def noted(*args: Any, **options: Any) -> Any:
        environments.append(options["env"])
        return run(*args, **options)

    monkeypatch.setattr(subprocess, "run", noted)
    assert read_apart(b"<p>text", apart.HTML) == ("text", "")
    assert environments
    assert all("secret" not in str(values) for values in environments)


def test_marks_beyond_what_any_script_stacks_are_dropped() -> None:
    assert len(plain.clean("a" + "\u0301\u0316" * 100)) <= 1 + plain.MOST_MARKS
