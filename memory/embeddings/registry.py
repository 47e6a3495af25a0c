"""Which embedder this process uses, by the setting EMBEDDINGS; made once, at first use."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from importlib import import_module

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from memory.embeddings.base import Embedder
from memory.embeddings.lexical import LexicalEmbedder
from memory.embeddings.weights import WeightsUnusable, find_weights

LONGEST_NAME = 80  # of the columns that hold it
LEXICAL = "lexical"
# By dotted path: most installations need none of them, and boto3 takes a while to import.
HOSTED = {
    "openai": "memory.embeddings.hosted.OpenAIEmbedder",
    "voyage": "memory.embeddings.hosted.VoyageEmbedder",
    "bedrock": "memory.embeddings.titan.TitanEmbedder",
}


@dataclass(frozen=True, kw_only=True)
class Choice:
    embedder: Embedder
    why_lexical: str


lock = threading.Lock()
choices: dict[str, Choice] = {}


def embedder() -> Embedder:
    """The one of this installation. The first call may build the model's file, for some seconds; its vectors are of no
    use to another embedder. Raises `ImproperlyConfigured` where EMBEDDINGS names none."""
    return choice().embedder


def why_lexical() -> str:
    """One sentence on why texts are compared by their words alone; nothing where they are not."""
    return choice().why_lexical


def choice() -> Choice:
    wanted = settings.EMBEDDINGS
    with lock:
        if wanted not in choices:
            choices[wanted] = choose(wanted)
        return choices[wanted]


def choose(wanted: str) -> Choice:
    if wanted == LEXICAL:
        return Choice(embedder=LexicalEmbedder(), why_lexical="The setting EMBEDDINGS says so.")
    if wanted:
        return Choice(embedder=hosted(wanted), why_lexical="")
    try:
        return Choice(embedder=local(), why_lexical="")
    except WeightsUnusable as unusable:
        return Choice(embedder=LexicalEmbedder(), why_lexical=str(unusable))


def hosted(wanted: str) -> Embedder:
    """Of a name like `openai:text-embedding-3-small`."""
    kind, _, model = wanted.partition(":")
    if kind not in HOSTED or not model:
        ways = ", ".join(f"{name}:<model>" for name in HOSTED)
        raise ImproperlyConfigured(f"EMBEDDINGS is {wanted!r}; write {LEXICAL}, or one of {ways}, or nothing")
    if len(wanted) > LONGEST_NAME:
        raise ImproperlyConfigured(f"EMBEDDINGS is longer than {LONGEST_NAME} characters")
    module, _, attribute = HOSTED[kind].rpartition(".")
    made: Embedder = getattr(import_module(module), attribute)(model)
    return made


def local() -> Embedder:
    weights = find_weights()
    # onnxruntime is imported by whoever embeds, not by whoever asks for the name.
    made: Embedder = import_module("memory.embeddings.local").LocalEmbedder(weights)
    return made


def close_embedders() -> None:
    """Forget all of them: settings are read anew."""
    with lock:
        while choices:
            choices.popitem()[1].embedder.close()
