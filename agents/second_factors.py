"""The secrets of second factors, sealed.

allauth hands over a text and no person, so it is sealed for all second factors and not for one. Nothing is lost by it:
who could copy a row to another person could as well delete that person's. For the same reason a text in clear, as
versions before this one stored it, is taken as it is until it is sealed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.db import transaction

from observability.vault import (
    SealBroken,
    bytes_of_text,
    id_of,
    is_newest,
    is_sealed_text,
    open_sealed_text,
    seal_text,
)

CONTEXT = "mfa_authenticator"
# Where allauth keeps what it encrypts: of an authenticator app, and of recovery codes.
SECRETS = ("secret", "seed")
LISTS = ("migrated_codes",)


class SealedSecrets(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    def encrypt(self, text: str) -> str:
        return seal_text(text, CONTEXT)

    def decrypt(self, encrypted_text: str) -> str:
        return opened(encrypted_text)


def opened(text: str) -> str:
    """Raises `SealBroken`."""
    return open_sealed_text(text, CONTEXT) if is_sealed_text(text) else text


def reseal_second_factors() -> tuple[int, list[str]]:
    """Seal with the newest key what is in clear or sealed with an older one. How many rows, and which do not open."""
    done, broken = 0, []
    for pk in list(Authenticator.objects.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update(no_key=True).filter(pk=pk).first()
            if row is None:
                continue
            try:
                if not all(is_fresh(text) for text in texts_in(row.data)):
                    row.data = resealed(row.data)
                    row.save(update_fields=["data"])
                    done += 1
            except SealBroken as error:
                broken.append(f"second factor {pk}: {error}")
    return done, broken


def keys_of_second_factors() -> set[bytes]:
    """The ids of the keys that are needed to open what is stored."""
    found = set()
    for data in Authenticator.objects.values_list("data", flat=True):
        for text in filter(is_sealed_text, texts_in(data)):
            with suppress(SealBroken):  # no key opens it
                found.add(id_of(bytes_of_text(text)))
    return found


def texts_in(data: dict[str, Any]) -> Iterator[str]:
    yield from (data[name] for name in SECRETS if name in data)
    for name in LISTS:
        yield from data.get(name) or []


def is_fresh(text: str) -> bool:
    return is_sealed_text(text) and is_newest(id_of(bytes_of_text(text)))


def resealed(data: dict[str, Any]) -> dict[str, Any]:
    changed = {name: seal_text(opened(data[name]), CONTEXT) for name in SECRETS if name in data}
    lists = {name: [seal_text(opened(text), CONTEXT) for text in data[name]] for name in LISTS if data.get(name)}
    return {**data, **changed, **lists}
