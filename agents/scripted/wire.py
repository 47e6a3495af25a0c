"""The Messages API on the wire: messages, their server-sent events, and errors."""

import json
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agents.scripted import MODEL
from agents.scripted.conversation import Block, Json, Use
from agents.scripted.tokens import Usage, count_output, count_text

_TEXT_PIECE = re.compile(r"\S+\s*|\s+")
_WORDS_PER_DELTA = 3
_JSON_PIECE_CHARACTERS = 16


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer ready to send: content blocks in the API's form and why they end."""

    message_id: str
    content: list[Json]
    stop_reason: str
    stop_sequence: str | None
    usage: Usage

    @property
    def output_tokens(self) -> int:
        return count_output(self.content)


def make_answer(
    blocks: Sequence[Block], *, usage: Usage, max_tokens: int, stop_sequences: Sequence[str] = ()
) -> Answer:
    """Give ids to the blocks and keep to the request's limits.

    A text is cut at `max_tokens` (by the estimate of `tokens.py`) or at a stop sequence; a tool use that does not fit
    is left out, as half of one would be of no use.
    """
    content: list[Json] = []
    stop_reason, stopped_by = "end_turn", None
    room = max_tokens
    for block in blocks:
        if isinstance(block, Use):
            value: Json = {
                "type": "tool_use",
                "id": f"toolu_{uuid.uuid4().hex[:24]}",
                "name": block.name,
                "input": block.input,
            }
            if count_output([value]) > room:
                stop_reason = "max_tokens"
                break
            stop_reason = "tool_use"
        else:
            text, stopped_by = _up_to_stop(block.text, stop_sequences)
            fitting = _first_tokens(text, room)
            value = {"type": "text", "text": fitting}
            if fitting != text:
                content += [value] if fitting else []
                stop_reason, stopped_by = "max_tokens", None
                break
            if not text:
                stop_reason = "stop_sequence"
                break
        content.append(value)
        room -= count_output([value])
        if stopped_by is not None:
            stop_reason = "stop_sequence"
            break
    return Answer(
        message_id=f"msg_{uuid.uuid4().hex[:24]}",
        content=content,
        stop_reason=stop_reason,
        stop_sequence=stopped_by,
        usage=usage,
    )


def message_json(answer: Answer) -> Json:
    """The whole message, as a request without `stream` gets it."""
    return {
        "id": answer.message_id,
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": answer.content,
        "stop_reason": answer.stop_reason,
        "stop_sequence": answer.stop_sequence,
        "usage": answer.usage.as_json(answer.output_tokens),
    }


def stream_events(answer: Answer) -> Iterator[tuple[bytes, bool]]:
    """Server-sent events of an answer, each with whether it is a delta (before which a slow model would pause)."""
    opening = {**message_json(answer), "content": [], "stop_reason": None, "stop_sequence": None}
    opening["usage"] = answer.usage.as_json(1)
    yield event("message_start", message=opening), False
    yield event("ping"), False
    for index, block in enumerate(answer.content):
        empty = {**block, "text": ""} if block["type"] == "text" else {**block, "input": {}}
        yield event("content_block_start", index=index, content_block=empty), False
        for delta in _deltas(block):
            yield event("content_block_delta", index=index, delta=delta), True
        yield event("content_block_stop", index=index), False
    usage = answer.usage.as_json(answer.output_tokens)
    counted = {name: value for name, value in usage.items() if isinstance(value, int)}
    ending = {"stop_reason": answer.stop_reason, "stop_sequence": answer.stop_sequence}
    yield event("message_delta", delta=ending, usage=counted), False
    yield event("message_stop"), False


def event(kind: str, **fields: Any) -> bytes:
    """One server-sent event."""
    data = json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"))
    return f"event: {kind}\ndata: {data}\n\n".encode()


def error_json(kind: str, message: str, request_id: str) -> Json:
    """The API's form of an error."""
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}


def new_request_id() -> str:
    return f"req_{uuid.uuid4().hex[:24]}"


def _deltas(block: Json) -> Iterator[Json]:
    if block["type"] == "text":
        words = _TEXT_PIECE.findall(block["text"])
        for at in range(0, len(words), _WORDS_PER_DELTA):
            yield {"type": "text_delta", "text": "".join(words[at : at + _WORDS_PER_DELTA])}
        return
    # The API opens a tool use with an empty piece, then sends its JSON in arbitrary cuts.
    yield {"type": "input_json_delta", "partial_json": ""}
    whole = json.dumps(block["input"], ensure_ascii=False)
    size = min(_JSON_PIECE_CHARACTERS, max(1, len(whole) // 2))
    for at in range(0, len(whole), size):
        yield {"type": "input_json_delta", "partial_json": whole[at : at + size]}


def _up_to_stop(text: str, stop_sequences: Sequence[str]) -> tuple[str, str | None]:
    found = [(text.find(stop), stop) for stop in stop_sequences if stop and stop in text]
    if not found:
        return text, None
    at, stop = min(found)
    return text[:at], stop


def _first_tokens(text: str, room: int) -> str:
    """As much of a text, in whole words, as `room` tokens hold."""
    if count_text(text) <= room:
        return text
    kept: list[str] = []
    for piece in _TEXT_PIECE.findall(text):
        room -= count_text(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept).rstrip()
