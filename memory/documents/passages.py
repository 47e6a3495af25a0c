"""A document's Markdown in passages: what is embedded, searched and shown to a model.

A passage stands under one heading, has at most `MOST_WORDS` words, and ends where a sentence, an item of a list or a
row of a table does. The same text gives the same passages. No expression here looks back over a run of characters, so
a hostile text takes no longer than another of its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from memory.documents.limits import MOST_PASSAGES, Unreadable

MOST_WORDS = 200
# 200 words of a long-worded language; what has no spaces is cut here too.
MOST_CHARACTERS = 1600
HEADING_LENGTH = 300
# No editor wraps lines that are shorter, in characters.
WRAPPED_FROM = 60
BETWEEN = " / "

ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+|$)")
UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
ITEM = re.compile(r"[ \t]*(?:[-*+•]|\d{1,9}[.)])[ \t]+")
ROW = re.compile(r"[ \t]*\|")
RULE_ROW = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
# After the sign that ends a sentence and what closes around it, where a new one can begin.
SENTENCE_END = re.compile(r"(?<=[.!?…。！？])([\"'”’»)\]]*)(?:\s+|(?<=[。！？]))(?=\S)")  # noqa: RUF001
# What ends with a full stop without ending a sentence.
ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[A-Za-z]|e\.g|i\.e|etc|approx|incl|excl|max|min|no|nos|vs|Mr|Mrs|Ms|Dr|St)\.$"
)


@dataclass(frozen=True, kw_only=True)
class Part:
    """`heading` is the path of headings above the text, at most 300 characters."""

    heading: str
    text: str

    @property
    def as_embedded(self) -> str:
        """A passage often says "it" of what its heading names."""
        return f"{self.heading}\n{self.text}" if self.heading else self.text


@dataclass(frozen=True, kw_only=True)
class Block:
    """Lines that belong together: `kind` is heading, text, list, table or code; of a heading `level` counts."""

    kind: str
    lines: list[str]
    level: int = 0


def split(text: str) -> list[Part]:
    """The passages in the order of the text. Raises `Unreadable` where there are too many."""
    parts: list[Part] = []
    for heading, blocks in sections(blocks_of(text)):
        parts += [Part(heading=heading, text=piece) for piece in packed(blocks)]
        if len(parts) > MOST_PASSAGES:
            raise Unreadable(f"It falls into more than {MOST_PASSAGES:,} passages. Split it into several documents.")
    return parts


# -- blocks


def blocks_of(text: str) -> Iterator[Block]:
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
            continue
        heading = ATX.match(line)
        if heading:
            yield Block(kind="heading", lines=[title_in(line[heading.end() :])], level=len(heading[1]))
            at += 1
        elif at + 1 < len(lines) and is_underlined(line, lines[at + 1]):
            yield Block(kind="heading", lines=[line.strip()], level=1 if "=" in lines[at + 1] else 2)
            at += 2
        else:
            kind = kind_of(line)
            end = END_OF[kind](lines, at)
            yield Block(kind=kind, lines=lines[at:end])
            at = end


def title_in(line: str) -> str:
    """Signs that close the heading are not part of it: `## Returns ##`."""
    title = line.strip()
    without = title.rstrip("#")
    return without.rstrip() if not without or without.endswith((" ", "\t")) else title


def is_underlined(line: str, below: str) -> bool:
    return UNDERLINE.match(below) is not None and kind_of(line) == "text" and len(line.strip()) <= HEADING_LENGTH


def kind_of(line: str) -> str:
    if FENCE.match(line):
        return "code"
    if ROW.match(line):
        return "table"
    return "list" if ITEM.match(line) else "text"


def end_of_code(lines: list[str], at: int) -> int:
    first = lines[at].strip()
    mark = first[: len(first) - len(first.lstrip(first[0]))]
    for place in range(at + 1, len(lines)):
        line = lines[place].strip()
        if line.startswith(mark) and not line.strip(mark[0]):
            return place + 1
    return len(lines)


def end_of_table(lines: list[str], at: int) -> int:
    while at < len(lines) and ROW.match(lines[at]):
        at += 1
    return at


def end_of_list(lines: list[str], at: int) -> int:
    """Items with what is indented below them; an empty line between two items does not end the list."""
    end = at
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
            continue
        is_after_gap = at > end
        if not (ITEM.match(line) or line.startswith(("  ", "\t")) or not (is_after_gap or starts_anew(line))):
            break
        at += 1
        end = at
    return end


def end_of_text(lines: list[str], at: int) -> int:
    at += 1
    while at < len(lines) and lines[at].strip() and not starts_anew(lines[at]):
        if at + 1 < len(lines) and is_underlined(lines[at], lines[at + 1]):
            break
        at += 1
    return at


def starts_anew(line: str) -> bool:
    return ATX.match(line) is not None or kind_of(line) != "text"


END_OF = {"code": end_of_code, "table": end_of_table, "list": end_of_list, "text": end_of_text}


# -- sections


def sections(blocks: Iterable[Block]) -> Iterator[tuple[str, list[Block]]]:
    """The path of headings, and what stands under it. A heading with nothing below it is its own text."""
    path: list[tuple[int, str]] = []
    under: list[Block] = []
    is_bare = False
    for block in blocks:
        if block.kind != "heading":
            under.append(block)
            is_bare = False
            continue
        if under or (is_bare and path and block.level <= path[-1][0]):
            yield as_path(path[:-1] if is_bare else path), under or [bare(path)]
        under = []
        path = [(level, title) for level, title in path if level < block.level] + [(block.level, block.lines[0])]
        is_bare = True
    if under or is_bare:
        yield as_path(path[:-1] if is_bare else path), under or [bare(path)]


def bare(path: list[tuple[int, str]]) -> Block:
    return Block(kind="text", lines=[path[-1][1]])


def as_path(path: list[tuple[int, str]]) -> str:
    """The innermost headings count the most: what is too long loses its beginning."""
    whole = BETWEEN.join(title for _, title in path if title)
    return whole if len(whole) <= HEADING_LENGTH else "…" + whole[-(HEADING_LENGTH - 1) :]


# -- passages


def packed(blocks: list[Block]) -> Iterator[str]:
    """The blocks in as few passages as fit, in their order. What ends with a colon stays with what it leads to."""
    gathered: list[str] = []
    for block in blocks:
        for piece in pieces_of(block):
            if gathered and not fits("\n\n".join([*gathered, piece])):
                lead = gathered.pop() if len(gathered) > 1 and gathered[-1].endswith(":") else ""
                yield "\n\n".join(gathered)
                gathered = [lead] if lead and fits(f"{lead}\n\n{piece}") else []
                if lead and not gathered:
                    yield lead
            gathered.append(piece)
    if gathered:
        yield "\n\n".join(gathered)


def fits(text: str) -> bool:
    return len(text) <= MOST_CHARACTERS and len(text.split()) <= MOST_WORDS


def pieces_of(block: Block) -> Iterator[str]:
    """The block, or where it is too long as much at a time as fits."""
    text = unwrapped(block.lines) if block.kind == "text" else "\n".join(block.lines).strip("\n")
    if not text.strip():
        return
    if fits(text):
        yield text
    elif block.kind == "table":
        yield from table_pieces(block.lines)
    elif block.kind == "list":
        yield from gathered_units(items_of(block.lines), "\n")
    elif block.kind == "code":
        yield from gathered_units(block.lines, "\n")
    else:
        yield from gathered_units(sentences(text), " ")


def unwrapped(lines: list[str]) -> str:
    """A paragraph whose lines an editor has wrapped; short lines, as of a postal address, stay lines."""
    ends = [" " if len(line.strip()) >= WRAPPED_FROM else "\n" for line in lines]
    return "".join(part for line, end in zip(lines, ends, strict=True) for part in (line.strip(), end)).strip()


def table_pieces(lines: list[str]) -> Iterator[str]:
    """Rows, under the head of the table each time: a row alone does not say what its cells are."""
    has_head = len(lines) > 2 and RULE_ROW.match(lines[1]) is not None
    head = "\n".join(lines[:2]) if has_head else ""
    if len(head) > MOST_CHARACTERS // 3:
        head, has_head = "", False
    gathered: list[str] = []
    for row in lines[2 if has_head else 0 :]:
        rows = "\n".join([*([head] if head else []), *gathered, row])
        if gathered and not fits(rows):
            yield "\n".join([*([head] if head else []), *gathered])
            gathered = []
        if fits("\n".join([*([head] if head else []), row])):
            gathered.append(row)
        else:
            yield from gathered_units(sentences(row), " ")
    if gathered:
        yield "\n".join([*([head] if head else []), *gathered])


def items_of(lines: list[str]) -> Iterator[str]:
    """Each outermost item with what is below it; an item that is too long by itself in its lines."""
    item: list[str] = []
    outermost = min((indent(line) for line in lines if ITEM.match(line)), default=0)
    for line in lines:
        if item and ITEM.match(line) and indent(line) <= outermost:
            yield from whole_or_lines(item)
            item = []
        if line.strip():
            item.append(line)
    yield from whole_or_lines(item)


def indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def whole_or_lines(item: list[str]) -> Iterable[str]:
    return ["\n".join(item)] if fits("\n".join(item)) else item


def gathered_units(units: Iterable[str], between: str) -> Iterator[str]:
    """Units (sentences, items, lines) joined while they fit; one that does not fit by itself is cut between words."""
    gathered = ""
    for unit in units:
        longer = f"{gathered}{between}{unit}" if gathered else unit
        if fits(longer):
            gathered = longer
            continue
        if gathered:
            yield gathered
        gathered = unit
        if not fits(unit):
            *whole, gathered = cut(unit)
            yield from whole
    if gathered.strip():
        yield gathered


def sentences(text: str) -> Iterator[str]:
    start = 0
    for end in SENTENCE_END.finditer(text):
        upto = end.end(1)
        if not ABBREVIATION.search(text[max(start, upto - 12) : upto]):
            yield text[start:upto].strip()
            start = end.end()
    yield text[start:].strip()


def cut(unit: str) -> list[str]:
    """Between sentences where it has more than one, else between words, else within a word."""
    found = list(sentences(unit))
    if len(found) > 1:
        return list(gathered_units(found, " "))
    words = [word[at : at + MOST_CHARACTERS] for word in unit.split() for at in range(0, len(word), MOST_CHARACTERS)]
    pieces: list[list[str]] = [[]]
    length = 0
    for word in words:
        if pieces[-1] and (len(pieces[-1]) >= MOST_WORDS or length + len(word) + 1 > MOST_CHARACTERS):
            pieces.append([])
            length = 0
        pieces[-1].append(word)
        length += len(word) + 1
    return [" ".join(piece) for piece in pieces]
