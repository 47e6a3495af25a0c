"""A reply in the making, for the providers whose answers are not content blocks already."""

from __future__ import annotations

import itertools
import time
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from agents.llm.base import OnText, Reply, Request
from agents.llm.blocks import own_names, read_arguments, use_ids, valid_use_id
from observability.batch import encode
from observability.prices import Tokens

CHARACTERS_PER_TOKEN = 4


@dataclass(kw_only=True)
class Use:
    """A tool use whose arguments still come in."""

    use_id: str
    name: str
    parts: list[str] = field(default_factory=list)


class Draft:
    """Pieces in, in the order in which they came; a reply out."""

    def __init__(self, request: Request, on_text: OnText) -> None:
        self._request = request
        self._on_text = on_text
        self._started = time.monotonic()
        self._first_token_ms: int | None = None
        self._names = own_names(request.tools)
        self._taken = use_ids(request.messages)
        self._pieces: list[list[str] | Use] = []
        self._uses: dict[Hashable, Use] = {}

        # The provider's own count, as soon as it is known.
        self.counted: Tokens | None = None

    @property
    def has_uses(self) -> bool:
        return bool(self._uses)

    def add_text(self, text: str) -> None:
        if not text:
            return
        self._begin()
        last = self._pieces[-1] if self._pieces else None
        if isinstance(last, list):
            last.append(text)
        else:
            self._pieces.append([text])
        self._on_text(text)

    def open_use(self, key: Hashable, *, given_id: str | None, name: str) -> None:
        """A tool use begins; `key` is how its further parts name it."""
        self._begin()
        own_name = self._names.get(name, name)
        use = Use(use_id=valid_use_id(given_id, self._taken), name=own_name)
        self._uses[key] = use
        self._pieces.append(use)

    def add_arguments(self, key: Hashable, part: str) -> None:
        self._uses[key].parts.append(part)

    def _begin(self) -> None:
        if self._first_token_ms is None:
            self._first_token_ms = round((time.monotonic() - self._started) * 1000)

    def reply(self, stop_reason: str, *, model: str, request_id: str | None) -> Reply:
        """The whole. Where nobody counted tokens, they are estimated from its length."""
        blocks = [block_of(piece) for piece in self._pieces]
        # A text of blanks alone is refused when it comes back in the history.
        content = [block for block in blocks if block["type"] != "text" or block["text"].strip()]
        return Reply(
            content=content,
            stop_reason="tool_use" if self.has_uses and stop_reason == "end_turn" else stop_reason,
            tokens=self.counted or self._estimate(encode(content)),
            model=model or self._request.model,
            request_id=request_id,
            first_token_ms=self._first_token_ms,
            are_tokens_estimated=self.counted is None,
        )

    def tokens_so_far(self) -> Tokens | None:
        """What a call that broke off is billed for; None where no answer had begun."""
        if self.counted or not self._pieces:
            return self.counted
        parts = [piece if isinstance(piece, list) else [piece.name, *piece.parts] for piece in self._pieces]
        return self._estimate("".join(itertools.chain(*parts)))

    def _estimate(self, written: str) -> Tokens:
        given = [self._request.system, self._request.messages, self._request.tools]
        return Tokens(
            input=len(encode(given)) // CHARACTERS_PER_TOKEN + 1,
            output=len(written) // CHARACTERS_PER_TOKEN + 1,
            is_estimated=True,
        )


def block_of(piece: list[str] | Use) -> dict[str, Any]:
    if isinstance(piece, Use):
        arguments = read_arguments("".join(piece.parts))
        return {"type": "tool_use", "id": piece.use_id, "name": piece.name, "input": arguments}
    return {"type": "text", "text": "".join(piece)}
