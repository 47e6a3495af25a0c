"""The local model, built once a run; and embedders that are chosen anew for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.test import override_settings

from memory.embeddings import Embedder, embedder
from memory.embeddings.registry import close_embedders
from memory.embeddings.weights import PACKAGE, TOKENIZER, WEIGHTS, Weights, find_weights


@pytest.fixture(autouse=True)
def _chosen_anew() -> Iterator[None]:
    close_embedders()
    yield
    close_embedders()


@pytest.fixture(scope="session")
def weights() -> Weights:
    if find_spec(PACKAGE) is None:
        pytest.skip("the package index lacks the weights")
    return find_weights()


@pytest.fixture
def local(weights: Weights) -> Iterator[Embedder]:
    """In the run's own STATE_DIR, which the workers of pytest-xdist share."""
    with override_settings(EMBEDDINGS=""):
        yield embedder()


@pytest.fixture
def package(weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a package with the same name, which is found first: its files are the published ones as yet, and
    its code fails when it is imported."""
    folder = tmp_path / PACKAGE / "model"
    folder.mkdir(parents=True)
    (tmp_path / PACKAGE / "__init__.py").write_text("raise RuntimeError('imported')")
    shutil.copy(weights.tokenizer, folder / TOKENIZER)
    (folder / WEIGHTS).symlink_to(weights.weights)
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder
