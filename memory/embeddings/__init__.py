"""Texts as vectors: `embedder().embed(texts)`. By default a small model on this machine, else by words."""

from memory.embeddings.base import DIMENSIONS, Embedder, EmbeddingFailed, Vector, token_count
from memory.embeddings.registry import embedder, why_lexical

__all__ = ["DIMENSIONS", "Embedder", "EmbeddingFailed", "Vector", "embedder", "token_count", "why_lexical"]
