"""Two texts compared by line, with the changed words of a changed line marked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

CONTEXT_LINES = 3
WORDS = re.compile(r"\w+|\s+|[^\w\s]")
# Two lines that share less than this are shown as one removed and one added, not word by word.
ALIKE = 0.4

Piece = tuple[str, bool]  # a run of text, and whether it changed


@dataclass(frozen=True, kw_only=True)
class DiffRow:
    """A pair of lines. `kind` is same, changed, removed, added or gap (then `hidden` lines are left out)."""

    kind: str
    old_number: int | None = None
    new_number: int | None = None
    old: SafeString | str = ""
    new: SafeString | str = ""
    hidden: int = 0


def diff_rows(before: str, after: str) -> list[DiffRow]:
    old, new = before.splitlines(), after.splitlines()
    rows: list[DiffRow] = []
    groups = list(SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(CONTEXT_LINES))
    seen = 0
    for group in groups:
        first = group[0][1]
        if first > seen:
            rows.append(DiffRow(kind="gap", hidden=first - seen))
        for tag, old_from, old_to, new_from, new_to in group:
            rows.extend(_block(tag, old[old_from:old_to], new[new_from:new_to], old_from, new_from))
        seen = group[-1][2]
    if groups and seen < len(old):
        rows.append(DiffRow(kind="gap", hidden=len(old) - seen))
    return rows


def _block(tag: str, old: Sequence[str], new: Sequence[str], old_from: int, new_from: int) -> Iterator[DiffRow]:
    for index in range(max(len(old), len(new))):
        left = old[index] if index < len(old) else None
        right = new[index] if index < len(new) else None
        numbers = {"old_number": old_from + index + 1, "new_number": new_from + index + 1}
        if tag == "equal":
            yield DiffRow(kind="same", old=left or "", new=right or "", **numbers)
        elif left is None:
            yield DiffRow(kind="added", new=right or "", new_number=numbers["new_number"])
        elif right is None:
            yield DiffRow(kind="removed", old=left, old_number=numbers["old_number"])
        else:
            old_marked, new_marked = _mark_words(left, right)
            yield DiffRow(kind="changed", old=old_marked, new=new_marked, **numbers)


def _mark_words(old: str, new: str) -> tuple[SafeString | str, SafeString | str]:
    left, right = WORDS.findall(old), WORDS.findall(new)
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    if matcher.ratio() < ALIKE:
        return old, new
    old_pieces: list[Piece] = []
    new_pieces: list[Piece] = []
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        old_pieces.append(("".join(left[old_from:old_to]), tag != "equal"))
        new_pieces.append(("".join(right[new_from:new_to]), tag != "equal"))
    return _marked(old_pieces), _marked(new_pieces)


def _marked(pieces: Sequence[Piece]) -> SafeString:
    """The line with its changed pieces marked; a space between two of them belongs to the change."""
    joined: list[Piece] = []
    for index, (text, changed) in enumerate(pieces):
        is_joint = not text.strip() and 0 < index < len(pieces) - 1
        kind = changed or is_joint
        if joined and joined[-1][1] == kind:
            joined[-1] = (joined[-1][0] + text, kind)
        else:
            joined.append((text, kind))
    return format_html_join("", "{}", ((_piece(piece),) for piece in joined))


def _piece(piece: Piece) -> SafeString:
    text, is_changed = piece
    return format_html("<mark>{}</mark>" if is_changed and text else "{}", text)
