"""What is found in a text, as tests compare it."""

from __future__ import annotations

from guardrails.config import PII_TYPES
from guardrails.pii import find_pii

EVERY = frozenset(PII_TYPES)


def found(text: str, *types: str, before: str = "") -> list[tuple[str, str]]:
    """(entity, its words) by place; of all 31 entities where none is named."""
    return [(one.type, one.text_of(text)) for one in find_pii(text, types or EVERY, before=before)]


def values(text: str, entity: str) -> list[str]:
    """The words of this entity, with all 31 switched on."""
    return [value for name, value in found(text) if name == entity]
