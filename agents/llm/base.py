"""What the loop asks of a language model, in the content-block form of Anthropic's Messages API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from observability.prices import Tokens

Block = dict[str, Any]
OnText = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One model call. `deadline` is an instant of `time.monotonic()` after which the call is broken off.

    `model` is the provider's own name of it. The two capabilities are the row's, for the adapters whose models differ.
    `must_use` names the one tool that has to be used; a model that cannot be made to refuses the call.
    """

    model: str
    system: str
    messages: Sequence[dict[str, Any]]
    tools: Sequence[dict[str, Any]]
    max_tokens: int
    deadline: float
    streams_tools: bool = True
    caches_prompts: bool = False
    must_use: str = ""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A whole reply: content blocks as they came, why the model stopped, what was counted.

    `stop_reason` is in the words of the Messages API, whoever answered. `are_tokens_estimated` where the server counted
    none: they are then guessed from the length, so that no limit is passed unseen.
    """

    content: list[Block]
    stop_reason: str
    tokens: Tokens
    model: str
    request_id: str | None = None
    first_token_ms: int | None = None
    are_tokens_estimated: bool = False

    @property
    def text(self) -> str:
        return "\n\n".join(block["text"].strip() for block in self.content if block["type"] == "text").strip()

    @property
    def tool_uses(self) -> list[Block]:
        return [block for block in self.content if block["type"] == "tool_use"]


class Adapter(Protocol):
    """The way to one provider. It streams, gives text to `on_text` as it comes, and raises `ModelFailed`."""

    def call(self, request: Request, on_text: OnText) -> Reply: ...

    def close(self) -> None: ...
