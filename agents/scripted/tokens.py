"""Counts tokens by a stated estimate, and accounts for the prompt cache.

The estimate: a run of letters costs one token per six letters begun, a run of digits one per three begun, every other
visible character one, and white space nothing. A message costs four more for its frame. On English prose this comes to
about one token per four and a half characters; it is an estimate for a model that has no tokenizer, not a price.

The cache follows the API's rules: the prefix runs tools, system, messages; a block with `cache_control` ends a prefix
to keep; a request reads the longest kept prefix that ends at most twenty blocks before one of its own marks. Unlike the
API there is no least length, so that short prompts show it too.
"""

import hashlib
import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from agents.scripted.conversation import Json, blocks_of

MESSAGE_FRAME_TOKENS = 4
_LOOK_BACK_BLOCKS = 20
_MOST_PREFIXES = 4_096
_SECONDS = {"5m": 300.0, "1h": 3_600.0}

_PIECE = re.compile(r"[A-Za-z]+|[0-9]+|[^\sA-Za-z0-9]")


@lru_cache(maxsize=1_024)
def count_text(text: str) -> int:
    """Tokens of a text by the estimate above."""
    total = 0
    for piece in _PIECE.findall(text):
        size = len(piece)
        total += -(-size // 6) if piece[0].isascii() and piece[0].isalpha() else -(-size // 3)
    return total


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Input tokens of one request: not cached, written to the cache by time to live, read from it."""

    plain: int
    written_5m: int
    written_1h: int
    read: int

    @property
    def written(self) -> int:
        return self.written_5m + self.written_1h

    @property
    def total(self) -> int:
        return self.plain + self.written + self.read

    def as_json(self, output_tokens: int) -> Json:
        """The `usage` object of a message."""
        return {
            "input_tokens": self.plain,
            "cache_creation_input_tokens": self.written,
            "cache_read_input_tokens": self.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.written_5m,
                "ephemeral_1h_input_tokens": self.written_1h,
            },
            "output_tokens": output_tokens,
            "service_tier": "standard",
        }


@dataclass(frozen=True, kw_only=True)
class _Segment:
    """One cacheable piece of a request in prefix order; `mark` is the time to live asked for at its end."""

    text: str
    tokens: int
    mark: str | None


class PrefixTable:
    """Which prefixes have been seen, and until when. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._expiry: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def account(self, request: Mapping[str, Any]) -> Usage:
        """The input usage of a valid request; keeps the prefixes that it marks."""
        segments = list(_segments(request))
        total = sum(segment.tokens for segment in segments)
        marks = [at for at, segment in enumerate(segments) if segment.mark]
        if not marks:
            return Usage(plain=total, written_5m=0, written_1h=0, read=0)
        digests = _running_digests(str(request.get("model")), segments)
        with self._lock:
            hit = self._longest_hit(marks, digests)
            written = {"5m": 0, "1h": 0}
            begin = hit + 1
            for at in marks:
                ttl = segments[at].mark or "5m"
                if at >= begin:
                    written[ttl] += sum(segment.tokens for segment in segments[begin : at + 1])
                    begin = at + 1
                self._keep(digests[at], ttl)
        read = sum(segment.tokens for segment in segments[: hit + 1])
        return Usage(
            plain=total - read - sum(written.values()), written_5m=written["5m"], written_1h=written["1h"], read=read
        )

    def _longest_hit(self, marks: list[int], digests: list[bytes]) -> int:
        """Index of the last segment of the longest kept prefix, or -1."""
        now = self._clock()
        for mark in reversed(marks):
            for at in range(mark, max(-1, mark - _LOOK_BACK_BLOCKS), -1):
                if self._expiry.get(digests[at], 0.0) > now:
                    return at
        return -1

    def _keep(self, digest: bytes, ttl: str) -> None:
        self._expiry[digest] = max(self._expiry.get(digest, 0.0), self._clock() + _SECONDS[ttl])
        self._expiry.move_to_end(digest)
        while len(self._expiry) > _MOST_PREFIXES:
            self._expiry.popitem(last=False)


def count_input(request: Mapping[str, Any]) -> int:
    """Tokens of a request's tools, system text and messages."""
    return sum(segment.tokens for segment in _segments(request))


def count_output(content: list[Json]) -> int:
    """Tokens of an answer's content blocks; at least one, as the API has it."""
    return max(1, sum(count_text(_text_of(block)) for block in content))


def _segments(request: Mapping[str, Any]) -> Iterator[_Segment]:
    pieces: list[tuple[str, Json, int]] = [("tool", tool, 0) for tool in request.get("tools") or []]
    system = request.get("system")
    pieces += [("system", block, 0) for block in (blocks_of({"content": system}) if system else [])]
    for message in request.get("messages") or []:
        for at, block in enumerate(blocks_of(message)):
            pieces.append((str(message.get("role")), block, 0 if at else MESSAGE_FRAME_TOKENS))
    automatic = request.get("cache_control")
    for at, (where, block, frame) in enumerate(pieces):
        control = block.get("cache_control") or (automatic if at == len(pieces) - 1 else None)
        mark = str(control.get("ttl", "5m")) if isinstance(control, dict) else None
        text = _text_of(block)
        yield _Segment(text=f"{where}\0{frame}\0{text}", tokens=count_text(text) + frame, mark=mark)


def _text_of(block: Json) -> str:
    """What of a block is counted: its text, or its JSON without the cache mark."""
    if block.get("type") == "text":
        return str(block.get("text", ""))
    return json.dumps({k: v for k, v in block.items() if k != "cache_control"}, sort_keys=True, ensure_ascii=False)


def _running_digests(model: str, segments: list[_Segment]) -> list[bytes]:
    running = hashlib.sha256(model.encode())
    digests: list[bytes] = []
    for segment in segments:
        running.update(len(segment.text).to_bytes(8, "big") + segment.text.encode(errors="replace"))
        digests.append(running.digest())
    return digests
