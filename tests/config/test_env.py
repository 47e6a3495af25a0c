from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.env import env_amount, env_bool, env_int, env_path, env_secret, env_str


def test_an_empty_value_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAME", "")
    assert env_str("NAME", "default") == "default"
    assert env_bool("NAME", default=True)
    assert env_int("NAME", 7) == 7


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    monkeypatch.setenv("NAME_FILE", str(tmp_path / "key"))
    assert env_str("NAME") == "from a file"


@pytest.mark.parametrize(("name", "read"), [("NAME", env_int), ("NAME", lambda name, _: env_bool(name, default=True))])
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, read: object) -> None:
    assert callable(read)
    monkeypatch.setenv(name, "maybe")
    with pytest.raises(ImproperlyConfigured, match="NAME is 'maybe'"):
        read(name, 1)


def test_a_path_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAME", "state")
    assert env_path("NAME", Path("/other")) == tmp_path / "state"


def test_a_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "state" / "secret"
    first = env_secret("UNSET_SECRET", file)
    assert len(first) >= 48
    assert env_secret("UNSET_SECRET", file) == first
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_an_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env_amount("NAME", "5") == 5
    monkeypatch.setenv("NAME", "0.50")
    assert env_amount("NAME", "5") == Decimal("0.5")


@pytest.mark.parametrize("value", ["-1", "1e9", "NaN", "5 USD", "1,5", "\u0665"])
def test_what_is_no_amount(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("NAME", value)
    with pytest.raises(ImproperlyConfigured, match="NAME is"):
        env_amount("NAME", "5")
