"""The stem of an English word, for threads that work side by side."""

from __future__ import annotations

import threading
from functools import lru_cache

import snowballstemmer


class _Stemmers(threading.local):
    """A stemmer holds the word that it is at in itself: two threads in one would write each other's."""

    def __init__(self) -> None:
        self.english = snowballstemmer.stemmer("english")


_stemmers = _Stemmers()


@lru_cache(maxsize=65_536)
def stem_of(word: str) -> str:
    """Of a word in lower case."""
    return str(_stemmers.english.stemWord(word))
