"""Runs the scripted model inside a test or a benchmark, over HTTP or as a conversation in memory."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import uvicorn

from agents.scripted.conversation import Json, Say, Use
from agents.scripted.dialogue import next_blocks
from agents.scripted.server import MOST_BODY_BYTES, create_app
from agents.scripted.worlds import SYSTEM, TOOLS, World, worlds_for

_START_SECONDS = 10.0
# The day of every conversation in memory.
_TODAY = date(2026, 11, 22)


@contextmanager
def running_model(*, delay_ms: int = 0, chunk_ms: int = 0, most_body_bytes: int = MOST_BODY_BYTES) -> Iterator[str]:
    """A scripted model on a free port, served by a thread; yields its base URL and stops it at the end."""
    app = create_app(delay_ms=delay_ms, chunk_ms=chunk_ms, most_body_bytes=most_body_bytes)
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="scripted-model", daemon=True)
        thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the scripted model did not start")
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=_START_SECONDS)


class Chat:
    """A conversation with the rules alone: `say` answers tools out of a world and returns the reply's text.

    `answers` overrides a tool's results, by name: an object, or a text that need not be JSON.
    """

    def __init__(self, world: str | World = "one delivered", *, system: str = SYSTEM, tools: tuple[str, ...] = TOOLS):
        worlds = {found.name: found for found in worlds_for("", _TODAY)}
        self.world = world if isinstance(world, World) else worlds[world]
        self.system, self.tools = system, tools
        self.messages: list[Json] = []
        self.calls: list[Use] = []
        self.answers: dict[str, Json | str] = {}

    def say(self, text: str) -> str:
        self.messages.append({"role": "user", "content": text})
        self.calls = []
        while True:
            (block,) = next_blocks(self.system, self.messages, self.tools, _TODAY)
            if isinstance(block, Say):
                self.messages.append({"role": "assistant", "content": [{"type": "text", "text": block.text}]})
                return block.text
            self.calls.append(block)
            self._answer(block)

    def _answer(self, block: Use) -> None:
        result = self.answers.get(block.name) or self.world.answer(block.name, block.input)
        use = {"type": "tool_use", "id": f"t{len(self.messages)}", "name": block.name, "input": block.input}
        answer = {
            "type": "tool_result",
            "tool_use_id": use["id"],
            "content": result if isinstance(result, str) else json.dumps(result),
            "is_error": isinstance(result, dict) and "error" in result,
        }
        self.messages += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [answer]}]

    @property
    def names(self) -> list[str]:
        """The tools called for the last message."""
        return [call.name for call in self.calls]

    @property
    def escalation(self) -> Json:
        """The arguments of the one hand-over of the last message."""
        (use,) = (call for call in self.calls if call.name == "escalate_to_human")
        return use.input


def failing(code: str) -> Json:
    """A tool's result that is a failure with this code."""
    return {"error": {"code": code, "message": code}}
