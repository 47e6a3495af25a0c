from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from observability import vault
from observability.vault import (
    KeysFixed,
    SealBroken,
    add_key,
    forget_keys,
    id_of,
    is_newest,
    key_ring,
    new_key,
    open_sealed,
    open_sealed_text,
    seal,
    seal_text,
)

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a secret that must not be seen"
HERE, THERE = "row:1", "row:2"

# Waits until both processes are there, then both seal their first secret.
FIRST_SEAL = """
import os, sys, time
from pathlib import Path
import django
django.setup()
from observability.vault import seal
mine, other = map(Path, sys.argv[1:])
mine.touch()
while not other.exists():
    time.sleep(0.001)
sys.stdout.write(seal(mine.name, "race").hex())
"""


@pytest.fixture
def file(settings: Any, tmp_path: Path) -> Iterator[Path]:
    settings.VAULT_KEYS = ""
    settings.VAULT_FILE = tmp_path / "state" / "vault_keys"
    yield settings.VAULT_FILE
    vault.ring_of.cache_clear()


class TestSealing:
    @pytest.mark.parametrize("secret", ["", SECRET, "påßwörd 🔑", "x" * 99_999], ids=["empty", "plain", "wide", "long"])
    def test_it_opens_again(self, file: Path, secret: str) -> None:
        sealed = seal(secret, HERE)
        assert open_sealed(sealed, HERE) == secret.encode()
        assert open_sealed(memoryview(sealed), HERE) == secret.encode()  # as a database driver may give it
        assert open_sealed_text(seal_text(secret, HERE), HERE) == secret

    def test_bytes_open_again(self, file: Path) -> None:
        assert open_sealed(seal(bytes(range(256)), HERE), HERE) == bytes(range(256))

    def test_the_secret_is_not_in_it(self, file: Path) -> None:
        assert SECRET.encode() not in seal(SECRET, HERE)
        assert seal(SECRET, HERE) != seal(SECRET, HERE)

    def test_a_copy_in_another_row_does_not_open(self, file: Path) -> None:
        with pytest.raises(SealBroken, match="for something else"):
            open_sealed(seal(SECRET, HERE), THERE)

    def test_every_changed_bit_is_noticed(self, file: Path) -> None:
        sealed = seal("short", HERE)
        for position in range(len(sealed)):
            changed = bytearray(sealed)
            changed[position] ^= 1
            with pytest.raises(SealBroken):
                open_sealed(bytes(changed), HERE)

    @pytest.mark.parametrize("length", [0, 1, 5, 17, 32])
    def test_what_is_cut_does_not_open(self, file: Path, length: int) -> None:
        with pytest.raises(SealBroken):
            open_sealed(seal("short", HERE)[:length], HERE)

    @pytest.mark.parametrize("text", ["", "secret", "sealed:", "sealed:!!", "sealed:AAAA", "sealed:é"])
    def test_other_texts_do_not_open(self, file: Path, text: str) -> None:
        seal("to have a key", HERE)
        with pytest.raises(SealBroken):
            open_sealed_text(text, HERE)

    def test_errors_and_representations_hold_neither_secret_nor_key(self, file: Path) -> None:
        sealed = seal(SECRET, HERE)
        with pytest.raises(SealBroken) as broken:
            open_sealed(sealed, THERE)
        key = file.read_text().strip()
        shown = f"{broken.value!r} {broken.value.__cause__!r} {key_ring()!r} {key_ring()}"
        assert SECRET not in shown
        assert key not in shown


