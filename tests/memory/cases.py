"""Memories of customers, put where tests need them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from memory.embeddings import embedder
from memory.models import Memory, Strategy
from memory.reach import bound_to


def add_memory(customer_id: UUID, text: str, *, strategy: str = Strategy.FACTS, **columns: Any) -> Memory:
    embed = embedder()
    with bound_to(customer_id):
        return Memory.objects.create(
            customer_id=customer_id,
            strategy=strategy,
            text=text,
            embedding=embed.embed([text])[0],
            embedding_model=embed.name,
            author=columns.pop("author", Memory.Author.AGENT),
            **columns,
        )
