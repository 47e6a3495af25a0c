"""What a query can be told."""

from __future__ import annotations


class QueryError(ValueError):
    """Something the query's text is to blame for, also where only running it showed it.

    `start` and `end` are offsets into the text, in characters; for what concerns all of it, its two ends.
    """

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.start, self.end = start, end

    def place(self, text: str) -> tuple[int, int]:
        """Line and column in the text where it begins, each counted from 1."""
        before = text[: self.start]
        return before.count("\n") + 1, self.start - (before.rfind("\n") + 1) + 1
