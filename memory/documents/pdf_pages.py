"""PDF as Markdown: its lines joined into paragraphs, larger lines as headings, running heads and page numbers dropped.

Read in a process of its own (`apart.py`): a PDF is a program in all but name.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from typing import Any

from pypdf import PdfReader
from pypdf.errors import DependencyError, PyPdfError

from memory.documents.limits import MOST_PAGES, Unreadable, check_characters

# A line of a size this much above that of most text is a heading, if it is short.
LARGER = 1.15
HEADING_CHARACTERS = 100
# Fewer letters than this on all pages together: what looks like text is a picture of it.
FEWEST_LETTERS = 20
# A line that stands first or last on this share of the pages belongs to the paper, not to the text.
RUNNING_SHARE = 0.6
FEWEST_PAGES_FOR_RUNNING = 3
BULLET = re.compile(r"^(?:[•◦▪‣●○–*-]|\d{1,2}[.)])\s+")  # noqa: RUF001  the marks that occur
DIGITS = re.compile(r"\d+")
SPACES = re.compile(r"[ \t\xa0]+")
ENDS = (".", "!", "?", ":", ";")


@dataclass
class Line:
    text: str = ""
    sizes: Counter[float] = field(default_factory=Counter)

    @property
    def size(self) -> float:
        return self.sizes.most_common(1)[0][0] if self.sizes else 0.0


def read_pdf(content: bytes) -> tuple[str, str]:
    """Its text as Markdown, and its title. Raises `Unreadable`."""
    try:
        reader = PdfReader(BytesIO(content), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("It is encrypted. Save it without a password.")
        count = len(reader.pages)
        if count > MOST_PAGES:
            raise Unreadable(f"It has {count} pages; at most {MOST_PAGES} are read. Split it into several documents.")
        pages = lines_of_pages(reader)
        title = str((reader.metadata.title if reader.metadata else "") or "").strip()
    except DependencyError as error:
        raise Unreadable("It is encrypted. Save it without a password.") from error
    except (PyPdfError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, OSError) as error:
        # pypdf meets what is broken as it goes, with whatever that causes.
        raise Unreadable("It is broken: no PDF reader would be sure what it says.") from error
    if sum(letter.isalnum() for page in pages for line in page for letter in line.text) < FEWEST_LETTERS:
        raise Unreadable("It holds pictures of text and no text. Run it through text recognition first.")
    return as_markdown(without_running_lines(pages)), title


def lines_of_pages(reader: PdfReader) -> list[list[Line]]:
    pages: list[list[Line]] = []
    characters = 0
    for page in reader.pages:
        lines = [Line()]

        def visit(text: str, _cm: Any, matrix: Any, _font: Any, size: Any, lines: list[Line] = lines) -> None:
            scale = max(abs(float(matrix[0])), abs(float(matrix[3])))
            for place, part in enumerate(text.split("\n")):
                if place:
                    lines.append(Line())
                lines[-1].text += part
                lines[-1].sizes[round(float(size or 0) * scale, 1)] += len(part.strip())

        page.extract_text(visitor_text=visit)
        for line in lines:
            line.text = SPACES.sub(" ", line.text).strip()
            characters += len(line.text)
        check_characters(characters)
        pages.append(lines)
    return pages


def without_running_lines(pages: list[list[Line]]) -> list[list[Line]]:
    """Without page numbers, and without heads and feet that differ in nothing but digits."""
    pages = [[line for line in page if line.text] for page in pages]
    if len(pages) < FEWEST_PAGES_FOR_RUNNING:
        return pages
    often = len(pages) * RUNNING_SHARE
    heads = Counter(DIGITS.sub("#", page[0].text) for page in pages if page)
    feet = Counter(DIGITS.sub("#", page[-1].text) for page in pages if page)
    kept = []
    for page in pages:
        first, last = 0, len(page)
        if page and heads[DIGITS.sub("#", page[0].text)] >= often:
            first = 1
        if last > first and feet[DIGITS.sub("#", page[-1].text)] >= often:
            last -= 1
        kept.append(page[first:last])
    return kept


def as_markdown(pages: list[list[Line]]) -> str:
    lines = [line for page in pages for line in page]
    weights: Counter[float] = Counter()
    for line in lines:
        weights[line.size] += len(line.text)
    usual = weights.most_common(1)[0][0] if weights else 0.0
    widest = max((len(line.text) for line in lines if line.size == usual), default=0)
    blocks: list[list[str]] = []
    is_open = False
    for line in lines:
        if is_heading(line, usual):
            blocks.append([f"{'#' if line.size > usual * 1.6 else '##'} {line.text}"])
            is_open = False
        elif BULLET.match(line.text):
            blocks.append([line.text if line.text[0].isdigit() else f"- {line.text[1:].strip()}"])
            is_open = True
        elif is_open:
            blocks[-1].append(line.text)
        else:
            blocks.append([line.text])
            is_open = True
        # A short line that ends a sentence ends its paragraph.
        if is_open and line.text.endswith(ENDS) and len(line.text) < widest * 0.75:
            is_open = False
    return "\n\n".join(joined(block) for block in blocks)


def is_heading(line: Line, usual: float) -> bool:
    is_larger = usual > 0 and line.size >= usual * LARGER
    return is_larger and len(line.text) <= HEADING_CHARACTERS and any(letter.isalpha() for letter in line.text)


def joined(lines: list[str]) -> str:
    """A paragraph of its lines. A word that was divided at the end of one is put together again."""
    parts = lines[:1]
    for before, line in pairwise(lines):
        if before.endswith("-") and before[-2:-1].isalpha() and line[:1].islower():
            parts[-1] = parts[-1][:-1]
        else:
            parts.append(" ")
        parts.append(line)
    return "".join(parts)
