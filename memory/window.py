"""Which part of a conversation the model is given: the newest exchanges within three limits at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """What was said from one customer message to the next, as the model is given it; never split.

    `messages` are in the form of the Messages API; `at` is when it began.
    """

    messages: Sequence[dict[str, Any]]
    at: datetime

    @property
    def tokens(self) -> int:
        """An estimate (four characters a token): the window is a budget, not a bill."""
        return len(json.dumps(self.messages, ensure_ascii=False)) // CHARACTERS_PER_TOKEN


@dataclass(frozen=True, kw_only=True)
class Window:
    kept: list[Exchange]
    dropped: int


def fit(earlier: Sequence[Exchange], *, exchanges: int, tokens: int, hours: int, now: datetime) -> Window:
    """The newest of `earlier` (oldest first) within a number of exchanges, tokens and hours; the tightest decides."""
    oldest = now - timedelta(hours=hours)
    kept: list[Exchange] = []
    spent = 0
    for exchange in reversed(earlier):
        spent += exchange.tokens
        if len(kept) == exchanges or spent > tokens or exchange.at < oldest:
            break
        kept.append(exchange)
    kept.reverse()
    return Window(kept=kept, dropped=len(earlier) - len(kept))
