"""The ways out: made, changed and deleted; their addresses and keys sealed, and opened only to send.

An incoming webhook's address is a password: whoever knows it can write there. So the whole of it is sealed, and the
host alone is kept in clear.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

from django.utils import timezone

from observability.models import NotificationChannel
from observability.vault import SealBroken, bytes_of_text, id_of, is_newest, open_sealed_text, seal_text

Kind = NotificationChannel.Kind
SECRET_PREFIX = "tds_"  # noqa: S105  what tells a secret of ours from another string
# A key that was replaced still signs beside the new one for so long, so that a receiver can change over.
OVERLAP = timedelta(hours=24)


class NotPosted(Exception):
    """Nothing came back, or nothing was sent. The text holds no part of the address but its host."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a server answered: `text` is the beginning of the body, `retry_after` in seconds where it was named."""

    status: int
    text: str = ""
    retry_after: int | None = None


class Outgoing(Protocol):
    """The safe client of HTTP, which this ground floor may not import: `agents/outgoing.py` is handed in."""

    def check(self, url: str, *, is_internal: bool) -> None:
        """Raises `ValueError`, with a text for the form, where the address may not be reached."""

    def post(self, url: str, *, body: bytes, headers: Mapping[str, str], is_internal: bool, seconds: float) -> Answer:
        """One request, no redirect followed. Raises `NotPosted`."""


clients: list[Outgoing] = []


def client() -> Outgoing:
    if not clients:
        raise NotPosted("This process was given no way to send.")
    return clients[-1]


# -- what is sealed
@dataclass(frozen=True, kw_only=True)
class Secrets:
    """The key of the signatures, and the one before until it no longer signs."""

    current: str = field(repr=False)
    before: str = field(default="", repr=False)
    before_until: datetime | None = None

    def that_sign(self, now: datetime) -> list[str]:
        is_valid = self.before and self.before_until is not None and now < self.before_until
        return [self.current, self.before] if is_valid else [self.current]


def context_of(channel: NotificationChannel, what: str) -> str:
    return f"notification channel {channel.pk}: {what}"


def url_of(channel: NotificationChannel) -> str:
    """Raises `SealBroken`."""
    return open_sealed_text(channel.sealed_url, context_of(channel, "url"))


def secrets_of(channel: NotificationChannel) -> Secrets:
    """Raises `SealBroken`."""
    kept = json.loads(open_sealed_text(channel.sealed_secret, context_of(channel, "secret")))
    until = kept.get("before_until")
    return Secrets(
        current=kept["current"],
        before=kept.get("before", ""),
        before_until=datetime.fromisoformat(until) if until else None,
    )


def seal_secrets(channel: NotificationChannel, kept: Secrets) -> None:
    values: dict[str, Any] = {"current": kept.current}
    if kept.before and kept.before_until:
        values |= {"before": kept.before, "before_until": kept.before_until.isoformat()}
    channel.sealed_secret = seal_text(json.dumps(values), context_of(channel, "secret"))


def new_secret() -> str:
    return SECRET_PREFIX + secrets.token_urlsafe(32)


# -- changing
def save_channel(channel: NotificationChannel, *, url: str) -> str:
    """Save what a form has set, with a new address where one is given; the key of a new webhook, to be shown once."""
    made = ""
    if url:
        channel.sealed_url = seal_text(url, context_of(channel, "url"))
        channel.host = (urlsplit(url).hostname or "")[:253]
    if channel.kind == Kind.WEBHOOK and not channel.sealed_secret:
        made = new_secret()
        seal_secrets(channel, Secrets(current=made))
    channel.save()
    return made


def rotate_secret(channel: NotificationChannel) -> str:
    """A new key, to be shown once; the old one, where it opens, signs beside it for `OVERLAP`."""
    made, before = new_secret(), ""
    with suppress(SealBroken):
        before = secrets_of(channel).current
    seal_secrets(channel, Secrets(current=made, before=before, before_until=timezone.now() + OVERLAP))
    channel.save(update_fields=["sealed_secret"])
    return made


# -- a new key of the vault
SEALED = ("sealed_url", "sealed_secret")


def reseal_channels() -> tuple[int, list[str]]:
    """Seal with the newest key what is sealed with an older one. How many rows, and which do not open."""
    done, broken = 0, []
    for channel in NotificationChannel.objects.order_by("pk"):
        for column in SEALED:
            sealed = getattr(channel, column)
            try:
                if not sealed or is_newest(id_of(bytes_of_text(sealed))):
                    continue
                context = context_of(channel, column.removeprefix("sealed_"))
                again = seal_text(open_sealed_text(sealed, context), context)
            except SealBroken as error:
                broken.append(f"{column.removeprefix('sealed_')} of the channel {channel}: {error}")
                continue
            # Only what was read: it may have been set anew meanwhile.
            done += NotificationChannel.objects.filter(pk=channel.pk, **{column: sealed}).update(**{column: again})
    return done, broken


def keys_of_channels() -> set[bytes]:
    """The ids of the keys that are needed to open what is stored."""
    found = set()
    for sealed in NotificationChannel.objects.values_list(*SEALED):
        for one in filter(None, sealed):
            with suppress(SealBroken):  # no key opens it
                found.add(id_of(bytes_of_text(one)))
    return found
