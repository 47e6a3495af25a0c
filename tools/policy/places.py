"""Cedar text as tokens: where one statement ends and the next begins, and where in it a word stands.

The engine's messages name what is wrong but not where; the place is looked up here.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

# After the Cedar grammar (docs.cedarpolicy.com, "Grammar specification"); a character that begins none is a token too.
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[A-Za-z_][A-Za-z0-9_]*|[0-9]+|::|==|!=|<=|>=|&&|\|\||[^\s]', re.DOTALL)
SKIPPED = re.compile(r"(?:\s+|//[^\n]*)+")
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LEGAL_MARKS = frozenset("(){}[];,.@?!<>+-*:=/%|&")


@dataclass(frozen=True)
class Token:
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_illegal(self) -> bool:
        """No token of Cedar's: a quote that is never closed, an apostrophe."""
        return len(self.text) == 1 and not self.text.isalnum() and self.text not in LEGAL_MARKS | {"_"}


def tokens_of(text: str) -> Iterator[Token]:
    position = 0
    while position < len(text):
        if match := SKIPPED.match(text, position):
            position = match.end()
        elif match := TOKEN.match(text, position):
            yield Token(match[0], position)
            position = match.end()


@dataclass(frozen=True)
class Piece:
    """The text of one statement, as it stands in a rule's text."""

    whole: str
    tokens: tuple[Token, ...]

    @property
    def start(self) -> int:
        return self.tokens[0].start

    @property
    def text(self) -> str:
        return self.whole[self.start : self.tokens[-1].end]

    @cached_property
    def words(self) -> tuple[str, ...]:
        return tuple(token.text for token in self.tokens)

    @property
    def depth(self) -> int:
        """How deep brackets and conditionals may be nested."""
        deepest = open_brackets = 0
        for word in self.words:
            open_brackets += (word in {"(", "[", "{"}) - (word in {")", "]", "}"})
            deepest = max(deepest, open_brackets)
        return deepest + self.words.count("if")

    @cached_property
    def head(self) -> int:
        """How many tokens stand before the first condition."""
        return next((index for index, word in enumerate(self.words) if word in {"when", "unless"}), len(self.words))

    def find(self, sequence: Sequence[str], *, after: int = 0) -> int | None:
        """The offset of the last of these words where they first stand in a row, from a token on."""
        length = len(sequence)
        for index in range(after, len(self.words) - length + 1):
            if self.words[index : index + length] == tuple(sequence):
                return self.tokens[index + length - 1].start
        return None

    def find_any(self, sequences: Iterable[Sequence[str]], *, after: int = 0) -> int:
        """Of the first sequence that is there; else the statement's beginning."""
        for sequence in sequences:
            place = self.find(sequence, after=after)
            if place is not None:
                return place
        return self.start


def pieces_of(text: str) -> list[Piece]:
    """The statements of a text; each ends with its semicolon, which the last one may lack."""
    pieces = []
    current: list[Token] = []
    for token in tokens_of(text):
        current.append(token)
        if token.text == ";":
            pieces.append(Piece(text, tuple(current)))
            current = []
    if current:
        pieces.append(Piece(text, tuple(current)))
    return pieces


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Both counted from one."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    line = bisect_right(starts, offset)
    return line, offset - starts[line - 1] + 1


def path_words(path: str) -> list[str]:
    """`input["weird-name"].x` as the words that a statement has for it: `context . input [ "weird-name" ] . x`."""
    return [token.text for token in tokens_of(f"context.{path}")]
