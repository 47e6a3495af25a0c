"""all-MiniLM-L6-v2 on ONNX Runtime, with weights of eight bits: 22 million parameters, English, Apache-2.0.

Reimers and Gurevych 2019, "Sentence-BERT" (arXiv:1908.10084) is how such a model is trained. Values between the layers
are quantised by the range that they have in one run, so the vector of a text would depend on what else is in its run,
by up to 0.01 of a cosine. Each text has a run of its own instead. Batches of 32 saved nothing: 3.9 ms of CPU a text
of 20 words against 4.3, 46 ms a text of 256 tokens against 49.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from memory.embeddings.base import EmbeddingFailed, Vector, of_unit_length
from memory.embeddings.model_file import ready_file
from memory.embeddings.weights import Weights

# What the model was made for: its `sentence_bert_config.json` says so.
MOST_TOKENS = 256
# Cut before tokens are counted: a text of a megabyte would keep the tokeniser busy. A token of ordinary text has four
# or five characters, one of a table or a link fewer.
MOST_CHARACTERS = 20 * MOST_TOKENS


class LocalEmbedder:
    """Loaded at the first text; a run of the model uses the thread of its caller, and no other."""

    name = "all-MiniLM-L6-v2-int8"
    is_semantic = True

    def __init__(self, weights: Weights) -> None:
        """Builds the model's file if it must. Raises `WeightsUnusable`."""
        self._tokenizer_file = weights.tokenizer
        self._model_file = ready_file(weights)
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        tokenizer, session = self._load() if texts else (None, None)
        return [run(tokenizer, session, text) for text in texts]

    def close(self) -> None:
        self._loaded = None

    def _load(self) -> tuple[Any, Any]:
        with self._lock:
            if self._loaded is None:
                try:
                    self._loaded = load_tokenizer(self._tokenizer_file), load_session(self._model_file)
                except Exception as error:  # both libraries raise whatever their native code says
                    raise EmbeddingFailed(f"the local model does not load: {error}", retryable=False) from error
            return self._loaded


def load_tokenizer(file: Path) -> Any:
    tokenizer = import_module("tokenizers").Tokenizer.from_file(str(file))
    tokenizer.enable_truncation(MOST_TOKENS)
    tokenizer.no_padding()
    return tokenizer


def load_session(file: Path) -> Any:
    """Threads that wait by spinning would take the cores of everybody else."""
    runtime = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def run(tokenizer: Any, session: Any, text: str) -> Vector:
    # Half a surrogate pair is no character, and the tokeniser refuses it.
    clean = text.strip()[:MOST_CHARACTERS].encode(errors="replace").decode()
    numpy = import_module("numpy")
    ids = numpy.array([tokenizer.encode(clean).ids], numpy.int32)
    (vectors,) = session.run(None, {"input_ids": ids, "attention_mask": numpy.ones_like(ids)})
    return of_unit_length(vectors[0].tolist())
