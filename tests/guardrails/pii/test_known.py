from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.pii import KnownValues, mask

PLACEHOLDER = "{NAME}"
WORDS = st.text(st.sampled_from("abcxyzABCXYZ\u00e9\u00fc\u00df0123456789"), min_size=2, max_size=8)
VALUES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
SPACES = st.sampled_from(["", " ", "  ", "\t", "\n", "\u00a0", "-", " - ", "\u200b", "."])
CASES = st.sampled_from([str.lower, str.upper, str.title, str.swapcase, str.casefold, lambda text: text])
FRAMES = st.sampled_from(["", "Hello ", "(", "to: ", "\u2026", "\n", "a, "])


@given(VALUES, st.lists(SPACES, min_size=2, max_size=2), CASES, FRAMES, FRAMES)
def test_a_known_value_never_passes(value: str, gaps: list[str], change, before: str, after: str) -> None:
    words = change(value).split(" ")
    written = "".join(word + gap for word, gap in zip(words, [*gaps, ""], strict=False))[
        : None if len(words) > 1 else len(words[0])
    ]
    written = written.rstrip(" \t\n\u00a0-\u200b.")
    text = f"{before}{written} {after}"
    masked = mask(text, KnownValues({value: "NAME"}).find(text))
    assert PLACEHOLDER in masked
    assert written not in masked


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Jos\u00e9 \u00c1lvarez", "JOSE  ALVAREZ"),
        ("Jos\u00e9 \u00c1lvarez", unicodedata.normalize("NFD", "jos\u00e9 \u00e1lvarez")),
        ("+1 415 555 0132", "1 (415) 555-0132"),
        ("Anne Marie", "Anne-Marie"),
        ("O'Neil", "ONEIL"),
        ("O'Neil", "O\u2019Neil"),
        ("Stra\u00dfe 5", "STRASSE 5"),
        ("ana@example.com", "ANA@Example.COM"),
        ("Smith", "\uff33\uff4d\uff49\uff54\uff48"),
        ("Smith", "S\u200bmith"),
    ],
)
def test_other_ways_to_write_it(value: str, text: str) -> None:
    assert mask(f"to {text}, please", KnownValues({value: "NAME"}).find(f"to {text}, please")) == "to {NAME}, please"


@pytest.mark.parametrize(
    ("value", "text"), [("Ann", "annual"), ("Ann Lee", "ann leeway"), ("12", "512"), ("Al", "final")]
)
def test_a_value_inside_a_word_is_none(value: str, text: str) -> None:
    assert KnownValues({value: "NAME"}).find(text) == []


def test_the_longest_value_wins() -> None:
    known = KnownValues({"Mary": "NAME", "Mary Miller": "NAME", "12 Mary Street": "ADDRESS"})
    text = "Mary Miller of 12 Mary Street, Mary"
    assert mask(text, known.find(text)) == "{NAME} of {ADDRESS}, {NAME}"


def test_nothing_known_finds_nothing() -> None:
    assert not KnownValues({})
    assert not KnownValues({"": "NAME", "x": "NAME", " . ": "NAME"})
    assert KnownValues({}).find("anything") == []
