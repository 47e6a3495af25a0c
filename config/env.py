"""Typed readers of environment variables; the only place that touches `os.environ` for settings.

Every reader also accepts `NAME_FILE`, the path of a file that holds the value, for secrets that a
container platform mounts. An empty value is as good as none; one that cannot be read raises
`ImproperlyConfigured` naming the variable.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from decimal import Decimal
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off", ""})


def env_str(name: str, default: str = "") -> str:
    file_name = os.environ.get(f"{name}_FILE")
    if file_name:
        try:
            return Path(file_name).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names {file_name!r}, which cannot be read: {error}") from error
    return os.environ.get(name) or default


def env_bool(name: str, *, default: bool) -> bool:
    value = env_str(name, str(default)).strip().lower()
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; write one of 1, true, yes, on, 0, false, no, off")


def env_int(name: str, default: int) -> int:
    value = env_str(name, str(default)).strip()
    try:
        return int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is {value!r}; write a whole number") from error


def env_amount(name: str, default: str) -> Decimal:
    """Zero or more, with a point before its decimals."""
    value = env_str(name, default).strip()
    if not re.fullmatch(r"\d{1,9}(\.\d{1,8})?", value, re.ASCII):
        raise ImproperlyConfigured(f"{name} is {value!r}; write an amount such as 5 or 0.50")
    return Decimal(value)


def env_list(name: str, default: str = "") -> list[str]:
    """A comma-separated list; blanks are dropped."""
    return [part.strip() for part in env_str(name, default).split(",") if part.strip()]


def env_path(name: str, default: Path) -> Path:
    """An absolute path; a relative one is taken from the current folder."""
    return Path(env_str(name) or default).expanduser().absolute()


def env_secret(name: str, fallback_file: Path) -> str:
    """The variable, or a random value made once and kept in `fallback_file` (mode 0600)."""
    value = env_str(name)
    if value:
        return value
    try:
        return fallback_file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    # 0711: PostgreSQL's own user has to pass through it when it is not ours (`config/embedded_postgres/account.py`).
    fallback_file.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
    # Whole under another name first: neither a full disk nor a kill may leave an empty secret behind.
    half = fallback_file.with_name(f"{fallback_file.name}.{os.getpid()}")
    try:
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):  # another process was quicker
            fallback_file.hardlink_to(half)
    finally:
        half.unlink(missing_ok=True)
    return fallback_file.read_text(encoding="ascii").strip()
