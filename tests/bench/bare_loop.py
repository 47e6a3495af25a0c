"""The floor: the same four model calls and three tool calls on the SDK alone, with no durability and no checks."""

from __future__ import annotations

import argparse
import json
import resource
import time
from typing import Any

import anthropic

TOOLS = [
    {"name": "get_order", "description": "Look up an order.", "input_schema": {"type": "object", "properties": {}}},
    {"name": "get_refund_status", "description": "Refunds.", "input_schema": {"type": "object", "properties": {}}},
]
SYSTEM = "You are the support agent of a small online shop."


class BareLoop:
    """One conversation at a time, kept in a list; a tool is a function that returns at once."""

    def __init__(self, base_url: str, *, stream: bool) -> None:
        self._client = anthropic.Anthropic(api_key="bench", base_url=base_url, max_retries=0)
        self._stream = stream

    def close(self) -> None:
        self._client.close()

    def turn(self, messages: list[dict[str, Any]]) -> int:
        """Appends to `messages`; returns the number of model calls."""
        for calls in range(1, 20):
            content = self._call(messages)
            messages.append({"role": "assistant", "content": content})
            uses = [block for block in content if block["type"] == "tool_use"]
            if not uses:
                return calls
            result = json.dumps({"order_id": "1042", "status": "delivered"})
            results = [{"type": "tool_result", "tool_use_id": use["id"], "content": result} for use in uses]
            messages.append({"role": "user", "content": results})
        raise AssertionError("the model never stopped")

    def _call(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        parameters: dict[str, Any] = {
            "model": "claude-sonnet-5-5",
            "system": SYSTEM,
            "messages": messages,
            "tools": TOOLS,
            "max_tokens": 1024,
        }
        if self._stream:
            with self._client.messages.stream(**parameters) as stream:
                reply = stream.get_final_message()
        else:
            reply = self._client.messages.create(**parameters)
        return [block.model_dump(exclude_none=True, exclude={"caller"}) for block in reply.content]


def measure(base_url: str, *, sessions: int, turns: int, stream: bool) -> list[list[float]]:
    """Seconds by session and turn."""
    loop = BareLoop(base_url, stream=stream)
    times = []
    for _ in range(sessions):
        messages: list[dict[str, Any]] = []
        row = []
        for number in range(turns):
            started = time.perf_counter()
            messages.append({"role": "user", "content": f"Where is my order 1042? ({number})"})
            loop.turn(messages)
            row.append(time.perf_counter() - started)
        times.append(row)
    loop.close()
    return times


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("base_url")
    parser.add_argument("sessions", type=int)
    parser.add_argument("--stream", action="store_true")
    options = parser.parse_args()
    measure(options.base_url, sessions=3, turns=5, stream=options.stream)
    before = cpu_seconds()
    seconds = measure(options.base_url, sessions=options.sessions, turns=5, stream=options.stream)
    cpu_ms = (cpu_seconds() - before) / (options.sessions * 5) * 1000
    print(json.dumps({"seconds": seconds, "cpu_ms": cpu_ms}))  # noqa: T201  its only output


if __name__ == "__main__":
    main()
