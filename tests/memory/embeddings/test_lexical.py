"""Vectors by words."""

from __future__ import annotations

import math

import pytest

from memory.embeddings import DIMENSIONS, token_count
from memory.embeddings.lexical import LexicalEmbedder
from tests.memory.embeddings.paraphrases import cosine

embed = LexicalEmbedder().embed


def near(one: str, other: str) -> float:
    return cosine(*embed([one, other]))


def test_shared_words_bring_texts_together() -> None:
    policy = "Returns are accepted within 30 days of delivery."
    assert near(policy, "Are returns accepted after 30 days?") > 0.4
    assert abs(near(policy, "Our jackets contain no down.")) < 0.15
    assert near("delivery delayed", "DELAYED delivery!") > 0.8


def test_forms_of_a_word_and_slips_are_near() -> None:
    assert near("shipping", "shipped") > 0.5
    assert near("cancellation", "cancelation") > 0.4
    assert near("Café Müller", "cafe muller") == pytest.approx(1.0)


@pytest.mark.parametrize(
    "text", ["", "   ", "?!", "the of and", "😡", "配送状況", "\ud83d", "a" * 1_000_000, "x " * 100_000]
)
def test_any_text_has_a_vector(text: str) -> None:
    (vector,) = embed([text])
    assert len(vector) == DIMENSIONS
    assert math.fsum(value * value for value in vector) == pytest.approx(1.0)


def test_it_is_the_same_in_every_process() -> None:
    """Python's own hash of a string is another in each; stored vectors must not be."""
    (vector,) = embed(["refund"])
    assert [round(vector[place], 4) for place in (0, 12, 31)] == [0.5122, -0.2218, 0.2218]


def test_texts_without_words_differ() -> None:
    assert near("😡", "😡") == pytest.approx(1.0)
    assert near("😡", "🙂") < 0.5


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("abcd", 1), ("abcde", 2), ("a" * 400, 100)])
def test_tokens_are_estimated(text: str, tokens: int) -> None:
    assert token_count(text) == tokens
