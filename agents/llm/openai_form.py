"""The form of OpenAI's chat completions, and what its many servers make of it.

Seen with vLLM, Ollama, llama.cpp and others, and met here: tool calls without an id, or with one index for all; a
`finish_reason` of "stop" after calls; arguments as an object instead of a text; no usage; no stream though asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.llm.base import Reply, Request
from agents.llm.blocks import Message, of_type, plain_messages, result_text, short_id, texts_of, wire_name
from agents.llm.draft import Draft
from agents.llm.failures import model_failed
from observability.batch import encode
from observability.prices import Tokens

Piece = dict[str, Any]
STOP_REASONS = {
    "stop": "end_turn",
    "tool_calls": "end_turn",  # the draft knows whether there were any
    "function_call": "end_turn",
    "length": "max_tokens",
    "content_filter": "refusal",
}
COUNT_OPTION = "stream_options"
FAILED_REASONS = {"abort", "error"}


# -- the request
def chat_request(request: Request, *, counts_tokens: bool = True) -> dict[str, Any]:
    """The body; a stream tells the tokens only where it is asked to, with `counts_tokens`."""
    messages = [{"role": "system", "content": request.system}] if request.system.strip() else []
    for message in plain_messages(request.messages, with_tools=bool(request.tools)):
        messages.extend(assistant_form(message) if message["role"] == "assistant" else user_form(message))
    body: dict[str, Any] = {"model": request.model, "messages": messages, "max_tokens": request.max_tokens}
    if request.tools:
        body["tools"] = [tool_form(tool) for tool in request.tools]
    if request.must_use:
        body["tool_choice"] = {"type": "function", "function": {"name": wire_name(request.must_use)}}
    if not request.tools or request.streams_tools:
        body["stream"] = True
        if counts_tokens:
            body[COUNT_OPTION] = {"include_usage": True}
    return body


def tool_form(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": wire_name(tool["name"]), "parameters": tool["input_schema"]}
    if tool.get("description"):
        function["description"] = tool["description"]
    return {"type": "function", "function": function}


def assistant_form(message: Message) -> list[dict[str, Any]]:
    calls = [
        {
            "id": short_id(use["id"]),
            "type": "function",
            "function": {"name": wire_name(use["name"]), "arguments": encode(use["input"])},
        }
        for use in of_type(message, "tool_use")
    ]
    form: dict[str, Any] = {"role": "assistant", "content": texts_of(message) or None}
    return [{**form, "tool_calls": calls} if calls else form]


def user_form(message: Message) -> list[dict[str, Any]]:
    results = [
        {"role": "tool", "tool_call_id": short_id(result["tool_use_id"]), "content": result_text(result)}
        for result in of_type(message, "tool_result")
    ]
    text = texts_of(message)
    return [*results, {"role": "user", "content": text}] if text else results


# -- the answer
class ChatReading:
    """The state of one answer: pieces in (chunks of a stream, or a whole completion), a reply out."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._model = ""
        self._finish_reason = ""
        # The calls so far: where each stands in the draft, its index and its id on the wire.
        self._calls: list[tuple[int, object, str]] = []

    def take(self, piece: Piece) -> None:
        self._model = piece.get("model") or self._model
        self._draft.counted = tokens_of(piece.get("usage")) or self._draft.counted
        for choice in piece.get("choices") or []:
            said = choice.get("delta") or choice.get("message") or {}
            self._draft.add_text(said.get("content") or "")
            for call in said.get("tool_calls") or []:
                self._take_call(call)
            self._finish_reason = choice.get("finish_reason") or self._finish_reason

    def _take_call(self, call: Mapping[str, Any]) -> None:
        function = call.get("function") or {}
        place = self._place_of(call, is_named=bool(function.get("name")))
        if place is None:
            place = len(self._calls)
            self._calls.append((place, call.get("index"), call.get("id") or ""))
            self._draft.open_use(place, given_id=call.get("id"), name=function.get("name") or "")
        arguments = function.get("arguments")
        if arguments:
            self._draft.add_arguments(place, arguments if isinstance(arguments, str) else encode(arguments))

    def _place_of(self, call: Mapping[str, Any], *, is_named: bool) -> int | None:
        """The call that this part belongs to; None where it begins one.

        By index; but some give every call index 0, or none: a name under another id, or under no index, is a new call.
        """
        index, call_id = call.get("index"), call.get("id") or ""
        for place, known_index, known_id in reversed(self._calls):
            is_other = bool(call_id) and bool(known_id) and call_id != known_id
            if known_index == index and not (is_named and (is_other or index is None)):
                return place
        return None

    def reply(self, request_id: str | None) -> Reply:
        reason = self._finish_reason
        if not reason:
            raise model_failed("cut", "the stream ended before the reply did", request_id=request_id)
        if reason in FAILED_REASONS:
            raise model_failed("server", f"the server broke off its answer ({reason})", request_id=request_id)
        stop_reason = STOP_REASONS.get(reason, "end_turn")
        return self._draft.reply(stop_reason, model=self._model, request_id=request_id)


def tokens_of(usage: Mapping[str, Any] | None) -> Tokens | None:
    """The cache's tokens are counted among the prompt's here, and apart from them in ours."""
    if not usage:
        return None
    given = usage.get("prompt_tokens") or 0
    cached = min(given, (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0)
    return Tokens(input=given - cached, output=usage.get("completion_tokens") or 0, cache_read=cached)
