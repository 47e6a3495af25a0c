"""Secrets at rest: AES-256-GCM under a ring of keys, each value bound to the place that it is kept for.

The newest key seals, all of them open. A value sealed for one context does not open in another, so a copy of it in
another row is worth nothing. What is sealed looks so:

    version (1 byte, 1) | key id (4 bytes) | nonce (12 bytes) | ciphertext and tag

and the tag also covers version, key id and context. Nonces are random: NIST SP 800-38D, section 8.3, allows 2**32 of
them under one key.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

VERSION = b"\x01"
KEY_BYTES = 32
ID_BYTES = 4
NONCE_BYTES = 12
TAG_BYTES = 16
HEAD_BYTES = len(VERSION) + ID_BYTES
# What text columns hold: neither base32 nor hexadecimal digits can begin so.
TEXT_PREFIX = "sealed:"


class SealBroken(Exception):
    """The value does not open: another context, another key, or changed since. The text names no secret."""


class KeysFixed(Exception):
    """The keys come from the environment, so whoever sets it has to change them."""


@dataclass(frozen=True)
class KeyRing:
    """`newest` seals; `ciphers` has it and the older ones, by key id."""

    newest: bytes
    ciphers: dict[bytes, AESGCM] = field(repr=False)


# -- sealing
def seal(secret: str | bytes, context: str) -> bytes:
    """The secret, so that it opens for the same context only. The first one of an installation makes the key."""
    ring = key_ring(make=True)
    nonce = secrets.token_bytes(NONCE_BYTES)
    plain = secret.encode() if isinstance(secret, str) else secret
    head = VERSION + ring.newest
    return head + nonce + ring.ciphers[ring.newest].encrypt(nonce, plain, head + context.encode())


def open_sealed(sealed: bytes | memoryview, context: str) -> bytes:
    """What was sealed for this context. Raises `SealBroken`."""
    value = bytes(sealed)
    key_id = id_of(value)
    cipher = key_ring().ciphers.get(key_id)
    if cipher is None:
        raise SealBroken(f"it was sealed with the key {key_id.hex()}, which is not in the key ring")
    nonce, text = value[HEAD_BYTES : HEAD_BYTES + NONCE_BYTES], value[HEAD_BYTES + NONCE_BYTES :]
    try:
        return cipher.decrypt(nonce, text, value[:HEAD_BYTES] + context.encode())
    except InvalidTag:
        raise SealBroken("it was sealed for something else, or changed since") from None


def seal_text(secret: str, context: str) -> str:
    """As `seal`, for a column of text."""
    return TEXT_PREFIX + base64.urlsafe_b64encode(seal(secret, context)).decode()


def open_sealed_text(sealed: str, context: str) -> str:
    """As `open_sealed`, of what `seal_text` made. Raises `SealBroken`."""
    return open_sealed(bytes_of_text(sealed), context).decode()


def is_sealed_text(text: str) -> bool:
    return text.startswith(TEXT_PREFIX)


def bytes_of_text(sealed: str) -> bytes:
    """Raises `SealBroken`."""
    if not is_sealed_text(sealed):
        raise SealBroken("it is not sealed")
    try:
        return base64.b64decode(sealed.removeprefix(TEXT_PREFIX), altchars=b"-_", validate=True)
    except ValueError:  # `binascii.Error`, and what is not ASCII
        raise SealBroken("it is damaged") from None


def id_of(sealed: bytes | memoryview) -> bytes:
    """The id of the key that a value was sealed with. Raises `SealBroken`."""
    value = bytes(sealed)
    if len(value) < HEAD_BYTES + NONCE_BYTES + TAG_BYTES or value[:1] != VERSION:
        raise SealBroken("it has no form that this version of the vault knows")
    return value[1:HEAD_BYTES]


def is_newest(key_id: bytes) -> bool:
    return key_id == key_ring().newest


# -- keys
def key_ring(*, make: bool = False) -> KeyRing:
    """The ring as it is now. A file is read each time: another process may have made it, or added a key.

    Raises `ImproperlyConfigured` where keys cannot be read, and `SealBroken` where there is none and none is to be
    made.
    """
    if settings.VAULT_KEYS:
        return ring_of(settings.VAULT_KEYS, "VAULT_KEYS")
    file = Path(settings.VAULT_FILE)
    try:
        text = file.read_text(encoding="ascii")
    except FileNotFoundError:
        if not make:
            raise SealBroken(f"there is no key: neither VAULT_KEYS is set nor does {file} exist") from None
        with suppress(FileExistsError):  # another process was quicker: its key counts
            write_keys(file, [new_key()], place=os.link)
        text = file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"the keys of the vault in {file} cannot be read: {type(error).__name__}") from None
    return ring_of(text, str(file))


@lru_cache(maxsize=4)
def ring_of(text: str, source: str) -> KeyRing:
    """Keys in base64, 32 bytes each, separated by commas, spaces or lines; the first one is the newest."""
    ciphers: dict[bytes, AESGCM] = {}
    for number, key in enumerate(keys_in(text), start=1):
        try:
            raw = base64.b64decode(key.replace("-", "+").replace("_", "/"), validate=True)
        except ValueError:  # `binascii.Error`, and what is not ASCII
            raw = b""
        if len(raw) != KEY_BYTES:
            raise ImproperlyConfigured(f"key {number} in {source} is not {KEY_BYTES} bytes in base64")
        ciphers[id_of_key(raw)] = AESGCM(raw)
    if not ciphers:
        raise ImproperlyConfigured(f"{source} holds no key")
    return KeyRing(next(iter(ciphers)), ciphers)


def keys_in(text: str) -> list[str]:
    return text.replace(",", " ").split()


def id_of_key(key: bytes) -> bytes:
    """Tells keys apart, and tells nothing about them."""
    return hmac.digest(key, b"tandem vault: key id", hashlib.sha256)[:ID_BYTES]


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def add_key() -> str:
    """A new key seals from now on, in every process; its id. Raises `KeysFixed`."""
    with changing_file() as file:
        key = new_key()
        write_keys(file, [key, *(keys_in(file.read_text(encoding="ascii")) if file.exists() else [])], place=os.replace)
    return id_of_key(base64.b64decode(key)).hex()


def forget_keys(used: Collection[bytes]) -> list[str]:
    """Drop the older keys whose ids are not in `used`; the ids dropped. Raises `KeysFixed`.

    A backup with values sealed under one of them is worth nothing afterwards.
    """
    with changing_file() as file:
        newest, *older = keys_in(file.read_text(encoding="ascii"))
        ids = {key: id_of_key(base64.b64decode(key)) for key in older}
        write_keys(file, [newest, *(key for key in older if ids[key] in used)], place=os.replace)
    return [key_id.hex() for key_id in ids.values() if key_id not in used]


@contextmanager
def changing_file() -> Iterator[Path]:
    """The file of the keys, for one process at a time. Raises `KeysFixed`."""
    if settings.VAULT_KEYS:
        raise KeysFixed("the keys of the vault are set in VAULT_KEYS")
    file = Path(settings.VAULT_FILE)
    key_ring(make=True)  # what cannot be read must not be written over
    descriptor = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(descriptor)


def write_keys(file: Path, keys: list[str], *, place: Callable[[Path, Path], None]) -> None:
    """The file whole and on the disk, for its owner only, before anything is sealed with what it holds."""
    # 0711: PostgreSQL's own user has to pass through it when it is not ours (`config/embedded_postgres/account.py`).
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
    half = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write("".join(f"{key}\n" for key in keys))
            opened.flush()
            if file.exists():  # root may turn the keys of an installation that another user runs
                was = file.stat()
                with suppress(PermissionError):
                    os.fchown(descriptor, was.st_uid, was.st_gid)
            os.fsync(descriptor)
        try:
            place(half, file)
        finally:  # also of a file that another process has just made
            sync(file.parent)
    finally:
        half.unlink(missing_ok=True)


def sync(folder: Path) -> None:
    """The names in the folder, too, are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
