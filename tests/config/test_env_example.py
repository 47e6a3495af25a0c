"""`.env.example` says everything that can be set, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from config.dotenv import load_dotenv
from config.testing import names_read_by_settings
from tests.config.conftest import ROOT

LINES = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
EXAMPLES = [match[1] for line in LINES if (match := re.fullmatch(r"#([A-Z_]+)=.*", line))]


def test_it_has_every_name_that_is_read() -> None:
    assert sorted(EXAMPLES) == sorted({*names_read_by_settings(), "HOST", "PORT"})


def test_it_changes_nothing_as_it_stands(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    load_dotenv(ROOT / ".env.example", environment)
    assert environment == {}


def test_it_can_be_read_with_everything_switched_on(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("\n".join(re.sub(r"^#([A-Z_]+=)", r"\1", line) for line in LINES))
    environment: dict[str, str] = {}
    load_dotenv(tmp_path / ".env", environment)
    assert sorted(environment) == sorted(EXAMPLES)


def test_every_name_has_a_comment_above_it() -> None:
    bare = []
    for above, line in zip(["", *LINES], LINES, strict=False):
        if re.match(r"#[A-Z_]+=", line) and not above.startswith("#"):
            bare.append(line)
    assert not bare
