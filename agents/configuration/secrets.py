"""The secrets that a file refers to. None of them is ever in a message."""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.configuration.form import SecretAt
from observability.vault import seal
from tools.credential_fields import SECRET_CHARACTERS, check_kind, check_public, check_secret
from tools.credentials import context_of, credential_of, try_to_open
from tools.models import Credential, Target


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A credential as the file wants it; `is_new` where what is stored is another one, `is_renewed` where of that only
    the secret is another."""

    kind: str
    public: dict[str, str]
    secret: str = field(repr=False)
    is_new: bool = False
    is_renewed: bool = False


def read_secret(at: SecretAt, folder: Path) -> str:
    """Raises `ValueError`. A line end at the end of a file is not part of it."""
    if at.env:
        found = os.environ.get(at.env, "")
        if not found:
            raise ValueError(f"the environment has no variable {at.env!r}")
        return found
    path = folder / at.file
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(SECRET_CHARACTERS + 2).removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ValueError(f"the file {at.file!r} cannot be read: {why}") from error


def wanted_credential(target: Target, said: dict[str, Any], folder: Path) -> Wanted:
    """What a file says of a target that is as the file wants it. Without a secret it is the one that is stored, where
    that still fits. Raises `ValueError`."""
    check_kind(said["kind"], target)
    public = check_public(said["kind"], said["public"], target)
    stored = credential_of(target)
    is_same = stored is not None and (stored.kind, stored.public) == (said["kind"], public)
    kept, problem = try_to_open(target, stored) if stored and is_same else ("", "another")
    if said["secret"] is None:
        if problem:
            why = "it is sealed for what the credential was before" if stored else "none is stored"
            raise ValueError(f"the secret is missing ({why}); add `secret: {{env: VARIABLE}}` or `{{file: PATH}}`")
        return Wanted(kind=said["kind"], public=public, secret=kept)
    secret = read_secret(said["secret"], folder)
    check_secret(said["kind"], secret)
    is_known = not problem and hmac.compare_digest(kept.encode(), secret.encode())
    return Wanted(
        kind=said["kind"], public=public, secret=secret, is_new=not is_known, is_renewed=is_same and not is_known
    )


def put_in_memory(target: Target, wanted: Wanted) -> None:
    """So that the target can be asked with it before anything is stored."""
    context = context_of(target, wanted.kind, wanted.public)
    target.credential = Credential(
        target=target, kind=wanted.kind, public=wanted.public, sealed=seal(wanted.secret, context)
    )