class TestKeys:
    def test_a_file_is_made_with_the_first_secret_for_its_owner_only(self, file: Path) -> None:
        with pytest.raises(SealBroken, match="there is no key"):
            open_sealed(b"\x01" + bytes(40), HERE)
        assert not file.exists()
        seal(SECRET, HERE)
        assert file.stat().st_mode & 0o777 == 0o600
        assert len(base64.b64decode(file.read_text())) == 32
        assert list(file.parent.iterdir()) == [file]

    def test_two_processes_that_start_together_agree_on_one_key(self, file: Path, tmp_path: Path) -> None:
        signs = [tmp_path / "one", tmp_path / "two"]
        environment = {**os.environ, "STATE_DIR": str(file.parent), "DJANGO_SETTINGS_MODULE": "config.settings"}
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", FIRST_SEAL, *map(str, pair)],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
            for pair in (signs, signs[::-1])
        ]
        for sign, process in zip(signs, processes, strict=True):
            output, _ = process.communicate(timeout=60)
            assert process.returncode == 0
            assert open_sealed(bytes.fromhex(output), "race").decode() == sign.name
        assert [path.name for path in file.parent.iterdir()] == [file.name]

    def test_threads_that_start_together_agree_on_one_key(self, file: Path) -> None:
        barrier, sealed = threading.Barrier(8), []

        def first() -> None:
            barrier.wait()
            sealed.append(seal(SECRET, HERE))

        threads = [threading.Thread(target=first) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id_of(value) for value in sealed}) == 1
        assert all(open_sealed(value, HERE) == SECRET.encode() for value in sealed)

    @pytest.mark.parametrize("separator", [",", " ", "\n", ",\n "], ids=["comma", "space", "line", "all"])
    def test_the_environment_wins_over_the_file(self, file: Path, settings: Any, separator: str) -> None:
        by_file = seal(SECRET, HERE)
        older, newest = new_key(), new_key()
        settings.VAULT_KEYS = older
        by_older = seal(SECRET, HERE)
        settings.VAULT_KEYS = separator.join([newest, older])
        assert open_sealed(by_older, HERE) == SECRET.encode()
        assert is_newest(id_of(seal(SECRET, HERE)))
        assert not is_newest(id_of(by_older))
        with pytest.raises(SealBroken, match="not in the key ring"):
            open_sealed(by_file, HERE)

    def test_base64_for_addresses_is_the_same_key(self, file: Path, settings: Any) -> None:
        key = base64.b64encode(b"\xfb\xff" * 16).decode()
        settings.VAULT_KEYS = key
        sealed = seal(SECRET, HERE)
        settings.VAULT_KEYS = key.replace("+", "-").replace("/", "_")
        assert open_sealed(sealed, HERE) == SECRET.encode()

    @pytest.mark.parametrize("wrong", ["aGVsbG8=", "not base64!", "ключ", ","], ids=["short", "no", "wide", "none"])
    def test_a_wrong_key_is_named_by_its_place_only(self, file: Path, settings: Any, wrong: str) -> None:
        settings.VAULT_KEYS = wrong if wrong == "," else f"{new_key()},{wrong}"
        with pytest.raises(ImproperlyConfigured, match="VAULT_KEYS") as caught:
            seal(SECRET, HERE)
        assert wrong == "," or wrong not in str(caught.value)

    def test_a_damaged_file_is_not_written_over(self, file: Path) -> None:
        file.parent.mkdir()
        file.write_text("half a k")
        for change in (lambda: seal(SECRET, HERE), add_key, lambda: forget_keys(set())):
            with pytest.raises(ImproperlyConfigured, match=str(file)):
                change()
        assert file.read_text() == "half a k"


class TestRotation:
    def test_a_new_key_seals_and_the_older_one_opens(self, file: Path) -> None:
        before = seal(SECRET, HERE)
        added = add_key()
        after = seal(SECRET, HERE)
        assert id_of(after).hex() == added
        assert open_sealed(before, HERE) == open_sealed(after, HERE) == SECRET.encode()
        assert (is_newest(id_of(before)), is_newest(id_of(after))) == (False, True)
        assert file.stat().st_mode & 0o777 == 0o600

    def test_keys_that_are_used_are_kept(self, file: Path) -> None:
        first, second = seal(SECRET, HERE), (add_key(), seal(SECRET, HERE))[1]
        add_key()
        assert forget_keys({id_of(first)}) == [id_of(second).hex()]
        assert open_sealed(first, HERE) == SECRET.encode()
        with pytest.raises(SealBroken, match="not in the key ring"):
            open_sealed(second, HERE)
        assert forget_keys(set()) == [id_of(first).hex()]
        assert len(key_ring().ciphers) == 1

    def test_keys_of_the_environment_are_not_changed(self, file: Path, settings: Any) -> None:
        settings.VAULT_KEYS = new_key()
        with pytest.raises(KeysFixed):
            add_key()
        with pytest.raises(KeysFixed):
            forget_keys(set())
        assert not file.exists()

    def test_two_that_turn_at_the_same_time_lose_no_key(self, file: Path) -> None:
        seal(SECRET, HERE)
        threads = [threading.Thread(target=add_key) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(key_ring().ciphers) == 7
