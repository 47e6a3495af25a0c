"""What a reply says was done or will be done, held against the ledger: `check_claims`, or `book_of` by sentence."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

from guardrails.claims.book import Book
from guardrails.claims.rules import DEFAULT_RULES
from guardrails.config import ClaimRule
from guardrails.evidence import Evidence, Statement

__all__ = ["DEFAULT_RULES", "Book", "book_of", "check_claims"]

_books: dict[tuple[int, tuple[ClaimRule, ...]], Book] = {}


def check_claims(text: str, evidence: Evidence, rules: Sequence[ClaimRule] = ()) -> list[Statement]:
    """One statement of kind `claim:…` for each claim of a whole reply, in order; then `claim:unmentioned`, with a score
    and no place, for what was done and is not told. `rules` stand in place of `DEFAULT_RULES`, claim by claim.
    """
    book = book_of(evidence, rules)
    return [*book.check(text), *book.unmentioned(text)]


def book_of(evidence: Evidence, rules: Sequence[ClaimRule] = ()) -> Book:
    """The same evidence is read once, and forgotten with it."""
    key = (id(evidence), tuple(rules))
    book = _books.get(key)
    if book is None:
        book = _books[key] = Book(evidence, rules)
        weakref.finalize(evidence, _books.pop, key, None)
    return book
