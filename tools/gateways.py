"""The doors for outside agents, and the keys to them: a key is shown once, and known afterwards by its SHA-256 only."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from observability.audit import record, record_changes
from tools.binding import Customer
from tools.catalog import catalog
from tools.models import Gateway, GatewayKey, Target, Tool

PREFIX = "tdm_"
RANDOM_BYTES = 32
SHAPE = re.compile(r"tdm_[A-Za-z0-9_-]{43}")
HINT_CHARACTERS = 10
USE_NOTED_EVERY = timedelta(minutes=1)
# Who knows the customers says which id an address has, or None; they are asked in turn when a key is made.
customer_finders: list[Callable[[str], UUID | None]] = []


class KeyRefused(Exception):
    """No key of ours, or one that is good no longer. The message may be shown to whoever holds it."""


# -- the doors


def save_gateway(gateway: Gateway, user: User) -> None:
    """A new one, or another name, instruction or offer of one."""
    with transaction.atomic():
        standing = Gateway.objects.select_for_update().filter(pk=gateway.pk).first()
        gateway.save()
        action = "gateway.change" if standing else "gateway.make"
        tell(user, action, gateway, before=facts_of(standing) if standing else {}, after=facts_of(gateway))


def switch_gateway(gateway: Gateway, user: User, *, enabled: bool) -> None:
    with transaction.atomic():
        Gateway.objects.filter(pk=gateway.pk).update(enabled=enabled)
        tell(user, "gateway.switch", gateway, before={"enabled": gateway.enabled}, after={"enabled": enabled})
    gateway.enabled = enabled


def facts_of(gateway: Gateway) -> dict[str, Any]:
    return {name: getattr(gateway, name) for name in ("label", "slug", "instructions", "tools")}


def tell(user: User, action: str, gateway: Gateway, *, before: dict[str, Any], after: dict[str, Any]) -> None:
    record_changes(user, action, kind="gateway", id=gateway.pk, name=gateway.label, before=before, after=after)


# -- keys


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """`text` is the key itself, which nothing keeps."""

    key: GatewayKey
    text: str


@transaction.atomic
def make_key(
    gateway: Gateway,
    *,
    name: str,
    scopes: list[str],
    owner: User,
    customer: Customer | None = None,
    expires_at: datetime | None = None,
) -> NewKey:
    """A key with 256 random bits: too many to guess, so that a plain hash keeps it. `owner` answers for what it does
    and may not approve it."""
    text = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    key = GatewayKey(
        gateway=gateway,
        name=name,
        sha256=digest_of(text),
        hint=text[:HINT_CHARACTERS],
        scopes=scopes,
        owner=owner,
        customer_id=UUID(customer.id) if customer else None,
        customer_email=customer.email if customer else "",
        expires_at=expires_at,
    )
    key.full_clean()
    key.save(force_insert=True)
    told = {"gateway": gateway.slug, "scopes": scopes, "expires_at": expires_at}
    record(owner, "gateway_key.make", kind="gateway key", id=key.pk, name=audited_name(key), after=told)
    return NewKey(key=key, text=text)


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def check_key(text: str) -> GatewayKey:
    """The key with its gateway, noted as used. Raises `KeyRefused`."""
    if not SHAPE.fullmatch(text):
        raise KeyRefused("This is no key of this desk.")
    key = GatewayKey.objects.select_related("gateway", "owner").filter(sha256=digest_of(text)).first()
    if key is None:
        raise KeyRefused("This is no key of this desk.")
    now = timezone.now()
    if key.revoked_at is not None:
        raise KeyRefused("This key was revoked.")
    if key.expires_at is not None and key.expires_at <= now:
        raise KeyRefused("This key has expired.")
    if not key.owner.is_active:
        raise KeyRefused("The account of this key's owner is switched off.")
    note_use(key, now)
    return key


def note_use(key: GatewayKey, now: datetime) -> None:
    """At most once a minute, whoever asks: a row that is written at every call would be locked at every call."""
    if key.last_used_at is None or key.last_used_at <= now - USE_NOTED_EVERY:
        GatewayKey.objects.filter(pk=key.pk, last_used_at=key.last_used_at).update(last_used_at=now)


@transaction.atomic
def revoke_key(key: GatewayKey, *, user: User | None) -> bool:
    """Whether this revoked it; False where it was already. It holds from the next request on."""
    if not GatewayKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        return False
    record(user, "gateway_key.revoke", kind="gateway key", id=key.pk, name=audited_name(key))
    return True


def audited_name(key: GatewayKey) -> str:
    """A key that acts for one customer may bear their name, which has no place where nothing is ever erased."""
    return "" if key.customer_email else key.name


def customer_of(key: GatewayKey) -> Customer:
    """The one customer for whom the key acts: verified, as an admin has named them. Nobody where it has none."""
    if key.customer_id is None:
        return Customer()
    return Customer(id=str(key.customer_id), email=key.customer_email, is_verified=True)


def find_customer(email: str) -> Customer | None:
    """The customer with this address, as those know who keep the customers."""
    for find in customer_finders:
        if found := find(email):
            return Customer(id=str(found), email=email, is_verified=True)
    return None


# -- what is offered


def can_be_offered(tool: Tool) -> bool:
    """The desk's own tools act on a conversation, and an outside agent has none."""
    return tool.target.kind != Target.Kind.BUILTIN


def offered_tools(gateway: Gateway) -> list[Tool]:
    found = {tool.key: tool for name in gateway.tools if (tool := catalog.find(name)) and can_be_offered(tool)}
    return [tool for _, tool in sorted(found.items())]


def is_in_scope(key: GatewayKey, tool: Tool) -> bool:
    return (GatewayKey.Scope.READ if tool.is_read else GatewayKey.Scope.WRITE) in key.scopes


def permitted_tools(key: GatewayKey) -> frozenset[str]:
    """The keys (`Target___tool`) of what the gateway offers within the key's scopes; policies may allow less."""
    return frozenset(tool.key for tool in offered_tools(key.gateway) if is_in_scope(key, tool))
