"""Documents as bytes, made by hand: PDF files with real text, and the passages of the demo's shop."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from io import BytesIO

from pypdf import PdfReader, PdfWriter

from memory.documents.reading import PLAIN, ReadDocument

Line = tuple[int, str]
"""Font size in points, and the text."""


def pdf(*pages: Sequence[Line], title: str = "", compress: bool = False) -> bytes:
    """A PDF of these pages, each line below the other."""
    objects: list[bytes] = []
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects.append(b"<< /Type /Catalog /Pages 2 0 R >>")
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode())
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
    for number, lines in enumerate(pages):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * number} 0 R"
            " /Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(stream(drawn(lines), compress=compress))
    info = b""
    if title:
        objects.append(f"<< /Title ({title}) >>".encode())
        info = f" /Info {len(objects)} 0 R".encode()
    return assembled(objects, info)


def drawn(lines: Sequence[Line]) -> bytes:
    operations, y = [], 800
    for size, text in lines:
        escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        operations.append(f"BT /F1 {size} Tf 1 0 0 1 50 {y} Tm ({escaped}) Tj ET")
        y -= size + 6
    return "\n".join(operations).encode("cp1252")


def stream(content: bytes, *, compress: bool = False) -> bytes:
    packed = zlib.compress(content) if compress else content
    how = b" /Filter /FlateDecode" if compress else b""
    return b"<< /Length %d%s >>\nstream\n%s\nendstream" % (len(packed), how, packed)


def assembled(objects: Sequence[bytes], info: bytes = b"") -> bytes:
    written = b"%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R%s >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        info,
        len(written),
    )
    return written + head + table + trailer


def encrypted(content: bytes, password: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(BytesIO(content)))
    writer.encrypt(password, algorithm="RC4-128")
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def read_text(text: str, title: str = "Terms") -> ReadDocument:
    """As if it had come in as plain text."""
    return ReadDocument(title=title, text=text, media_type=PLAIN, size=len(text.encode()))
