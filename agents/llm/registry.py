"""The adapters by provider; adding one is a module and a line."""

from __future__ import annotations

import threading
from importlib import import_module

from agents.llm.base import Adapter
from agents.models import LanguageModel

Key = tuple[str, str, str]
# By dotted path: an SDK takes a second to import and tens of megabytes, and most installations need one of them.
ADAPTERS = {
    "anthropic": "agents.llm.anthropic.AnthropicModel",
    "bedrock_claude": "agents.llm.bedrock_claude.BedrockClaudeModel",
    "converse": "agents.llm.converse.ConverseModel",
    "openai": "agents.llm.openai.OpenAIModel",
}
lock = threading.Lock()
adapters: dict[Key, Adapter] = {}


def get_adapter(model: LanguageModel | None = None) -> Adapter:
    """The way to this model, the Anthropic API without one. One adapter a process for each server: it keeps its
    connections open between calls."""
    key = (model.provider, model.base_url, model.key_variable) if model else ("anthropic", "", "")
    with lock:
        if key not in adapters:
            provider, base_url, key_variable = key
            module, _, attribute = ADAPTERS[provider].rpartition(".")
            adapter: Adapter = getattr(import_module(module), attribute)(base_url=base_url, key_variable=key_variable)
            adapters[key] = adapter
        return adapters[key]


def close_adapters() -> None:
    """Close all and forget them: addresses and keys are read anew."""
    with lock:
        while adapters:
            adapters.popitem()[1].close()
