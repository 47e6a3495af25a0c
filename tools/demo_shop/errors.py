"""What the shop refuses, and why it cannot start."""

from __future__ import annotations


class ShopError(Exception):
    """A request that is refused: an HTTP status, a stable `code` for programs, a `message` for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class DatabaseUnusableError(Exception):
    """The database file cannot be opened, or is not a demo shop's; the text says what to do."""
