"""A document as Markdown, whatever it came as. What it is, its content says: names and headers are often wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

from memory.documents.apart import HTML, PDF, read_apart
from memory.documents.limits import Unreadable, check_characters, check_size
from memory.documents.plain import clean, decode, is_markdown, read_markdown

MARKDOWN, PLAIN = "text/markdown", "text/plain"
# What people try, by how it begins, with what to do about it.
OTHERS = (
    (b"PK\x03\x04", "It is a ZIP file or an Office document. Save it as PDF, HTML or text."),
    (b"\xd0\xcf\x11\xe0", "It is an Office document of the old kind. Save it as PDF, HTML or text."),
    (b"{\\rtf", "It is RTF. Save it as PDF, HTML or text."),
    (b"\x89PNG", "It is a picture. Run it through text recognition first."),
    (b"\xff\xd8\xff", "It is a picture. Run it through text recognition first."),
    (b"GIF8", "It is a picture. Run it through text recognition first."),
    (b"\x1f\x8b", "It is packed. Unpack it first."),
)
PDF_MARK, PDF_MARK_WITHIN = b"%PDF-", 1024
HTML_START = re.compile(
    r"\s*(?:<!doctype\s+html|<(?:html|head|body|title|meta|main|article|section|div|table|h[1-6]|p|ul|ol)\b)",
    re.IGNORECASE,
)
PROLOG = re.compile(r"\ufeff?\s*<\?xml[^>]{0,200}\?>")
COMMENT_START = re.compile(r"\s*<!--")
CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(\S.{0,300})", re.MULTILINE)
TITLE_LENGTH = 200


@dataclass(frozen=True, kw_only=True)
class ReadDocument:
    """`text` is Markdown, `size` the bytes that came in."""

    title: str
    text: str
    media_type: str
    size: int


def read_document(content: bytes, *, name: str = "", content_type: str = "") -> ReadDocument:
    """`name` (a file's, for want of a title) and `content_type` (the header, for its charset) are hints.

    Raises `Unreadable`.
    """
    check_size(len(content))
    for mark, problem in OTHERS:
        if content.startswith(mark):
            raise Unreadable(problem)
    if PDF_MARK in content[:PDF_MARK_WITHIN]:
        (text, title), media_type = read_apart(content, PDF), PDF
    else:
        text, title, media_type = read_text(decode(content, charset_of(content, content_type)))
    text = clean(text)
    check_characters(len(text))
    if not any(character.isalnum() for character in text):
        raise Unreadable("It holds no words.")
    return ReadDocument(title=title_of(title, text, name), text=text, media_type=media_type, size=len(content))


def read_text(text: str) -> tuple[str, str, str]:
    """Markdown, a title if it bears one, and the media type."""
    check_characters(len(text))
    if is_web_page(text):
        return *read_apart(text.encode(errors="replace"), HTML), HTML
    cleaned = clean(text)
    return *read_markdown(cleaned), MARKDOWN if is_markdown(cleaned) else PLAIN


def is_web_page(text: str) -> bool:
    """Comments and an XML prolog may stand before the first element."""
    prolog = PROLOG.match(text)
    at = prolog.end() if prolog else 0
    while comment := COMMENT_START.match(text, at):
        at = text.find("-->", comment.end()) + 3
        if at < 3:
            return False
    return HTML_START.match(text, at) is not None


def charset_of(content: bytes, content_type: str) -> str:
    """The header's, else what the page says of itself in its first kilobyte."""
    found = CHARSET.search(content_type) or CHARSET.search(content[:1024].decode("ascii", "ignore"))
    return found[1] if found else ""


def title_of(title: str, text: str, name: str) -> str:
    heading = HEADING.search(text)
    stem = PurePath(name.replace("\\", "/")).stem.replace("_", " ").replace("-", " ").strip()
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    chosen = (
        clean(title).replace("\n", " ") or (heading[1].rstrip("# ") if heading else "") or stem.capitalize() or first
    )
    return chosen[:TITLE_LENGTH].strip() or "Untitled"
