"""What every way to embed a text has in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from memory.window import CHARACTERS_PER_TOKEN

DIMENSIONS = 384
# A plain list, as pgvector's field gives it back; `full_clean` compares values, which an array refuses.
Vector = list[float]


class Embedder(Protocol):
    """`name` (at most 80 characters) is stored beside each vector: only vectors of one name can be compared.

    Where `is_semantic` is false, texts are near each other that share words, not those that mean the same.
    """

    name: str
    is_semantic: bool

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """For each text, in its order, `DIMENSIONS` floats of unit length; any thread may call it.

        The beginning counts where a text is longer than the model reads. Raises `EmbeddingFailed`.
        """
        ...

    def close(self) -> None:
        """Give back what it holds: connections, memory."""
        ...


class EmbeddingFailed(Exception):
    """No vectors came. `retryable` where the same request may succeed later; `status` is that of HTTP, `retry_after`
    the seconds that the server asks for."""

    def __init__(
        self, message: str, *, retryable: bool, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.status = status
        self.retry_after = retry_after


def token_count(text: str) -> int:
    """An estimate, rounded up: budgets are kept by it, not bills."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def of_unit_length(values: Sequence[float]) -> Vector:
    """`DIMENSIONS` floats of length 1: fewer are filled up with zeros, which changes no cosine; more are cut.

    Cutting is for models trained so that the first dimensions carry the most (Kusupati et al. 2022, "Matryoshka
    Representation Learning", arXiv:2205.13147). Raises `EmbeddingFailed` for what has no direction.
    """
    kept = [float(value) for value in values[:DIMENSIONS]]
    length = math.sqrt(math.fsum(value * value for value in kept))
    if not math.isfinite(length) or length == 0.0:
        raise EmbeddingFailed("the model gave a vector without a direction", retryable=False)
    return [value / length for value in kept] + [0.0] * (DIMENSIONS - len(kept))
