"""What a document may be at most, and what is said of one that cannot be read."""

from __future__ import annotations

MOST_BYTES = 10_000_000
MOST_CHARACTERS = 2_000_000
MOST_PAGES = 500
MOST_PASSAGES = 5000
# For reading one document in a process of its own. A PDF of 500 full pages took 23 s on a busy machine.
READ_SECONDS = 40
READ_MEMORY_BYTES = 1_500_000_000


class Unreadable(Exception):
    """The document was not read. The message is fit for the form of whoever gave it."""


def check_size(size: int) -> None:
    """`size` in bytes. Raises `Unreadable`."""
    if size == 0:
        raise Unreadable("It is empty.")
    if size > MOST_BYTES:
        raise Unreadable(f"It has {size / 1e6:.1f} MB; at most {MOST_BYTES / 1e6:.0f} MB are read.")


def check_characters(count: int) -> None:
    """Raises `Unreadable`."""
    if count > MOST_CHARACTERS:
        raise Unreadable(f"It has more than {MOST_CHARACTERS:,} characters. Split it into several documents.")
