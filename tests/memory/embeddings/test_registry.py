"""Which embedder serves, and why it is the one by words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from memory.embeddings import embedder, why_lexical
from memory.embeddings.model_file import FILE
from memory.embeddings.registry import close_embedders
from memory.embeddings.weights import PACKAGE, TOKENIZER, WEIGHTS
from tests.config.conftest import ROOT


def test_the_local_model_serves_by_default(local: Any) -> None:
    assert (local.name, local.is_semantic, why_lexical()) == ("all-MiniLM-L6-v2-int8", True, "")
    assert embedder() is local


def test_words_serve_where_the_setting_says_so(settings: Any) -> None:
    settings.EMBEDDINGS = "lexical"
    assert (embedder().name, embedder().is_semantic) == ("lexical-384", False)
    assert why_lexical() == "The setting EMBEDDINGS says so."


def test_words_serve_where_the_weights_are_not_installed(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EMBEDDINGS = ""
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    assert embedder().name == "lexical-384"
    assert why_lexical() == "The weights of the embedding model are not installed."


def test_words_serve_where_a_file_is_missing(settings: Any, package: Path) -> None:
    settings.EMBEDDINGS = ""
    (package / WEIGHTS).unlink()
    assert why_lexical() == "The file model.safetensors of the embedding model is missing."
    close_embedders()
    (package / TOKENIZER).unlink()
    assert why_lexical() == "The file tokenizer.json of the embedding model cannot be read."


def test_words_serve_where_a_file_is_not_the_published_one(settings: Any, package: Path, tmp_path: Path) -> None:
    settings.EMBEDDINGS = ""
    settings.STATE_DIR = tmp_path / "state"
    data = bytearray((package / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (package / WEIGHTS).unlink()
    (package / WEIGHTS).write_bytes(data)
    assert embedder().name == "lexical-384"
    assert why_lexical() == "The file model.safetensors of the embedding model is not the published one."
    assert not list((tmp_path / "state" / "models").iterdir())
    close_embedders()
    (package / TOKENIZER).write_text("{}")
    assert why_lexical() == "The file tokenizer.json of the embedding model is not the published one."


def test_words_serve_where_the_model_cannot_be_kept(settings: Any, weights: Any, tmp_path: Path) -> None:
    settings.EMBEDDINGS = ""
    (tmp_path / "state").write_text("a file")
    settings.STATE_DIR = tmp_path / "state"
    assert why_lexical() == f"The embedding model cannot be kept in {tmp_path}/state/models: File exists."


def test_words_serve_where_the_model_cannot_be_built(settings: Any, weights: Any, tmp_path: Path) -> None:
    settings.EMBEDDINGS = ""
    settings.STATE_DIR = tmp_path / "state"
    settings.BASE_DIR = tmp_path  # where the builder is not
    assert why_lexical().startswith("The embedding model could not be built: ")
    assert "No module named 'memory'" in why_lexical()
    assert not list((tmp_path / "state" / "models").iterdir())


@pytest.mark.parametrize("wanted", ["openai", "openai:", "cohere:embed-v4", "all-MiniLM-L6-v2", f"openai:{'m' * 80}"])
def test_a_setting_that_names_none_stops_it(settings: Any, wanted: str) -> None:
    settings.EMBEDDINGS = wanted
    with pytest.raises(ImproperlyConfigured, match="EMBEDDINGS is"):
        embedder()


def test_whoever_asks_for_the_name_loads_nothing(local: Any, settings: Any) -> None:
    """A page may say which model it is; only what embeds needs the memory for it. The package's code stays unread."""
    script = (
        "import django, sys; django.setup(); from memory.embeddings import embedder; found = embedder();"
        f"heavy = {{'onnx', 'onnxruntime', 'tokenizers', 'numpy', 'boto3', 'httpx2', '{PACKAGE}'}};"
        "print(found.name, sorted(heavy & set(sys.modules))); found.embed(['hello']);"
        "print(sorted(heavy & set(sys.modules)))"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "config.settings", "STATE_DIR": str(settings.STATE_DIR), "SECRET_KEY": "x"}
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.stdout.splitlines() == [
        "all-MiniLM-L6-v2-int8 []",
        "['numpy', 'onnxruntime', 'tokenizers']",
    ], ran.stderr
    assert (settings.STATE_DIR / "models" / FILE).is_file()
