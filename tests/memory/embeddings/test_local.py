"""The local model's vectors, against those of the same weights in float32."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from memory.embeddings import DIMENSIONS, Embedder, EmbeddingFailed, embedder
from memory.embeddings.lexical import LexicalEmbedder
from memory.embeddings.local import load_session, load_tokenizer, run
from memory.embeddings.weights import Weights
from tests.config.conftest import ROOT
from tests.memory.embeddings.paraphrases import PASSAGES, QUESTIONS, cosine, recall_at_1

# In float32, by a graph written independently of this one, with the reference's reader of safetensors. The first three
# are the example of the model's card.
COSINES = {
    ("That is a happy person", "That is a happy dog"): 0.695,
    ("That is a happy person", "That is a very happy person"): 0.943,
    ("That is a happy person", "Today is a sunny day"): 0.257,
    ("Where is my parcel?", "The package has not arrived."): 0.459,
    ("Where is my parcel?", "I forgot my password."): 0.223,
    ("I would like my money back.", "How do refunds work?"): 0.432,
    ("Please send me fewer e-mails.", "She wants little mail from us."): 0.474,
    ("Please send me fewer e-mails.", "The jacket is blue."): -0.013,
}
TEXTS = [*PASSAGES, *(question for _, question in QUESTIONS)]


@pytest.fixture(scope="module")
def in_float32(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same graph, not quantised: a function from texts to vectors."""
    out = tmp_path_factory.mktemp("float32") / "model.onnx"
    command = [sys.executable, "-m", "memory.embeddings.graph", str(weights.weights), str(out), "fp32"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    tokenizer, session = load_tokenizer(weights.tokenizer), load_session(out)
    return lambda texts: [run(tokenizer, session, text) for text in texts]


def test_the_graph_is_the_published_model(in_float32: Any) -> None:
    for pair, expected in COSINES.items():
        assert cosine(*in_float32(pair)) == pytest.approx(expected, abs=0.001), pair


def test_eight_bits_change_little(local: Embedder, in_float32: Any) -> None:
    """One scale a matrix gives .925 at worst, and seven bits with one scale .79."""
    cosines = [cosine(*pair) for pair in zip(local.embed(TEXTS), in_float32(TEXTS), strict=True)]
    assert min(cosines) > 0.97
    assert sum(cosines) / len(cosines) > 0.99
    for pair, expected in COSINES.items():
        assert cosine(*local.embed(pair)) == pytest.approx(expected, abs=0.05), pair


def test_it_finds_what_was_meant(local: Embedder, in_float32: Any) -> None:
    questions = [question for _, question in QUESTIONS]
    found = {
        name: recall_at_1(embed(PASSAGES), embed(questions))
        for name, embed in (("float32", in_float32), ("local", local.embed), ("words", LexicalEmbedder().embed))
    }
    assert found["float32"] == pytest.approx(0.875)
    assert found["local"] >= 0.83
    assert found["words"] < 0.25


def test_a_vector_depends_on_its_text_alone(local: Embedder) -> None:
    texts = ["short", " ".join(PASSAGES), *TEXTS]
    assert local.embed(texts) == [vector for text in texts for vector in local.embed([text])]
    assert local.embed([]) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(" \n\t", id="blanks"),
        pytest.param("\0\x07", id="control"),
        pytest.param("a" * 1_000_000, id="one long word"),
        pytest.param("refund " * 200_000, id="many words"),
        pytest.param("配送状況を教えてください。", id="japanese"),
        pytest.param("Où est mon colis? Ça m'énerve 😡👩‍👩‍👧", id="accents and emoji"),
        pytest.param("half a pair \ud83d is no character", id="surrogate"),
        pytest.param("مرحبا، أين طلبي؟", id="arabic"),
    ],
)
def test_any_text_has_a_vector(local: Embedder, text: str) -> None:
    (vector,) = local.embed([text])
    assert len(vector) == DIMENSIONS
    assert all(type(value) is float for value in vector)
    assert math.fsum(value * value for value in vector) == pytest.approx(1.0, abs=1e-6)


def test_the_beginning_counts(local: Embedder) -> None:
    long = " ".join(PASSAGES * 3)
    assert local.embed([long]) == local.embed([long + " and something else"])
    assert local.embed([" " * 50_000 + "hello"]) == local.embed(["hello"])


def test_first_use_by_many_threads(weights: Weights, settings: Any) -> None:
    settings.EMBEDDINGS = ""
    at_once = threading.Barrier(8)
    found: list[tuple[Embedder, Any]] = []

    def use() -> None:
        at_once.wait()
        chosen = embedder()
        found.append((chosen, chosen.embed(["Where is my parcel?"])))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(chosen is found[0][0] and vectors == found[0][1] for chosen, vectors in found)


def test_a_model_that_does_not_load_is_told(local: Any, weights: Weights, tmp_path: Path) -> None:
    local.close()
    local._model_file = tmp_path / "nothing.onnx"
    with pytest.raises(EmbeddingFailed, match="does not load"):
        local.embed(["hello"])
