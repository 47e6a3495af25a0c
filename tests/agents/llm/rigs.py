"""Every way to a model, each before a local server of its wire form."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from agents.errors import ModelFailed
from agents.llm.base import Reply, Request
from agents.llm.registry import close_adapters, get_adapter
from agents.models import LanguageModel
from agents.scripted.requests import check_request, offered_tools, system_text
from agents.scripted.worlds import SYSTEM
from tests.messages_api import Answer, Body, running_messages_api
from tests.wire.bedrock import running_bedrock
from tests.wire.chat import running_chat_server
from tests.wire.server import Asked, Heard

TOOLS: list[dict[str, Any]] = [
    {
        "name": name,
        "description": f"{name} of the shop.",
        "input_schema": {"type": "object", "properties": {"order_id": {"type": "string"}}},
    }
    for name in ("get_order", "get_refund_status", "process_refund", "cancel_order", "escalate_to_human")
]
ASK = [{"role": "user", "content": [{"type": "text", "text": "Where is my order 1042?"}]}]
Respond = Callable[[Asked], Answer]


def row(provider: str, provider_model: str, **fields: Any) -> LanguageModel:
    return LanguageModel(provider=provider, provider_model=provider_model, key=provider_model, **fields)


CLAUDE = row("anthropic", "claude-sonnet-5-5", caches_prompts=True)
BEDROCK_CLAUDE = row("bedrock_claude", "us.anthropic.claude-sonnet-5-5-v1:0", caches_prompts=True)
LLAMA = row("converse", "us.meta.llama3-3-70b-instruct-v1:0", streams_tools=False)
MISTRAL = row("converse", "mistral.mistral-large-2407-v1:0", streams_tools=False)
COMMAND = row("converse", "cohere.command-r-plus-v1:0")
SERVED = row("openai", "served")
FAMILIES = {
    "Claude, Anthropic API": CLAUDE,
    "Claude, Bedrock": BEDROCK_CLAUDE,
    "Llama, Converse": LLAMA,
    "Mistral Large, Converse": MISTRAL,
    "Command R+, Converse": COMMAND,
    "OpenAI-compatible": SERVED,
}


@dataclass(kw_only=True)
class Rig:
    """A model with its server. The server gives `answers` in order and keeps what it was asked."""

    model: LanguageModel
    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        return self.answers.pop(0)

    def call(self, messages: list[dict[str, Any]] = ASK, *, seconds: float = 60.0, **fields: Any) -> Reply:
        """One call of the adapter; what it says on the way is in `said`."""
        self.said = []
        adapter = get_adapter(self.model)  # the first import of an SDK takes a while
        given: dict[str, Any] = {
            "system": SYSTEM,
            "tools": TOOLS,
            "max_tokens": 1000,
            "streams_tools": self.model.streams_tools,
            "caches_prompts": self.model.caches_prompts,
            **fields,
        }
        request = Request(
            model=self.model.provider_model, messages=messages, deadline=time.monotonic() + seconds, **given
        )
        return adapter.call(request, self.said.append)

    def fail(self, **fields: Any) -> ModelFailed:
        with pytest.raises(ModelFailed) as failed:
            self.call(**fields)
        return failed.value


def read_messages_body(body: Body) -> Asked:
    check_request(body)
    return Asked(
        model=body["model"],
        system=system_text(body),
        messages=body["messages"],
        tools=offered_tools(body),
        heard=Heard(path="/v1/messages", headers={}, body=body),
    )


def running_family(model: LanguageModel, answer: Respond) -> AbstractContextManager[str]:
    match model.provider:
        case "anthropic":
            return running_messages_api(lambda body: answer(read_messages_body(body)))
        case "openai":
            return running_chat_server(answer)
        case _:
            return running_bedrock(answer)


@contextmanager
def model_before_server(model: LanguageModel, answer: Respond) -> Iterator[None]:
    """The adapter of `model` speaks with a server that answers so."""
    with running_family(model, answer) as url:
        model.base_url = url
        yield
        close_adapters()
        model.base_url = ""
