from __future__ import annotations

from pathlib import Path

import pytest

from config.dotenv import DotenvError, load_dotenv


def load(path: Path, text: str, **environment: str) -> dict[str, str]:
    (path / ".env").write_text(text, encoding="utf-8")
    load_dotenv(path / ".env", environment)
    return environment


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=plain", "plain"),
        ("export NAME = spaced out ", "spaced out"),
        ("NAME=value # a comment", "value"),
        ("NAME=pa#ss", "pa#ss"),
        ('NAME="quoted # kept" # not this', "quoted # kept"),
        ("NAME='single $HOME'", "single $HOME"),
        ('NAME="never closed', '"never closed'),
        ("NAME=", ""),
        ("NAME=postgresql://user:p%40ss@host/name?a=b", "postgresql://user:p%40ss@host/name?a=b"),
    ],
)
def test_it_reads_a_value(tmp_path: Path, line: str, value: str) -> None:
    assert load(tmp_path, f"# first\n\n{line}\n") == {"NAME": value}


def test_the_environment_wins(tmp_path: Path) -> None:
    assert load(tmp_path, "NAME=file\nOTHER=file\n", NAME="shell") == {"NAME": "shell", "OTHER": "file"}


def test_a_missing_file_is_no_values(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    load_dotenv(tmp_path / ".env", environment)
    assert environment == {}


def test_a_line_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(DotenvError, match=r"\.env, line 2: write NAME=value"):
        load(tmp_path, "NAME=1\nwhat is this\n")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DotenvError, match="cannot be read"):
        load_dotenv(tmp_path / ".env", {})
