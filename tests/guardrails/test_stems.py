"""Stems while many threads ask for them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import snowballstemmer

from guardrails.stems import stem_of

ENDINGS = ("ational", "ization", "fulness", "ousness", "iveness", "ingly", "edly", "ements", "ies", "s")
STARTS = ("rel", "organ", "hope", "vari", "effect", "surpris", "arrang")
WORDS = [f"{start}{end}" for start in STARTS for end in ENDINGS]


@pytest.fixture
def threads_take_turns_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("threads_take_turns_often")
def test_threads_do_not_write_each_others_words() -> None:
    alone = snowballstemmer.stemmer("english")
    expected = [alone.stemWord(word) for word in WORDS]

    def ask(_: int) -> list[str]:
        return [stem_of.__wrapped__(word) for word in WORDS]

    with ThreadPoolExecutor(8) as pool:
        assert all(found == expected for found in pool.map(ask, range(64)))
