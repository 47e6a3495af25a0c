"""Vectors without a model: texts that share words and parts of words are near each other; meaning is not looked at."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from memory.embeddings.base import DIMENSIONS, Vector

WORD = re.compile(r"\w+")
# What most sentences contain says nothing of what they are about.
COMMON = frozenset(
    {
        *("a", "an", "and", "are", "as", "at", "be", "been", "by", "can", "do", "does", "for", "from", "how", "i"),
        *("if", "in", "is", "it", "its", "me", "my", "no", "not", "of", "on", "or", "our", "that", "the", "this"),
        *("to", "was", "we", "what", "with", "you", "your"),
    }
)
ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ers", "ed", "es", "er", "ly", "s")
SHORTEST_STEM = 3
PART_LENGTHS = (3, 4, 5)
# A word counts fully, a pair of neighbours and a part of a word less: they repeat what the words say.
WORD_WEIGHT, PAIR_WEIGHT, PART_WEIGHT = 1.0, 0.6, 0.35
# A word of more characters is a link or noise; its beginning is enough, and a text may be one such word.
LONGEST_WORD = 64
LONGEST_TEXT = 20_000


class LexicalEmbedder:
    """Signed feature hashing (Weinberger et al. 2009, arXiv:0902.2206) of stems, pairs of stems and parts of words."""

    name = f"lexical-{DIMENSIONS}"
    is_semantic = False

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        return [vector_of(text) for text in texts]

    def close(self) -> None:
        """There is nothing to give back."""


def vector_of(text: str) -> Vector:
    # Without a word (a smiley, nothing at all), and if all should cancel out, the text itself is its one feature.
    return hashed(features(text)) or hashed({f"t:{text}": 1.0}) or [1.0] + [0.0] * (DIMENSIONS - 1)


def features(text: str) -> dict[str, float]:
    """Weight by feature; each is named by its kind, so that a word is never taken for a part of one."""
    words = [stem(word) for word in words_of(text) if word not in COMMON]
    found: defaultdict[str, float] = defaultdict(float)
    for word in words:
        found[f"w:{word}"] += WORD_WEIGHT
        for part in parts_of(word):
            found[f"p:{part}"] += PART_WEIGHT
    for pair in pairwise(words):
        found[f"n:{' '.join(pair)}"] += PAIR_WEIGHT
    return found


def words_of(text: str) -> list[str]:
    """In small letters and without accents."""
    plain = unicodedata.normalize("NFKD", text[:LONGEST_TEXT]).casefold()
    return [word[:LONGEST_WORD] for word in WORD.findall("".join(c for c in plain if not unicodedata.combining(c)))]


def stem(word: str) -> str:
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= SHORTEST_STEM:
            return word.removesuffix(ending)
    return word


def parts_of(word: str) -> list[str]:
    marked = f"<{word}>"
    return [marked[at : at + n] for n in PART_LENGTHS for at in range(len(marked) - n + 1)]


def hashed(weights: dict[str, float]) -> Vector:
    """Each feature adds to one dimension, with a sign of its own; an empty list where nothing is left."""
    vector = [0.0] * DIMENSIONS
    for feature, weight in weights.items():
        digest = hashlib.blake2b(feature.encode(errors="replace"), digest_size=8).digest()
        sign = 1.0 if digest[4] & 1 else -1.0
        # Said five times is not five times as much.
        vector[int.from_bytes(digest[:4], "little") % DIMENSIONS] += sign * math.log1p(weight)
    length = math.sqrt(math.fsum(value * value for value in vector))
    return [value / length for value in vector] if length else []
