"""Reads HTML and PDF in a process of its own, with a limit of time and of memory.

A few kilobytes of either can keep a parser busy for hours or fill the memory. What is read here is then one document
that is refused, whatever it was made to do. The process gets no environment, so no secret either.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from memory.documents.limits import (
    MOST_CHARACTERS,
    READ_MEMORY_BYTES,
    READ_SECONDS,
    Unreadable,
    check_characters,
)

ROOT = Path(__file__).resolve().parents[2]
HTML, PDF = "text/html", "application/pdf"


def read_apart(content: bytes, media_type: str) -> tuple[str, str]:
    """Text as Markdown, and title. Raises `Unreadable`."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "memory.documents.apart", media_type],
            input=content,
            capture_output=True,
            timeout=READ_SECONDS,
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
            check=False,
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise Unreadable(f"Reading it took longer than {READ_SECONDS} s.") from error
    except ValueError as error:
        # The process ended without an answer: its memory was at an end, or the parser broke.
        raise Unreadable("It cannot be read: it needs more memory than a document may, or is broken.") from error
    if "problem" in answer:
        raise Unreadable(answer["problem"])
    return answer["text"], answer["title"]


def main(media_type: str, content: bytes) -> dict[str, str]:
    # Each parser is loaded only where it is needed: half of the time of reading a page is loading.
    try:
        if media_type == PDF:
            text, title = importlib.import_module("memory.documents.pdf_pages").read_pdf(content)
        else:
            page = content.decode(errors="replace")
            text, title = importlib.import_module("memory.documents.web_page").read_web_page(page)
        check_characters(len(text))
    except Unreadable as error:
        return {"problem": str(error)}
    return {"text": text[:MOST_CHARACTERS], "title": title[:1000]}


def limit_itself() -> None:
    with suppress(ImportError):  # there are no such limits on Windows: the time is limited from outside
        resource = importlib.import_module("resource")
        resource.setrlimit(resource.RLIMIT_AS, (READ_MEMORY_BYTES, READ_MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (READ_SECONDS, READ_SECONDS))


if __name__ == "__main__":
    limit_itself()
    sys.stdout.write(json.dumps(main(sys.argv[1], sys.stdin.buffer.read())))
