"""Bytes as text, and text as it is kept: without what nobody sees."""

from __future__ import annotations

import codecs
import re
import unicodedata

from memory.documents.limits import Unreadable

# The longer marks first: that of UTF-32 begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Joiners are part of how some scripts and emoji are written; every other format character is invisible.
JOINERS = frozenset("\u200c\u200d")
INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
SELECTORS = range(0xE0100, 0xE01F0)
# No script stacks more; putting a long run of them in order takes time that grows with its square.
MOST_MARKS = 8
# Of what pages declare, what a browser would know; Python knows more, and some of that is no encoding of text.
CHARSETS = re.compile(
    r"(?:iso-?8859|windows-?125|cp125|latin|koi8|shift_?jis|euc|gb|big5|utf-?(?:16|32))[\w-]*", re.IGNORECASE
)
LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
EMPTY_LINES = re.compile(r"\n{3,}")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+\S", re.MULTILINE)
FRONT_MATTER = re.compile(r"---[ \t]*\n(?P<lines>(?:[^\n]*\n){0,60}?)(?:---|\.\.\.)[ \t]*\n")
TITLE_LINE = re.compile(r"^title:[ \t]*(.+)$", re.MULTILINE)


def decode(content: bytes, charset: str = "") -> str:
    """By its mark; else UTF-8, else what `charset` says, else cp1252. Raises `Unreadable`."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return decoded(content, encoding)
    if b"\x00" in content:
        raise Unreadable("It is not text: it holds null bytes. UTF-16 is read if it begins with a byte order mark.")
    for encoding in ("utf-8", *([charset] if CHARSETS.fullmatch(charset) else [])):
        try:
            return content.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return decoded(content, "cp1252")


def decoded(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable("It is not text in UTF-8, UTF-16 or Windows-1252. Save it as UTF-8.") from error


def clean(text: str) -> str:
    """Lines that end with a newline, composed characters, no invisible ones, at most one empty line after another."""
    lines = LINE_ENDS.sub("\n", text).expandtabs(4).split("\n")
    kept = "\n".join(line.rstrip() if is_plain(line) else seen_of(line).rstrip() for line in lines)
    return EMPTY_LINES.sub("\n\n", unicodedata.normalize("NFC", kept)).strip("\n")


def is_plain(line: str) -> bool:
    return line.isascii() and line.isprintable()


def seen_of(line: str) -> str:
    kept: list[str] = []
    marks = 0
    for character in line.replace("\xa0", " "):
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MOST_MARKS and is_seen(character):
            kept.append(character)
    return "".join(kept)


def is_seen(character: str) -> bool:
    if character in JOINERS:
        return True
    return unicodedata.category(character) not in INVISIBLE and ord(character) not in SELECTORS


def is_markdown(text: str) -> bool:
    return HEADING.search(text) is not None


def read_markdown(text: str) -> tuple[str, str]:
    """The text without front matter and without comments, which no reader of the document sees; and the title that the
    front matter gives."""
    title = ""
    matter = FRONT_MATTER.match(text)
    if matter:
        found = TITLE_LINE.search(matter["lines"])
        title = found[1].strip().strip("\"'") if found else ""
        text = text[matter.end() :]
    return clean(without_comments(text)), title


def without_comments(text: str) -> str:
    """HTML comments outside of fenced code; one that nothing ends goes on to the end, as in a browser."""
    kept: list[str] = []
    fence, is_comment = "", False
    for line in text.split("\n"):
        if fence:
            kept.append(line)
            fence = "" if line.strip().startswith(fence) and not line.strip().strip(fence[0]) else fence
            continue
        opened = None if is_comment else FENCE.match(line)
        if opened:
            fence = opened[1]
            kept.append(line)
            continue
        seen, is_comment = outside_comments(line, is_comment=is_comment)
        if seen.strip() or not line.strip():
            kept.append(seen)
    return "\n".join(kept)


def outside_comments(line: str, *, is_comment: bool) -> tuple[str, bool]:
    """What of the line stands outside, and whether a comment is open after it."""
    kept: list[str] = []
    at = 0
    while at < len(line):
        mark = "-->" if is_comment else "<!--"
        found = line.find(mark, at)
        if not is_comment:
            kept.append(line[at:] if found < 0 else line[at:found])
        if found < 0:
            break
        at, is_comment = found + len(mark), not is_comment
    return "".join(kept), is_comment
