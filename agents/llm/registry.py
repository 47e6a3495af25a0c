"""The adapters by name; adding one is a module and a line."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from agents.llm.base import LanguageModel

ADAPTERS = {"anthropic": "agents.llm.anthropic.AnthropicModel"}


@cache
def get_adapter(name: str = "anthropic") -> LanguageModel:
    """One adapter a process: it keeps its connections open between calls."""
    module, _, attribute = ADAPTERS[name].rpartition(".")
    adapter: LanguageModel = getattr(import_module(module), attribute)()
    return adapter
