"""Who writes in a chat. A customer is never a user of the desk: they have a signed cookie of their own.

*Verified* comes only from a link that the shop signed (`identity_link`) or, in a demo, from choosing a demo customer.
Whoever just types an address *claims* it: they reach no conversation but those that this very browser began, and tools
refuse to show or touch the customer's data.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from agents.models import Session
from observability.ids import uuid7

COOKIE = "tandem_customer"
COOKIE_PATH = "/chat/"
COOKIE_SALT = "agents.chat.identity"
LINK_SALT = "agents.chat.link"
FORM_SALT = "agents.chat.form"
LIFETIMES = {Session.Identity.VERIFIED: timedelta(hours=12), Session.Identity.CLAIMED: timedelta(days=30)}
LINK_LIFETIME = timedelta(minutes=15)
# As many conversations as one browser can come back to under a claimed address; a cookie has 4 kB.
MOST_SESSIONS = 30


@dataclass(frozen=True, kw_only=True)
class ChatIdentity:
    """What the cookie says. `key` is drawn anew for every identity, and binds the forms that it was shown.

    `sessions` are the conversations begun under a claimed address, oldest first; `expires_at` in seconds since 1970.
    """

    email: str
    name: str
    level: Session.Identity
    key: str
    expires_at: int
    sessions: tuple[UUID, ...] = ()

    @property
    def is_verified(self) -> bool:
        return self.level == Session.Identity.VERIFIED

    @property
    def is_expired(self) -> bool:
        return self.expires_at <= time.time()

    def with_session(self, session_id: UUID) -> ChatIdentity:
        others = [known for known in self.sessions if known != session_id]
        return replace(self, sessions=(*others, session_id)[-MOST_SESSIONS:])


def new_identity(*, email: str, name: str, level: Session.Identity) -> ChatIdentity:
    expires_at = int(time.time() + LIFETIMES[level].total_seconds())
    return ChatIdentity(email=email.lower(), name=name, level=level, key=uuid4().hex, expires_at=expires_at)


# -- the cookie


def read_identity(request: HttpRequest) -> ChatIdentity | None:
    """The identity of this browser, without a query; None where there is none, or it is forged or over."""
    try:
        said = signing.loads(request.COOKIES.get(COOKIE, ""), salt=COOKIE_SALT)
    except signing.BadSignature:
        return None
    identity = ChatIdentity(
        email=said["email"],
        name=said["name"],
        level=Session.Identity(said["level"]),
        key=said["key"],
        expires_at=said["expires_at"],
        sessions=tuple(UUID(known) for known in said["sessions"]),
    )
    return None if identity.is_expired else identity


def remember_identity(response: HttpResponseBase, identity: ChatIdentity) -> None:
    said = {
        "email": identity.email,
        "name": identity.name,
        "level": identity.level,
        "key": identity.key,
        "expires_at": identity.expires_at,
        "sessions": [known.hex for known in identity.sessions],
    }
    response.set_cookie(
        COOKIE,
        signing.dumps(said, salt=COOKIE_SALT, compress=True),
        max_age=max(0, int(identity.expires_at - time.time())),
        path=COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def forget_identity(response: HttpResponseBase) -> None:
    response.delete_cookie(COOKIE, path=COOKIE_PATH, samesite="Lax")


# -- the link of a shop


def identity_link(agent_slug: str, email: str, *, name: str = "", lifetime: timedelta = LINK_LIFETIME) -> str:
    """The address under which a shop's own site opens the chat for a customer whom it has signed in."""
    said = {"email": email, "name": name, "until": int(time.time() + lifetime.total_seconds())}
    query = urlencode({"identity": signing.dumps(said, salt=LINK_SALT)})
    return f"{settings.PUBLIC_URL}{reverse('agents:chat', args=[agent_slug])}?{query}"


def read_link(token: str) -> ChatIdentity | None:
    """The verified identity that a link's token stands for; None where it is forged or over."""
    try:
        said: dict[str, Any] = signing.loads(token, salt=LINK_SALT)
    except signing.BadSignature:
        return None
    if said["until"] <= time.time():
        return None
    return new_identity(email=said["email"], name=said["name"], level=Session.Identity.VERIFIED)


# -- a form's token


def new_form_token(identity: ChatIdentity) -> str:
    """Drawn for every composer that is shown, so that a form which is sent twice is one message."""
    drawn = uuid7().hex
    return f"{drawn}.{signing.Signer(salt=FORM_SALT).signature(f'{identity.key}:{drawn}')}"


def read_form_token(identity: ChatIdentity, token: str) -> UUID | None:
    """The id in a token that was drawn for this identity. A guessed one, or another's, is None."""
    drawn, _, signature = token.partition(".")
    expected = signing.Signer(salt=FORM_SALT).signature(f"{identity.key}:{drawn}")
    if not constant_time_compare(signature, expected):
        return None
    return UUID(drawn)
